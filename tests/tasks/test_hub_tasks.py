"""The benchmarks' loaders on small rows in the data sets' own schema."""

import builtins
import sys
import types

import pytest

from nanochat.common import UserError
from nanochat.conversation import validate_messages
from tasks.arc import ARC
from tasks.gsm8k import GSM8K, answer_parts
from tasks.humaneval import HumanEval, extract_imports, extract_program
from tasks.mmlu import MMLU
from tasks.smoltalk import SmolTalk

QUESTION = {"role": "user", "content": "Hi"}
REPLY = {"role": "assistant", "content": "Hello"}
MMLU_ROW = {"question": "1+1?", "choices": ["1", "2", "3", "4"], "answer": 1, "subject": "maths"}
ROWS = {
    "HuggingFaceTB/smol-smoltalk": [
        {"messages": [{"role": "system", "content": "S"}, QUESTION, REPLY]},
        {"messages": [REPLY, QUESTION]},
        {"messages": [QUESTION]},
    ],
    "allenai/ai2_arc": [
        {
            "question": "Why?",
            "choices": {"text": ["a", "b", "c"], "label": ["1", "2", "3"]},
            "answerKey": "2",
        },
        {"question": "Why?", "choices": {"text": ["a"], "label": ["A"]}, "answerKey": "E"},
    ],
    "cais/mmlu": [MMLU_ROW, {"train": MMLU_ROW}, {**MMLU_ROW, "choices": ["1"]}],
    "openai/gsm8k": [{"question": "Eggs?", "answer": "He has 3*4=<<3*4=12>>12 eggs.\n#### 1,012"}],
    "openai/openai_humaneval": [
        {
            "prompt": "import math\n\n\ndef one():\n",
            "canonical_solution": "    return 1\n",
            "entry_point": "one",
            "test": "def check(f):\n    assert f() == 1\n",
        }
    ],
}


class Rows(list):
    def shuffle(self, seed):
        assert seed == 42
        return self


@pytest.fixture(autouse=True)
def hub(monkeypatch):
    """A stand-in for the `datasets` library; returns the calls made to it."""
    calls = []

    def load_dataset(name, *arguments, split):
        calls.append((name, *arguments, split))
        return Rows(ROWS[name])

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return calls


def test_smoltalk(hub):
    task = SmolTalk(split="test")
    assert hub == [("HuggingFaceTB/smol-smoltalk", "test")]
    assert len(task[0]["messages"]) == 3
    for index in (1, 2):
        with pytest.raises(UserError, match=f"SmolTalk row {index}"):
            task[index]


def test_arc(hub):
    task = ARC(subset="ARC-Easy", split="train")
    assert hub == [("allenai/ai2_arc", "ARC-Easy", "train")]
    conversation = task[0]
    assert "- b=2\n" in conversation["messages"][0]["content"]
    assert conversation["letters"] == ["1", "2", "3"]
    assert task.evaluate(conversation, "2") and not task.evaluate(conversation, "3")
    with pytest.raises(ValueError, match="none of"):
        task.evaluate(conversation, "B")
    with pytest.raises(UserError, match="row 1"):
        task[1]


def test_mmlu(hub):
    task = MMLU(subset="all", split="test")
    for conversation in (task[0], task[1]):  # auxiliary_train wraps rows in "train"
        assert conversation["messages"][-1]["content"] == "B"
        assert conversation["subject"] == "maths"
        assert task.evaluate(conversation, "B") and not task.evaluate(conversation, "A")
    with pytest.raises(UserError, match="4 choices"):
        task[2]


def test_gsm8k():
    task = GSM8K(subset="main", split="test")
    conversation = task[0]
    validate_messages(conversation["messages"])
    assert conversation["messages"][-1]["content"] == [
        {"type": "text", "text": "He has 3*4="},
        {"type": "python", "text": "3*4"},
        {"type": "python_output", "text": "12"},
        {"type": "text", "text": "12 eggs.\n#### 1,012"},
    ]
    assert task.evaluate(conversation, "So\n#### 1012") and task.reward(conversation, "#### 9") == 0
    assert not task.evaluate(conversation, "12")


@pytest.mark.parametrize(
    ("answer", "call", "result"), [("<<1=2=3>>", "1=2", "3"), ("<<48/2>>", "48/2", "")]
)
def test_odd_annotations(answer, call, result):
    parts = answer_parts(answer)
    assert [part["text"] for part in parts] == [call, result]


def test_humaneval_program():
    task = HumanEval()
    conversation = task[0]
    completion = "Sure:\n```python\ndef one():\n    return 1\n```\nDone."
    program = task.program(conversation, completion)
    assert program.startswith("import math\n") and program.endswith("check(one)")
    exec(program, {})
    with pytest.raises(AssertionError):
        exec(task.program(conversation, "def one():\n    return 2"), {})


def test_extracting_code():
    assert extract_program("```\nx = 1\n```") == "x = 1"
    assert extract_program("x = 1\n") == "x = 1"
    assert extract_imports("# c\nimport a\n\nfrom b import c\nx = 1\nimport d") == (
        "import a\nfrom b import c"
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: SmolTalk("validation"),
        lambda: ARC("ARC-Hard", "test"),
        lambda: MMLU("auxiliary_train", "test"),
        lambda: GSM8K("main", "validation"),
    ],
)
def test_unknown_subsets_and_splits_are_refused(make, hub):
    with pytest.raises(UserError, match="must be one of"):
        make()
    assert not hub


def test_an_unreachable_hub_is_a_clear_error(monkeypatch):
    def fail(*args, **kwargs):
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr(sys.modules["datasets"], "load_dataset", fail)
    with pytest.raises(UserError, match=r"cannot load openai/gsm8k .* no route to host; check"):
        GSM8K("main", "test")


def test_a_missing_library_is_a_clear_error(monkeypatch):
    def no_datasets(name, *args, **kwargs):
        if name == "datasets":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    imported = builtins.__import__
    monkeypatch.delitem(sys.modules, "datasets")
    monkeypatch.setattr(builtins, "__import__", no_datasets)
    with pytest.raises(UserError, match="pip install datasets"):
        HumanEval()
