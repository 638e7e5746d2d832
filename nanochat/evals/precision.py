"""Mixed precision for evaluations."""

from contextlib import AbstractContextManager, nullcontext

import torch

from nanochat.distributed import Dist


def mixed_precision(dist: Dist, dtype: str = "bfloat16") -> AbstractContextManager:
    """Autocast to bf16 on CUDA, unless `dtype` is "float32"; elsewhere everything is fp32."""
    if dist.device_type == "cuda" and dtype == "bfloat16":
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()
