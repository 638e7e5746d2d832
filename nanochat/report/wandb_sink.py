"""Experiment logging to Weights & Biases, for those who ask for it with `--run=<name>`."""

import importlib.util
from collections.abc import Mapping
from typing import Any

from nanochat.common import print0

OFF = "dummy"  # the run name that means "do not log"


class NullRun:
    """Takes the place of a wandb run when logging is off."""

    def log(self, *_args, **_kwargs) -> None:
        pass

    def finish(self, *_args, **_kwargs) -> None:
        pass


def open_run(run: str, *, project: str, config: Mapping[str, Any], is_main: bool = True):
    """Return an object with `log(dict)` and `finish()`: a wandb run, or a `NullRun`.

    `run` is the run's name, "dummy" turns logging off. Only the main rank ever logs. A missing
    package is a loud warning.
    """
    if run == OFF:
        return NullRun()
    if importlib.util.find_spec("wandb") is None:
        # a run of hours must not fail for want of a logger; metrics.jsonl has the same figures
        print0(
            f"WARNING: --run={run} asks for logging to Weights & Biases, but the package wandb is "
            "not installed (`pip install wandb`): logging to metrics.jsonl only"
        )
        return NullRun()
    if not is_main:
        return NullRun()
    import wandb

    return wandb.init(project=project, name=run, config=dict(config))
