"""Deleting and copying checkpoints so that an interruption leaves none that only looks complete."""

import os
import shutil

from nanochat.checkpoints.files import (
    STAGE_DIRS,
    CheckpointInfo,
    list_directory,
    list_steps,
    meta_name,
    stage_directory,
)
from nanochat.checkpoints.inventory import step_files
from nanochat.common import UserError, atomic_write


def find(name: str) -> CheckpointInfo:
    """Return the checkpoint called `stage:tag:step`, e.g. sft:d34:700.

    Raises UserError with what there is if there is none of that name.
    """
    stage, _, rest = name.partition(":")
    tag, _, step = rest.rpartition(":")
    if stage not in STAGE_DIRS or not tag or not step.isdigit():
        raise UserError(
            f"expected stage:tag:step, such as sft:d34:700, got {name!r}; "
            f"the stages are {', '.join(STAGE_DIRS)}"
        )
    there = list_directory(stage_directory(stage), stage)
    for info in there:
        if (info.tag, info.step) == (tag, int(step)):
            return info
    names = ", ".join(f"{stage}:{info.tag}:{info.step}" for info in there) or "none"
    raise UserError(f"there is no checkpoint {name}; of this stage there are: {names}")


def delete(info: CheckpointInfo) -> int:
    """Delete a checkpoint and return the bytes set free; with the last one goes its directory.

    The metadata goes first: what is left after an interruption does not count as a checkpoint.
    """
    paths = [os.path.join(info.path, name) for name in step_files(info)]
    paths.sort(key=lambda path: os.path.basename(path) != meta_name(info.step))
    freed = sum(map(os.path.getsize, paths))
    for path in paths:
        os.unlink(path)
    if not list_steps(info.path):
        shutil.rmtree(info.path)
    return freed


def copy(info: CheckpointInfo, tag: str) -> str:
    """Copy a checkpoint with its tokenizers under another tag; return the new directory.

    Raises UserError if that tag is taken or no name of a directory.
    """
    if tag in ("", ".", "..") or os.path.basename(tag) != tag:
        raise UserError(f"a tag is the name of a directory, such as d34-mine, got {tag!r}")
    target = os.path.join(os.path.dirname(info.path), tag)
    if os.path.exists(target):
        raise UserError(f"{target} exists already; choose another tag")
    size = sum(os.path.getsize(os.path.join(info.path, name)) for name in step_files(info))
    free = shutil.disk_usage(os.path.dirname(info.path)).free
    if size > free:
        raise UserError(f"the copy needs {size / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free")
    os.mkdir(target)
    names = sorted(step_files(info), key=lambda name: name == meta_name(info.step))  # meta last
    for entry in os.listdir(info.path):
        if entry.startswith("tokenizer") and os.path.isdir(os.path.join(info.path, entry)):
            shutil.copytree(os.path.join(info.path, entry), os.path.join(target, entry))
    for name in names:
        with (
            open(os.path.join(info.path, name), "rb") as source,
            atomic_write(os.path.join(target, name)) as file,
        ):
            shutil.copyfileobj(source, file, 2**24)
    return target
