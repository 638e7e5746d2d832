"""Write a checkpoint with random weights, shaped and stored like a published one.

    python -m benchmarks.random_checkpoint --depth=34 --out=d34-random

makes a directory laid out like the published d34 (`model_169150.pt`, `meta_169150.json`,
`tokenizer.pkl`, `token_bytes.pt`, all side by side; 8.6 GB), for `nanochat pull d34-random`. The
embedding is bf16 and all else fp32, as training on CUDA leaves it. The tokenizer has 65,536 tokens,
learnt from made-up words.
"""

import json
import os
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from nanochat.command_line import parse, run
from nanochat.common import UserError, atomic_write


@dataclass(frozen=True, kw_only=True)
class RandomCheckpointConfig:
    out: str
    """new directory for the files"""
    depth: int = 34
    """number of layers; the width is 64 times that"""
    step: int = 169_150
    """step in the names of the files"""
    vocab_size: int = 65_536
    """tokens of the tokenizer, nine special ones among them"""


def made_up_words(count: int, seed: int = 0) -> Iterator[str]:
    """Yield lines of invented words, frequent and rare ones, to learn many merges from."""
    rng = random.Random(seed)
    syllables = [a + b + c for a in "bdfgklmnprstvz" for b in "aeiou" for c in ("", "n", "r", "s")]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 4))) for _ in range(count)]
    for start in range(0, len(words), 20):
        line = words[start : start + 20]
        yield " ".join(line + rng.sample(words[: start + 20], len(line)))


def main(argv: list[str] | None = None) -> None:
    config = parse(RandomCheckpointConfig, argv, prog="random_checkpoint", description=__doc__)
    import torch

    from nanochat.gpt import GPT, GPTConfig
    from nanochat.tokenizer import RustBPETokenizer

    if os.path.exists(config.out):
        raise UserError(f"{config.out} exists already; choose another --out")
    os.makedirs(config.out)
    tokenizer = RustBPETokenizer.train_from_iterator(
        made_up_words(8 * config.vocab_size), config.vocab_size
    )
    tokenizer.save(config.out)
    os.unlink(os.path.join(config.out, "nanochat_tokenizer.json"))  # earlier releases have none
    shape = GPTConfig.from_depth(config.depth, 2048, tokenizer.get_vocab_size())
    with torch.device("meta"):
        model = GPT(shape)
    model.transformer.wte.to(torch.bfloat16)
    model.to_empty(device="cpu")
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=parameter.shape[-1] ** -0.5)
    with atomic_write(os.path.join(config.out, f"model_{config.step:06d}.pt")) as file:
        torch.save(model.state_dict(), file)
    meta = {"step": config.step, "val_bpb": None, "model_config": asdict(shape)}
    with atomic_write(os.path.join(config.out, f"meta_{config.step:06d}.json"), "w") as file:
        json.dump(meta, file, indent=2)
    print(f"{config.out}: {model.num_parameters():,} parameters, {shape}")


if __name__ == "__main__":
    run(main)
