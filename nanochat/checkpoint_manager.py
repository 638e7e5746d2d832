"""Save and load checkpoints: `load_model("sft", device, "eval")` gives a model ready to use.

The on-disk format is the one earlier nanochat releases read and write; `checkpoints.files` has the
names and the rules of choice, `checkpoints.save` writes, `checkpoints.weights` reads and checks.
Nothing in a file is ever run: weights are read as plain tensors, tokenizers as plain tables.
"""

import logging
import os
import re
from typing import Any

import torch

from nanochat.checkpoints.files import (
    STAGE_DIRS,
    CheckpointInfo,
    choose_checkpoint,
    choose_in_directory,
    former_tokenizer_directory,
    list_checkpoints,
    model_name,
    optimizer_name,
    read_meta,
)
from nanochat.checkpoints.save import save_checkpoint
from nanochat.checkpoints.weights import (
    check_weights,
    map_weights,
    parse_config,
    read_tensors,
    read_weights,
)
from nanochat.common import UserError, get_base_dir
from nanochat.gpt import GPT, GPTConfig
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import has_tokenizer

__all__ = [
    "STAGE_DIRS",
    "CheckpointInfo",
    "choose_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "load_model",
    "load_model_from_dir",
    "load_optimizer_states",
    "save_checkpoint",
]

logger = logging.getLogger(__name__)


def load_checkpoint(
    checkpoint_dir: str,
    step: int,
    device: str | torch.device,
    load_optimizer: bool = False,
    rank: int = 0,
) -> tuple[dict[str, torch.Tensor], Any, dict[str, Any]]:
    """Return (weights by name, this rank's optimizer state or None, metadata) of one step.

    Raises UserError naming the file that is missing, truncated or damaged.
    """
    meta = read_meta(checkpoint_dir, step)
    weights = read_weights(os.path.join(checkpoint_dir, model_name(step)), meta, device)
    optimizer = None
    if load_optimizer:
        path = os.path.join(checkpoint_dir, optimizer_name(step, rank))
        optimizer = read_tensors(path, meta, device)
    return weights, optimizer, meta


def load_optimizer_states(checkpoint_dir: str, step: int) -> list[Any]:
    """Return the optimizer state every rank saved at a step, in rank order, mapped from disk.

    The caller cuts them anew for its own number of ranks. Raises UserError if there are none or
    if the set is not complete.
    """
    meta = read_meta(checkpoint_dir, step)
    files = meta.get("files")
    names = files if isinstance(files, dict) else os.listdir(checkpoint_dir)
    pattern = re.compile(rf"optim_{step:06d}_rank([0-9]+)\.pt")
    ranks = sorted(int(match[1]) for match in map(pattern.fullmatch, names) if match)
    paths = [
        os.path.join(checkpoint_dir, optimizer_name(step, rank))
        for rank in range(max(ranks, default=-1) + 1)
    ]
    if not paths:
        raise UserError(
            f"{checkpoint_dir} holds no optimizer state of step {step}, so training cannot be "
            "continued exactly; start a new run from its weights instead"
        )
    missing = [os.path.basename(path) for path in paths if not os.path.isfile(path)]
    if missing:
        raise UserError(
            f"{checkpoint_dir}: the optimizer state of step {step} was saved by {len(paths)} "
            f"processes, but {', '.join(missing)} is missing; copy all files of the step"
        )
    states = [read_tensors(path, meta) for path in paths]
    _check_slices(states, meta, checkpoint_dir, step)
    return states


def _check_slices(states: list[Any], meta: dict[str, Any], checkpoint_dir: str, step: int) -> None:
    """Refuse a set whose last ranks are missing, which file names cannot show.

    In the inherited format each rank holds a slice of AdamW's moments along dimension 0 (1, 2).
    """
    try:
        config = GPTConfig(**meta["model_config"])
        rows = [state[0]["state"][0]["exp_avg"].shape[0] for state in states]
    except (KeyError, IndexError, TypeError, AttributeError, UserError):
        return  # another format, or not yet stepped
    if sum(rows) != config.padded_vocab_size:
        raise UserError(
            f"{checkpoint_dir}: the optimizer state of step {step} is incomplete: {len(rows)} "
            f"files hold {sum(rows)} of {config.padded_vocab_size} embedding rows; copy the files "
            "of all ranks"
        )


