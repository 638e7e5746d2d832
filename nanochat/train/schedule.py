"""Schedules as plain functions of where training stands: learning-rate multiplier, momentum."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """Where a run stands before an update.

    `step` updates are done, of `num_steps` if the run is counted in updates (None: it ends with
    the data or the clock). `progress` is the fraction of the run that is done, 0 .. 1.
    """

    step: int
    num_steps: int | None
    progress: float


def warmup_warmdown(
    position: Position, warmup_ratio: float, warmdown_ratio: float, final_lr_frac: float
) -> float:
    """Linear warm-up, plateau, linear warm-down to `final_lr_frac` (pretraining)."""
    if position.num_steps is None:  # by the clock: the same shape, in thousandths of the run
        position = Position(round(1000 * position.progress), 1000, position.progress)
    step, num_steps = position.step, position.num_steps
    warmup, warmdown = round(warmup_ratio * num_steps), round(warmdown_ratio * num_steps)
    if step < warmup:
        return (step + 1) / warmup
    if step <= num_steps - warmdown:
        return 1.0
    remaining = (num_steps - step) / warmdown
    return remaining + (1 - remaining) * final_lr_frac


def late_decay(position: Position, plateau: float = 0.8) -> float:
    """1 until `plateau` of the run, then linearly to 0 at its end (mid-training)."""
    return min(1.0, max(0.0, (1.0 - position.progress) / (1.0 - plateau)))


def linear_decay(position: Position) -> float:
    """From 1 at the first update linearly towards 0 (fine-tuning).

    Counted in updates, the horizon is one more than the updates done: the last pass of the
    contract only evaluates.
    """
    if position.num_steps is None:
        return 1.0 - position.progress
    return 1.0 - position.step / (position.num_steps + 1)


def warming_momentum(step: int) -> float:
    """Muon's momentum from 0.85 to 0.95 over the first 300 updates."""
    return 0.85 + 0.10 * min(step / 300, 1.0)
