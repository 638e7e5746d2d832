"""Bits per byte: how well a model compresses text, independent of its vocabulary."""

import lzma
import math
from collections.abc import Iterable

import torch

from nanochat.common import UserError
from nanochat.data.loaders import PretrainLoader
from nanochat.distributed import Dist


@torch.inference_mode()
def evaluate_bpb(
    model,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
    steps: int,
    token_bytes: torch.Tensor,
    dist: Dist | None = None,
) -> float:
    """Return total bits over total bytes of the targets in the first `steps` batches of each rank.

    batches: (inputs, targets) of ids, both (B, T), on the model's device.
    token_bytes: (V,) bytes each token stands for. Targets that stand for no bytes (special tokens)
    or are masked (-1) count on neither side. No bytes at all: infinity.
    Raises UserError for fewer than one step, or when the batches end before `steps`.
    """
    if steps < 1:
        raise UserError(
            f"evaluating bits per byte needs at least one batch, got {steps}; raise the number of "
            "tokens to evaluate, or lower the batch size"
        )
    device = token_bytes.device
    # sums over very many numbers: float64, where the device has it
    precision = torch.float32 if device.type == "mps" else torch.float64
    sums = torch.zeros(2, dtype=precision, device=device)  # nats, bytes
    remaining = iter(batches)
    for step in range(steps):
        batch = next(remaining, None)
        if batch is None:
            raise UserError(f"the data ended after {step} of {steps} batches to evaluate")
        inputs_BT, targets_BT = batch
        loss_N = model(inputs_BT, targets_BT, loss_reduction="none").view(-1)  # N = B * T
        targets_N = targets_BT.reshape(-1)
        bytes_N = torch.where(targets_N >= 0, token_bytes[targets_N.clamp(min=0)], 0)
        # multiplying by zero instead would let one infinite loss on a special token spread
        sums[0] += torch.where(bytes_N > 0, loss_N, 0).sum(dtype=precision)
        sums[1] += bytes_N.sum()
    nats, total_bytes = (sums if dist is None else dist.all_reduce_sum(sums)).tolist()
    return nats / (math.log(2) * total_bytes) if total_bytes > 0 else math.inf


def compression_baseline(texts: Iterable[str]) -> float:
    """Return the bits per byte that `xz -9` needs for the same text, as a yardstick.

    Raises UserError for no text.
    """
    data = "".join(texts).encode("utf-8", "replace")
    if not data:
        raise UserError("a compression baseline needs at least one byte of text, got none")
    return 8 * len(lzma.compress(data, preset=9)) / len(data)


def evaluate_split(
    model, tokenizer, split: str, tokens: int, device_batch_size: int, dist: Dist
) -> float:
    """Return bits per byte of the first `tokens` tokens of a pretraining split, over all ranks.

    Sequences are as long as the model's context. Raises UserError if `tokens` is not a whole
    number of batches over all ranks.
    """
    T = model.config.sequence_len
    per_step = device_batch_size * T * dist.world_size
    if device_batch_size < 1 or tokens < 1 or tokens % per_step != 0:
        fitting = max(1, round(tokens / max(1, per_step))) * per_step
        raise UserError(
            f"{tokens:,} tokens are not a whole number of batches of {device_batch_size} sequences "
            f"x {T} tokens x {dist.world_size} process(es) = {per_step:,}; use "
            f"--split_tokens={fitting} or another --device_batch_size"
        )
    loader = PretrainLoader(tokenizer, device_batch_size, T, split, dist)
    pairs = ((batch.inputs, batch.targets) for batch in loader)
    token_bytes = tokenizer.token_bytes().to(dist.device)
    return evaluate_bpb(model, pairs, tokens // per_step, token_bytes, dist)
