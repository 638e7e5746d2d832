"""Every command of docs/interchange.md, typed, and the labels of the figures it quotes."""

import re

import pytest

from nanochat.checkpoint_manager import list_checkpoints
from tests.slow.shell import ROOT, Shell
from tests.tiny_world import save_model, train_tokenizer

PAGE = (ROOT / "docs" / "interchange.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page(tmp_path):
    save_model(train_tokenizer(), "sft", "d34", 700)
    shell = Shell(tmp_path)
    commands = "\n".join(re.findall(r"```bash\n(.+?)```", PAGE, re.S)).splitlines()
    printed = [shell.run(line) for line in commands]
    assert [info.tag for info in list_checkpoints("sft")] == ["d34", "d34-back"]
    table = [line for line in printed[0].splitlines() if line.startswith("|")]
    assert "| nanochat's side | largest logit difference | arg-max equal |" in table
    assert all(f"|{line.split('|')[1]}|" in PAGE for line in table)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "README.md"):
        assert (shell.clone / "d34-hf" / name).exists()
        assert f"`{name}`" in PAGE
