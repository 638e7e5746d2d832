"""Loads one checkpoint into as many workers as there are devices to use."""

from functools import partial

import torch

from nanochat import distributed
from nanochat.checkpoint_manager import load_model
from nanochat.common import UserError
from nanochat.engine import Engine
from nanochat.serve.pool import Worker, WorkerPool
from nanochat.serve.settings import Identity


def pick_devices(device_type: str | None, num_gpus: int) -> list[torch.device]:
    """Return one device per replica; more than one only on CUDA. UserError if there are fewer."""
    device = distributed.init(device_type).device
    if num_gpus == 1:
        return [device]
    if num_gpus < 1:
        raise UserError(f"--num-gpus must be at least 1, got {num_gpus}")
    if device.type != "cuda":
        raise UserError(f"--num-gpus={num_gpus} needs CUDA, but the device is {device.type}")
    if (found := torch.cuda.device_count()) < num_gpus:
        raise UserError(f"--num-gpus={num_gpus}, but this machine has {found}")
    return [torch.device("cuda", index) for index in range(num_gpus)]


def load_pool(
    source: str,
    model_tag: str | None,
    step: int | None,
    devices: list[torch.device],
    dtype: str | None,
) -> tuple[WorkerPool, Identity]:
    """Load the checkpoint once per device; `dtype` is "bfloat16", "float32" or None."""
    workers = []
    for index, device in enumerate(devices):
        model, tokenizer, meta = load_model(
            source, device, "eval", model_tag, step, distributed.weight_dtype(dtype)
        )
        chosen = meta["checkpoint"]
        # what was chosen for the first replica holds for all, whatever is saved meanwhile
        model_tag, step = chosen["tag"], chosen["step"]
        engine, context = Engine(model, tokenizer), model.config.sequence_len
        workers.append(
            Worker(
                index,
                str(device),
                engine,
                tokenizer,
                context,
                partial(distributed.mixed_precision, device, dtype),
            )
        )
    return WorkerPool(workers), Identity(chosen["source"], model_tag, step)
