"""The main job in miniature: raw text to a chat page, with seconds of training, and a Ctrl+C."""

import os
import re
import subprocess

import httpx
import pytest

from nanochat.checkpoint_manager import list_checkpoints
from nanochat.common import UserError
from nanochat.data.archives import ARCHIVES, fetch
from nanochat.quickstart.plan import TASKS, make_steps
from tests.slow.shell import ROOT, Shell, free_port, interrupt, read_until, stopped_at_the_end
from tests.slow.test_contract_commands import JOURNEYS, shorter

MINUTES, ITEMS = 0.4, 4
STEPS = make_steps(MINUTES, ITEMS)
SHORT = f"--minutes {MINUTES} --items {ITEMS}"

pytestmark = pytest.mark.timeout(900)  # a minute and a half on two idle cores


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A clone whose environment is already set up, so that nothing is installed."""
    if not os.environ.get("NANOCHAT_ARCHIVES"):
        try:
            cached = [fetch(archive) for archive in ARCHIVES]
        except UserError as error:
            pytest.skip(f"the texts are neither in NANOCHAT_ARCHIVES nor to be downloaded: {error}")
        monkeypatch.setenv("NANOCHAT_ARCHIVES", str(cached[0].parent))
    shell = Shell(tmp_path)
    shell.environment["NANOCHAT_BASE_DIR"] = str(tmp_path / "quickstart")
    monkeypatch.setenv("NANOCHAT_BASE_DIR", str(tmp_path / "quickstart"))
    (shell.clone / ".venv" / "bin").mkdir(parents=True)
    (shell.clone / ".venv" / "bin" / "python").symlink_to(tmp_path / "bin" / "python")
    activate = 'export PATH="$PWD/.venv/bin:$PATH"\n'
    (shell.clone / ".venv" / "bin" / "activate").write_text(activate, encoding="utf-8")
    stamp = '. runs/setup_env.sh && echo "$(_setup_hash) " > .venv/.nanochat-installed'
    subprocess.run(["bash", "-c", stamp], cwd=shell.clone, check=True)
    return shell


def check_results(printed):
    """The table has a figure in every row, times for every step, and the four talks."""
    bpb = re.search(r"^\| bits per byte of text \(`xz -9`: \d\.\d+\) \| \d\.\d+ \|", printed, re.M)
    assert bpb, printed
    for task in TASKS:
        assert re.search(rf"^\| {task} \| \| \d+\.\d% \| \d+\.\d% \|$", printed, re.M), task
    for name in [step.does for step in STEPS] + ["total"]:
        assert re.search(rf"^\| {re.escape(name)} \| [0-9dhms]+ \|$", printed, re.M), name
    talks = printed.partition("Four conversations with the model")[2]
    assert re.findall(r"^  (you|nanochat): .*\S", talks, re.M) == ["you", "nanochat"] * 8


def guide_on_a_laptop():
    """The lines of the guide's part for a laptop, shortened."""
    page = (ROOT / "docs" / "fine-tune-d34.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^## The same on a laptop$.*?```bash\n(.*?)```", page, re.M | re.S)
    for minutes, fewer in (
        ("--minutes=1 ", "--minutes=0.05 "),
        ("--minutes=3 ", "--minutes=0.1 "),
    ):
        assert minutes in block
        block = block.replace(minutes, fewer)
    return block.replace("chat_sft ", "chat_sft --eval_before_after_problems=3 ")


def follow_the_guide(shell, tmp_path):
    """Fine-tune the quickstart's model with own data, as docs/fine-tune-d34.md tells."""
    (tmp_path / "home" / ".cache").mkdir(parents=True)
    trained = tmp_path / "home" / ".cache" / "nanochat-quickstart"
    trained.symlink_to(shell.environment["NANOCHAT_BASE_DIR"])
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    printed = shell.run(f"export HOME={tmp_path / 'home'}; set -e; {guide_on_a_laptop()}")
    assert re.search(r"^base +mine +\d+ ", printed, re.M)
    assert "40 conversations" in printed and "Which port does Betty listen on?" in printed
    assert printed.count("saved step") == 2
    for task in ("Spelling", "Identity"):
        assert re.search(rf"^{task} +3 .*(better|worse|no clear change)$", printed, re.M)
    assert re.search(r"sft . mine . step \d+ is speaking", printed)
    assert re.search(r"^ *(README|model_\d+)", printed, re.M)  # what a push would send
    assert (shell.clone / "mine-hf" / "model.safetensors").exists()
    # a model that was only pulled from is left alone
    after = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_quickstart_interrupted_continued_served_and_its_model_fine_tuned(shell, tmp_path):
    no_serve, serve = JOURNEYS["From raw text to a chat page, on one CPU"]
    line = shorter(no_serve, SHORT)
    with stopped_at_the_end(shell.start(line)) as process:
        first = read_until(process, "mid step ")
        interrupt(process)
        first += process.communicate()[0]
    assert process.returncode == 130, first
    assert "run the quickstart again to continue here" in first
    assert "Traceback" not in first
    (resume,) = re.findall(r"continue with --resume_from_step=(\d+)", first)
    assert [c.step for c in list_checkpoints("mid")] == [int(resume)]

    second = shell.run(line)
    assert f"continuing: 4 of {len(STEPS)} steps were done before" in second
    commands = re.findall(r"^\[(\d)/\d\] .*\n\$ (.*)$", second, re.M)
    assert [int(number) for number, _ in commands] == [5, 6, 7, 8, 9]
    assert f"--resume_from_step={resume}" in commands[0][1]
    assert not any("--resume_from_step" in command for _, command in commands[1:])
    assert f"mid step {int(resume) + 1} " in second
    check_results(second)
    later = second.partition("To talk to it later:\n")[2]
    prepare, ask, _ = re.findall(r"^\$ (.*)$", later, re.M)
    said = shell.run(f"unset NANOCHAT_BASE_DIR; {prepare}; {ask}")
    assert re.search(r"is speaking.*\n.*Assistant: .*\S", said, re.S), said

    port = free_port()
    with shell.serving(shorter(serve, f"{SHORT} --port {port}")) as (address, third):
        assert f"continuing: {len(STEPS)} of {len(STEPS)} steps were done before" in third
        assert not re.findall(r"^\[\d/\d\]", third, re.M)
        check_results(third)
        assert address == f"http://localhost:{port}"
        messages = [{"role": "user", "content": "Hello! How are you today?"}]
        reply = httpx.post(f"{address}/chat", json={"messages": messages}, timeout=60).json()
        assert reply["message"]["content"]
        assert "NanoChat" in httpx.get(address).text

    follow_the_guide(shell, tmp_path)
