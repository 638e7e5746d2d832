"""Devices and ranks: a `Dist` value that is a no-op at world size 1, and mixed precision."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as torch_distributed

from nanochat.common import UserError

DEVICE_TYPES = ("cuda", "mps", "cpu")


@dataclass(frozen=True)
class Dist:
    """This process among its equals. Collectives return at once when it is alone."""

    rank: int
    local_rank: int
    world_size: int
    device: torch.device

    @property
    def device_type(self) -> str:
        return self.device.type

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def all_reduce_sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Sum `tensor` over all ranks, in place, and return it."""
        if self.world_size > 1:
            torch_distributed.all_reduce(tensor, op=torch_distributed.ReduceOp.SUM)
        return tensor

    def all_reduce_max(self, tensor: torch.Tensor) -> torch.Tensor:
        """Take the element-wise maximum over all ranks, in place, and return it."""
        if self.world_size > 1:
            torch_distributed.all_reduce(tensor, op=torch_distributed.ReduceOp.MAX)
        return tensor

    def gather_objects(self, value: Any) -> list[Any]:
        """Return every rank's small picklable value, in rank order, on every rank."""
        if self.world_size == 1:
            return [value]
        values = [None] * self.world_size
        torch_distributed.all_gather_object(values, value)
        return values

    def barrier(self) -> None:
        """Wait until every rank has arrived."""
        if self.world_size > 1:
            torch_distributed.barrier()

    def synchronize(self) -> None:
        """Wait until the device has finished all queued work, so that a clock can be read."""
        if self.device_type == "cuda":
            torch.cuda.synchronize()

    def close(self) -> None:
        """Leave the process group, all ranks together: one that leaves early can abort another."""
        if self.world_size > 1 and torch_distributed.is_initialized():
            torch_distributed.barrier()
            torch_distributed.destroy_process_group()


def autodetect_device_type() -> str:
    """Return the first available of cuda, mps, cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def single(device: str | torch.device = "cpu") -> Dist:
    """A process on its own."""
    return Dist(rank=0, local_rank=0, world_size=1, device=torch.device(device))


def mixed_precision(device: torch.device, dtype: str | None = None) -> AbstractContextManager:
    """Autocast to bf16 on CUDA, unless `dtype` is "float32"; elsewhere nothing."""
    if device.type == "cuda" and dtype != "float32":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def weight_dtype(dtype: str | None) -> torch.dtype:
    """Type of a loaded model's weights on CPU and MPS: fp32 unless "bfloat16" is asked for."""
    return torch.bfloat16 if dtype == "bfloat16" else torch.float32


def _check_device_type(device_type: str) -> None:
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if not available.get(device_type, False):
        usable = ", ".join(name for name, there in available.items() if there)
        raise UserError(
            f"--device_type={device_type} is not available here; usable: {usable} "
            "(leave the flag out to detect the device)"
        )


def init(device_type: str | None = None, seed: int = 42) -> Dist:
    """Set up device, seeds and, under torchrun, the process group.

    Every rank gets the same seed, so that all initialise the same weights without a broadcast.
    Raises UserError for a device that is not available.
    """
    device_type = device_type or autodetect_device_type()
    _check_device_type(device_type)
    torch.manual_seed(seed)
    if device_type == "cuda":
        torch.cuda.manual_seed(seed)
        torch.set_float32_matmul_precision("high")  # TF32 for what is not bf16
    if not all(name in os.environ for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")):
        return single(torch.device(device_type, 0) if device_type == "cuda" else device_type)
    rank, local_rank, world_size = (
        int(os.environ[name]) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")
    )
    device = torch.device(device_type, local_rank) if device_type == "cuda" else device_type
    if device_type == "cuda":
        torch.cuda.set_device(device)
        torch_distributed.init_process_group("nccl", device_id=device)
    else:
        torch_distributed.init_process_group("gloo")
    torch_distributed.barrier()
    return Dist(rank, local_rank, world_size, torch.device(device))
