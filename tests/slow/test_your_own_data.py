"""Every command and every line of data of docs/your-own-data.md, really typed and really read."""

import json
import re

import pytest

from nanochat.checkpoint_manager import list_checkpoints
from nanochat.checkpoints.files import read_meta
from tasks.chat_shapes import read_conversation
from tests.slow.shell import ROOT, Shell
from tests.slow.test_contract_commands import WORDS, shorter
from tests.tiny_world import save_model, train_tokenizer

PAGE = (ROOT / "docs" / "your-own-data.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    for line in block.splitlines()
]
BLOCKS = re.findall(r"```json\n(.+)\n```", PAGE)
SHAPES = re.findall(r"^\| .+ \| `([\[{].+)` \|$", PAGE, flags=re.MULTILINE)
SHORT_SFT = "--num_iterations=2 --eval_steps=1 --device_batch_size=1 --target_examples_per_step=8"
SHORT_MID = "--num_iterations=2 --max_seq_len=512 --device_batch_size=1 --total_batch_size=512 "
SHORT_MID += "--eval_tokens=512"


def test_every_line_of_data_is_read():
    assert len(BLOCKS) == 2 and len(SHAPES) == 4
    shown = [read_conversation(json.loads(line))["messages"] for line in [*BLOCKS, *SHAPES]]
    assert shown[2] == shown[3] == shown[4]  # the same in three shapes
    assert shown[5][0]["content"] == "Translate into French.\n\nGood day"


@pytest.mark.slow
def test_the_guide(tmp_path, base_dir):
    base_dir.mkdir()
    (base_dir / "words_alpha.txt").write_text("\n".join(WORDS) + "\n")
    (base_dir / "identity_conversations.jsonl").write_text(f"{BLOCKS[0]}\n" * 8)
    shell = Shell(tmp_path)
    tokenizer = train_tokenizer()
    for source, step in (("base", 169150), ("mid", 813)):
        save_model(tokenizer, source, "d34", step, sequence_len=512)
    check, *more_checks, sft, mid, compared = COMMANDS

    (shell.clone / "my.jsonl").write_text("\n".join([*BLOCKS, *SHAPES, "{broken"]) + "\n")
    printed = shell.run(check, status=1)
    assert "line 7: not a line of JSON (column 2" in printed and "[[Betty listens" in printed
    assert "no file other.jsonl" in shell.run(check.replace("my.", "other."), status=1)
    (shell.clone / "my.jsonl").write_text("\n".join([*BLOCKS, *SHAPES]) + "\n")
    (shell.clone / "more.jsonl").write_text(json.dumps([json.loads(BLOCKS[1])] * 4, indent=2))
    printed = [shell.run(command) for command in [check, *more_checks]]
    assert all("6 conversations" in text for text in printed[:3])
    assert printed[1].count("as the model sees it") == 3
    assert json.loads(printed[3][printed[3].index("{\n") :])["files"][0]["conversations"] == 6

    assert "my.jsonl" in shell.run(shorter(sft, SHORT_SFT))
    assert "more.jsonl" in shell.run(shorter(mid, SHORT_MID))
    printed = shell.run(shorter(compared, f"{SHORT_SFT} --eval_before_after_problems=4"))
    assert re.search(r"^SpellingBee +4 .*no clear change$", printed, flags=re.MULTILINE)
    assert re.search(r"^ARC-Easy +4 ", printed, flags=re.MULTILINE)
    (checkpoint,) = list_checkpoints("sft")
    meta = read_meta(checkpoint.path, checkpoint.step)
    assert meta["custom_data"][0]["epochs"] == 3 and set(meta["before_after"]) == {
        "SpellingBee",
        "ARC-Easy",
    }
    recorded = [read_meta(info.path, info.step) for info in list_checkpoints("mid")]
    assert [file["epochs"] for file in recorded[0]["custom_data"]] == [1, 0.5]
