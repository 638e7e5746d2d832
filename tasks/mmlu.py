"""MMLU: four-choice questions on 57 subjects."""

from collections.abc import Mapping

from nanochat.common import UserError
from tasks.common import Conversation, Task, render_mc, turn
from tasks.hub import check_choice, load_shuffled

LETTERS = ("A", "B", "C", "D")


class MMLU(Task):
    """`subset` is all, or auxiliary_train, which has only the split train."""

    eval_type = "categorical"

    def __init__(self, subset: str, split: str, **view):
        super().__init__(**view)
        check_choice("MMLU's subset", subset, ("all", "auxiliary_train"))
        splits = ("train",) if subset == "auxiliary_train" else ("validation", "dev", "test")
        check_choice(f"the split of MMLU {subset}", split, splits)
        self.rows = load_shuffled("cais/mmlu", subset, split=split)

    def num_examples(self) -> int:
        return len(self.rows)

    def get_example(self, index: int) -> Conversation:
        row = self.rows[index]
        row = row.get("train", row)  # auxiliary_train wraps its rows once more
        if len(row["choices"]) != len(LETTERS):
            raise UserError(f"MMLU row {index}: expected 4 choices, got {len(row['choices'])}")
        prompt = render_mc(row["question"], LETTERS, row["choices"])
        return turn(prompt, LETTERS[row["answer"]], subject=row["subject"], letters=LETTERS)

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        if completion not in LETTERS:
            raise ValueError(f"{completion!r} is none of {LETTERS}")
        return completion == conversation["messages"][-1]["content"]
