"""Reading tensors from disk and checking that they are the model the metadata describes."""

import dataclasses
import os
import pickle
import re
from collections.abc import Iterator
from typing import Any

import torch

from nanochat.checkpoints.files import meta_name
from nanochat.common import UserError
from nanochat.gpt import GPT, GPTConfig

COMPILED_PREFIX = "_orig_mod."  # torch.compile puts it in front of every key
EMBEDDING = "transformer.wte.weight"
CONFIG_FIELDS = [field.name for field in dataclasses.fields(GPTConfig)]
# What the architecture of later nanochat releases is recognised by.
LATER_CONFIG_FIELDS = {"window_pattern"}
LATER_TENSORS = re.compile(
    r"resid_lambdas|x0_lambdas|value_embeds\.|\.ve_gate\.|smear_|backout_lambda"
)
PROBLEMS_SHOWN = 20
GROUP_BYTES = 2**27


def read_tensors(path: str, meta: dict[str, Any], device: str | torch.device = "cpu") -> Any:
    """Return what `torch.save` wrote, mapped from disk, refusing anything but plain data.

    Raises UserError naming the file if it is missing, truncated, damaged or unsafe.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} is missing: the checkpoint was not saved or copied completely")
    files = meta.get("files")
    expected = files.get(os.path.basename(path)) if isinstance(files, dict) else None
    size = os.path.getsize(path)
    if expected is not None and size != expected:
        raise UserError(
            f"{path} is truncated or not the file that was saved: expected {expected:,} bytes, "
            f"found {size:,}; copy or download it again"
        )
    open(path, "rb").close()  # may it be read at all? torch's own errors do not tell
    try:
        return torch.load(path, map_location=device, weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused, because it holds things other than tensors and plain values"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # what a damaged archive raises depends on where the damage is
        raise UserError(
            f"{path} ({size:,} bytes) is truncated or damaged; copy or download it again, or "
            "choose another step"
        ) from error


def strip_compiled_prefix(weights: dict[str, Any]) -> dict[str, Any]:
    """Remove one leading `_orig_mod.` from every key, keeping the order."""
    if not any(key.startswith(COMPILED_PREFIX) for key in weights):
        return weights
    return {key.removeprefix(COMPILED_PREFIX): value for key, value in weights.items()}


def read_weights(
    path: str,
    meta: dict[str, Any],
    device: str | torch.device,
    dtype: torch.dtype = torch.float32,
    mapped: bool = True,
) -> dict[str, torch.Tensor]:
    """Return a model file's tensors by name, in the precision that `device` works in.

    On CUDA the matrices stay as they are and the embedding becomes bf16. On CPU and MPS all become
    `dtype`. If `mapped`, those that are of that type already stay in the mapped file, which takes
    no time, and no memory until they are used; they must not be written to.
    """
    weights = map_weights(path, meta, device)
    if torch.device(device).type == "cuda":
        if EMBEDDING in weights:
            weights[EMBEDDING] = weights[EMBEDDING].bfloat16()
        return weights
    own = {}
    for names in _groups({k: v for k, v in weights.items() if v.dtype != dtype or not mapped}):
        # a mapping of its own: pages once read count as memory in use until all of it is let go
        source = map_weights(path, meta, device)
        own |= {name: source[name].to(dtype, copy=True) for name in names}
    return {name: own.get(name, value) for name, value in weights.items()}


def _groups(weights: dict[str, torch.Tensor]) -> Iterator[list[str]]:
    """Yield the names in groups of about GROUP_BYTES."""
    names, size = [], 0
    for name, tensor in weights.items():
        names.append(name)
        size += tensor.nbytes
        if size >= GROUP_BYTES:
            yield names
            names, size = [], 0
    if names:
        yield names


def map_weights(
    path: str, meta: dict[str, Any], device: str | torch.device = "cpu"
) -> dict[str, torch.Tensor]:
    """Return a model file's tensors by name as they are stored, mapped from disk.

    Raises UserError for anything but named fp32 and bf16 tensors of this architecture.
    """
    weights = read_tensors(path, meta, device)
    if not isinstance(weights, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in weights.items()
    ):
        raise UserError(f"{path}: expected named tensors, as a model's state dict has them")
    weights = strip_compiled_prefix(weights)
    refuse_later_architecture(weights, path)
    bad = {str(value.dtype).removeprefix("torch.") for value in weights.values()}
    bad -= {"float32", "bfloat16"}
    if bad:
        reason = " (squared ReLU overflows in fp16)" if "float16" in bad else ""
        raise UserError(
            f"{path}: weights must be float32 or bfloat16, found {', '.join(sorted(bad))}{reason}"
        )
    return weights


def refuse_later_architecture(names: Any, path: str) -> None:
    """Raise UserError if configuration fields or tensor names are those of later releases."""
    marks = sorted(
        name for name in names if name in LATER_CONFIG_FIELDS or LATER_TENSORS.search(name)
    )
    if marks:
        raise UserError(
            f"{path}: this model has the architecture of a later nanochat release (found "
            f"{', '.join(marks[:3])}), which this program does not implement; "
            "use the release it was trained with"
        )


def parse_config(meta: dict[str, Any], checkpoint_dir: str, step: int) -> GPTConfig:
    """Return the model's configuration; all six fields, and no others, must be there."""
    path = os.path.join(checkpoint_dir, meta_name(step))
    fields = meta.get("model_config")
    if not isinstance(fields, dict):
        raise UserError(f"{path}: expected an object 'model_config', got {fields!r:.60}")
    refuse_later_architecture(fields, path)
    unknown = sorted(set(fields) - set(CONFIG_FIELDS))
    missing = [name for name in CONFIG_FIELDS if name not in fields]
    if unknown or missing:
        raise UserError(
            f"{path}: model_config must have exactly the fields {', '.join(CONFIG_FIELDS)}"
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
            + (f"; missing: {', '.join(missing)}" if missing else "")
        )
    try:
        return GPTConfig(**fields)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def check_weights(weights: dict[str, torch.Tensor], config: GPTConfig, path: str) -> None:
    """Raise one UserError that names every tensor that is missing, unknown or of another shape."""
    if config.n_layer > len(weights):  # or building a model for the comparison could take for ever
        raise UserError(
            f"{path} does not match the model_config in its meta file: {len(weights)} tensors "
            f"cannot be {config.n_layer} layers; are both from the same checkpoint?"
        )
    with torch.device("meta"):
        expected = {name: tuple(p.shape) for name, p in GPT(config).state_dict().items()}
    problems = [
        f"missing: {name} {shape}" for name, shape in expected.items() if name not in weights
    ]
    for name, tensor in weights.items():
        shape = tuple(tensor.shape)
        if name not in expected:
            problems.append(f"unknown: {name} {shape}")
        elif shape != expected[name]:
            problems.append(f"{name}: expected {expected[name]}, found {shape}")
    if not problems:
        return
    shown = "\n  ".join(problems[:PROBLEMS_SHOWN])
    more = len(problems) - PROBLEMS_SHOWN
    matrix = EMBEDDING in weights and weights[EMBEDDING].dim() == 2
    rows = weights[EMBEDDING].shape[0] if matrix else config.padded_vocab_size
    vocabulary = (
        f" (a vocabulary of {config.vocab_size} needs {config.padded_vocab_size} rows, the file "
        f"has {rows})"
        if rows != config.padded_vocab_size
        else ""
    )
    raise UserError(
        f"{path} does not match the model_config in its meta file{vocabulary}; are both from the "
        f"same checkpoint?\n  {shown}" + (f"\n  and {more} more" if more > 0 else "")
    )
