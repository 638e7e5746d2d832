"""Stands in for the hub in processes that a test starts: a few rows in each data set's schema."""

CHAT = [{"role": "user", "content": "Hi, how are you?"}, {"role": "assistant", "content": "Well."}]
SCIENCE = {
    "question": "Which of these is hot?",
    "choices": {"text": ["ice", "snow", "the sun", "rain"], "label": ["A", "B", "C", "D"]},
    "answerKey": "C",
}
EXAM = {"question": "1+1?", "choices": ["1", "2", "3", "4"], "answer": 1, "subject": "maths"}
ROWS = {
    ("HuggingFaceTB/smol-smoltalk",): {"messages": CHAT},
    ("allenai/ai2_arc", "ARC-Easy"): SCIENCE,
    ("allenai/ai2_arc", "ARC-Challenge"): SCIENCE,
    ("cais/mmlu", "all"): EXAM,
    ("cais/mmlu", "auxiliary_train"): {"train": EXAM},
    ("openai/gsm8k", "main"): {
        "question": "Three boxes with four eggs each: how many eggs?",
        "answer": "There are 3*4=<<3*4=12>>12 eggs.\n#### 12",
    },
    ("openai/openai_humaneval",): {
        "prompt": "def one():\n",
        "canonical_solution": "    return 1\n",
        "entry_point": "one",
        "test": "def check(f):\n    assert f() == 1\n",
    },
}


class Rows(list):
    def shuffle(self, seed):
        return self


def load_dataset(*name, split):
    return Rows([ROWS[name]] * 20)
