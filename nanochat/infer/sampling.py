"""Choose the next token from logits. Legend: B rows, V vocabulary."""

import math

import torch
import torch.nn.functional as F

from nanochat.common import UserError

# dividing by less could overflow float32; the draw is arg-max long before that
SMALLEST_TEMPERATURE = 1e-30


def check_sampling(temperature: float, top_k: int | None) -> None:
    """Raise UserError for settings that no distribution belongs to."""
    if not 0.0 <= temperature < math.inf:
        raise UserError(f"temperature must be 0 (always the likeliest) or more, got {temperature}")
    if top_k is not None and top_k < 0:
        raise UserError(f"top_k must be 0 (off) or more, got {top_k}")


def sample_next_token(
    logits_BV: torch.Tensor,
    rng: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
) -> torch.Tensor:
    """Draw one id per row: logits (B, V) to ids (B, 1).

    Temperature 0 is arg-max and draws nothing. `top_k` restricts the draw to the k likeliest ids;
    None and 0 mean no restriction. Raises UserError for a negative temperature or top_k.
    """
    check_sampling(temperature, top_k)
    if temperature == 0.0:
        return logits_BV.argmax(dim=-1, keepdim=True)
    candidates = None
    if top_k:
        logits_BV, candidates = logits_BV.topk(min(top_k, logits_BV.size(-1)), dim=-1)
    relative_BV = logits_BV - logits_BV.amax(dim=-1, keepdim=True)
    probabilities_BV = F.softmax(relative_BV / max(temperature, SMALLEST_TEMPERATURE), dim=-1)
    drawn_B1 = torch.multinomial(probabilities_BV, 1, generator=rng)
    return drawn_B1 if candidates is None else candidates.gather(-1, drawn_B1)
