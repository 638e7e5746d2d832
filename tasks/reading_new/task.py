"""Answering a question about a short text: pieces of articles, and little stories."""

import random
import re
from collections.abc import Mapping

from nanochat.common import UserError
from tasks.common import Conversation, GeneratedTask, turn
from tasks.reading_articles import QUESTIONS, all_items
from tasks.reading_stories import story

SOURCES = ("articles", "stories")
LAYOUTS = (
    "{p}\n\n{q}", "{p}\n\n{q}", "{p}\n{q}", "{p} {q}", "{p}\n\nQuestion: {q}", "{q}\n\n{p}",
    "Read this: {p}\n\n{q}", "Text: {p}\nQuestion: {q}", "{q} {p}",
    "Answer from the text.\n{p}\n{q}", "Here is a text: {p}\n\n{q}",
)  # fmt: skip


class ReadingQA(GeneratedTask):
    """A passage of one to four sentences and a question; the answer is a few words from it.

    `source` restricts the task to "articles" (of the encyclopedia; held-out ones in the test
    split) or "stories"; without it half of the questions come from each.
    """

    def __init__(self, size: int = 1000, split: str = "train", source: str | None = None, **view):
        super().__init__(size, split, **view)
        if source not in (None, *SOURCES):
            raise UserError(f"source must be one of {', '.join(SOURCES)} or None, got {source!r}")
        self.source = source
        if source != "stories":
            self.items = all_items(split)
            # kinds with many questions come up more often, but not in proportion
            self.weights = [len(items) ** 0.5 for items in self.items.values()]

    def make(self, rng: random.Random) -> Conversation:
        source = self.source or rng.choice(SOURCES)
        passage, question, answer = (
            story(rng, self.split) if source == "stories" else self._from_article(rng)
        )
        if rng.random() < 0.1:
            question = question.rstrip("?").lower()
        return turn(rng.choice(LAYOUTS).format(p=passage, q=question), answer)

    def _from_article(self, rng: random.Random) -> tuple[str, str, str]:
        (kind,) = rng.choices(list(self.items), self.weights)
        item = rng.choice(self.items[kind])
        be, _, detail = item.extra.partition(" ")
        if kind == "many":
            detail = item.extra
        question = rng.choice(QUESTIONS[kind]).format(x=item.subject, be=be, e=detail)
        return " ".join(item.passage), question[0].upper() + question[1:], item.answer

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        reference = normalized(conversation["messages"][-1]["content"])
        return bool(reference) and normalized(completion) == reference


def normalized(answer: str) -> str:
    """Return an answer in lower case without punctuation, articles and extra spaces."""
    words = re.sub(r"[^\w\s]", "", answer.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))
