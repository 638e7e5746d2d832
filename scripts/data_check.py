"""Check files of your own conversations before anything is trained: `nanochat data-check my.jsonl`.

Names every line that is wrong, counts duplicates and tokens, estimates the files' share of the
training data, and shows what the loss is taken on. Ends with status 1 if there are errors.
"""

import contextlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from nanochat.command_line import parse, run
from nanochat.common import UserError, get_base_dir

LONGEST = 2048  # tokens that both chat stages keep of a conversation at most


@dataclass(frozen=True, kw_only=True)
class DataCheckConfig:
    files: Positional[Annotated[list[str], arg(metavar="FILE[:EPOCHS] ...")]]
    """Files of conversations, each with how often it will be used, as for --custom_data."""
    stage: Literal["sft", "mid"] = "sft"
    """Stage that the files are for."""
    mixture: Literal["nanochat", "quickstart"] = "nanochat"
    """Training data that the files are mixed into."""
    assistant_only: bool = False
    """As for mid_train, which otherwise takes the loss on every token."""
    model_tag: str | None = None
    """Model to be trained, for its tokenizer and context; unset = the newest, if there is one."""
    tokenizer: str | None = None
    """Directory of a tokenizer, if not the model's."""
    context: int | None = None
    """Tokens kept of a conversation; unset = the model's context, at most 2048."""
    show: int = 1
    """Conversations of each file to show as the loss sees them."""
    max_errors: int = 20
    """Errors of each file to show; all are counted."""
    json: bool = False
    """Print the findings as JSON."""

    def __post_init__(self):
        if not self.files:
            raise UserError("name at least one file of conversations")
        for name, least in (("context", 2), ("show", 0), ("max_errors", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UserError(f"--{name} must be at least {least}, got {value}")


def find_tokenizer(config: DataCheckConfig):
    """Return (tokenizer, its directory, context of its model); None for what there is not."""
    from nanochat.checkpoints.files import choose_checkpoint, list_checkpoints, read_meta
    from nanochat.tokenizer import RustBPETokenizer
    from nanochat.tokenizer_files import has_tokenizer

    if config.tokenizer is not None:
        return RustBPETokenizer.from_directory(config.tokenizer), config.tokenizer, None
    directories, context = [os.path.join(get_base_dir(), "tokenizer")], None
    parents = ("mid", "base") if config.stage == "sft" else ("base",)
    there = [info for source in parents for info in list_checkpoints(source)]
    fitting = [info for info in there if config.model_tag in (None, info.tag)]
    if fitting or config.model_tag is not None:
        source = fitting[0].source if fitting else parents[0]
        with contextlib.redirect_stdout(sys.stderr):  # standard output may be for a program
            info = choose_checkpoint(source, config.model_tag)
        shape = read_meta(info.path, info.step).get("model_config")
        context = shape.get("sequence_len") if isinstance(shape, dict) else None
        context = context if isinstance(context, int) else None
        directories.insert(0, os.path.join(info.path, "tokenizer"))
    directory = next(filter(has_tokenizer, directories), None)
    return directory and RustBPETokenizer.from_directory(directory), directory, context


def kept_tokens(config: DataCheckConfig, of_model: int | None) -> int:
    """How many tokens of a conversation the stage keeps; mid-training packs it over its rows."""
    if config.context is not None:
        return config.context
    return LONGEST if config.stage == "mid" or of_model is None else min(LONGEST, of_model)


def main(argv=None) -> None:
    config = parse(DataCheckConfig, argv, prog="data_check", description=__doc__)

    from tasks.custom_data import split_epochs
    from tasks.data_check import report
    from tasks.data_check.check import Checker

    if hasattr(sys.stdout, "reconfigure"):  # for what the files hold and a screen may not
        sys.stdout.reconfigure(errors="backslashreplace")
    files = [split_epochs(spec) for spec in config.files]
    tokenizer, directory, of_model = find_tokenizer(config)
    checker = Checker(
        tokenizer,
        kept_tokens(config, of_model),
        every_token=config.stage == "mid" and not config.assistant_only,
        max_errors=config.max_errors,
        show=0 if config.json else config.show,
    )
    found = report.Findings(checker, files, config.stage, config.mixture)
    if config.json:
        print(json.dumps({"tokenizer": directory, **found.values()}, indent=2))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print(found.text(colour, shutil.get_terminal_size().columns))
    if found.errors:
        sys.exit(1)


if __name__ == "__main__":
    run(main)
