"""Deleting and copying checkpoints so that an interruption leaves none that only looks complete."""

import contextlib
import os
import re
import shutil

from nanochat.checkpoints.files import (
    STAGE_DIRS,
    CheckpointInfo,
    list_directory,
    list_steps,
    stage_directory,
    step_files,
)
from nanochat.common import UserError

METRICS_NAME = "metrics.jsonl"


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
    """Delete a checkpoint and return the bytes set free; with the last one go its tokenizers.

    The metadata goes first: what is left after an interruption does not count as a checkpoint.
    Files of other origin stay.
    """
    paths = [os.path.join(info.path, name) for name in step_files(info.path, info.step)]
    freed = sum(map(os.path.getsize, paths))
    for path in reversed(paths):
        os.unlink(path)
    if not list_steps(info.path):
        for directory in _tokenizers(info.path):
            shutil.rmtree(directory)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(info.path, METRICS_NAME))
        with contextlib.suppress(OSError):  # something else is in it
            os.rmdir(info.path)
    return freed


def copy(info: CheckpointInfo, tag: str) -> str:
    """Copy a checkpoint with its tokenizers under another tag; return the new directory.

    The directory has its name only when all is copied. Raises UserError if that tag is taken or no
    name of a directory.
    """
    if tag.startswith(".") or tag == "" or os.path.basename(tag) != tag:
        raise UserError(f"a tag is the name of a directory, such as d34-mine, got {tag!r}")
    stage, names = os.path.dirname(info.path), step_files(info.path, info.step)
    target = os.path.join(stage, tag)
    if os.path.exists(target):
        raise UserError(f"{target} exists already; choose another tag")
    size = sum(os.path.getsize(os.path.join(info.path, name)) for name in names)
    free = shutil.disk_usage(stage).free
    if size > free:
        raise UserError(f"the copy needs {size / 1e6:,.0f} MB, {free / 1e6:,.0f} MB are free")
    unfinished = os.path.join(stage, f".{tag}.copying")
    shutil.rmtree(unfinished, ignore_errors=True)  # of a copy that was interrupted
    os.mkdir(unfinished)
    try:
        for directory in _tokenizers(info.path):
            shutil.copytree(directory, os.path.join(unfinished, os.path.basename(directory)))
        for name in names:
            shutil.copyfile(os.path.join(info.path, name), os.path.join(unfinished, name))
        os.rename(unfinished, target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return target


def _tokenizers(checkpoint_dir: str) -> list[str]:
    """Return the directories of the tokenizers that are or were in use with a checkpoint."""
    paths = [os.path.join(checkpoint_dir, name) for name in os.listdir(checkpoint_dir)]
    return [
        path
        for path in paths
        if os.path.isdir(path) and re.fullmatch(r"tokenizer(-\w+)?", os.path.basename(path))
    ]
