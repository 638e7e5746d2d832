"""The model: a decoder-only Transformer, and nothing else.

Legend: B batch, T new positions, S all positions, H query heads, G key/value heads, D head size,
C width, V vocabulary, Vp vocabulary padded to a multiple of 64.

Rotary positions; queries and keys are normalised after rotation; no biases, no learnable norm
gains; squared ReLU; untied embedding and head; the embedding is normalised right after look-up;
logits are capped softly at 15.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from nanochat.common import UserError

NORM_EPS = 2.0**-23  # stated, because the framework's default depends on dtype and version
LOGIT_CAP = 15.0
ROTARY_BASE = 10000.0
ROTARY_LENGTH_FACTOR = 10  # tables cover this many times the trained context
VOCAB_MULTIPLE = 64


@dataclass
class GPTConfig:
    """Shape of the model; exactly these six fields are stored with a checkpoint."""

    sequence_len: int = 1024
    vocab_size: int = 50304
    n_layer: int = 12
    n_head: int = 6
    n_kv_head: int = 6
    n_embd: int = 768

    def __post_init__(self):
        for name, value in vars(self).items():
            if not isinstance(value, int) or value < 1:
                raise UserError(f"{name} must be a positive whole number, got {value!r}")
        if self.n_embd % self.n_head != 0:
            raise UserError(f"n_embd={self.n_embd} is not divisible by n_head={self.n_head}")
        if self.n_head % self.n_kv_head != 0:
            raise UserError(f"n_head={self.n_head} is not a multiple of n_kv_head={self.n_kv_head}")
        if self.head_dim % 2 != 0:
            raise UserError(
                f"the head size n_embd/n_head={self.head_dim} is odd; rotary positions need it even"
            )

    @property
    def head_dim(self) -> int:
        return self.n_embd // self.n_head

    @property
    def padded_vocab_size(self) -> int:
        return -(-self.vocab_size // VOCAB_MULTIPLE) * VOCAB_MULTIPLE

    @classmethod
    def from_depth(
        cls,
        depth: int,
        sequence_len: int,
        vocab_size: int,
        *,
        aspect_ratio: int = 64,
        head_dim: int = 128,
    ) -> "GPTConfig":
        """One dial sets the shape: C = aspect_ratio depth, heads as near `head_dim` as can be."""
        if depth < 1:
            raise UserError(f"--depth must be at least 1, got {depth}")
        n_embd = aspect_ratio * depth
        wanted = max(1, round(n_embd / head_dim))
        n_head = next(
            heads
            for step in range(n_embd)
            for heads in (wanted + step, wanted - step)
            if heads > 0 and n_embd % heads == 0
        )
        return cls(sequence_len, vocab_size, depth, n_head, n_head, n_embd)


def norm(x: torch.Tensor) -> torch.Tensor:
    """RMS-normalise the last axis without gain; computed in fp32, returned in the input's dtype."""
    return F.rms_norm(x.float(), (x.size(-1),), eps=NORM_EPS).to(x.dtype)


