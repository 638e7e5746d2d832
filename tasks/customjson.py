"""The user's own conversations, one a line of a JSON Lines file."""

import json
from pathlib import Path

from nanochat.common import UserError
from nanochat.conversation import validate_messages
from tasks.common import Conversation, Task


class CustomJSON(Task):
    """Conversations of a JSONL file; a line is `{"messages": [...]}` or a bare list of messages.

    All of it is checked on construction. Raises UserError naming file and line for a line that is
    no conversation, and for a file that is missing or has none.
    """

    def __init__(self, filepath: str, **view):
        super().__init__(**view)
        self.filepath = str(filepath)
        self.conversations = _read(Path(filepath).expanduser())

    def num_examples(self) -> int:
        return len(self.conversations)

    def get_example(self, index: int) -> Conversation:
        return self.conversations[index]


def _read(path: Path) -> list[Conversation]:
    if not path.is_file():
        raise UserError(
            f"no file {path}: it should hold one conversation a line, each "
            '{"messages": [{"role": "user", "content": "..."}, '
            '{"role": "assistant", "content": "..."}]}'
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    conversations = [
        _parse(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()
    ]
    if not conversations:
        raise UserError(f"{path} is empty: it should hold one conversation a line")
    return conversations


def _parse(line: str, where: str) -> Conversation:
    try:
        parsed = json.loads(line)
    except ValueError as error:
        raise UserError(f"{where}: not a line of JSON ({error})") from error
    conversation = {"messages": parsed} if isinstance(parsed, list) else parsed
    if not isinstance(conversation, dict) or not isinstance(conversation.get("messages"), list):
        raise UserError(
            f'{where}: expected an object with a list "messages", or a list of messages, '
            f"got {line.strip():.60}"
        )
    messages = conversation["messages"]
    try:
        validate_messages(messages)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    if messages[-1]["role"] != "assistant":
        raise UserError(f"{where}: the last message must be the assistant's answer")
    return conversation
