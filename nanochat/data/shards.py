"""Pretraining shards on disk: which there are, which are for training, and reading them.

A shard is a parquet file with a column `text`. The validation shard is fixed, so that the figure
means the same however many shards there are; a directory without it (of an earlier release, or of
your own files) takes its last file instead.
"""

import os
import re
from collections.abc import Iterator
from typing import BinaryIO

from nanochat.common import UserError, get_base_dir

LAST_SHARD = 1822
MAGIC = b"PAR1"  # first and last bytes of every parquet file


def index_to_filename(index: int) -> str:
    return f"shard_{index:05d}.parquet"


VALIDATION_SHARD = index_to_filename(LAST_SHARD)


def data_directory() -> str:
    """Return where the shards are, `base_data/` in the base directory (not created)."""
    return os.path.join(get_base_dir(), "base_data")


def list_parquet_files(data_dir: str | None = None) -> list[str]:
    """Return the paths of all shards, sorted by name; downloads in progress are not among them."""
    directory = data_dir or data_directory()
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    return [os.path.join(directory, name) for name in names if name.endswith(".parquet")]


def split_files(split: str, data_dir: str | None = None) -> list[str]:
    """Return the files of split "train" or "val". Raises UserError below two shards."""
    if split not in ("train", "val"):
        raise UserError(f"split must be 'train' or 'val', got {split!r}")
    files = list_parquet_files(data_dir)
    if len(files) < 2:
        raise UserError(
            f"expected at least two shards in {data_dir or data_directory()} (one to train on, "
            f"one for validation), found {len(files)}; get some with "
            "`python -m nanochat.dataset -n 8`, or a small corpus with `python -m scripts.corpus`"
        )
    fixed = [path for path in files if os.path.basename(path) == VALIDATION_SHARD]
    validation = fixed or files[-1:]
    return validation if split == "val" else [path for path in files if path not in validation]


def without_gaps(files: list[str]) -> list[str]:
    """Return the leading files up to the first missing number.

    Parallel downloads finish in any order; what comes before the first gap does not change while
    they go on. Files not named like shards are kept as they are.
    """
    kept, expected = [], 0
    for path in files:
        if re.fullmatch(r"shard_[0-9]{5}\.parquet", os.path.basename(path)):
            if os.path.basename(path) != index_to_filename(expected):
                break
            expected += 1
        kept.append(path)
    return kept


def downloads_in_progress(data_dir: str | None = None) -> bool:
    """Say whether unfinished downloads lie beside the shards."""
    directory = data_dir or data_directory()
    return any(".parquet." in n and n.endswith(".tmp") for n in os.listdir(directory))


def find_damage(file: BinaryIO) -> str | None:
    """Return what is wrong with an open parquet file as far as its ends show, or None."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(len(MAGIC))
    file.seek(max(0, size - len(MAGIC)))
    tail = file.read()
    return None if head == tail == MAGIC and size > 2 * len(MAGIC) else "not a whole parquet file"


def is_whole(path: str) -> bool:
    """Say whether `path` is there and has the ends of a parquet file."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return find_damage(file) is None


def parquets_iter_batched(
    split: str, start: int = 0, step: int = 1, files: list[str] | None = None
) -> Iterator[list[str]]:
    """Yield the documents of row groups `start`, `start + step`, ... of each file of a split.

    `files` replaces the split's files. Raises UserError for a damaged or empty file.
    """
    for path in split_files(split) if files is None else files:
        shard = open_shard(path)
        for group in range(start, shard.num_row_groups, step):
            yield shard.read_row_group(group, columns=["text"])["text"].to_pylist()


def open_shard(path: str):
    """Return a shard as `pyarrow.parquet.ParquetFile`; UserError if damaged or without text."""
    import pyarrow
    import pyarrow.parquet

    try:
        shard = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise UserError(
            f"{path} is not a whole parquet file ({error}); remove it and download it again"
        ) from error
    if "text" not in shard.schema_arrow.names:
        raise UserError(
            f"{path}: expected a column 'text', found {', '.join(shard.schema_arrow.names)}"
        )
    if shard.metadata.num_rows == 0:
        raise UserError(f"{path} holds no documents; remove it")
    return shard