def rotate(x_BTHD: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotate the two halves of each head by minus the position's angle.

    cos, sin: (1, T, 1, D/2), or (B, T, 1, D/2) when rows stand at different positions.

    The sign is the opposite of the Llama/NeoX convention; stored weights depend on it.
    """
    x1, x2 = x_BTHD.chunk(2, dim=-1)
    return torch.cat((x1 * cos + x2 * sin, x2 * cos - x1 * sin), dim=-1).to(x_BTHD.dtype)


class CausalSelfAttention(nn.Module):
    def __init__(self, config: GPTConfig, layer_idx: int):
        super().__init__()
        self.layer_idx = layer_idx
        self.n_head, self.n_kv_head, self.head_dim = (
            config.n_head,
            config.n_kv_head,
            config.head_dim,
        )
        width, kv_width = config.n_embd, config.n_kv_head * config.head_dim
        self.c_q = nn.Linear(width, width, bias=False)
        self.c_k = nn.Linear(width, kv_width, bias=False)
        self.c_v = nn.Linear(width, kv_width, bias=False)
        self.c_proj = nn.Linear(width, width, bias=False)

    def forward(self, x_BTC, cos, sin, kv_cache=None, mask="causal"):
        B, T, C = x_BTC.shape
        q = self.c_q(x_BTC).view(B, T, self.n_head, self.head_dim)
        k = self.c_k(x_BTC).view(B, T, self.n_kv_head, self.head_dim)
        v = self.c_v(x_BTC).view(B, T, self.n_kv_head, self.head_dim)
        q, k = norm(rotate(q, cos, sin)), norm(rotate(k, cos, sin))
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
        if kv_cache is not None:
            k, v = kv_cache.insert_kv(self.layer_idx, k, v)
        y_BHTD = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=None if isinstance(mask, str) else mask,
            is_causal=isinstance(mask, str),
            enable_gqa=self.n_head != self.n_kv_head,
        )
        return self.c_proj(y_BHTD.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, config: GPTConfig):
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, bias=False)

    def forward(self, x):
        return self.c_proj(F.relu(self.c_fc(x)).square())


class Block(nn.Module):
    def __init__(self, config: GPTConfig, layer_idx: int):
        super().__init__()
        self.attn = CausalSelfAttention(config, layer_idx)
        self.mlp = MLP(config)

    def forward(self, x, cos, sin, kv_cache=None, mask="causal"):
        x = x + self.attn(norm(x), cos, sin, kv_cache, mask)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    """The language model. Build it (on the meta device if large), then call `init_weights`."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.padded_vocab_size, config.n_embd),
                "h": nn.ModuleList(Block(config, index) for index in range(config.n_layer)),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.padded_vocab_size, bias=False)
        cos, sin = self._rotary_tables(device=self.lm_head.weight.device)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def _rotary_tables(self, device, dtype=torch.bfloat16) -> tuple[torch.Tensor, torch.Tensor]:
        """cos and sin of position times frequency: (1, positions, 1, D/2), fp32 then rounded."""
        half = self.config.head_dim // 2
        exponents = torch.arange(half, dtype=torch.float32, device=device) / half
        positions = torch.arange(
            ROTARY_LENGTH_FACTOR * self.config.sequence_len, dtype=torch.float32, device=device
        )
        # the reciprocal of a power, not a negative power: its last bit is that of other programs
        angles = torch.outer(positions, 1.0 / ROTARY_BASE**exponents)[None, :, None, :]
        return angles.cos().to(dtype), angles.sin().to(dtype)

    @torch.no_grad()
    def init_weights(self) -> None:
        """Give every parameter and buffer its initial value (needed after a meta-device build)."""
        bound = math.sqrt(3) * self.config.n_embd**-0.5
        nn.init.normal_(self.transformer.wte.weight, std=1.0)
        nn.init.normal_(self.lm_head.weight, std=0.001)
        for block in self.transformer.h:
            for linear in (block.attn.c_q, block.attn.c_k, block.attn.c_v, block.mlp.c_fc):
                nn.init.uniform_(linear.weight, -bound, bound)
            for linear in (block.attn.c_proj, block.mlp.c_proj):
                nn.init.zeros_(linear.weight)
        self.init_rotary()
        if self.get_device().type == "cuda":
            self.transformer.wte.to(dtype=torch.bfloat16)

    def init_rotary(self, dtype: torch.dtype = torch.bfloat16) -> None:
        """Compute the rotary tables, which no checkpoint stores.

        Models are trained with bf16 tables; fp32 serves comparisons with other implementations.
        """
        self.cos, self.sin = self._rotary_tables(self.get_device(), dtype)

    def get_device(self) -> torch.device:
        return self.transformer.wte.weight.device

    def num_parameters(self) -> int:
        """All parameters, padding rows included."""
        return sum(parameter.numel() for parameter in self.parameters())

    def estimate_flops(self) -> int:
        """FLOPs per trained token: 6 per matrix weight, 12 L H D T for attention (PaLM, app. B)."""
        config = self.config
        matrices = self.num_parameters() - self.transformer.wte.weight.numel()
        attention = config.n_layer * config.n_head * config.head_dim * config.sequence_len
        return 6 * matrices + 12 * attention

    def _rotary_slice(self, start, T: int):
        """Tables for T positions from `start`: an int, or (B,) when the rows differ."""
        if isinstance(start, int):
            end = start + T
            if end > self.cos.size(1):
                raise UserError(
                    f"position {end} is beyond the rotary table of {self.cos.size(1)} positions "
                    f"(context {self.config.sequence_len}); shorten the input"
                )
            return self.cos[:, start:end], self.sin[:, start:end]
        positions_BT = start[:, None] + torch.arange(T, device=start.device)
        return self.cos[0, positions_BT], self.sin[0, positions_BT]

    def forward(self, idx, targets=None, kv_cache=None, loss_reduction="mean"):
        """Logits (B, T, V) in fp32 for ids (B, T), or with targets (B, T) the cross-entropy.

        Targets of -1 are ignored. `loss_reduction` is mean, sum or none (a flat B*T vector).
        """
        B, T = idx.shape
        start = 0 if kv_cache is None else kv_cache.get_pos()
        mask = "causal" if kv_cache is None else kv_cache.attention_mask(T)
        cos, sin = self._rotary_slice(start, T)
        x = norm(self.transformer.wte(idx))
        if not torch.is_autocast_enabled(x.device.type):
            x = x.to(self.lm_head.weight.dtype)  # a bf16 embedding under float32 matrices
        for block in self.transformer.h:
            x = block(x, cos, sin, kv_cache, mask)
        if targets is None:
            return self._logits(x)
        x, targets = x.view(B * T, -1), targets.reshape(-1)
        if loss_reduction != "none" and not torch.compiler.is_compiling():
            # no logits where nothing is to be predicted; compiled code wants fixed shapes instead
            supervised = targets >= 0
            x, targets = x[supervised], targets[supervised]
        return F.cross_entropy(self._logits(x), targets, ignore_index=-1, reduction=loss_reduction)

    def _logits(self, x):
        logits = self.lm_head(norm(x))[..., : self.config.vocab_size].float()
        return LOGIT_CAP * torch.tanh(logits / LOGIT_CAP)

    @torch.inference_mode()
    def generate(self, tokens, max_tokens, temperature=1.0, top_k=None, seed=42) -> Iterator[int]:
        """Yield ids one at a time without a cache: the plain twin of the engine."""
        ids = torch.tensor([tokens], dtype=torch.long, device=self.get_device())
        rng = torch.Generator(device=ids.device).manual_seed(seed)
        for _ in range(max_tokens):
            logits = self.forward(ids)[:, -1]
            if temperature > 0:
                if top_k:
                    kth = torch.topk(logits, min(top_k, logits.size(-1))).values[:, -1:]
                    logits = logits.masked_fill(logits < kth, -math.inf)
                probabilities = F.softmax(logits / temperature, dim=-1)
                next_id = torch.multinomial(probabilities, 1, generator=rng)
            else:
                next_id = logits.argmax(dim=-1, keepdim=True)
            ids = torch.cat((ids, next_id), dim=1)
            yield next_id.item()
