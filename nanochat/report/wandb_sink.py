"""Experiment logging to Weights & Biases, for those who ask for it with `--run=<name>`."""

import importlib.util
from collections.abc import Mapping
from typing import Any

from nanochat.common import UserError

OFF = "dummy"  # the run name that means "do not log"


class NullRun:
    """Takes the place of a wandb run when logging is off."""

    def log(self, *_args, **_kwargs) -> None:
        pass

    def finish(self, *_args, **_kwargs) -> None:
        pass


def open_run(run: str, *, project: str, config: Mapping[str, Any], is_main: bool = True):
    """Return an object with `log(dict)` and `finish()`: a wandb run, or a `NullRun`.

    `run` is the run's name, "dummy" turns logging off. Only the main rank ever logs, but a missing
    package is a UserError on every rank, so that none is left waiting for the others.
    """
    if run == OFF:
        return NullRun()
    if importlib.util.find_spec("wandb") is None:
        raise UserError(
            f"--run={run} asks for logging to Weights & Biases, but the package wandb is not "
            f"installed; run `pip install wandb`, or leave --run at {OFF!r} to turn logging off"
        )
    if not is_main:
        return NullRun()
    import wandb

    return wandb.init(project=project, name=run, config=dict(config))
