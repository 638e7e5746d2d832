"""What the tests of several commands share."""

import dataclasses
import importlib

from scripts.__main__ import module_of

REQUIRED = {  # flags without a default
    "chat_eval": ["--source", "sft"],
    "export": ["--out", "directory"],
    "import": ["directory"],
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
