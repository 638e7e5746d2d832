"""`export` and `import` as they are typed."""

import importlib
import os
import subprocess
import sys

import pytest
import torch

import scripts
from nanochat.checkpoint_manager import list_checkpoints, load_model
from tests.tiny_world import save_model, train_tokenizer

ROOT = os.path.dirname(os.path.dirname(scripts.__file__))


def typed(*arguments):
    """Run a command in a new process; return (status, what it printed)."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout


def test_there_and_back(tmp_path, capsys):
    tokenizer = train_tokenizer()
    model = save_model(tokenizer, "sft", "d1", 9)
    size = tokenizer.get_vocab_size()
    out = str(tmp_path / "d1-hf")
    flags = ["--model_tag=d1", "--step=9", f"--out={out}", "--dtype=float32", "--no-check"]
    importlib.import_module("scripts.export").main(flags)
    importlib.import_module("scripts.import").main([out, "--source=sft", "--model_tag=back"])
    printed = capsys.readouterr().out
    assert "checkpoint: sft d1 step 9, as asked" in printed
    assert f"exported to {out}" in printed
    assert "imported as sft back step 9" in printed
    assert [info.tag for info in list_checkpoints("sft")] == ["back", "d1"]
    back = load_model("sft", "cpu", "eval", "back")[0]
    assert torch.equal(back.lm_head.weight[:size], model.lm_head.weight[:size])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["scripts.export", "--out=x", "--dtype=float16"], "squared ReLU overflows in float16"),
        (["scripts.import", "nowhere"], "error: nowhere: there is no such directory"),
    ],
)
def test_mistakes_are_one_line_and_status_one(arguments, message):
    status, printed = typed(*arguments)
    assert status == 1
    assert message in printed and "Traceback" not in printed
    assert len(printed.splitlines()) == 1
