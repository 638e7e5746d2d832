"""What `nanochat models` knows about checkpoints, and how it copies and deletes them."""

import json
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.checkpoint_manager import load_model
from nanochat.checkpoints import manage
from nanochat.checkpoints.inventory import count_parameters, inventory
from nanochat.common import UserError
from scripts import models
from tests.tiny_world import save_model, train_tokenizer


@pytest.fixture
def sft(base_dir):
    """Two steps of a fine-tuned model."""
    tokenizer = train_tokenizer()
    for step in (3, 12):
        model = save_model(tokenizer, "sft", "mine", step)
    directory = base_dir / "chatsft_checkpoints" / "mine"
    path = directory / "meta_000012.json"
    parent = {"source": "mid", "tag": "mine", "step": 7}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"val_loss": 1.5, "parent": parent}))
    return directory, tokenizer, model


def names():
    return [f"{record.stage}:{record.tag}:{record.step}" for record in inventory()]


def test_records(sft, capsys):
    directory, tokenizer, model = sft
    first, second = inventory("sft")
    assert (second.stage, second.tag, second.step) == ("sft", "mine", 12)
    assert second.parameters == model.num_parameters()
    parts = ("model_000012.pt", "meta_000012.json")
    assert second.size == sum((directory / name).stat().st_size for name in parts)
    assert (second.figure, second.value, second.parent) == ("val_loss", 1.5, "mid mine 7")
    assert second.tokenizer == tokenizer.fingerprint() and second.finished_at[:2] == "20"
    assert (first.figure, first.parent, first.problem) == (None, None, None)
    models.main(["--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [record["step"] for record in shown] == [3, 12] and shown[1]["value"] == 1.5
    models.main([])
    printed = capsys.readouterr().out
    for text in (
        "1.5000 loss",
        "mid mine 7",
        tokenizer.fingerprint()[:8],
        f"{second.parameters:,}",
    ):
        assert text in printed
    models.main(["--source=base"])
    assert "no checkpoints" in capsys.readouterr().out


def test_bare_and_damaged_metadata(sft):
    directory, tokenizer, _ = sft
    config = json.loads((directory / "meta_000012.json").read_text())["model_config"]
    (directory / "meta_000012.json").write_text(json.dumps({"model_config": config}))
    (directory / "meta_000003.json").write_text('{"model_config": 3')
    first, second = inventory()
    assert "not valid JSON" in first.problem and first.parameters is None
    assert second.problem is None and second.finished_at is None
    assert second.tokenizer == tokenizer.fingerprint()  # that of the files beside the weights
    (directory / "tokenizer" / "nanochat_tokenizer.json").unlink()
    assert inventory()[1].tokenizer == tokenizer.fingerprint()  # from the pickle alone
    shutil.rmtree(directory / "tokenizer")
    assert inventory()[1].tokenizer is None


def test_truncated_weights_are_a_problem(sft, capsys):
    directory, _, _ = sft
    with open(directory / "model_000012.pt", "r+b") as file:
        file.truncate(1000)
    assert [bool(record.problem) for record in inventory()] == [False, True]
    models.main([])
    assert "step 12: model_000012.pt: not the size that was saved" in capsys.readouterr().out


def test_a_copy_without_optimizer_state_is_no_problem(sft):
    directory, _, _ = sft
    path = directory / "meta_000012.json"
    meta = json.loads(path.read_text())
    meta["files"]["optim_000012_rank0.pt"] = 1000
    path.write_text(json.dumps(meta))
    assert [record.problem for record in inventory()] == [None, None]


positive = st.integers(1, 8)


@given(positive, positive, positive, st.integers(1, 3), st.integers(1, 200))
def test_parameters_are_those_of_the_model(layers, heads, groups, half_head, vocab):
    import torch

    from nanochat.gpt import GPT, GPTConfig

    config = GPTConfig(8, vocab, layers, heads * groups, heads, 2 * half_head * heads * groups)
    with torch.device("meta"):
        assert count_parameters(vars(config)) == GPT(config).num_parameters()


@pytest.mark.parametrize("config", [None, {}, {"n_embd": "8"}, [1], {"n_embd": 8, "n_head": 0}])
def test_no_parameters_in_a_damaged_configuration(config):
    assert count_parameters(config) is None


def test_delete(sft, capsys):
    directory, _, _ = sft
    with pytest.raises(UserError, match="--yes"):
        models.main(["--delete=sft:mine:12"])
    models.main(["--delete=sft:mine:12", "--yes"])
    assert "deleted sft mine step 12" in capsys.readouterr().out
    assert names() == ["sft:mine:3"] and (directory / "tokenizer").is_dir()
    models.main(["--delete=sft:mine:3", "--yes"])
    assert not directory.exists()


def test_an_interrupted_deletion_leaves_no_checkpoint(sft, monkeypatch):
    directory, _, _ = sft
    real = manage.os.unlink

    def interrupted(path):
        if path.endswith(".pt"):
            raise KeyboardInterrupt
        real(path)

    monkeypatch.setattr(manage.os, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt):
        manage.delete(manage.find("sft:mine:12"))
    assert (directory / "model_000012.pt").exists() and names() == ["sft:mine:3"]


def test_copy(sft, capsys):
    directory, tokenizer, _ = sft
    models.main(["--copy=sft:mine:12", "--to=ours"])
    copied = directory.parent / "ours"
    assert names() == ["sft:mine:3", "sft:mine:12", "sft:ours:12"]
    for name in ("model_000012.pt", "meta_000012.json"):
        assert (copied / name).read_bytes() == (directory / name).read_bytes()
    assert load_model("sft", "cpu", "eval", "ours")[1].data == tokenizer.data
    with pytest.raises(UserError, match="exists already"):
        manage.copy(manage.find("sft:mine:12"), "ours")


def test_an_interrupted_copy_leaves_nothing_and_can_be_repeated(sft, monkeypatch):
    real = shutil.copyfile

    def interrupted(source, target, **options):
        if "meta" in str(source):
            raise KeyboardInterrupt
        return real(source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            manage.copy(manage.find("sft:mine:12"), "ours")
    assert [path.name for path in sft[0].parent.iterdir()] == ["mine"]
    unfinished = sft[0].parent / ".ours.copying"  # of a process that was killed
    shutil.copytree(sft[0], unfinished)
    assert names() == ["sft:mine:3", "sft:mine:12"]
    manage.copy(manage.find("sft:mine:12"), "ours")
    assert names() == ["sft:mine:3", "sft:mine:12", "sft:ours:12"] and not unfinished.exists()


def test_files_of_other_origin_survive_a_deletion(sft):
    directory, _, _ = sft
    (directory / "notes.txt").write_text("mine")
    (directory / "pulled_000012.json").write_text("{}")
    (directory / "metrics.jsonl").write_text("{}")
    for step in (12, 3):
        manage.delete(manage.find(f"sft:mine:{step}"))
    assert [path.name for path in directory.iterdir()] == ["notes.txt"]


def test_a_note_of_origin_goes_with_a_copy(sft):
    directory, _, _ = sft
    (directory / "pulled_000012.json").write_text("{}")
    assert "pulled_000012.json" in os.listdir(manage.copy(manage.find("sft:mine:12"), "ours"))


@pytest.mark.parametrize("special", [[], 3, None, {"a": "b"}])
def test_a_damaged_tokenizer_is_not_the_tables_business(sft, special):
    directory, _, _ = sft
    meta_path = directory / "meta_000012.json"
    meta = json.loads(meta_path.read_text())
    del meta["tokenizer_fingerprint"]
    meta_path.write_text(json.dumps(meta))
    path = directory / "tokenizer" / "nanochat_tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"special_tokens": special}))
    assert inventory()[1].tokenizer is None


def test_a_full_disk_is_noticed_before_copying(sft, monkeypatch):
    directory, _, _ = sft
    monkeypatch.setattr(manage.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(UserError, match="0 MB are free"):
        manage.copy(manage.find("sft:mine:12"), "ours")
    assert not (directory.parent / "ours").exists()


@pytest.mark.parametrize("tag", ["", ".", "..", "a/b", "/tmp/x"])
def test_tags_are_names(sft, tag):
    with pytest.raises(UserError, match="tag"):
        manage.copy(manage.find("sft:mine:12"), tag)


@pytest.mark.parametrize("name", ["sft", "sft:mine", "sft:mine:x", "all:mine:3", "sft::3", ""])
def test_names_that_are_none(sft, name):
    with pytest.raises(UserError, match="expected stage:tag:step"):
        manage.find(name)


def test_a_checkpoint_that_is_not_there(sft):
    with pytest.raises(UserError, match="there are: sft:mine:3, sft:mine:12"):
        manage.find("sft:mine:4")


@pytest.mark.parametrize(
    "argv", [["--copy=sft:mine:3"], ["--to=x"], ["--copy=sft:a:1", "--to=b", "--delete=sft:a:1"]]
)
def test_flags_that_do_not_go_together(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        models.main(argv)
    assert stop.value.code == 2


@pytest.mark.parametrize("value", ["NaN", "Infinity", '"1.5"', "null", "[1]"])
def test_figures_that_are_none(sft, capsys, value):
    path = sft[0] / "meta_000012.json"
    path.write_text(path.read_text().replace('"val_loss": 1.5', f'"val_loss": {value}'))
    assert inventory()[1].figure is None
    models.main(["--json"])
    assert ": NaN" not in capsys.readouterr().out


def test_nobody_answers_whether_to_delete(sft, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    def end_of_input(question):
        raise EOFError

    monkeypatch.setattr("builtins.input", end_of_input)
    with pytest.raises(UserError, match="nothing was deleted"):
        models.main(["--delete=sft:mine:12"])
    assert names() == ["sft:mine:3", "sft:mine:12"]
