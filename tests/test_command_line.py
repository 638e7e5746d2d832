"""Flags in both spellings, suggestions for typos, one line and the right status for every error."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError


@dataclass(frozen=True)
class Config:
    device_batch_size: int = 32
    """Sequences per device."""
    model_step: Annotated[int | None, flag("-s", "--step")] = None
    """Step of the checkpoint."""
    source: Annotated[Literal["mid", "base"], flag("-i")] = "mid"
    """Stage to start from."""
    top_p: float = 1.0
    dry_run: bool = False
    """Write nothing."""
    serve: bool = True

    def __post_init__(self):
        if self.device_batch_size < 1:
            raise UserError(f"--device_batch_size must be at least 1, got {self.device_batch_size}")


# -- parsing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], Config()),
        (["--device_batch_size=4"], Config(device_batch_size=4)),
        (["--device-batch-size=4"], Config(device_batch_size=4)),
        (["--device_batch_size", "4"], Config(device_batch_size=4)),
        (["--device-batch-size", "4"], Config(device_batch_size=4)),
        (["--", "--device_batch_size=4"], Config(device_batch_size=4)),
        (["--"], Config()),
        (["--model_step=700"], Config(model_step=700)),
        (["--model-step=700"], Config(model_step=700)),
        (["--step=700"], Config(model_step=700)),
        (["-s", "700"], Config(model_step=700)),
        (["--model_step", "-1"], Config(model_step=-1)),
        (["--model_step=None"], Config()),
        (["-i", "base"], Config(source="base")),
        (["--dry_run"], Config(dry_run=True)),
        (["--dry-run"], Config(dry_run=True)),
        (["--no-serve"], Config(serve=False)),
        (["--no_serve"], Config(serve=False)),
        (["--top_p=0.5", "--top-p=0.25"], Config(top_p=0.25)),
    ],
)
def test_spellings(argv, expected):
    before = list(argv)
    assert parse(Config, argv) == expected
    assert argv == before


def test_without_arguments_those_of_the_process_are_taken(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program", "--", "--step=3"])
    assert parse(Config) == Config(model_step=3)


@pytest.mark.parametrize(
    ("argv", "needles"),
    [
        (["--device_batch_sise=4"], ["--device_batch_sise", "--device-batch-size"]),
        (["--device-batch=4"], ["--device-batch", "--device-batch-size"]),
        (["--stepp=4"], ["--stepp", "--step"]),
        (["--source=sft"], ["sft", "mid", "base"]),
        (["--device_batch_size=many"], ["many", "--device-batch-size"]),
        (["--step=last"], ["last", "--step"]),
        (["--device_batch_size"], ["--device-batch-size"]),
        (["surplus"], ["surplus"]),
        (["--", "--", "--step=3"], ["--"]),
    ],
)
def test_wrong_flags_stop_with_status_2_and_a_hint(capsys, argv, needles):
    with pytest.raises(SystemExit) as stop:
        parse(Config, argv, prog="mid_train")
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for needle in needles:
        assert needle in captured.err


def test_help_shows_flags_defaults_and_what_they_do(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(Config, ["--help"], prog="mid_train", description="Teach it to talk.")
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("usage: mid_train", "Teach it to talk.", "--device-batch-size", "32", "-s"):
        assert text in shown
    for text in ("Sequences per device.", "--step", "--model-step", "Write nothing."):
        assert text in shown
    assert "--step INT" in shown and "Step of the checkpoint. (default: unset)" in shown
    assert "None" not in shown


def test_the_dataclass_own_checks_are_shown(capsys):
    with pytest.raises(SystemExit) as stop:
        parse(Config, ["--device_batch_size=0"])
    assert stop.value.code == 2
    assert "--device_batch_size must be at least 1, got 0" in capsys.readouterr().err


# -- the error boundary ---------------------------------------------------------------------------


@pytest.fixture
def boundary(monkeypatch, capsys):
    """Run a main that raises; gives (status, standard error)."""
    monkeypatch.delenv("NANOCHAT_DEBUG", raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def run_raising(error):
        def main():
            raise error

        with pytest.raises(SystemExit) as stop:
            run(main)
        captured = capsys.readouterr()
        assert captured.out == ""
        return stop.value.code, captured.err

    yield run_raising
    signal.signal(signal.SIGTERM, handler)


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("expected 4, got 5; use 4"), 1, "error: expected 4, got 5; use 4"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a.jsonl"),
            1,
            "error: No such file or directory: a.jsonl",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x"),
            1,
            "error: Permission denied: /x",
        ),
        (OSError("only words"), 1, "error: only words"),
        (UserError("the tag \x1b[2J is foreign"), 1, "error: the tag \\x1b[2J is foreign"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_users_cause_is_one_line(boundary, error, status, line):
    assert boundary(error) == (status, f"{line}\n")


def test_success_is_silent(capsys):
    handler = signal.getsignal(signal.SIGTERM)
    assert run(lambda: 7) is None
    signal.signal(signal.SIGTERM, handler)
    assert capsys.readouterr() == ("", "")


def test_a_chosen_status_is_kept(boundary):
    assert boundary(SystemExit(3)) == (3, "")


@pytest.mark.parametrize("error", [UserError("wrong"), OSError(errno.ENOSPC, "full")])
def test_debugging_shows_where(monkeypatch, error):
    monkeypatch.setenv("NANOCHAT_DEBUG", "1")
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def main():
        raise error

    with pytest.raises(type(error)):
        run(main)


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a mistake of ours"), AssertionError(), KeyError(3)]
)
def test_our_own_mistakes_keep_their_traceback(monkeypatch, error):
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def main():
        raise error

    with pytest.raises(type(error)):
        run(main)


# -- real processes -------------------------------------------------------------------------------

PROGRAM = """
import sys, time
from nanochat.command_line import run
from nanochat.common import UserError

def main():
    {body}

run(main)
"""


def start(body, **options):
    program = PROGRAM.format(body=body.replace("\n", "\n    "))
    environment = {k: v for k, v in os.environ.items() if k != "NANOCHAT_DEBUG"}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # whoever runs the tests in the background may have Ctrl+C switched off
    options["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen([sys.executable, "-c", program], env=environment, **options)


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_an_error_ends_the_process_with_one_line():
    assert finish(start("raise UserError('wrong; use 4')")) == (1, "", "error: wrong; use 4\n")


WAIT = "print('ready', flush=True)\ntry:\n    time.sleep(60)\nfinally:\n    print('tidied up')"


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [(signal.SIGINT, 130, "interrupted\n"), (signal.SIGTERM, 143, "")],
)
def test_being_told_to_stop_unwinds(number, status, said):
    process = start(WAIT)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)  # so that it is surely asleep
    process.send_signal(number)
    assert finish(process) == (status, "tidied up\n", said)


def test_a_reader_that_went_away_is_no_error():
    process = start("while True: print('x' * 1000, flush=True)")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_reader_that_went_away_before_the_buffer_was_emptied():
    process = start(
        "print('ready', flush=True)\nsys.stdin.readline()\nprint('x')", stdin=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    process.stdin.close()
    process.wait(60)
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
