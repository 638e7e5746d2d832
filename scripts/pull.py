"""Get a checkpoint from the Hugging Face hub, or from a directory laid out like a repository.

    python -m scripts.pull karpathy/nanochat-d34           a pretrained model, to mid-train
    python -m scripts.pull victoremnm/nanochat-d34-sft     a chat model, to talk to
    python -m scripts.pull ~/nanochat-d34-sft              the same, from files on this machine

The checkpoint goes to the base directory, with its own copy of its tokenizer, once everything has
been verified. An interrupted download is continued by the same command.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional

from nanochat.command_line import flag, parse, run


@dataclass(frozen=True)
class PullConfig:
    repo: Positional[str]
    """repository such as karpathy/nanochat-d34, or a directory"""
    source: Literal["", "base", "mid", "sft", "rl"] = ""
    """stage of the checkpoint; empty = by the layout and the metadata"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """name for the checkpoint's directory; unset = d<number of layers>"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint, where the repository has several"""
    revision: str | None = None
    """branch, tag or commit of the repository"""
    dry_run: bool = False
    """say what would be fetched and where it would go, and write nothing"""


def main(argv: list[str] | None = None) -> None:
    config = parse(PullConfig, argv, prog="pull", description=__doc__)
    from nanochat.hub.pull import pull

    pull(
        config.repo,
        config.source or None,
        config.model_tag,
        config.step,
        config.revision,
        config.dry_run,
    )


if __name__ == "__main__":
    run(main)
