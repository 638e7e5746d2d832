"""`--custom_data FILE[:EPOCHS]`: the user's own files as part of a mixture."""

import math
import os
import random
from collections.abc import Sequence
from typing import Any

from nanochat.common import UserError
from tasks.common import Conversation, Task, TaskMixture
from tasks.customjson import CustomJSON

MOST_EPOCHS = 1000


def split_epochs(spec: str) -> tuple[str, float]:
    """Split `FILE[:EPOCHS]`; without epochs it is one.

    A colon in a path (`C:\\chats.jsonl`) is none before a number, and an existing file of the whole
    name always means that file. Raises UserError for epochs that are no number in 0 ... 1000.
    """
    path, colon, last = spec.rpartition(":")
    if not colon or os.path.isfile(os.path.expanduser(spec)):
        return spec, 1.0
    try:
        epochs = float(last)
    except ValueError:
        if os.path.isfile(os.path.expanduser(path)):
            raise UserError(
                f"{spec}: after the colon stands how often {path} is used, a number such as 3 or "
                f"0.5; got {last!r}"
            ) from None
        return spec, 1.0
    if not 0 < epochs <= MOST_EPOCHS:  # which a NaN is not either
        raise UserError(f"{spec}: the epochs must be over 0 and at most {MOST_EPOCHS}, got {last}")
    return path, epochs


class CustomData(Task):
    """The conversations of a file, `epochs` times: 2.5 is all of them twice and half of them once
    more, always the same half."""

    def __init__(self, spec: str, **view):
        super().__init__(**view)
        self.path, self.epochs = split_epochs(spec)
        self.file = CustomJSON(self.path)
        whole = math.floor(self.epochs)
        rest = round((self.epochs - whole) * len(self.file))
        if not whole:
            rest = max(1, rest)
        drawn = random.Random(42).sample(range(len(self.file)), rest)
        self.rows = [*range(len(self.file))] * whole + sorted(drawn)

    @property
    def name(self) -> str:
        """Return what tables call it."""
        return os.path.basename(self.path)

    @property
    def record(self) -> dict[str, Any]:
        """What the checkpoint's metadata says about the file."""
        return {
            "path": self.path,  # as given: metadata is passed on, and whole paths are private
            "epochs": self.epochs,
            "conversations": len(self.file),
            "sha256": self.file.sha256,
        }

    def num_examples(self) -> int:
        return len(self.rows)

    def get_example(self, index: int) -> Conversation:
        return self.file[self.rows[index]]


def with_custom_data(mixture: TaskMixture, own: Sequence[CustomData]) -> TaskMixture:
    """Return the mixture with the user's files among its tasks."""
    return TaskMixture([*mixture.tasks, *own]) if own else mixture