def load_model(
    source: str,
    device: str | torch.device,
    phase: str,
    model_tag: str | None = None,
    step: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[GPT, RustBPETokenizer, dict[str, Any]]:
    """Return (model, tokenizer, metadata) of a stage: `base`, `mid`, `sft` or `rl`.

    `phase` is "train" or "eval". `dtype` is that of the weights on CPU and MPS: float32, or
    bfloat16 to halve the memory. Which checkpoint was chosen is printed and recorded in
    `metadata["checkpoint"]`. The model is not compiled. Raises UserError for whatever is missing,
    damaged or does not fit together.
    """
    return _load(choose_checkpoint(source, model_tag, step), device, phase, dtype)


def load_model_from_dir(
    checkpoints_dir: str,
    device: str | torch.device,
    phase: str,
    model_tag: str | None = None,
    step: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[GPT, RustBPETokenizer, dict[str, Any]]:
    """Do what `load_model` does with the tags in any directory, e.g. one copied elsewhere."""
    name = os.path.basename(os.path.abspath(checkpoints_dir))
    source = {directory: stage for stage, directory in STAGE_DIRS.items()}.get(name, name)
    info = choose_in_directory(checkpoints_dir, source, model_tag, step)
    return _load(info, device, phase, dtype)


def _load(info: CheckpointInfo, device: str | torch.device, phase: str, dtype: torch.dtype):
    if phase not in ("train", "eval"):
        raise UserError(f"phase must be 'train' or 'eval', got {phase!r}")
    meta = read_meta(info.path, info.step)
    config = parse_config(meta, info.path, info.step)
    tokenizer = load_tokenizer(info.path, meta, config.vocab_size)
    path = os.path.join(info.path, model_name(info.step))
    weights = map_weights(path, meta)
    check_weights(weights, config, path)
    with torch.device("meta"):
        model = GPT(config)
    if torch.device(device).type == "cpu":
        # weights that are only read can stay in the file; those that change get their own memory
        weights = read_weights(path, meta, "cpu", dtype, mapped=phase == "eval")
        model.load_state_dict(weights, strict=True, assign=True)
    else:
        if torch.device(device).type == "cuda":
            model.transformer.wte.to(torch.bfloat16)
        else:
            model.to(dtype)
        # copied tensor by tensor, so that the device never holds the weights twice
        model.to_empty(device=device).load_state_dict(weights, strict=True)
    model.init_rotary()
    model.train(phase == "train")
    meta["checkpoint"] = {
        "source": info.source,
        "tag": info.tag,
        "step": info.step,
        "path": info.path,
    }
    return model, tokenizer, meta


def load_tokenizer(checkpoint_dir: str, meta: dict, vocab_size: int) -> RustBPETokenizer:
    """Return the checkpoint's own tokenizer, else the base directory's; check that it fits."""
    wanted = meta.get("tokenizer_fingerprint")
    directories = [os.path.join(checkpoint_dir, "tokenizer"), f"{get_base_dir()}/tokenizer"]
    if isinstance(wanted, str):
        directories.insert(1, former_tokenizer_directory(checkpoint_dir, wanted))
    present = [directory for directory in directories if has_tokenizer(directory)]
    if not present:
        raise UserError(
            f"no tokenizer for {checkpoint_dir} (looked in {', '.join(directories)}); put the one "
            "it was trained with into one of these"
        )
    found = {}
    for directory in present:
        found[directory] = RustBPETokenizer.from_directory(directory)
        if wanted in (None, found[directory].fingerprint()):
            break
    else:
        directory = present[0]
        logger.warning(
            "the tokenizer in %s is NOT the one the model in %s was trained with; expect gibberish",
            directory,
            checkpoint_dir,
        )
    tokenizer = found[directory]
    if tokenizer.get_vocab_size() != vocab_size:
        raise UserError(
            f"the model in {checkpoint_dir} has a vocabulary of {vocab_size}, but the tokenizer in "
            f"{directory} has {tokenizer.get_vocab_size()}; put the tokenizer the model was "
            f"trained with into {directories[0]}"
        )
    return tokenizer
