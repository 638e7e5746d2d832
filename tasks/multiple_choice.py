"""Multiple-choice questions in the benchmarks' format, about a passage or about plain words."""

import functools
import random
from collections.abc import Mapping

from nanochat.data import corpus
from nanochat.data.cleaning import shorten
from nanochat.data.split import in_split
from tasks.common import Conversation, GeneratedTask, render_mc, turn
from tasks.people import names
from tasks.reading.stories import (
    CITIES,
    COLOURS,
    DAYS,
    HOBBIES,
    JOBS,
    MEALS,
    PETS,
    PLACES,
    SMALL_NUMBERS,
    story,
)

LETTERS = ("A", "B", "C", "D")
# what a word may be -> words of that kind
KINDS = {
    "a color": COLOURS,
    "a city or a country": CITIES,
    "a day of the week": DAYS,
    "an animal": PETS,
    "a job": JOBS,
    "food": MEALS,
    "a number": SMALL_NUMBERS,
    "a hobby": HOBBIES,
}
ABOUT = (
    "{p}\nWhich of these does the text describe?",
    "{p}\nWhat is this text about?",
    "{p}\nWhich title fits the text?",
)
TOPIC = ("{p}\nWhat is the topic of this text?", "{p}\nWhich field does this text belong to?")
KIND = ("Which of these is {k}?", "Which word stands for {k}?", "Find {k} in this list.")


@functools.cache
def _articles(split: str) -> tuple[corpus.Article, ...]:
    fitting = [a for a in corpus.articles(split) if a.title in a.text and len(a.title) <= 30]
    return tuple(fitting)


@functools.cache
def _topics() -> tuple[str, ...]:
    return tuple(sorted({a.topic for a in corpus.articles("train")} - {"Uncategorized"}))


@functools.cache
def _words(kind: str, split: str) -> tuple[str, ...]:
    return tuple(word for word in KINDS[kind] if in_split(f"choice {word}", split, percent=25))


class MultipleChoice(GeneratedTask):
    """Four choices, one right: what a passage is about, its topic, a fact of it, a kind of word.

    The answer is a letter. Passages of the test split are held out, and so are the right words.
    """

    eval_type = "categorical"

    def make(self, rng: random.Random) -> Conversation:
        maker = rng.choice((self._about, self._topic, self._fact, self._kind))
        question, right, wrong = maker(rng)
        choices = [right, *wrong]
        rng.shuffle(choices)
        answer = LETTERS[choices.index(right)]
        return turn(render_mc(question, LETTERS, choices), answer, letters=LETTERS)

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        return completion.strip() == conversation["messages"][-1]["content"]

    def _about(self, rng: random.Random) -> tuple[str, str, list[str]]:
        article, *others = rng.sample(_articles(self.split), 4)
        question = rng.choice(ABOUT).format(p=shorten(article.text, 200))
        return question, article.title, [other.title for other in others]

    def _topic(self, rng: random.Random) -> tuple[str, str, list[str]]:
        article = rng.choice(_articles(self.split))
        while article.topic == "Uncategorized":
            article = rng.choice(_articles(self.split))
        others = [topic for topic in _topics() if topic != article.topic]
        question = rng.choice(TOPIC).format(p=shorten(article.text, 200))
        return question, article.topic, rng.sample(others, 3)

    def _fact(self, rng: random.Random) -> tuple[str, str, list[str]]:
        pools = (names(self.split), PLACES, *KINDS.values())
        while True:
            passage, asked = story(rng, self.split)
            question, answer, _ = rng.choice(rng.choice(asked))
            the = "the " if answer.startswith("the ") else ""
            pool = next((pool for pool in pools if answer.removeprefix("the ") in pool), None)
            if pool is not None:
                break
        others = [f"{the}{word}" for word in pool if f"{the}{word}" != answer]
        return f"{passage}\n{question}", answer, rng.sample(others, 3)

    def _kind(self, rng: random.Random) -> tuple[str, str, list[str]]:
        kind = rng.choice([kind for kind in KINDS if _words(kind, self.split)])
        others = rng.sample([other for other in KINDS if other != kind], 3)
        wrong = [rng.choice(KINDS[other]) for other in others]
        right = rng.choice(_words(kind, self.split))
        return rng.choice(KIND).format(k=kind), right, wrong
