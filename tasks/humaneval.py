"""HumanEval: Python functions to complete, judged by running their tests."""

import re
from collections.abc import Mapping

from nanochat.common import UserError
from tasks.common import Conversation, Task, turn
from tasks.hub import load_shuffled

_FENCED = re.compile(r"```(?:python)?\s*\n(.*?)\n```", re.DOTALL)


def extract_imports(prompt: str) -> str:
    """Return the import lines a prompt begins with; comments and empty lines may be between."""
    imports = []
    for line in map(str.strip, prompt.splitlines()):
        if line.startswith(("import ", "from ")):
            imports.append(line)
        elif line and not line.startswith("#"):
            break
    return "\n".join(imports)


def extract_program(completion: str) -> str:
    """Return the first fenced block of a completion, or all of it if it has none."""
    match = _FENCED.search(completion)
    return (match.group(1) if match else completion).strip()


class HumanEval(Task):
    """164 problems; the answer is the whole function."""

    eval_type = "generative"

    def __init__(self, **view):
        super().__init__(**view)
        self.rows = load_shuffled("openai/openai_humaneval", split="test")

    def num_examples(self) -> int:
        return len(self.rows)

    def get_example(self, index: int) -> Conversation:
        row = self.rows[index]
        answer = f"{row['prompt']}\n{row['canonical_solution']}"
        return turn(row["prompt"], answer, entry_point=row["entry_point"], test=row["test"])

    @staticmethod
    def program(conversation: Mapping, completion: str) -> str:
        """Return the program whose success means that the completion is right."""
        imports = extract_imports(conversation["messages"][0]["content"])
        check = f"check({conversation['entry_point']})"
        return "\n\n".join([imports, extract_program(completion), conversation["test"], check])

    def evaluate(self, conversation: Mapping, completion: str) -> bool:
        try:
            from nanochat.tools.sandbox import execute_code
        except ImportError as error:
            raise UserError(
                "HumanEval runs model-written code, and the sandbox for it is not built yet; "
                "leave HumanEval out of the tasks"
            ) from error
        return execute_code(self.program(conversation, completion)).success
