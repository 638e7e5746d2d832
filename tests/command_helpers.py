"""What the tests of several commands share."""

import dataclasses
import importlib

from scripts.__main__ import module_of

REQUIRED = {  # what has no default
    "chat_eval": ["--source", "sft"],
    "data_check": ["own.jsonl"],
    "export": ["--out", "directory"],
    "import": ["directory"],
    "pull": ["karpathy/nanochat-d34"],
    "push": ["me/nanochat-d34-sft", "--source", "sft"],
}


def config_class(command: str) -> type:
    """The dataclass behind a command's flags."""
    names = vars(importlib.import_module(module_of(command))).items()
    (found,) = (
        value
        for name, value in names
        if name.endswith("Config") and dataclasses.is_dataclass(value)
    )
    return found
