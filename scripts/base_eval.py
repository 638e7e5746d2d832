"""Evaluate a base model: bits per byte of the validation split, and seven samples.

    python -m scripts.base_eval --model-tag=d20 --step=21400

The CORE benchmark is not part of this version yet; the output and the report say so.
"""

import os
from dataclasses import dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError, get_base_dir


@dataclass(frozen=True, kw_only=True)
class BaseEvalConfig:
    hf_path: str | None = None
    """score this Hugging Face causal language model instead (needs CORE: not available yet)"""
    max_per_task: int | None = None
    """examples per CORE task; -1 or unset = all"""
    model_tag: str | None = None
    """checkpoint directory, such as d20"""
    step: Annotated[int | None, flag("--model-step")] = None
    """step of the checkpoint"""
    device_batch_size: int = 8
    """sequences per device"""
    batches: int = 16
    """batches per device of the validation split for bits per byte"""
    device_type: Literal["", "cuda", "cpu", "mps"] = ""
    """device; empty = the first available"""

    def __post_init__(self):
        if self.batches < 1 or self.device_batch_size < 1:
            raise UserError(
                "--batches and --device-batch-size must be at least 1, "
                f"got {self.batches} and {self.device_batch_size}"
            )


def core_note() -> str:
    """Why there is no CORE figure."""
    bundle = os.path.join(get_base_dir(), "eval_bundle")
    if not os.path.isdir(bundle):
        return f"not computed: there is no evaluation bundle at {bundle}"
    return "not computed: this version does not contain the CORE benchmark yet"


def main(argv: list[str] | None = None) -> None:
    config = parse(BaseEvalConfig, argv, prog="base_eval", description=__doc__)
    if config.hf_path is not None:
        raise UserError(
            f"--hf-path={config.hf_path}: foreign models are scored by the CORE benchmark only, "
            "which this version does not contain yet; leave the flag out to evaluate your own"
        )

    from nanochat import distributed
    from nanochat.checkpoint_manager import load_model
    from nanochat.common import print0
    from nanochat.engine import Engine
    from nanochat.evals.bpb import evaluate_split
    from nanochat.evals.samples import sample_completions
    from nanochat.report import get_report

    dist = distributed.init(config.device_type or None)
    model, tokenizer, meta = load_model("base", dist.device, "eval", config.model_tag, config.step)
    chosen = meta["checkpoint"]
    name = f"base_model_{chosen['step']:06d} ({chosen['tag']})"
    print0(f"model: {name}\nCORE: {core_note()}")
    B = config.device_batch_size
    tokens = B * model.config.sequence_len * dist.world_size * config.batches
    with distributed.mixed_precision(dist.device):
        bpb = evaluate_split(model, tokenizer, "val", tokens, B, dist)
        print0(f"val bpb: {bpb:.4f} ({tokens:,} tokens)")
        if dist.is_main:
            samples = sample_completions(Engine(model, tokenizer), tokenizer)
            for text in samples:
                print0(f"  {text!r}")
            figures = {"Model": name, "CORE": core_note(), "val bpb": bpb, "val tokens": tokens}
            named = {f"sample {i}": repr(text) for i, text in enumerate(samples)}
            get_report().log("Base model evaluation", [figures, named])
    dist.close()


if __name__ == "__main__":
    run(main)
