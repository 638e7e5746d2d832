"""Whole stages on a tiny model: resume bitwise, interruption, arithmetic, metadata, metrics."""

import io
import json
import os
import signal
import sys

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch

from nanochat.checkpoint_manager import load_model
from nanochat.common import UserError
from nanochat.distributed import single
from nanochat.report.metrics import read_metrics
from nanochat.train.config import BaseTrainConfig, MidTrainConfig, SFTConfig
from nanochat.train.session import Session
from nanochat.train.stages import BASE, MID, SFT
from nanochat.train.trainer import Trainer

SMALL = {"max_seq_len": 16, "device_batch_size": 2, "total_batch_size": 64, "eval_tokens": 64}


class Chats:
    def __init__(self, size=30):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        question = {"role": "user", "content": f"say {index % 5}"}
        answer = {"role": "assistant", "content": "word " * (1 + index % 4)}
        return {"messages": [question, answer]}


@pytest.fixture
def base_model(base_dir, tiny_tokenizer):
    """Shards, a tokenizer and a base model of two updates."""
    texts = [f"the fox number {i} jumps over the dog" for i in range(40)]
    directory = base_dir / "base_data"
    directory.mkdir(parents=True)
    for name, part in (("shard_00000", texts[:30]), ("shard_01822", texts[30:])):
        parquet.write_table(pa.table({"text": part}), directory / f"{name}.parquet")
    tiny_tokenizer.save(str(base_dir / "tokenizer"))
    run_stage("base", num_iterations=2)


def make(stage, **flags):
    torch.manual_seed(42)  # as distributed.init does in a real run
    if stage == "base":
        flags = {"depth": 1, "head_dim": 32, "core_metric_every": -1, **SMALL, **flags}
        return Session(BASE, BaseTrainConfig(model_tag="t", **flags), single())
    if stage == "mid":
        config = MidTrainConfig(model_tag="t", **{**SMALL, **flags})
        return Session(MID, config, single(), Chats(), Chats(4))
    flags = {"device_batch_size": 2, "target_examples_per_step": 4, "eval_steps": 1, **flags}
    config = SFTConfig(model_tag="t", source="base", **flags)
    return Session(SFT, config, single(), Chats(), Chats(4))


def run_stage(stage, **flags):
    session = make(stage, **flags)
    session.run()
    return session


def weights(session):
    return {name: tensor.clone() for name, tensor in session.model.state_dict().items()}


@pytest.mark.parametrize(
    ("stage", "horizon"),
    [
        ("base", {"num_iterations": 5}),
        ("mid", {"num_iterations": 5}),
        ("mid", {}),  # one pass over the data
        ("sft", {"num_iterations": 6}),
    ],
)
def test_interrupted_at_any_step_ends_with_the_same_bits(base_model, stage, horizon):
    full = run_stage(stage, save_every=1, **horizon)
    expected = weights(full)
    assert full.trainer.step >= 4
    for step in range(1, full.trainer.step):
        resumed = run_stage(stage, resume_from_step=step, **horizon)
        assert resumed.trainer.step == full.trainer.step
        for name, tensor in weights(resumed).items():
            assert torch.equal(tensor, expected[name]), (step, name)


@pytest.mark.parametrize("stage", ["base", "mid", "sft"])
def test_ctrl_c_saves_and_the_rest_continues(base_model, stage, monkeypatch, capsys):
    expected = weights(run_stage(stage, num_iterations=5))
    step = Trainer.train_step

    def interrupted_step(trainer):
        step(trainer)
        if trainer.step == 2 and trainer._updates_here == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Trainer, "train_step", interrupted_step)
    with pytest.raises(KeyboardInterrupt):
        run_stage(stage, num_iterations=5)
    assert "--resume_from_step=3" in capsys.readouterr().out
    monkeypatch.setattr(Trainer, "train_step", step)
    resumed = run_stage(stage, num_iterations=5, resume_from_step=3)
    for name, tensor in weights(resumed).items():
        assert torch.equal(tensor, expected[name])


def test_ctrl_c_in_the_middle_of_printing(base_model, monkeypatch):
    """Most of the time a small model's run stands there, and printing must not be re-entered."""

    class Screen(io.RawIOBase):
        text = ""

        def writable(self):
            return True

        def write(self, data):
            self.text += bytes(data).decode()
            if b"mid step 1" in bytes(data):
                os.kill(os.getpid(), signal.SIGINT)
            return len(data)

    screen = Screen()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(screen)))
    with pytest.raises(KeyboardInterrupt):
        run_stage("mid", num_iterations=50)
    assert "continue with --resume_from_step=2" in screen.text


def test_sft_counts_passes_the_last_of_which_only_evaluates(base_model, base_dir):
    session = run_stage("sft")
    assert session.trainer.step == 30 // 4 - 1
    directory = base_dir / "chatsft_checkpoints" / "t"
    meta = json.loads((directory / "meta_000006.json").read_text())
    assert meta["val_loss"] > 0 and meta["stage"] == "sft" and meta["complete"]
    assert meta["parent"] == {"source": "base", "tag": "t", "step": 2}
    assert not list(directory.glob("optim_*"))


