"""SmolTalk: general conversations, for training only (smol-smoltalk, 460K + 24K rows)."""

from nanochat.common import UserError
from nanochat.conversation import validate_messages
from tasks.common import Conversation, Task
from tasks.hub import check_choice, load_shuffled


class SmolTalk(Task):
    """Conversations as they are, with an optional system message first."""

    def __init__(self, split: str, **view):
        super().__init__(**view)
        check_choice("SmolTalk's split", split, ("train", "test"))
        self.rows = load_shuffled("HuggingFaceTB/smol-smoltalk", split=split)

    def num_examples(self) -> int:
        return len(self.rows)

    def get_example(self, index: int) -> Conversation:
        messages = self.rows[index]["messages"]
        try:
            validate_messages(messages)
        except UserError as error:
            raise UserError(f"SmolTalk row {index}: {error}") from error
        if sum(message["role"] != "system" for message in messages) < 2:
            raise UserError(f"SmolTalk row {index}: expected a question and an answer")
        return {"messages": messages}
