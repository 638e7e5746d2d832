"""`--custom_data` from the command line to the checkpoint, and back on resuming."""

import hashlib
import json

import pytest

from nanochat.command_line import parse
from nanochat.common import UserError
from nanochat.train.config import MidTrainConfig, SFTConfig
from scripts import chat_sft, mid_train
from tasks.common import TaskMixture, turn
from tasks.custom_data import CustomData
from tests.tiny_world import save_model, train_tokenizer

SFT_FLAGS = ["--source=base", "--device_batch_size=2", "--target_examples_per_step=4"]
SFT_FLAGS += ["--num_iterations=4", "--eval_steps=1", "--mixture=quickstart", "--save_every=1"]
MID_FLAGS = ["--max_seq_len=64", "--device_batch_size=2", "--total_batch_size=128"]
MID_FLAGS += ["--eval_tokens=128", "--num_iterations=3", "--save_every=1"]
STAGES = {
    "sft": (chat_sft, SFT_FLAGS, "chatsft_checkpoints", 3),
    "mid": (mid_train, MID_FLAGS, "mid_checkpoints", 3),
}


def write(path, count, what="cat"):
    path.write_text("".join(json.dumps(turn(f"The {what} {i}", "4")) + "\n" for i in range(count)))
    return str(path)


@pytest.fixture
def train(tmp_path, base_dir, monkeypatch):
    """Run a stage on a mixture of eight conversations and the files named."""
    save_model(train_tokenizer(), "base", "t")
    usual = TaskMixture([CustomData(write(tmp_path / "usual.jsonl", 8))])

    def train(stage, *flags):
        script, small, directory, step = STAGES[stage]
        monkeypatch.setattr(script, "load_data", lambda mixture: (usual, usual))
        script.main(["--model_tag=t", "--device_type=cpu", *small, *flags])
        return json.loads((base_dir / directory / "t" / f"meta_{step:06d}.json").read_text())

    return train


@pytest.mark.parametrize("config", [MidTrainConfig, SFTConfig])
def test_the_flag_repeats(config):
    assert parse(config, []).custom_data == []
    argv = ["--custom_data=a.jsonl:2", "--custom-data", "b.jsonl", "--step=3"]
    assert parse(config, argv).custom_data == ["a.jsonl:2", "b.jsonl"]


@pytest.mark.parametrize("stage", STAGES)
def test_two_files_are_trained_on_and_recorded(stage, train, tmp_path, base_dir, capsys):
    one, two = write(tmp_path / "one.jsonl", 6), write(tmp_path / "two.jsonl", 5, "ant")
    specs = [f"{one}:2.5", two]
    meta = train(stage, *(f"--custom_data={spec}" for spec in specs))
    assert meta["user_config"]["custom_data"] == specs
    assert meta["custom_data"] == [
        {"path": path, "epochs": epochs, "conversations": count, "sha256": hashed(path)}
        for path, epochs, count in ((one, 2.5, 6), (two, 1.0, 5))
    ]
    shown = capsys.readouterr().out
    assert "28 conversations:" in shown and "53.6%  one.jsonl" in shown
    name = "midtraining.md" if stage == "mid" else "chat-sft.md"
    section = (base_dir / "report" / name).read_text()
    assert f"Own data 1: {one}: 6 conversations, 2.5 epochs, SHA-256 {hashed(one)}" in section
    if stage == "sft":
        assert "Training rows: 28" in section


def hashed(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


@pytest.mark.parametrize("stage", STAGES)
def test_resuming_notices_that_the_data_changed(stage, train, tmp_path):
    path = write(tmp_path / "own.jsonl", 6)
    train(stage, f"--custom_data={path}")
    again = train(stage, f"--custom_data={path}", "--resume_from_step=1")
    assert again["custom_data"][0]["sha256"] == hashed(path)
    (tmp_path / "own.jsonl").rename(tmp_path / "moved.jsonl")
    train(stage, f"--custom_data={tmp_path}/moved.jsonl", "--resume_from_step=1")

    before = "own.jsonl:1, 6 conversations"
    write(tmp_path / "own.jsonl", 7)
    for flags in ([f"--custom_data={path}"], [f"--custom_data={tmp_path}/moved.jsonl:2"], []):
        with pytest.raises(
            UserError, match=f"resumed only with the data.*(\n.*)*{before}"
        ) as raised:
            train(stage, *flags, "--resume_from_step=1")
    assert "now is: none" in str(raised.value)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("content", "message"), [(None, "no file"), ("", "is empty"), ("{", ":1: not")]
)
def test_a_bad_file_is_named_before_anything_is_loaded(
    stage, train, tmp_path, monkeypatch, content, message
):
    path = tmp_path / "own.jsonl"
    if content is not None:
        path.write_text(content)
    script = STAGES[stage][0]
    monkeypatch.setattr(script, "load_data", lambda mixture: pytest.fail("loaded first"))
    with pytest.raises(UserError, match=message):
        script.main([f"--custom_data={path}"])


def test_before_and_after_from_the_command_line(train, tmp_path, capsys, monkeypatch):
    from tasks import registry

    path = write(tmp_path / "own.jsonl", 8)
    task = lambda: CustomData(path)  # noqa: E731
    monkeypatch.setattr(CustomData, "evaluate", lambda self, conversation, completion: True)
    monkeypatch.setitem(registry.TASKS, "Own", task)
    meta = train("sft", "--eval_before_after=Own", "--eval_before_after_problems=5")
    assert meta["before_after"]["Own"]["problems"] == 5
    assert meta["user_config"]["eval_before_after"] == "Own"
    with pytest.raises(UserError, match="unknown task 'Owl'; known are"):
        train("sft", "--eval_before_after=Owl")
