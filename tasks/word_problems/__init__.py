"""Story problems of one or two steps, each step worked out by the tool."""

import functools
import random

from nanochat.data.split import bucket
from nanochat.tools.calculator import use_calculator
from tasks.arithmetic import plain
from tasks.common import Conversation, GeneratedTask, text, tool_call, turn
from tasks.people import PRONOUNS, names, numbers
from tasks.word_problems.one_step import ONE_STEP
from tasks.word_problems.story import THINGS, Story
from tasks.word_problems.two_steps import TWO_STEPS

LARGEST_RESULT = 9999


@functools.cache
def questions_in_split(split: str, facts: str, pool: tuple[str, ...]) -> tuple[str, ...]:
    """Return the questions that go with a wording of the facts in a split.

    One is held out: every wording and every question is met in training, but not the two together.
    """
    held_out = min(pool, key=lambda question: bucket(f"wording {facts} {question}", 2**32))
    return tuple(q for q in pool if (q == held_out) == (split == "test"))


class WordProblems(GeneratedTask):
    """A story with two or three quantities and a question; three of four problems need two steps.

    Names, quantities above 9 and the combinations of wordings differ between train and test.
    `steps` (1 or 2) restricts the task to problems of that length.
    """

    def __init__(self, size: int = 1000, split: str = "train", steps: int | None = None, **view):
        super().__init__(size, split, **view)
        self.steps = steps

    def make(self, rng: random.Random) -> Conversation:
        steps = self.steps or rng.choice((1, 2, 2, 2))
        story = rng.choice(ONE_STEP if steps == 1 else TWO_STEPS)
        facts = rng.choice(story.facts)
        question = rng.choice(questions_in_split(self.split, facts, story.questions))
        quantities, calls = self._quantities(rng, story)
        slots = quantities | self._cast(rng)
        answer, found = [], ""
        for (label, _), (expression, result) in zip(story.steps, calls, strict=True):
            answer.append(text(f"{found}{label.format(**slots)}: "))
            answer += tool_call(expression, str(result))
            found = f"{plain(result)}. "
        final = found.removesuffix(". ")
        answer.append(text(f"{final}{story.unit.format(**slots)}.\n#### {final}"))
        return turn(f"{facts} {question}".format(**slots), answer)

    def _cast(self, rng: random.Random) -> dict[str, str]:
        n, m = rng.sample(names(self.split), 2)
        he, his = PRONOUNS[n]
        return {
            "n": n,
            "m": m,
            "he": he,
            "He": he.capitalize(),
            "his": his,
            "o": rng.choice(THINGS),
        }

    def _number(self, rng: random.Random, limit: int) -> int:
        low = 10 if rng.random() < 0.7 and numbers(self.split, 10, limit) else 2
        return rng.choice(numbers(self.split, low, limit))

    def _quantities(self, rng: random.Random, story: Story):
        """Draw quantities for which every step gives a positive whole number.

        Returns them as slots, and the steps' (expression, result) pairs.
        """
        while True:
            slots = {
                slot: str(self._number(rng, rng.choice((limit, max(9, limit // 4)))))
                for slot, limit in zip("abc", story.limits, strict=False)
            }
            calls = []
            for _, step in story.steps:
                expression = step.format(**slots)
                result = use_calculator(expression)
                if result is None or not 2 <= result <= LARGEST_RESULT or result != int(result):
                    break
                calls.append((expression, result))
                slots["x"] = plain(result)
            else:
                return slots, calls
