"""GSM8K: school mathematics in words, its calculator annotations turned into tool calls."""

import re
from collections.abc import Mapping

from tasks.common import Conversation, Task, same_final_answer, text, tool_call, turn
from tasks.hub import check_choice, load_shuffled

_ANNOTATION = re.compile(r"(<<[^>]+>>)")


def answer_parts(answer: str) -> list[dict[str, str]]:
    """Split an answer into text parts and tool calls: `<<48/2=24>>` is a call and its result."""
    parts = []
    for span in _ANNOTATION.split(answer):
        if _ANNOTATION.fullmatch(span):
            expression, _, result = span[2:-2].rpartition("=")
            parts += tool_call(expression, result) if expression else tool_call(result, "")
        elif span:
            parts.append(text(span))
    return parts


class GSM8K(Task):
    """`subset` is main or socratic, `split` train (7,473) or test (1,319)."""

    eval_type = "generative"

    def __init__(self, subset: str, split: str, **view):
        super().__init__(**view)
        check_choice("GSM8K's subset", subset, ("main", "socratic"))
        check_choice("GSM8K's split", split, ("train", "test"))
        self.rows = load_shuffled("openai/gsm8k", subset, split=split)

    def num_examples(self) -> int:
        return len(self.rows)

    def get_example(self, index: int) -> Conversation:
        row = self.rows[index]
        return turn(row["question"], answer_parts(row["answer"]))

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        return same_final_answer(conversation, completion)
