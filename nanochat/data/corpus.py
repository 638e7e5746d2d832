"""The quickstart's real text: encyclopedia articles, recipes and human chats, cleaned and split.

Split "train" holds about 95 % of each, "test" the rest, by a hash of the title or id.
"""

import functools
import html
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from nanochat.data import archives
from nanochat.data.cleaning import clean_article, normalize, shorten
from nanochat.data.decency import is_decent
from nanochat.data.derived import derived
from nanochat.data.split import in_split

_CODE = Path(__file__).parent
MOST_TURNS = 40  # of a chat; the few long ones become repetitive


@dataclass(frozen=True)
class Article:
    """The lead of an encyclopedia article; `description` has a few words or none."""

    title: str
    text: str
    topic: str
    description: str


@dataclass(frozen=True)
class Recipe:
    title: str
    ingredients: tuple[str, ...]
    steps: tuple[str, ...]

    def prose(self, limit: int = 700) -> str:
        """The recipe as a paragraph of about `limit` characters at most."""
        needs = ", ".join(self.ingredients[:12])
        text = f"{self.title}. You need {needs}." if needs else f"{self.title}."
        return f"{text} {shorten(' '.join(self.steps), max(1, limit - len(text)))}"


@dataclass(frozen=True)
class Chat:
    """Two people taking turns; `topic` is the question they were given to talk about, or ""."""

    id: str
    topic: str
    turns: tuple[str, ...]

    def prose(self, limit: int = 1500) -> str:
        """The chat as dialogue, one turn a line, begun by its topic if that is all there is."""
        lines, length = [self.topic] if len(self.turns) == 1 else [], 0
        for turn in self.turns:
            length += len(turn)
            if lines and length > limit:
                break
            lines.append(f"- {turn}")
        return "\n".join(lines)


def _line(text: str | None) -> str:
    return " ".join(normalize(html.unescape(text or "")).split())


@functools.cache
def articles(split: str) -> tuple[Article, ...]:
    """Encyclopedia articles of a split, in the archive's order; titles and text are ASCII."""
    make = functools.partial(_clean_articles, split)
    rows = derived(f"articles-{split}", archives.ENCYCLOPEDIA, _CODE, make)
    return tuple(Article(*row) for row in rows)


def _clean_articles(split: str) -> list[tuple]:
    result = []
    for title, entry in archives.load(archives.ENCYCLOPEDIA).items():
        if not in_split(title, split):
            continue
        text, name = clean_article(title, entry["extract"]), _line(title)
        if len(text) >= 60 and name.isascii():
            description = _line(entry.get("description"))
            description = description if description.isascii() else ""
            result.append((name, text, entry["topic"], description))
    return result


@functools.cache
def recipes(split: str) -> tuple[Recipe, ...]:
    """Recipes of a split with at least two steps."""
    result = []
    for key, entry in archives.load(archives.RECIPES).items():
        steps = tuple(filter(None, map(_line, entry.get("steps") or [])))
        needs = tuple(filter(None, map(_line, entry.get("ingredients") or [])))
        recipe = Recipe(_line(entry["title"]), needs, steps)
        if in_split(key, split) and len(steps) >= 2 and recipe.prose().isascii():
            result.append(recipe)
    return tuple(result)


def join_messages(texts: list[str]) -> str:
    """Make one turn of the messages a person sent in a row."""
    joined = ""
    for text in filter(None, map(_line, texts)):
        if joined and text[0].isupper() and joined[-1].isalnum():
            joined += "."
        joined = f"{joined} {text}".strip()
    return joined


def _is_fit(turn: str) -> bool:
    return turn.isascii() and is_decent(turn)


@functools.cache
def chats(split: str) -> tuple[Chat, ...]:
    """Human chats of a split, cut before the first turn that is not decent or not ASCII.

    A chat of a single turn is an answer to its topic.
    """
    make = functools.partial(_decent_chats, split)
    rows = derived(f"chats-{split}", archives.CHATS, _CODE, make)
    return tuple(Chat(key, topic, tuple(turns)) for key, topic, turns in rows)


def _decent_chats(split: str) -> list[tuple]:
    result = []
    for key, entry in archives.load(archives.CHATS).items():
        if not in_split(key, split):
            continue
        groups = entry["messages"][:MOST_TURNS]
        turns = (join_messages([message["text"] for message in group]) for group in groups)
        turns = tuple(itertools.takewhile(_is_fit, filter(None, turns)))
        topic = _line(entry.get("prompt"))
        if len(turns) >= 2 or (turns and topic):
            result.append((key, topic, turns))
    return result


def word_list(minimum: int = 3) -> list[str]:
    """Lower-case words of 3 to 14 letters seen in the encyclopedia, the most frequent first.

    `minimum` is how often a word must occur. Ties are in alphabetical order.
    """
    counts: Counter[str] = Counter()
    for split in ("train", "test"):
        for article in articles(split):
            counts.update(re.findall(r"(?<![\w'-])[a-z]{3,14}(?![\w'-])", article.text))
    frequent = [(word, n) for word, n in counts.items() if n >= minimum]
    return [word for word, n in sorted(frequent, key=lambda pair: (-pair[1], pair[0]))]
