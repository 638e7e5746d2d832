"""Run the quickstart's steps one after another, and continue where an earlier run stopped."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from nanochat.checkpoints.files import STAGE_DIRS, list_steps, read_meta
from nanochat.common import UserError, atomic_write, get_base_dir
from nanochat.quickstart.plan import TAG, Step


class Journal:
    """What is done: step name -> the arguments it ran with and the seconds it took."""

    def __init__(self):
        self.path = os.path.join(get_base_dir(), "quickstart.json")
        try:
            with open(self.path, encoding="utf-8") as file:
                self.steps: dict[str, dict] = json.load(file)
        except (FileNotFoundError, json.JSONDecodeError):
            self.steps = {}

    def forget_from(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps still to do: all from the first that is missing or was different."""
        for index, step in enumerate(steps):
            if self.steps.get(step.name, {}).get("argv") != list(step.argv):
                for later in steps[index:]:
                    self.steps.pop(later.name, None)
                return list(steps[index:])
        return []

    def done(self, step: Step, seconds: float) -> None:
        self.steps[step.name] = {"argv": list(step.argv), "seconds": seconds}
        with atomic_write(self.path, "w") as file:
            json.dump(self.steps, file, indent=2)


def command_text(argv: Sequence[str]) -> str:
    """The command as one would type it."""
    return "python -m " + " ".join(shlex.quote(part) for part in argv)


def resume_flags(step: Step) -> tuple[str, ...]:
    """A training step that was interrupted left an incomplete checkpoint: continue from it."""
    if step.stage is None:
        return ()
    directory = os.path.join(get_base_dir(), STAGE_DIRS[step.stage], TAG)
    steps = list_steps(directory) if os.path.isdir(directory) else []
    for number in sorted(steps, reverse=True):
        meta = read_meta(directory, number)
        minutes = meta.get("user_config", {}).get("minutes") or 0
        same = f"--minutes={minutes:.4g}" in step.argv
        if meta.get("complete") is False and same:
            return (f"--resume_from_step={number}",)
    return ()


def run_step(step: Step, number: int, count: int) -> float:
    """Run one step in a process of its own; return the seconds. Raises UserError if it fails."""
    argv = (*step.argv, *resume_flags(step))
    print(f"\n[{number}/{count}] {step.does}\n$ {command_text(argv)}", flush=True)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", *argv])
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()  # the terminal has told it too; it saves and ends
        raise
    if status == 130:
        raise KeyboardInterrupt
    if status != 0:
        raise UserError(
            f"the step '{step.name}' failed (status {status}); its message is above. "
            "Run the quickstart again to continue from this step"
        )
    return time.perf_counter() - started


def run_steps(steps: Sequence[Step]) -> dict[str, float]:
    """Run what is not done yet; return the seconds of every step, earlier runs included."""
    journal = Journal()
    todo = journal.forget_from(steps)
    if len(todo) < len(steps):
        done = len(steps) - len(todo)
        print(f"continuing: {done} of {len(steps)} steps were done before")
    for step in todo:
        try:
            seconds = run_step(step, steps.index(step) + 1, len(steps))
        except KeyboardInterrupt:
            print("\nstopped; run the quickstart again to continue here", flush=True)
            raise
        journal.done(step, seconds)
    return {name: entry["seconds"] for name, entry in journal.steps.items()}
