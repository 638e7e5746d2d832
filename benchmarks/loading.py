"""Time and memory of loading a checkpoint, and the time of `nanochat models`.

    python -m benchmarks.loading --source=base --model_tag=d34 --repeats=3

Each load runs in a process of its own on the CPU, once to have the model and once to compute a
token with it; the largest resident memory, mapped pages of the file included, is divided by the
file's size. The first load of a file also reads it from the disk.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Literal

from nanochat.checkpoints.files import choose_checkpoint, model_name
from nanochat.command_line import parse, run
from nanochat.common import text_table

LOAD = """
import json, resource, sys, time
import torch
from nanochat.checkpoint_manager import load_model
from nanochat.distributed import weight_dtype
source, tag, step, dtype, phase, tokens = json.loads(sys.argv[1])
started = time.perf_counter()
model, _, _ = load_model(source, "cpu", phase, tag, step, weight_dtype(dtype))
if tokens:
    with torch.inference_mode():
        model(torch.zeros(1, tokens, dtype=torch.long))
seconds = time.perf_counter() - started
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
"""


@dataclass(frozen=True, kw_only=True)
class LoadingConfig:
    source: Literal["base", "mid", "sft", "rl"] = "base"
    """stage of the checkpoint"""
    model_tag: str | None = None
    """directory of the checkpoint"""
    step: int | None = None
    """step of the checkpoint"""
    repeats: int = 3
    """runs of each row; the median is shown"""


def measure_load(info, dtype: str, phase: str, tokens: int) -> tuple[float, float]:
    """Return (seconds, peak resident bytes) of one load in a new process."""
    asked = json.dumps([info.source, info.tag, info.step, dtype, phase, tokens])
    command = [sys.executable, "-c", LOAD, asked]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def measure_models() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "scripts.models"], check=True, capture_output=True)
    return time.perf_counter() - started


def main(argv: list[str] | None = None) -> None:
    config = parse(LoadingConfig, argv, prog="loading", description=__doc__)
    info = choose_checkpoint(config.source, config.model_tag, config.step)
    size = os.path.getsize(os.path.join(info.path, model_name(info.step)))
    rows = [["load", "seconds", "peak GB", "of the file"]]
    for dtype, phase, tokens in (
        ("float32", "eval", 0),
        ("float32", "eval", 1),
        ("bfloat16", "eval", 0),
        ("bfloat16", "eval", 1),
        ("float32", "train", 0),
    ):
        runs = [measure_load(info, dtype, phase, tokens) for _ in range(config.repeats)]
        seconds, peak = (statistics.median(values) for values in zip(*runs, strict=True))
        name = f"{dtype}, {phase}" + (", and one token" if tokens else "")
        rows.append([name, f"{seconds:.1f}", f"{peak / 1e9:.2f}", f"{peak / size:.2f}"])
    print(f"\n{info}: file of {size / 1e9:.2f} GB")
    print(text_table(rows, right={1, 2, 3}))
    print(f"nanochat models: {statistics.median(measure_models() for _ in range(5)):.2f} s")


if __name__ == "__main__":
    run(main)
