"""What is on disk: one record for each checkpoint, read without torch in milliseconds."""

import contextlib
import math
import os
from dataclasses import dataclass
from typing import Any

from nanochat.checkpoints.files import (
    CheckpointInfo,
    list_checkpoints,
    read_meta,
    step_files,
)
from nanochat.common import UserError
from nanochat.tokenizer_files import has_tokenizer, peek_fingerprint

VOCAB_MULTIPLE = 64
FIGURES = ("val_bpb", "val_loss")


@dataclass(frozen=True)
class Record:
    """One checkpoint; what its metadata does not tell is None. `size` counts all its files."""

    stage: str
    tag: str
    step: int
    finished_at: str | None
    parameters: int | None
    size: int
    figure: str | None  # the name of the validation figure
    value: float | None
    tokenizer: str | None  # fingerprint
    parent: str | None
    path: str
    problem: str | None = None


def inventory(source: str | None = None) -> list[Record]:
    """Return a record of every complete checkpoint of a stage, or of all."""
    return [_record(info) for info in list_checkpoints(source)]


def _record(info: CheckpointInfo) -> Record:
    problem, meta = None, {}
    try:
        meta = read_meta(info.path, info.step)
    except UserError as error:
        problem = str(error)
    sizes = {
        name: os.path.getsize(os.path.join(info.path, name))
        for name in step_files(info.path, info.step)
    }
    recorded = meta.get("files")
    recorded = recorded if isinstance(recorded, dict) else {}
    # optimizer states may be left behind when a checkpoint is copied elsewhere
    wrong = [name for name, size in recorded.items() if sizes.get(name, size) != size]
    if wrong:
        problem = f"{', '.join(wrong)}: not the size that was saved; copy or download it again"
    figure = next((name for name in FIGURES if _is_number(meta.get(name))), None)
    return Record(
        info.source,
        info.tag,
        info.step,
        info.finished_at.isoformat() if info.finished_at else None,
        count_parameters(meta.get("model_config")),
        sum(sizes.values()),
        figure,
        meta.get(figure),
        _fingerprint(info, meta),
        _parent(meta),
        info.path,
        problem,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)  # earlier releases wrote NaN


def count_parameters(config: Any) -> int | None:
    """Return the parameters of a `model_config`, padding rows included; None if it is damaged."""
    try:
        width, layers = config["n_embd"], config["n_layer"]
        kv_width = width // config["n_head"] * config["n_kv_head"]
        rows = -(-config["vocab_size"] // VOCAB_MULTIPLE) * VOCAB_MULTIPLE
        return 2 * rows * width + layers * (2 * width * width + 2 * kv_width * width + 8 * width**2)
    except (TypeError, KeyError, ZeroDivisionError):
        return None


def _fingerprint(info: CheckpointInfo, meta: dict[str, Any]) -> str | None:
    """Return the recorded fingerprint, else that of the tokenizer beside the weights."""
    recorded = meta.get("tokenizer_fingerprint")
    directory = os.path.join(info.path, "tokenizer")
    if isinstance(recorded, str) or not has_tokenizer(directory):
        return recorded if isinstance(recorded, str) else None
    # whatever is wrong with it is said when it is loaded
    with contextlib.suppress(UserError, OSError, TypeError, ValueError, AttributeError):
        return peek_fingerprint(directory)
    return None


def _parent(meta: dict[str, Any]) -> str | None:
    parent = meta.get("parent")
    if not isinstance(parent, dict):
        return None
    return " ".join(str(parent.get(key, "?")) for key in ("source", "tag", "step"))
