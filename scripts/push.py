"""Publish a checkpoint on the Hugging Face hub, with its tokenizer and a model card.

    python -m scripts.push me/nanochat-d34-sft --source=sft --model_tag=d34 --dry_run
    python -m scripts.push me/nanochat-d34-sft --source=sft --model_tag=d34 --step=700 --with_mid

Every file and its size is listed before anything is sent. `nanochat pull` brings it back.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional

from nanochat.command_line import flag, parse, run


@dataclass(frozen=True)
class PushConfig:
    repo: Positional[str]
    """repository such as me/nanochat-d34-sft; made if there is none"""
    source: Annotated[Literal["base", "mid", "sft", "rl"], flag("-i")]
    """stage of the checkpoint"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """directory of the checkpoint, such as d34"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint"""
    with_mid: bool = False
    """publish the mid-trained model it was made from, too"""
    private: bool = False
    """make the repository private"""
    license: str = "mit"
    """licence named in the model card, e.g. mit, apache-2.0, cc-by-sa-4.0"""
    base_model: str | None = None
    """repository of the model it was made from; unset = where that was pulled from"""
    dry_run: bool = False
    """list what would be sent, and send nothing"""


def main(argv: list[str] | None = None) -> None:
    config = parse(PushConfig, argv, prog="push", description=__doc__)
    from nanochat.hub.push import PushOptions, push
    from nanochat.report import get_report

    options = PushOptions(
        config.with_mid, config.private, config.license, config.base_model, config.dry_run
    )
    records = get_report().records()
    push(config.repo, config.source, config.model_tag, config.step, options, records)


if __name__ == "__main__":
    run(main)
