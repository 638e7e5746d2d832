"""The only training loop. It reads as the algorithm; all else is a hook.

A hook is a callable `hook(trainer, last)`; hooks run before every update and once more, with
`last` true, after the final one.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from nanochat.data.loaders import IGNORE, Batch
from nanochat.distributed import Dist
from nanochat.train.optim import Optimizers
from nanochat.train.schedule import Position

SMOOTHING = 0.9  # of the printed loss: exponential moving average, bias-corrected
UNTIMED_UPDATES = 10  # the first updates warm up caches and compilers; they would spoil the ETA
STDERR = 2  # its file descriptor

Hook = Callable[["Trainer", bool], None]


def every(interval: int | None, action: Hook, *, first: bool = True) -> Hook:
    """Run `action` at steps divisible by `interval` and at the end; None = never."""

    def hook(trainer: "Trainer", last: bool) -> None:
        if interval is None:
            return
        due = trainer.step % interval == 0 and (first or trainer.step > 0)
        if last or due:
            action(trainer, last)

    return hook


class Trainer:
    """Train `model` on `loader` for `num_steps` updates, or else for `seconds` of training, or
    else (both None) until the data ran out once.

    One update averages over `micro_batches` batches of every rank: the sum of all token losses
    divided by the number of supervised tokens, so that every token weighs the same.
    `state_dict` after any update, given to a new trainer, continues bitwise the same on the CPU.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizers: Optimizers,
        loader: Iterator[Batch],
        dist: Dist,
        *,
        num_steps: int | None = None,
        seconds: float | None = None,
        micro_batches: int,
        lr_multiplier: Callable[[Position], float],
        momentum: Callable[[int], float | None] = lambda step: None,
        grad_clip: float = 0.0,
        autocast: Callable = nullcontext,
        compile_model: bool = False,
    ):
        self.model, self.optimizers, self.loader, self.dist = model, optimizers, loader, dist
        self.num_steps, self.seconds, self.micro_batches = num_steps, seconds, micro_batches
        self.lr_multiplier, self.momentum = lr_multiplier, momentum
        self.grad_clip, self.autocast = grad_clip, autocast
        # static shapes; the compiled object shares the weights with `model`, which evaluates
        self._forward = torch.compile(model, dynamic=False) if compile_model else model
        self.step = 0
        self.data_progress = 0.0
        self.loader_state: dict | None = None
        self.seconds_used = 0.0  # of all updates; the slowest rank's clock
        self.total_training_time = 0.0  # without the untimed updates
        self.smooth_loss = 0.0
        self.results: dict[str, Any] = {}  # what hooks found out; JSON values
        self.last_update: dict[str, float] = {}
        self._waiting: list[Batch] = []
        self._updates_here = 0
        self._timed_here = 0.0
        self._stop_asked = False
        self.interrupted = False

    @property
    def position(self) -> Position:
        if self.num_steps is not None:
            progress = self.step / self.num_steps
        elif self.seconds is not None:
            progress = self.seconds_used / self.seconds
        else:
            progress = self.data_progress
        return Position(self.step, self.num_steps, min(1.0, progress))

    @property
    def is_last(self) -> bool:
        return self.position.progress >= 1.0

    def run(self, hooks: Sequence[Hook], log: Hook) -> None:
        """Train to the end. An interruption (Ctrl+C, SIGTERM) stops after the current update."""
        with self._graceful_interruption():
            while not self.interrupted:
                last = self.is_last
                self.model.eval()
                for hook in hooks:
                    hook(self, last)
                if last:
                    return
                self.model.train()
                self.train_step()
                log(self, last)

    def train_step(self) -> None:
        """One update: forward, backward, average, step."""
        self.dist.synchronize()
        started = time.perf_counter()
        position = self.position
        batches = self._waiting or self._fetch()
        supervised = self._count_supervised(batches)
        loss_sum = torch.zeros((), device=self.dist.device)
        for batch in batches:
            with self.autocast():
                loss = self._forward(batch.inputs, batch.targets, loss_reduction="sum")
            (loss * (self.dist.world_size / supervised)).backward()
            loss_sum += loss.detach()
        self._waiting = self._fetch()  # read on the host while the device is still busy
        multiplier = self.lr_multiplier(position)
        norm = self.optimizers.step(multiplier, self.momentum(self.step), self.grad_clip)
        loss = self.dist.all_reduce_sum(loss_sum).item() / supervised
        self.dist.synchronize()
        self._finish(batches, loss, multiplier, norm, supervised, time.perf_counter() - started)

    def _fetch(self) -> list[Batch]:
        return [next(self.loader) for _ in range(self.micro_batches)]

    def _count_supervised(self, batches: Sequence[Batch]) -> int:
        """Tokens with a loss over all micro-batches and ranks, at least 1."""
        own = sum((batch.targets != IGNORE).sum() for batch in batches)
        return max(1, self.dist.all_reduce_sum(own).item())

    def _finish(self, batches, loss, multiplier, norm, supervised, seconds) -> None:
        self.step += 1
        self._updates_here += 1
        # ranks see different data and signals: agree on how far they are and whether to stop
        seen = self.dist.gather_objects((batches[-1].progress, seconds, self._stop_asked))
        self.data_progress = max(progress for progress, _, _ in seen)
        self.seconds_used += max(taken for _, taken, _ in seen)
        self.interrupted = any(stop for _, _, stop in seen)
        self.loader_state = batches[-1].state
        self.smooth_loss = SMOOTHING * self.smooth_loss + (1 - SMOOTHING) * loss
        if self._updates_here > UNTIMED_UPDATES:
            self.total_training_time += seconds
            self._timed_here += seconds
        tokens = sum(batch.inputs.numel() for batch in batches) * self.dist.world_size
        self.last_update = {
            "loss": loss,
            "lr_multiplier": multiplier,
            "grad_norm": norm,
            "seconds": seconds,
            "tokens": tokens,
            "supervised_tokens": supervised,
            "tokens_per_second": tokens / seconds,
        }

    @property
    def debiased_loss(self) -> float:
        """The smoothed training loss in nats per token."""
        return self.smooth_loss / (1 - SMOOTHING ** max(1, self.step))

    def seconds_left(self) -> float | None:
        """Estimated from the updates of this process that were timed; None while there are none."""
        if self.num_steps is None and self.seconds is not None:
            return max(0.0, self.seconds - self.seconds_used)
        timed = self._updates_here - UNTIMED_UPDATES
        fraction_done = self.position.progress
        if timed < 1 or fraction_done <= 0:
            return None
        per_update = self._timed_here / timed
        updates_left = self.step / fraction_done - self.step
        return per_update * updates_left

    def state_dict(self) -> dict:
        """Everything but weights and optimizer state; the loader's place is this rank's."""
        return {
            "step": self.step,
            "data_progress": self.data_progress,
            "loader": self.loader_state,
            "smooth_train_loss": self.smooth_loss,
            "seconds_used": self.seconds_used,
            "total_training_time": self.total_training_time,
            "results": dict(self.results),
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue where `state_dict` was taken; the loader must be built from state['loader']."""
        self.step, self.data_progress = state["step"], state["data_progress"]
        self.loader_state, self.smooth_loss = state["loader"], state["smooth_train_loss"]
        self.seconds_used = state["seconds_used"]
        self.total_training_time = state["total_training_time"]
        self.results = dict(state["results"])

    @contextmanager
    def _graceful_interruption(self):
        """The first Ctrl+C or SIGTERM asks to stop after this update; the second stops at once."""

        def ask(number, frame):
            if self._stop_asked:
                raise KeyboardInterrupt
            self._stop_asked = True
            if self.dist.is_main:
                # not print: the signal may have come in the middle of one, which forbids another
                os.write(STDERR, b"\nstopping after this update (once more to stop at once) ...\n")

        signals = (signal.SIGINT, signal.SIGTERM)
        try:
            before = {number: signal.signal(number, ask) for number in signals}
        except ValueError:  # not the main thread: whoever runs us handles signals
            before = {}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
