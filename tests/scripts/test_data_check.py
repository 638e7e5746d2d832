"""The command: which tokenizer and context it takes, what it prints, how it ends."""

import json
import os
import subprocess
import sys

import pytest

from nanochat.common import UserError
from scripts import data_check
from tasks.common import turn
from tests.tiny_world import save_model, train_tokenizer


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.jsonl"
    path.write_text(
        "\n".join(json.dumps(turn(f"The cat {i}", "has 4 legs. " * 60)) for i in range(3))
    )
    return str(path)


def check(capsys, *arguments, status=0):
    if status:
        with pytest.raises(SystemExit) as stop:
            data_check.main(list(arguments))
        assert stop.value.code == status
    else:
        data_check.main(list(arguments))
    return capsys.readouterr().out


def test_without_a_tokenizer_all_else_is_checked(own, capsys):
    shown = check(capsys, own)
    assert "3 conversations, 6 messages" in shown
    assert "There is no tokenizer here" in shown
    assert "share of the nanochat mixture" in shown and "tokens of a conversation" not in shown
    with open(own, "a") as file:
        file.write("\n{")
    assert "line 4: not a line of JSON" in check(capsys, own, status=1)


def test_the_model_to_be_trained_gives_tokenizer_and_context(own, capsys):
    tokenizer = train_tokenizer()
    assert json.loads(check(capsys, own, "--json"))["files"][0]["tokens"]["context"] == 2048
    save_model(tokenizer, "base", "d2", 3, sequence_len=64)
    save_model(tokenizer, "mid", "d1", 5, sequence_len=128)
    for flags, context, folder in (
        ([], 128, "mid_checkpoints/d1/tokenizer"),
        (["--model_tag=d2"], 64, "base_checkpoints/d2/tokenizer"),
        (["--stage=mid"], 2048, "base_checkpoints/d2/tokenizer"),
        (["--context=40"], 40, "mid_checkpoints/d1/tokenizer"),
    ):
        found = json.loads(check(capsys, own, "--json", *flags))
        assert found["files"][0]["tokens"]["context"] == context
        assert found["tokenizer"].endswith(folder)
    shown = check(capsys, own, "--show=2")
    assert "3 conversations longer than 128 tokens, and cut there" in shown
    assert shown.count("as the model sees it") == 2 and shown.count("[[has 4 legs.") == 2
    assert "\033[" not in shown
    with pytest.raises(UserError, match="d9"):
        data_check.main([own, "--model_tag=d9"])


def test_a_tokenizer_by_its_directory(own, capsys, base_dir):
    train_tokenizer()
    os.rename(base_dir / "tokenizer", base_dir / "elsewhere")
    shown = check(capsys, f"{own}:2", f"--tokenizer={base_dir / 'elsewhere'}")
    assert "tokens of a conversation: p50" in shown and "used 2 times" in shown
    with pytest.raises(UserError):
        data_check.main([own, "--tokenizer=nowhere"])


def test_every_token_is_trained_on_in_mid_training(own, capsys):
    train_tokenizer()
    found = {}
    for flags in ("--stage=sft", "--stage=mid", "--stage=mid --assistant_only"):
        (file,) = json.loads(check(capsys, own, "--json", *flags.split()))["files"]
        found[flags] = file["tokens"]["trained"]
        assert file["tokens"]["total"] == found.setdefault("total", file["tokens"]["total"])
    assert found["--stage=mid"] == found["total"] > found["--stage=sft"]
    assert found["--stage=mid --assistant_only"] == found["--stage=sft"]


def test_several_files_one_of_which_is_missing(own, capsys):
    shown = check(capsys, own, "none.jsonl", status=1)
    assert "no file none.jsonl" in shown and "3 conversations" in shown
    assert "1 error: training refuses such files" in shown


@pytest.mark.parametrize(
    "argv", [[], ["x", "--context=1"], ["x", "--show=-1"], ["x", "--max_errors=0"]]
)
def test_impossible_settings_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        data_check.main(argv)
    assert stop.value.code == 2
    assert "at least" in capsys.readouterr().err


def test_as_typed_with_a_narrow_character_set(tmp_path, base_dir):
    """No torch, no traceback, status 1; what the screen cannot show is escaped."""
    (tmp_path / "own.jsonl").write_bytes(
        json.dumps(turn("é", "ü"), ensure_ascii=False).encode() + b"\n[\xe9"
    )
    program = "import sys; from scripts.__main__ import main; sys.argv[0] = 'x'\ntry: main()\n"
    program += "finally: assert 'torch' not in sys.modules"
    base_dir.mkdir()
    result = subprocess.run(
        [sys.executable, "-c", program, "data-check", str(tmp_path / "own.jsonl")],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1 and result.stderr == "", result.stderr
    assert "line 2: byte 2 of the line (0xe9) is not UTF-8" in result.stdout
