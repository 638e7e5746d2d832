"""The user's own conversations, one a line of a JSON Lines file."""

import hashlib

from nanochat.common import UserError
from tasks.chat_files import read_chat_file
from tasks.common import Conversation, Task


class CustomJSON(Task):
    """Conversations of a file; a line is `{"messages": [...]}`, or in another shape of
    `tasks.chat_shapes`.

    All of it is checked on construction. Raises UserError naming file and line for a line that is
    no conversation, and for a file that is missing or has none.
    """

    def __init__(self, filepath: str, **view):
        super().__init__(**view)
        self.filepath = str(filepath)
        digest = hashlib.sha256()
        self.conversations = _read(self.filepath, digest)
        self.sha256 = digest.hexdigest()

    def num_examples(self) -> int:
        return len(self.conversations)

    def get_example(self, index: int) -> Conversation:
        return self.conversations[index]


def _read(path: str, digest) -> list[Conversation]:
    conversations, first, problems = [], None, 0
    for line in read_chat_file(path, digest):
        if line.problem is None:
            conversations.append(line.conversation)
        else:
            first, problems = first or line, problems + 1
    if first is not None:
        others = f" ({problems - 1:,} more such lines)" if problems > 1 else ""
        raise UserError(
            f"{path}:{first.number}: {first.problem}{others}; "
            f"`nanochat data-check {path}` lists everything"
        )
    if not conversations:
        raise UserError(f"{path} is empty: it should hold one conversation a line")
    return conversations
