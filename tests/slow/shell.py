"""Type commands as a user would: in a clone of the project, with an own base directory."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"  # for packages that need a hub
PARTS = ("nanochat", "scripts", "tasks", "runs", "docs")
FILES = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE")
# `python`, `nanochat`, `torchrun` mean this interpreter; `uv run` is the real one if there is one
WRAPPERS = {
    "python": 'exec {python} "$@"',
    "nanochat": 'exec {python} -m scripts "$@"',
    "hf": 'exec {python} -m huggingface_hub.cli.hf "$@"',
    "torchrun": 'exec {python} -m torch.distributed.run "$@"',
}
UV_WRAPPER = '[ "$1" = run ] && shift\nexec "$@"'


class Shell:
    """A clone of the project in `folder`; `run` types a line there."""

    def __init__(self, folder: Path):
        self.clone = folder / "clone"
        for part in PARTS:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, self.clone / part, ignore=ignore)
        for name in FILES:
            shutil.copy(ROOT / name, self.clone)
        self.environment = {
            **os.environ,
            "PATH": f"{self._write_wrappers(folder / 'bin')}:{os.environ['PATH']}",
            "PYTHONPATH": str(STAND_INS),
            "OMP_NUM_THREADS": "1",
            "UV_PROJECT_ENVIRONMENT": sys.prefix,  # `uv run` finds everything installed
            "UV_NO_SYNC": "1",
        }
        for name in ("PYTHONUNBUFFERED", "NANOCHAT_DEBUG", "VIRTUAL_ENV"):
            self.environment.pop(name, None)

    def _write_wrappers(self, folder: Path) -> Path:
        folder.mkdir()
        wrappers = dict(WRAPPERS) if shutil.which("uv") else {**WRAPPERS, "uv": UV_WRAPPER}
        for name, text in wrappers.items():
            path = folder / name
            path.write_text("#!/bin/sh\n" + text.format(python=sys.executable) + "\n")
            path.chmod(0o755)
        return folder

    def start(self, line: str) -> subprocess.Popen:
        """Type a line; what it prints, errors included, can be read from `stdout`."""
        return subprocess.Popen(
            ["bash", "-c", line],
            cwd=self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # whoever runs the tests in the background may have Ctrl+C switched off
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, line: str, *, status: int = 0) -> str:
        """Type a line, wait, check its status, and return what it printed."""
        with stopped_at_the_end(self.start(line)) as process:
            printed = process.communicate()[0]
        assert process.returncode == status, f"$ {line}\n{printed}"
        return printed

    @contextlib.contextmanager
    def serving(self, line: str):
        """Type a line that ends in a server; gives (its address, what it has printed)."""
        with stopped_at_the_end(self.start(line)) as process:
            printed = read_until(process, "Ctrl+C stops the server")
            (address,) = set(re.findall(r"is speaking at (http://localhost:[0-9]+)", printed))
            yield address, printed


def read_until(process: subprocess.Popen, needle: str) -> str:
    """Return what a process prints up to the line that contains `needle`."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if needle in line:
            return "".join(lines)
    raise AssertionError(f"{needle!r} was never printed:\n{''.join(lines)}")


def interrupt(process: subprocess.Popen) -> None:
    """Press Ctrl+C: the terminal tells every process of the line."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)


@contextlib.contextmanager
def stopped_at_the_end(process: subprocess.Popen):
    """Leave nothing running, whatever happens; pytest's time limit ends what hangs."""
    try:
        yield process
    finally:
        interrupt(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(condition) -> None:
    """Wait until `condition()` holds."""
    while not condition():
        time.sleep(0.1)
