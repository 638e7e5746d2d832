"""Read files of conversations and count: errors, duplicates, tokens, what training would see."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from nanochat.common import UserError
from nanochat.conversation import PARTS, render
from tasks.chat_files import read_chat_file
from tasks.common import Conversation

EXAMPLES = 3  # of duplicates, named with their lines
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass
class FileCheck:
    """What one file holds. Tokens are counted only with a tokenizer."""

    path: str
    epochs: float = 1.0
    conversations: int = 0
    messages: int = 0
    with_system: int = 0
    with_parts: int = 0
    errors: int = 0
    first_errors: list[tuple[int | None, str]] = field(default_factory=list)  # line, what is wrong
    duplicates: int = 0
    first_duplicates: list[tuple[int, str]] = field(default_factory=list)  # line, first place
    conflicts: int = 0  # the same first question as before, with another answer
    first_conflicts: list[tuple[int, str]] = field(default_factory=list)
    characters: int = 0
    trained_characters: int = 0
    lengths: list[int] = field(default_factory=list)  # tokens of each conversation, uncut
    trained_tokens: int = 0  # within the context
    cut: int = 0  # conversations longer than the context
    lost: int = 0  # of these, those whose trained tokens are all cut off
    previews: list[tuple[int, list[int], list[int]]] = field(
        default_factory=list
    )  # line, ids, mask

    def quantiles(self) -> dict[str, int]:
        """Return p50, p90, p99 and max of the conversations' tokens (nearest rank)."""
        ordered = sorted(self.lengths)
        if not ordered:
            return {}
        found = {
            name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in QUANTILES.items()
        }
        return {**found, "max": ordered[-1]}


class Checker:
    """Checks files one after another; a conversation met in an earlier one is a duplicate, too.

    `context` is the number of tokens that training keeps of a conversation. With `every_token` all
    of them are trained on, otherwise the assistant's. The first `show` conversations of each file
    are kept to be shown.
    """

    def __init__(
        self,
        tokenizer=None,
        context: int = 2048,
        *,
        every_token: bool = False,
        max_errors: int = 20,
        show: int = 1,
    ):
        self.tokenizer, self.context, self.every_token = tokenizer, context, every_token
        self.max_errors, self.show = max_errors, show
        self._places: dict[bytes, str] = {}  # of each conversation's first occurrence
        self._answers: dict[bytes, tuple[bytes, str]] = {}  # question -> its first answer, place

    def check(self, path: str, epochs: float = 1.0) -> FileCheck:
        """Read a file to its end, whatever is in it. A file without conversations is an error."""
        found = FileCheck(path, epochs)
        try:
            for line in read_chat_file(path):
                if line.problem is not None:
                    self._add_error(found, line.number, line.problem)
                else:
                    self._add(found, line.number, line.conversation)
        except UserError as error:
            self._add_error(found, None, str(error))
        except OSError as error:
            self._add_error(found, None, f"cannot read {path}: {error.strerror or error}")
        if not found.conversations and not found.errors:
            self._add_error(
                found, None, "the file is empty: it should hold one conversation a line"
            )
        return found

    def _add_error(self, found: FileCheck, number: int | None, problem: str) -> None:
        found.errors += 1
        if len(found.first_errors) < self.max_errors:
            found.first_errors.append((number, problem))

    def _add(self, found: FileCheck, number: int, conversation: Conversation) -> None:
        messages = conversation["messages"]
        found.conversations += 1
        found.messages += len(messages)
        found.with_system += messages[0]["role"] == "system"
        found.with_parts += any(not isinstance(message["content"], str) for message in messages)
        self._compare(found, number, messages)
        for message in messages:
            for text, trained in _texts(message):
                found.characters += len(text)
                found.trained_characters += len(text) * (trained or self.every_token)
        if self.tokenizer is not None:
            self._measure(found, number, conversation)

    def _compare(self, found: FileCheck, number: int, messages: list) -> None:
        """Note whether this conversation, or its first question, has been there before."""
        said = [[message["role"], message["content"]] for message in messages]
        place = f"{found.path}:{number}"
        whole = _digest(said)
        if whole in self._places:
            found.duplicates += 1
            if len(found.first_duplicates) < EXAMPLES:
                found.first_duplicates.append((number, self._places[whole]))
            return
        self._places[whole] = place
        turns = 3 if said[0][0] == "system" else 2
        question, answer = _digest(said[: turns - 1]), _digest(said[turns - 1])
        first_answer, first_place = self._answers.setdefault(question, (answer, place))
        if answer != first_answer:
            found.conflicts += 1
            if len(found.first_conflicts) < EXAMPLES:
                found.first_conflicts.append((number, first_place))

    def _measure(self, found: FileCheck, number: int, conversation: Conversation) -> None:
        ids, mask = render(self.tokenizer, conversation, None)
        if self.every_token:
            mask = [1] * len(ids)
        kept = sum(mask[: self.context])
        found.lengths.append(len(ids))
        found.trained_tokens += kept
        found.cut += len(ids) > self.context
        found.lost += kept == 0
        if len(found.previews) < self.show:
            found.previews.append((number, ids, mask))


def _texts(message: dict) -> Iterable[tuple[str, bool]]:
    """The texts of a message, and whether fine-tuning takes the loss on them."""
    content = message["content"]
    if isinstance(content, str):
        return [(content, message["role"] == "assistant")]
    return [(part["text"], bool(PARTS[part["type"]][2])) for part in content]


def _digest(value: Any) -> bytes:
    return blake2b(json.dumps(value).encode(), digest_size=16).digest()
