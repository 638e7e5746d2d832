"""Download pretraining shards (FineWeb-Edu, about 100 MB and 250 million characters each).

    python -m nanochat.dataset -n 8

The validation shard comes with every request. Files that are there already are skipped, so the
command can be interrupted and repeated. HF_ENDPOINT names a mirror of huggingface.co.
"""

import glob
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Annotated

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError, print0
from nanochat.data.shards import (
    LAST_SHARD,
    data_directory,
    find_damage,
    index_to_filename,
    is_whole,
)

DATASET = "karpathy/fineweb-edu-100b-shuffle"
STALE_SECONDS = 3600


@dataclass(frozen=True)
class DatasetConfig:
    num_files: Annotated[int, flag("-n")] = -1
    """number of shards from index 0, besides the validation shard; -1 = all 1823"""
    num_workers: Annotated[int, flag("-w")] = 4
    """downloads at the same time"""

    def __post_init__(self):
        if self.num_files < 1 and self.num_files != -1:
            raise UserError(f"--num_files must be at least 1, or -1 for all, got {self.num_files}")
        if self.num_workers < 1:
            raise UserError(f"--num_workers must be at least 1, got {self.num_workers}")


def shard_url(index: int) -> str:
    """Return the address of a shard on the Hub or the mirror in HF_ENDPOINT."""
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    return f"{endpoint.rstrip('/')}/datasets/{DATASET}/resolve/main/{index_to_filename(index)}"


def wanted_indices(num_files: int) -> list[int]:
    """Return the shards a request means: the first ones and always the validation shard."""
    count = LAST_SHARD + 1 if num_files == -1 else min(num_files, LAST_SHARD + 1)
    return sorted({*range(count), LAST_SHARD})


def download_shards(indices: Sequence[int], num_workers: int = 4) -> int:
    """Download what is missing of `indices`; return how many files came.

    Raises UserError naming the shards that could not be had; the others are in place.
    """
    directory = data_directory()
    os.makedirs(directory, exist_ok=True)
    _remove_stale(directory)
    missing = [index for index in indices if not _present(directory, index)]
    print0(
        f"{len(indices) - len(missing)} of {len(indices)} shards are in {directory}; "
        f"downloading {len(missing)}"
    )
    stop = threading.Event()
    failed: dict[int, str] = {}
    with ThreadPoolExecutor(num_workers) as pool, _Progress(len(missing)) as progress:
        jobs = {pool.submit(_download_one, directory, i, progress, stop): i for i in missing}
        try:
            for job in as_completed(jobs):
                error = job.exception()
                if isinstance(error, UserError):
                    failed[jobs[job]] = str(error)
                elif error is not None:
                    raise error  # a full disk, for one: the other downloads would fail as well
                if not progress.done and len(failed) >= num_workers:
                    break  # nothing works, so do not spend half a minute on each of the others
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    if failed:
        still = [index for index in missing if not _present(directory, index)]
        raise UserError(
            f"{len(still)} of {len(indices)} shards are missing: {_ranges(still)}; "
            f"{failed[min(failed)]}; run the command again to get them"
        )
    return len(missing)


def _ranges(indices: Sequence[int]) -> str:
    """Write ascending numbers shortly, e.g. "0-4, 9"."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _download_one(directory: str, index: int, progress: "_Progress", stop) -> None:
    from nanochat.data.download import download

    name = index_to_filename(index)
    path = os.path.join(directory, name)
    download(shard_url(index), path, check=find_damage, on_bytes=progress.add_bytes, stop=stop)
    progress.finish(name, os.path.getsize(path))


def _present(directory: str, index: int) -> bool:
    return is_whole(os.path.join(directory, index_to_filename(index)))


def _remove_stale(directory: str) -> None:
    """Remove what a killed download left behind."""
    for path in glob.glob(os.path.join(glob.escape(directory), "shard_*.tmp")):
        if time.time() - os.path.getmtime(path) > STALE_SECONDS:
            os.unlink(path)


class _Progress:
    """A bar on a terminal, a line per shard elsewhere; used from all download threads."""

    def __init__(self, total: int):
        from tqdm import tqdm

        self.total, self.done, self.bytes = total, 0, 0
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.bar = tqdm(total=total, unit="shard", disable=not sys.stderr.isatty() or not total)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.bar.close()

    def _rate(self) -> str:
        return f"{self.bytes / 1e6 / max(time.monotonic() - self.start, 1e-3):.1f} MB/s"

    def add_bytes(self, count: int) -> None:
        with self.lock:
            self.bytes += count
            if not self.bar.disable:
                self.bar.set_postfix_str(self._rate())

    def finish(self, name: str, size: int) -> None:
        with self.lock:
            self.done += 1
            if self.bar.disable:
                place = f"[{self.done}/{self.total}]"
                print0(f"{place} {name} {size / 1e6:.1f} MB, {self._rate()} in all")
            self.bar.update()


def main(argv: Sequence[str] | None = None) -> None:
    config = parse(DatasetConfig, argv, prog="dataset", description=__doc__)
    indices = wanted_indices(config.num_files)
    download_shards(indices, config.num_workers)
    print0(f"all {len(indices)} shards are in {data_directory()}")


if __name__ == "__main__":
    run(main)
