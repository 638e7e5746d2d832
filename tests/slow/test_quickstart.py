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
from tests.slow.shell import Shell, free_port, interrupt, read_until, stopped_at_the_end
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


@pytest.mark.slow
def test_quickstart_interrupted_continued_and_served(shell):
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
