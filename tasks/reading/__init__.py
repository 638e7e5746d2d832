"""Answering a question about a short text: pieces of articles, and little stories."""

import itertools
import random
import re
from collections import defaultdict
from collections.abc import Mapping

from nanochat.common import UserError
from tasks.common import Conversation, GeneratedTask, turn
from tasks.reading.articles import Item, all_items
from tasks.reading.patterns import QUESTIONS, SENTENCES
from tasks.reading.stories import Asked, story

SOURCES = ("articles", "stories")
LAYOUTS = (
    "{p}\n\n{q}", "{p}\n\n{q}", "{p}\n{q}", "{p} {q}", "{p}\n\nQuestion: {q}", "{q}\n\n{p}",
    "Read this: {p}\n\n{q}", "Text: {p}\nQuestion: {q}", "{q} {p}",
    "Answer from the text.\n{p}\n{q}", "Here is a text: {p}\n\n{q}",
)  # fmt: skip


class ReadingQA(GeneratedTask):
    """A passage of one to four sentences and a question, answered in a sentence.

    The answer says again what it is about ("The capital of Peru is Lima."): the model then finds
    the few words that matter by what stands before them in the passage. Judged is the sentence, or
    just these words.

    `source` restricts the task to "articles" (of the encyclopedia; held-out ones in the test
    split) or "stories"; without it half of the questions come from each. `most_questions` is how
    many may be asked about one passage, each in its own turn; every one of them teaches as much as
    the first, and costs no second passage.
    """

    def __init__(
        self,
        size: int = 1000,
        split: str = "train",
        source: str | None = None,
        most_questions: int = 1,
        **view,
    ):
        super().__init__(size, split, **view)
        if source not in (None, *SOURCES):
            raise UserError(f"source must be one of {', '.join(SOURCES)} or None, got {source!r}")
        self.source, self.most_questions = source, most_questions
        if source != "stories":
            self.items = all_items(split)
            # kinds with many questions come up more often, but not in proportion
            self.weights = [len(items) ** 0.5 for items in self.items.values()]
            self.by_subject = defaultdict(list)
            for item in itertools.chain(*self.items.values()):
                self.by_subject[item.subject].append(item)

    def make(self, rng: random.Random) -> Conversation:
        source = self.source or rng.choice(SOURCES)
        passage, asked = self._from_story(rng) if source == "stories" else self._from_article(rng)
        asked, messages = asked[: rng.randint(1, self.most_questions)], []
        for question, _, sentence in asked:
            if rng.random() < 0.1:
                question = question.rstrip("?").lower()
            if not messages:
                question = rng.choice(LAYOUTS).format(p=passage, q=question)
            messages += turn(question, sentence)["messages"]
        return {"messages": messages, "answer": asked[-1].answer}

    def _from_story(self, rng: random.Random) -> tuple[str, list[Asked]]:
        """Return a story and questions about it, first one about each fact."""
        passage, facts = story(rng, self.split)
        rng.shuffle(facts)
        chosen = [rng.sample(questions, 2) for questions in facts]
        return passage, [asked for questions in zip(*chosen, strict=True) for asked in questions]

    def _from_article(self, rng: random.Random) -> tuple[str, list[Asked]]:
        """Return a passage and one question of each kind it answers; the first kind is drawn."""
        (kind,) = rng.choices(list(self.items), self.weights)
        item = rng.choice(self.items[kind])
        others = [
            other
            for other in self.by_subject[item.subject]
            if other.kind != kind and set(other.passage) <= set(item.passage)
        ]
        rng.shuffle(others)
        chosen = {item.kind: item} | {other.kind: other for other in others}
        asked = [_asked(rng, item) for item in chosen.values()]
        return " ".join(item.passage), asked

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        right = conversation["messages"][-1]["content"], conversation["answer"]
        return normalized(completion) in map(normalized, right)


def _asked(rng: random.Random, item: Item) -> Asked:
    be, _, detail = item.extra.partition(" ")
    if item.kind == "many":
        detail = item.extra
    slots = {"x": item.subject, "be": be, "e": detail, "a": item.answer}
    question = rng.choice(QUESTIONS[item.kind]).format(**slots)
    sentence = SENTENCES[item.kind].format(**slots | {"e": detail.removesuffix(" do")})
    return Asked(_capitalized(question), item.answer, _capitalized(sentence))


def _capitalized(text: str) -> str:
    return text[0].upper() + text[1:]


def normalized(answer: str) -> str:
    """Return an answer in lower case without punctuation, articles and extra spaces."""
    words = re.sub(r"[^\w\s]", "", answer.lower()).split()
    return " ".join(word for word in words if word not in ("a", "an", "the"))
