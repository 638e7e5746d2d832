import json

import pytest

from nanochat.common import UserError
from nanochat.engine import Engine
from scripts import chat_eval
from scripts.chat_eval import choose_tasks
from tasks.common import Task, turn
from tasks.registry import CHATCORE_BASELINES, TASKS
from tests.tiny_world import save_model, train_tokenizer


class Parrot(Task):
    """`count` problems of which every answer, or none, is right."""

    eval_type = "generative"

    def __init__(self, count, right=True):
        super().__init__()
        self.count, self.right = count, right

    def num_examples(self):
        return self.count

    def get_example(self, index):
        return turn(f"The cat has {index} legs.", "yes")

    def evaluate(self, conversation, completion):
        return self.right


class Letters(Parrot):
    eval_type = "categorical"

    def get_example(self, index):
        return turn("Which one?", "A", letters=("A", "B"))

    def evaluate(self, conversation, completion):
        assert completion in conversation["letters"]
        return self.right


@pytest.fixture
def checkpoint(base_dir):
    tokenizer = train_tokenizer()
    save_model(tokenizer, "sft", "d1", 7)
    save_model(tokenizer, "mid", "d1", 5)


@pytest.fixture
def small_tasks(monkeypatch):
    replaced = {name: lambda: Letters(4) for name in CHATCORE_BASELINES}
    replaced |= {"GSM8K": lambda: Parrot(3, right=False), "Spelling": lambda: Parrot(6)}
    replaced |= {"Empty": lambda: Parrot(0)}
    for name, task in replaced.items():
        monkeypatch.setitem(TASKS, name, task)


def report_of(base_dir, source):
    return json.loads((base_dir / "report" / f"chat-evaluation-{source}.json").read_text())


def evaluate(*arguments):
    chat_eval.main([*arguments, "--device-type=cpu", "--max-new-tokens=4"])


def test_the_six_tasks_by_default_and_chat_core(checkpoint, small_tasks, base_dir, capsys):
    evaluate("-i", "sft")
    record = report_of(base_dir, "sft")
    accuracies = {name: 0.0 if name == "GSM8K" else 1.0 for name in CHATCORE_BASELINES}
    assert record["metrics"] == accuracies | {"ChatCORE metric": pytest.approx(5 / 6)}
    assert record["data"][0]["source"] == "sft"
    about = record["data"][0]  # what the figures are of, though it was not asked for
    assert (about["model_tag"], about["step"]) == ("d1", 7)
    shown = capsys.readouterr().out
    assert "GSM8K: 0.00% (0/3 passed)" in shown
    assert "ChatCORE metric: 0.8333" in shown
    assert "\r" not in shown, "progress is rewritten in place on terminals only"


def test_chosen_tasks_and_no_chat_core(checkpoint, small_tasks, base_dir, capsys):
    evaluate("--source=mid", "--task-name=Spelling|MMLU", "-x", "2")
    assert report_of(base_dir, "mid")["metrics"] == {"Spelling": 1.0, "MMLU": 1.0}
    assert "Spelling: 100.00% (2/2 passed)" in capsys.readouterr().out


def test_no_problems_is_no_result(checkpoint, small_tasks, base_dir, capsys):
    evaluate("-i", "sft", "-a", "Empty")
    assert report_of(base_dir, "sft")["metrics"] == {}
    assert "Empty: no result" in capsys.readouterr().out


def test_names_are_checked_before_anything_is_loaded(base_dir):
    with pytest.raises(UserError, match=r"unknown task 'MMLUU'; known are ARC-Easy, .*Identity"):
        chat_eval.main(["-i", "sft", "-a", "GSM8K|MMLUU"])
    with pytest.raises(UserError, match="unknown task ''"):
        choose_tasks("")
    assert choose_tasks(" GSM8K | MMLU|GSM8K") == ["GSM8K", "MMLU"]


def test_a_task_without_its_data_fails_before_the_others_start(small_tasks, monkeypatch):
    class Missing(Parrot):
        def get_example(self, index):
            raise UserError("not downloaded")

    monkeypatch.setitem(TASKS, "Missing", lambda: Missing(3))
    # there is no checkpoint either, but it was not even looked for
    with pytest.raises(UserError, match="not downloaded"):
        evaluate("-i", "sft", "-a", "Spelling|Missing")


def test_one_task_by_name_as_a_function(base_dir, small_tasks):
    tokenizer = train_tokenizer()
    model = save_model(tokenizer)
    engine = Engine(model, tokenizer)
    run = chat_eval.run_chat_eval
    assert run("GSM8K", model, tokenizer, engine, max_new_tokens=2) == 0.0
    assert run("MMLU", model, tokenizer, engine, max_problems=2) == 1.0
    assert run("Empty", model, tokenizer, engine) is None


def test_several_sampled_answers(checkpoint, small_tasks, base_dir):
    evaluate("-i", "sft", "-a", "Spelling", "-n", "2", "-t", "1.0", "-k", "0", "-x", "2")
    assert report_of(base_dir, "sft")["metrics"] == {"Spelling": 1.0}


@pytest.mark.parametrize("flag", ["--num-samples=0", "--max-new-tokens=0", "--batch-size=0"])
def test_impossible_settings_are_refused(flag, capsys):
    with pytest.raises(SystemExit):
        chat_eval.main(["-i", "sft", flag])
    assert "at least 1" in capsys.readouterr().err


def test_a_source_is_required(capsys):
    with pytest.raises(SystemExit):
        chat_eval.main([])
    assert "source" in capsys.readouterr().err
