"""Saying again what the user said: exact copying, which all other skills are built on."""

import random
from collections.abc import Mapping

from tasks.common import Conversation, GeneratedTask, turn
from tasks.people import draw, some_people
from tasks.words import made_up_word, words

PHRASES = (
    "Repeat after me: {}", "Repeat: {}", "Please repeat this: {}", "Say this again: {}",
    'Say "{}"', 'Repeat "{}"', 'Write "{}" again.', "Copy this: {}", "Copy: {}", "Echo {}",
    "Can you say this? {}", "Say exactly this: {}", 'Can you repeat "{}"?', "repeat {}",
)  # fmt: skip
MOST_WORDS = 9


class Repeat(GeneratedTask):
    """A row of words, names and numbers to repeat; nothing but copying helps, as none follows."""

    def __init__(self, size: int = 1000, split: str = "train", **view):
        super().__init__(size, split, **view)
        self.words = words(split)

    def make(self, rng: random.Random) -> Conversation:
        said = " ".join(self._word(rng) for _ in range(rng.randint(2, MOST_WORDS)))
        return turn(rng.choice(PHRASES).format(said), said)

    def _word(self, rng: random.Random) -> str:
        kind = rng.random()
        if kind < 0.6:
            return rng.choice(self.words)
        if kind < 0.75:
            return some_people(rng, self.split, 1)[0]
        if kind < 0.9:
            return str(draw(rng, self.split, 2, 10 ** rng.randint(1, 4)))
        return made_up_word(rng)

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        return completion.strip() == conversation["messages"][-1]["content"]
