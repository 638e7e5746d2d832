"""Read a file of conversations: one a line (JSON Lines), or all of them in one JSON list.

What is wrong with a line does not stop the reading: the line carries the problem instead.
"""

import codecs
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanochat.common import UserError
from tasks.chat_shapes import read_conversation
from tasks.common import Conversation

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Line:
    """The conversation that begins on line `number` (from 1), or else what is wrong with it."""

    number: int
    conversation: Conversation | None = None
    problem: str | None = None


def read_chat_file(path: str | os.PathLike, digest=None) -> Iterator[Line]:
    """Yield every line that is not blank, and give all bytes to `digest` (a hashlib object).

    A byte order mark and Windows line ends are fine. Raises UserError if there is no file.
    """
    path = Path(os.path.expanduser(path))
    if not path.is_file():
        raise UserError(
            f"no file {path}: it should hold one conversation a line, each "
            '{"messages": [{"role": "user", "content": "..."}, '
            '{"role": "assistant", "content": "..."}]}'
        )
    with path.open("rb") as file:
        has_mark = file.read(3) == codecs.BOM_UTF8
        file.seek(3 if has_mark else 0)
        first = next((line for line in file if line.strip()), b"")
        file.seek(0)
        lines = _hashed(file, digest)
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            yield Line(1, problem="the file is UTF-16; save it as UTF-8")
        elif _begins_list(first.strip()):
            yield from _read_list(b"".join(lines))
        else:
            yield from _read_lines(lines)


def _hashed(lines: Iterable[bytes], digest) -> Iterator[bytes]:
    for line in lines:
        if digest is not None:
            digest.update(line)
        yield line


def _begins_list(line: bytes) -> bool:
    """Whether a file's first line begins a JSON list of conversations.

    A line that begins a list may also be one conversation: a bare list of messages.
    """
    if line in (b"[", b"[{"):
        return True
    if not line.startswith(b"["):
        return False
    try:
        element, _ = json.JSONDecoder().raw_decode(line[1:].decode().lstrip())
    except (ValueError, RecursionError):
        return False
    is_message = isinstance(element, dict) and ("role" in element or "from" in element)
    return isinstance(element, dict | list) and not is_message


def _read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    for number, line in enumerate(lines, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            yield _line(number, line)


def _line(number: int, line: bytes) -> Line:
    try:
        return _checked(number, json.loads(line.decode().rstrip()))
    except UnicodeDecodeError as error:
        return Line(number, problem=_not_utf8(line[error.start], error.start + 1))
    except json.JSONDecodeError as error:
        hint = "; write each conversation on one line" if line.strip() == b"{" else ""
        problem = f"not a line of JSON (column {error.colno}: {error.msg}){hint}"
        return Line(number, problem=problem)
    except (ValueError, RecursionError) as error:  # a number of too many digits, too deep a nest
        return Line(number, problem=f"not a line of JSON ({error})")


def _checked(number: int, parsed: Any) -> Line:
    try:
        return Line(number, read_conversation(parsed))
    except UserError as error:
        return Line(number, problem=str(error))


def _not_utf8(byte: int, place: int) -> str:
    return f"byte {place} of the line (0x{byte:02x}) is not UTF-8 text; save the file as UTF-8"


def _read_list(data: bytes) -> Iterator[Line]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = error.start - before.rfind(b"\n")
        yield Line(before.count(b"\n") + 1, problem=_not_utf8(data[error.start], place))
        return
    number = 1
    try:
        for number, element in _elements(text):
            yield _checked(number, element)
    except json.JSONDecodeError as error:
        problem = f"not JSON (column {error.colno}: {error.msg}); the list was read up to here"
        yield Line(error.lineno, problem=problem)
    except (ValueError, RecursionError) as error:
        yield Line(number, problem=f"not JSON ({error}); the list was read up to here")


def _elements(text: str) -> Iterator[tuple[int, Any]]:
    """Yield each element of a JSON list with the line on which it begins."""
    decoder = json.JSONDecoder()
    number, counted = 1, 0
    place = _SPACE.match(text, text.index("[") + 1).end()
    while text[place : place + 1] != "]":
        number, counted = number + text.count("\n", counted, place), place
        element, place = decoder.raw_decode(text, place)
        yield number, element
        place = _SPACE.match(text, place).end()
        if text[place : place + 1] == ",":
            place = _SPACE.match(text, place + 1).end()
        elif text[place : place + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' or ']'", text, place)
    rest = _SPACE.match(text, place + 1).end()
    if rest < len(text):
        raise json.JSONDecodeError("Extra data", text, rest)
