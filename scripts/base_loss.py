"""Measure a base model: bits per byte of both splits, and seven samples.

python -m scripts.base_loss --model_tag=d20
torchrun --standalone --nproc_per_node=8 -m scripts.base_loss
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run


@dataclass(frozen=True, kw_only=True)
class BaseLossConfig:
    device_batch_size: int = 32
    """sequences per device"""
    split_tokens: int = 10_485_760
    """tokens per split; a whole number of batches over all processes"""
    model_tag: str | None = None
    """checkpoint directory, such as d20"""
    model_step: Annotated[int | None, flag("--step")] = None
    """step of the checkpoint"""
    device_type: Literal["", "cuda", "cpu", "mps"] = ""
    """device; empty = the first available"""


def main(argv: list[str] | None = None) -> None:
    config = parse(BaseLossConfig, argv, prog="base_loss", description=__doc__)

    from nanochat import distributed
    from nanochat.checkpoint_manager import load_model
    from nanochat.common import print0
    from nanochat.engine import Engine
    from nanochat.evals.bpb import evaluate_split
    from nanochat.evals.samples import sample_completions
    from nanochat.report import get_report

    dist = distributed.init(config.device_type or None)
    model, tokenizer, meta = load_model(
        "base", dist.device, "eval", config.model_tag, config.model_step
    )
    bpb = {}
    with distributed.mixed_precision(dist.device):
        for split in ("train", "val"):
            bpb[f"{split} bpb"] = evaluate_split(
                model, tokenizer, split, config.split_tokens, config.device_batch_size, dist
            )
            print0(f"{split} bpb: {bpb[f'{split} bpb']:.4f}")
        if dist.is_main:
            samples = sample_completions(Engine(model, tokenizer), tokenizer)
            for text in samples:
                print0(f"  {text!r}")
            named = {f"sample {i}": repr(text) for i, text in enumerate(samples)}
            about = {"model_tag": meta["checkpoint"]["tag"], "step": meta["checkpoint"]["step"]}
            get_report().log("Base model loss", [about, named], metrics=bpb)
    dist.close()


if __name__ == "__main__":
    run(main)