def test_sft_sorts_the_conversations_of_an_update(base_model):
    session = make("sft", num_iterations=3, device_batch_size=2, target_examples_per_step=8)
    widths = [next(session.trainer.loader).inputs.size(1) for _ in range(4)]
    assert widths == sorted(widths, reverse=True) and len(set(widths)) > 1


def test_metadata_has_the_contracts_keys(base_model, base_dir):
    meta = json.loads((base_dir / "base_checkpoints/t/meta_000002.json").read_text())
    assert set(meta["model_config"]) == {
        "sequence_len",
        "vocab_size",
        "n_layer",
        "n_head",
        "n_kv_head",
        "n_embd",
    }
    assert meta["step"] == 2 and meta["val_bpb"] > 0
    assert set(meta["dataloader_state_dict"]) == {"pq_idx", "rg_idx"}
    assert set(meta["loop_state"]) == {"min_val_bpb", "smooth_train_loss", "total_training_time"}
    assert meta["user_config"]["depth"] == 1 and meta["device_batch_size"] == 2


def test_metrics_are_lines_with_every_update(base_model, base_dir):
    records = read_metrics(base_dir / "base_checkpoints/t/metrics.jsonl")
    assert [r["step"] for r in records if r["event"] == "update"] == [1, 2]
    assert [r["step"] for r in records if r["event"] == "evaluation"] == [0, 2]
    assert records[0]["event"] == "start" and records[0]["config"]["depth"] == 1


def test_dry_run_leaves_nothing_behind(base_model, base_dir):
    run_stage("mid", num_iterations=2, dry_run=True)
    assert not (base_dir / "mid_checkpoints").exists()
    assert not (base_dir / "report" / "midtraining.md").exists()


def test_one_pass_ends_with_the_data(base_model):
    session = run_stage("mid")
    assert 1.0 <= session.trainer.data_progress < 2.0
    assert load_model("mid", "cpu", "eval", "t")[2]["step"] == session.trainer.step


def test_the_clock_can_be_the_horizon(base_model):
    session = run_stage("mid", minutes=0.01)
    assert session.trainer.seconds_used >= 0.6
    assert session.trainer.last_update["lr_multiplier"] < 1.0


def test_every_token_weighs_the_same_under_accumulation(base_model):
    one = run_stage("sft", num_iterations=3, device_batch_size=4)
    many = run_stage("sft", num_iterations=3, device_batch_size=1)
    for name, tensor in weights(one).items():
        torch.testing.assert_close(weights(many)[name], tensor, rtol=1e-3, atol=1e-4)


def test_masked_out_conversations_do_not_make_nan(base_model, monkeypatch):
    class Cut(Chats):
        def __getitem__(self, index):
            question = {"role": "user", "content": "long " * 100}
            return {"messages": [question, {"role": "assistant", "content": "never seen"}]}

    session = make("sft", num_iterations=3)
    session = Session(SFT, session.config, single(), Cut(), Cut(4))
    session.run()
    assert all(torch.isfinite(tensor).all() for tensor in weights(session).values())


@pytest.mark.parametrize(
    ("stage", "flags", "message"),
    [
        ("base", {"total_batch_size": 100}, "use a total of 96"),
        ("base", {"target_param_data_ratio": -1}, "nothing says how long"),
        ("base", {"total_batch_size": 64_000_000}, "less than one update"),
        ("sft", {"target_examples_per_step": 3}, "not whole"),
        ("sft", {"target_examples_per_step": 30}, "at least 2 are needed"),
        ("mid", {"max_seq_len": 400, "total_batch_size": 800}, "longer than the 160 positions"),
        ("base", {"num_iterations": 5, "resume_from_step": 99}, "99"),
        ("mid", {"eval_tokens": 1}, "at least one batch"),
    ],
)
def test_bad_arithmetic_is_named(base_model, stage, flags, message):
    with pytest.raises(UserError, match=message):
        run_stage(stage, **flags)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (lambda: BaseTrainConfig(depth=0), "--depth must be at least 1"),
        (lambda: BaseTrainConfig(matrix_lr=-0.1), "--matrix_lr must not be negative"),
        (lambda: SFTConfig(num_iterations=0), "--num_iterations must be at least 1"),
        (lambda: MidTrainConfig(minutes=0), "--minutes must be more than 0"),
    ],
)
def test_bad_flags_are_named(config, message):
    with pytest.raises(UserError, match=message):
        config()


def test_minus_one_means_unset():
    config = BaseTrainConfig(num_iterations=-1, eval_every=-1, target_flops=-1.0, save_every=-1)
    assert config.num_iterations is config.eval_every is config.target_flops is None
    assert SFTConfig(eval_every=0).eval_every is None
