"""Mixed precision: in which type a model computes on a device."""

from contextlib import AbstractContextManager, nullcontext

import torch


def mixed_precision(device: torch.device, dtype: str = "bfloat16") -> AbstractContextManager:
    """Autocast to bf16 on CUDA, unless `dtype` is "float32"; elsewhere everything is fp32."""
    if device.type == "cuda" and dtype == "bfloat16":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()
