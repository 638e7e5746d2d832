"""What all tasks share: lazy views of examples, mixtures, generated items, prompts and answers."""

import math
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nanochat.common import UserError

Conversation = dict[str, Any]
TEST_SEED_OFFSET = 10_000_000  # Python's generator treats -n and n alike, so seeds are positive


class Task:
    """A lazy view of examples `start`, `start + step`, ... below `stop`.

    Sub-classes give `num_examples()` and `get_example(index)` (a conversation), and, where answers
    can be judged, `eval_type` ("generative" or "categorical") and `evaluate`.
    """

    eval_type: str | None = None

    def __init__(self, start: int = 0, stop: int | None = None, step: int = 1):
        if start < 0 or step < 1 or (stop is not None and stop < start):
            raise UserError(
                f"a task's slice needs 0 <= start <= stop and step >= 1, "
                f"got start={start}, stop={stop}, step={step}"
            )
        self.start, self.stop, self.step = start, stop, step

    def num_examples(self) -> int:
        """Return the number of examples of the whole data set."""
        raise NotImplementedError

    def get_example(self, index: int) -> Conversation:
        """Return example `index` of the whole data set."""
        raise NotImplementedError

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        """Return whether `completion` answers the conversation's question rightly."""
        raise NotImplementedError(f"{type(self).__name__} has no right answers")

    def reward(self, conversation: Mapping, completion: str) -> float:
        """Return the reward of a completion: 1.0 if it is right, else 0.0."""
        return float(self.evaluate(conversation, completion))

    def __len__(self) -> int:
        total = self.num_examples()
        stop = total if self.stop is None else min(self.stop, total)
        return max(0, math.ceil((stop - self.start) / self.step))

    def __getitem__(self, index: int) -> Conversation:
        if not isinstance(index, int) or isinstance(index, bool):
            raise TypeError(f"a task's index must be an int, got {index!r}")
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside the task's {len(self)} examples")
        return self.get_example(self.start + index * self.step)


class TaskMixture(Task):
    """The examples of several tasks in one fixed shuffled order; listed twice counts twice."""

    def __init__(self, tasks: Sequence[Task], **view):
        super().__init__(**view)
        self.tasks = list(tasks)
        self.index = [(t, i) for t, task in enumerate(self.tasks) for i in range(len(task))]
        random.Random(42).shuffle(self.index)

    def num_examples(self) -> int:
        return len(self.index)

    def get_example(self, index: int) -> Conversation:
        task, example = self.index[index]
        return self.tasks[task][example]

    def shares(self) -> list[tuple[str, int, float]]:
        """Return (name, rows, share of all rows) of every task, in order."""
        total = max(1, len(self.index))
        names = (getattr(task, "name", type(task).__name__) for task in self.tasks)
        return [
            (n, len(task), len(task) / total) for n, task in zip(names, self.tasks, strict=True)
        ]

    def table(self) -> str:
        """Return the shares as lines of text."""
        rows = [f"  {rows:>9,}  {share:6.1%}  {name}" for name, rows, share in self.shares()]
        return "\n".join([f"{len(self):,} conversations:", *rows])


class TaskSequence(Task):
    """Several tasks one after another, for a curriculum."""

    def __init__(self, tasks: Sequence[Task], **view):
        super().__init__(**view)
        self.tasks = list(tasks)

    def num_examples(self) -> int:
        return sum(map(len, self.tasks))

    def get_example(self, index: int) -> Conversation:
        for task in self.tasks:
            if index < len(task):
                return task[index]
            index -= len(task)
        raise IndexError("index is outside the sequence")


class GeneratedTask(Task):
    """A task that makes example i from a random generator seeded with i (test: with an offset).

    `size` is the number of examples; the two splits never share a seed, and sub-classes keep their
    words, names, numbers or articles apart as well.
    """

    eval_type = "generative"

    def __init__(self, size: int = 1000, split: str = "train", **view):
        super().__init__(**view)
        if split not in ("train", "test"):
            raise UserError(f"split must be 'train' or 'test', got {split!r}")
        if not 0 <= size <= TEST_SEED_OFFSET:
            raise UserError(f"size must be 0 ... {TEST_SEED_OFFSET:,}, got {size}")
        self.size, self.split = size, split

    def num_examples(self) -> int:
        return self.size

    def get_example(self, index: int) -> Conversation:
        seed = index + (TEST_SEED_OFFSET if self.split == "test" else 0)
        return self.make(random.Random(seed))

    def make(self, rng: random.Random) -> Conversation:
        """Return one conversation; all its randomness comes from `rng`."""
        raise NotImplementedError

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        return same_final_answer(conversation, completion)


class Chained(GeneratedTask):
    """Two or three unrelated conversations as the turns of one, so that turns are independent."""

    eval_type = None

    def __init__(self, tasks: Sequence[Task], size: int = 1000, split: str = "train", **view):
        super().__init__(size, split, **view)
        self.tasks = [task for task in tasks if len(task)]

    def make(self, rng: random.Random) -> Conversation:
        messages = []
        for _ in range(rng.choice((2, 2, 3))):
            task = rng.choice(self.tasks)
            messages += task[rng.randrange(len(task))]["messages"]
        return {"messages": messages}


def turn(question: str, answer: str | list[dict[str, str]], **extra) -> Conversation:
    """Return a conversation of one question and one answer; `extra` keys are for evaluation."""
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, **extra}


def text(content: str) -> dict[str, str]:
    """Return a text part of an assistant's message."""
    return {"type": "text", "text": content}


def tool_call(expression: str, result: str) -> list[dict[str, str]]:
    """Return the parts of a tool call and its result."""
    call = {"type": "python", "text": expression}
    return [call, {"type": "python_output", "text": result}]


def render_mc(question: str, letters: Sequence[str], choices: Sequence[str]) -> str:
    """Return a multiple-choice prompt. Trained models depend on its exact form.

    The letter follows `=` without a space, so that it is the same token as the answer's.
    """
    lines = [f"Multiple Choice question: {question}"]
    lines += [f"- {choice}={letter}" for letter, choice in zip(letters, choices, strict=True)]
    return "\n".join([*lines, "", "Respond only with the letter of the correct answer."])


_FINAL_ANSWER = re.compile(r"#### (\-?[0-9\.\,]+)")


def extract_answer(completion: str) -> str | None:
    """Return the number after the first `#### `, without commas, or None."""
    match = _FINAL_ANSWER.search(completion)
    return match.group(1).replace(",", "") if match else None


def last_text(conversation: Mapping) -> str:
    """Return the last text of the conversation's last message."""
    content = conversation["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return next((part["text"] for part in reversed(content) if part["type"] == "text"), "")


def same_final_answer(conversation: Mapping, completion: str) -> bool:
    """Return whether the completion's final number is the reference's; a missing one never is."""
    answer = extract_answer(completion)
    return answer is not None and answer == extract_answer(last_text(conversation))
