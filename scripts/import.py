"""Make a checkpoint from a directory in the format of transformers: what `export` wrote, or others.

    python -m scripts.import d4-hf --source sft --model_tag d4-back

Weights are read from safetensors, the tokenizer from tokenizer.json; nothing in the directory is
run. An existing step is never overwritten.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional

from nanochat.command_line import flag, parse, run
from nanochat.common import print0


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    path: Positional[str]
    """directory with config.json, model.safetensors and tokenizer.json"""
    source: Annotated[Literal["sft", "mid", "rl", "base"] | None, flag("-i")] = None
    """stage that the checkpoint is to belong to; unset = as exported, else sft"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """directory of the checkpoint; unset = as exported, else the directory's name"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint; unset = as exported, else 0"""


def main(argv: list[str] | None = None) -> None:
    config = parse(ImportConfig, argv, prog="import", description=__doc__)
    from nanochat.hub.interchange.importing import import_model

    made = import_model(config.path, config.source, config.model_tag, config.step)
    print0(f"imported as {made} ({made.path})")


if __name__ == "__main__":
    run(main)
