"""The same problems before and after: a model that learns, a resumed run, two ranks."""

import json
import os
import subprocess
import sys

import pytest

from nanochat.checkpoint_manager import load_model
from nanochat.common import UserError
from nanochat.distributed import Dist, single
from nanochat.evals.chat import run_categorical_eval
from nanochat.report.metrics import read_metrics
from nanochat.train.accuracy import accuracy_hook
from nanochat.train.before_after import BEFORE, BeforeAfter
from nanochat.train.config import SFTConfig
from nanochat.train.session import Session
from nanochat.train.stages import SFT
from tasks.common import Task, turn
from tests.tiny_world import save_model, train_tokenizer


class Yes(Task):
    """Whatever is asked, the answer is B; `eval_type` says how it is measured."""

    def __init__(self, eval_type="categorical", count=12, **view):
        super().__init__(**view)
        self.eval_type, self.count = eval_type, count

    def num_examples(self):
        return self.count

    def get_example(self, index):
        return turn(f"The cat {index}", "B", letters=("A", "B"))

    def evaluate(self, conversation, completion):
        return completion == "B"


@pytest.fixture
def parent(base_dir):
    return save_model(train_tokenizer(), "base", "t")


def make(dist=None, **flags):
    flags = {"num_iterations": 8, "init_lr_frac": 1.0, "eval_every": None, **flags}
    config = SFTConfig(
        model_tag="t", source="base", device_batch_size=2, target_examples_per_step=4, **flags
    )
    return Session(SFT, config, dist or single(), Yes(count=40), Yes(count=4))


def run(tasks, problems=10, **flags):
    session = make(**flags)
    session.run([BeforeAfter(session, tasks, problems)])
    return session


def metadata(base_dir, step):
    return json.loads((base_dir / f"chatsft_checkpoints/t/meta_{step:06d}.json").read_text())


def test_before_is_the_parent_and_after_the_result(parent, base_dir, capsys):
    tasks = {"Letters": Yes(), "Words": Yes("generative")}
    session = run(tasks, save_every=3)
    found = session.trainer.results["before_after"]
    model, tokenizer, _ = load_model("base", "cpu", "eval", "t")
    figures = run_categorical_eval(Yes(), tokenizer, model, max_problems=10)
    assert found["Letters"]["before"] == figures["accuracy"]
    figures = run_categorical_eval(Yes(), tokenizer, session.model.eval(), max_problems=10)
    assert found["Letters"]["after"] == figures["accuracy"] == 1.0
    assert found["Words"]["before"] == 0.0 and found["Words"]["after"] == 1.0
    assert found["Words"]["verdict"] == "better" and found["Words"]["problems"] == 10

    shown = capsys.readouterr().out
    assert "before fine-tuning | Words: 0.0% (0/10 passed)" in shown
    assert "+100.0%" in shown and shown.index("Words     ") > shown.index("step 7")
    assert metadata(base_dir, 7)["before_after"] == found
    assert metadata(base_dir, 3)["before_after"] is None
    directory = base_dir / "chatsft_checkpoints" / "t"
    (record,) = (
        r for r in read_metrics(directory / "metrics.jsonl") if r["event"] == "before_after"
    )
    assert record["step"] == 7 and record["tasks"] == found
    section = (base_dir / "report" / "chat-sft.md").read_text()
    assert "Words before and after: 0.0%, 100.0%: +100.0% (95% interval" in section


def test_a_resumed_run_remembers_what_was_before(parent, base_dir):
    tasks = {"Letters": Yes(), "Words": Yes("generative")}
    whole = run(tasks, save_every=2).trainer.results
    resumed = run(tasks, resume_from_step=4).trainer.results
    assert resumed["before_after"] == whole["before_after"]
    assert resumed[BEFORE]["Words"] == "0" * 10
    for others, problems in (({"Words": Yes("generative")}, 10), (tasks, 9)):
        with pytest.raises(UserError, match=r"answered 10 of Letters, 10 of Words; resume it with"):
            run(others, problems, resume_from_step=4)


def test_other_figures_stay_in_the_metadata(parent, base_dir):
    session = make(eval_metrics_every=100)
    compared = BeforeAfter(session, {"Letters": Yes()}, 4)
    session.run([compared, accuracy_hook(session, {"mmlu_acc": Yes()})])
    assert metadata(base_dir, 7)["before_after"] and metadata(base_dir, 7)["mmlu_acc"] == 1.0


def test_a_run_begun_without_cannot_be_asked_later(parent):
    session = make(save_every=2)
    session.run()
    with pytest.raises(UserError, match=r"asks for 10 of Words, .* answered none"):
        run({"Words": Yes("generative")}, resume_from_step=4)


def test_a_task_without_problems_is_refused(parent):
    with pytest.raises(UserError, match="Empty has no problems"):
        BeforeAfter(make(), {"Empty": Yes(count=0)}, 10)


def test_evaluating_does_not_change_the_training(parent):
    plain = make()
    plain.run()
    watched = run({"Words": Yes("generative")})
    for name, tensor in watched.model.state_dict().items():
        assert tensor.equal(plain.model.state_dict()[name])


def test_outcomes_come_from_all_ranks(parent):
    class TwoRanks(Dist):
        def gather_objects(self, value):
            return [value, {index + 1: True for index in value}]

        def all_reduce_sum(self, tensor):
            return tensor

    session = make()
    session.dist = TwoRanks(0, 0, 2, single().device)
    marks = BeforeAfter(session, {"Words": Yes("generative")}, 6)._answer(Yes("generative"))
    assert marks == "010101"  # this rank's, the other's, in the order of the problems


WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from nanochat import distributed
from nanochat.train.before_after import BeforeAfter
from tests.train.test_before_after import Yes, make

dist = distributed.init("cpu")
session = make(dist)
session.run([BeforeAfter(session, {"Letters": Yes(), "Words": Yes("generative")}, 9)])
dist.close()
"""


@pytest.mark.slow
def test_two_processes_find_what_one_finds(parent, tmp_path, base_dir):
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    (tmp_path / "worker.py").write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    result = subprocess.run(
        [*command, str(tmp_path / "worker.py"), root], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    found = metadata(base_dir, 7)["before_after"]
    alone = run({"Letters": Yes(), "Words": Yes("generative")}, 9).trainer.results["before_after"]
    assert found == alone
    assert result.stdout.count("before and after fine-tuning") == 1
