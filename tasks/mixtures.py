"""The quickstart's mixtures; those of the full pipeline stand in the training scripts.

All of it is generated or comes from the quickstart's archives. With split "test" a mixture is made
of the tasks' held-out halves, in the same proportions.
"""

import itertools
from collections.abc import Iterator

from tasks.arithmetic import Arithmetic
from tasks.common import Chained, Task, TaskMixture
from tasks.humanchat import HumanChat
from tasks.identity import Identity
from tasks.multiple_choice import MultipleChoice
from tasks.reading import ReadingQA
from tasks.repeat import Repeat
from tasks.smalltalk import SmallTalk
from tasks.spelling import Spelling
from tasks.spellingbee import SimpleSpelling, SpellingBee
from tasks.spellingbee_templates import ENGLISH
from tasks.word_problems import WordProblems


def _chained(size: int, split: str) -> Task:
    """Short tasks one after another in one conversation, so that turns are independent."""
    tasks = [
        SmallTalk(size, split),
        Identity(size, split),
        Arithmetic(size, split),
        Spelling(size, split),
        SpellingBee(size, split, templates=ENGLISH),
        ReadingQA(size, split, source="stories"),
        Repeat(size, split),
        WordProblems(size, split, steps=1),
    ]
    return Chained(tasks, size, split)


def quickstart_mid(split: str = "train", size: int | None = None) -> TaskMixture:
    """Return the mixture for mid-training: every skill, and practice in spelling and copying.

    `size` is about the number of conversations, by default 60,000 to train on, 1,000 held out.
    """
    n = _hundredth(split, size)
    return TaskMixture(
        [
            HumanChat(round(2 * n), split),
            SmallTalk(round(7 * n), split),
            Identity(round(8 * n), split),
            Repeat(round(6 * n), split),
            SimpleSpelling(round(4 * n), split),
            Spelling(round(16 * n), split),
            SpellingBee(round(4 * n), split, templates=ENGLISH),
            SpellingBee(round(5 * n), split),
            Arithmetic(round(8 * n), split),
            WordProblems(round(14 * n), split),
            ReadingQA(round(12 * n), split, source="articles", most_questions=3),
            ReadingQA(round(10 * n), split, source="stories", most_questions=6),
            MultipleChoice(round(2 * n), split),
            _chained(round(2 * n), split),
        ]
    )


def quickstart_sft(split: str = "train", size: int | None = None) -> TaskMixture:
    """Return the mixture for fine-tuning: the skills, and more of the role.

    `size` as for `quickstart_mid`.
    """
    n = _hundredth(split, size)
    return TaskMixture(
        [
            HumanChat(round(1 * n), split),
            SmallTalk(round(10 * n), split),
            Identity(round(12 * n), split),
            Repeat(round(3 * n), split),
            Spelling(round(20 * n), split),
            SpellingBee(round(3 * n), split, templates=ENGLISH),
            SpellingBee(round(5 * n), split),
            Arithmetic(round(8 * n), split),
            WordProblems(round(13 * n), split),
            ReadingQA(round(11 * n), split, source="articles", most_questions=3),
            ReadingQA(round(8 * n), split, source="stories", most_questions=6),
            MultipleChoice(round(1 * n), split),
            _chained(round(5 * n), split),
        ]
    )


def _hundredth(split: str, size: int | None) -> float:
    return (size or {"train": 60_000, "test": 1_000}[split]) / 100


def practice_texts() -> Iterator[str]:
    """Yield conversations of the mid-training mixture as plain text, without end.

    A little of it among the pretraining text lets the tokenizer learn the pieces that letters with
    commas, sums and answers are made of; the model then needs an eighth fewer tokens for them.
    """
    task = quickstart_mid("train")
    for index in itertools.cycle(reversed(range(len(task)))):
        yield "\n".join(_plain(message["content"]) for message in task[index]["messages"])


def _plain(content: str | list[dict[str, str]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
