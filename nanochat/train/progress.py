"""What a training run says while it runs: a bar on a terminal, plain lines elsewhere."""

import sys
import time

from tqdm import tqdm

from nanochat.common import duration, print0

PEAK_FLOPS_H100 = 989e12  # dense bf16, per GPU; the scale of the printed utilisation
SECONDS_BETWEEN_LINES = 1.0  # a small model makes many updates a second


class ProgressLog:
    """Report each update of a trainer: to the screen, the metrics file and the experiment log."""

    def __init__(self, title: str, flops_per_token: int, dist, metrics, experiment, every: int):
        self.title, self.flops_per_token, self.dist = title, flops_per_token, dist
        self.metrics, self.experiment, self.experiment_every = metrics, experiment, every
        self._bar = None
        self._last_line = 0.0
        if dist.is_main and sys.stdout.isatty():
            layout = "{desc} {percentage:3.0f}%|{bar}| {elapsed} < {postfix}"
            self._bar = tqdm(total=1.0, desc=title, bar_format=layout, file=sys.stdout)

    def utilisation(self, tokens_per_second: float) -> float:
        """Fraction of the peak of as many H100 as there are processes."""
        return self.flops_per_token * tokens_per_second / (PEAK_FLOPS_H100 * self.dist.world_size)

    def __call__(self, trainer, last: bool) -> None:
        update = trainer.last_update
        record = {"step": trainer.step, "progress": trainer.position.progress, **update}
        self.metrics.log({"event": "update", **record, "time": time.time()})
        if trainer.step % self.experiment_every == 0:
            self.experiment.log(self._experiment_record(trainer))
        if self._bar is not None:
            self._bar.n = trainer.position.progress
            self._bar.set_postfix_str(self._line(trainer), refresh=True)
        elif trainer.is_last or time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print0(f"{self.title} {self._line(trainer)}")

    def _line(self, trainer) -> str:
        update, position = trainer.last_update, trainer.position
        left = trainer.seconds_left()
        total = "" if trainer.num_steps is None else f"/{trainer.num_steps}"
        parts = [
            f"step {trainer.step}{total} ({position.progress:.1%})",
            f"loss {trainer.debiased_loss:.4f}",
            f"lrm {update['lr_multiplier']:.2f}",
            f"{update['seconds'] * 1000:.0f} ms",
            f"{update['tokens_per_second']:,.0f} tok/s",
        ]
        if trainer.grad_clip > 0:
            parts.insert(2, f"grad norm {update['grad_norm']:.3f}")
        if self.dist.device_type == "cuda":
            parts.append(f"mfu {self.utilisation(update['tokens_per_second']):.1%}")
        timed = trainer.total_training_time
        parts.append(f"trained {duration(timed)}" if timed else "warming up")
        parts.append(f"left {'?' if left is None else duration(left)}")
        return " | ".join(parts)

    def _experiment_record(self, trainer) -> dict:
        update = trainer.last_update
        return {
            "step": trainer.step,
            "train/loss": trainer.debiased_loss,
            "train/lrm": update["lr_multiplier"],
            "train/dt": update["seconds"],
            "train/tok_per_sec": update["tokens_per_second"],
            "train/mfu": self.utilisation(update["tokens_per_second"]),
            "train/grad_norm": update["grad_norm"],
            "train/num_tokens": update["supervised_tokens"],
            "total_training_flops": self.flops_per_token * update["tokens"] * trainer.step,
            "total_training_time": trainer.total_training_time,
        }

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
