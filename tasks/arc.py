"""ARC: science questions of school exams with three to five choices."""

from collections.abc import Mapping

from nanochat.common import UserError
from tasks.common import Conversation, Task, render_mc, turn
from tasks.hub import check_choice, load_shuffled


class ARC(Task):
    """`subset` is ARC-Easy or ARC-Challenge; `split` train, validation or test."""

    eval_type = "categorical"

    def __init__(self, subset: str, split: str, **view):
        super().__init__(**view)
        check_choice("ARC's subset", subset, ("ARC-Easy", "ARC-Challenge"))
        check_choice("ARC's split", split, ("train", "validation", "test"))
        self.rows = load_shuffled("allenai/ai2_arc", subset, split=split)

    def num_examples(self) -> int:
        return len(self.rows)

    def get_example(self, index: int) -> Conversation:
        row = self.rows[index]
        letters, key = list(row["choices"]["label"]), row["answerKey"]
        if key not in letters:
            raise UserError(f"ARC row {index}: the answer {key!r} is not among {letters}")
        prompt = render_mc(row["question"], letters, row["choices"]["text"])
        return turn(prompt, key, letters=letters)

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        if completion not in conversation["letters"]:
            raise ValueError(f"{completion!r} is none of {conversation['letters']}")
        return completion == conversation["messages"][-1]["content"]
