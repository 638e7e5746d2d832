"""Export a checkpoint in the format of transformers, and compare both by running them.

    python -m scripts.export --source sft --model_tag d4 --step 700 --format=hf --out d4-hf

The directory holds config.json, model.safetensors, the tokenizer with its chat template and a
README.md with the figures of the comparison. `--format=hf-llama-rope` is for graphs that rotate as
Llama does. `python -m scripts.import` goes the way back.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run
from nanochat.common import print0


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    out: Annotated[str, flag("-o")]
    """directory to write: a new or an empty one"""
    source: Annotated[Literal["sft", "mid", "rl", "base"], flag("-i")] = "sft"
    """stage of the checkpoint"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """directory of the checkpoint, such as d34"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint"""
    format: Literal["hf", "hf-llama-rope"] = "hf"
    """hf: for transformers; hf-llama-rope: for graphs with the usual rotation"""
    dtype: Annotated[str, flag("-d")] = "bfloat16"
    """bfloat16 or float32"""
    no_check: bool = False
    """do not run both models (which takes twice the model's fp32 size in memory)"""


def main(argv: list[str] | None = None) -> None:
    config = parse(ExportConfig, argv, prog="export", description=__doc__)
    from nanochat.hub.interchange.export import export_model

    export_model(
        config.source,
        config.out,
        model_tag=config.model_tag,
        step=config.step,
        format=config.format,
        dtype=config.dtype,
        check=not config.no_check,
    )
    print0(f"exported to {config.out}")


if __name__ == "__main__":
    run(main)
