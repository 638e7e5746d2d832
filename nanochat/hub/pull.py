"""Bring a checkpoint from a repository or a directory to where the other commands look for it.

Small files come first and are checked before gigabytes are fetched. Everything is staged in
`.pull/` of the checkpoint's directory and named by its hash, so that an interrupted pull is
continued; files get their final names only when all checks have passed, the metadata last.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator

from filelock import FileLock, Timeout

from nanochat.checkpoints.files import CheckpointInfo, origin_record_name
from nanochat.common import UserError, atomic_write, get_base_dir, print0, printable
from nanochat.hub import layout
from nanochat.hub.arrival import (
    STAGING,
    Arrival,
    check_model,
    check_space,
    examine,
    is_complete,
    refuse_conflicts,
)
from nanochat.hub.origin import open_origin
from nanochat.hub.transfer import readable_size, sync
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import has_tokenizer

# (more layers than, sequences that fit a GPU of 80 GB); up to 20 layers the default does
BATCHES = ((32, 4), (26, 8), (20, 16))


def pull(
    where: str,
    source: str | None = None,
    model_tag: str | None = None,
    step: int | None = None,
    revision: str | None = None,
    dry_run: bool = False,
) -> CheckpointInfo:
    """Fetch one checkpoint and its tokenizer; return it as the other commands will find it.

    Raises UserError, with nothing moved into place, if the repository holds no single checkpoint
    that fits, a file is damaged, foreign or does not fit the others, another checkpoint already
    has the name, or the disk is too small.
    """
    if model_tag is not None and not layout.TAG_PATTERN.fullmatch(model_tag):
        raise UserError(f"--model_tag={model_tag!r}: expected letters, digits, '.', '_' and '-'")
    origin = open_origin(where, revision)
    found_all = layout.find_checkpoints(origin.files)
    found = layout.choose(found_all, origin.files, source, model_tag, step)
    arrival = examine(origin, found, source, model_tag)
    _describe(arrival, [item for item in found_all if item != found])
    if is_complete(arrival):
        print0(f"already there: {arrival.info.path}, step {arrival.info.step}")
    else:
        refuse_conflicts(arrival)
        check_space(arrival)
        if dry_run:
            print0("dry run: nothing was written")
            return arrival.info
        with _locked(arrival):
            refuse_conflicts(arrival)  # again, for another pull may just have ended
            receive(arrival)
    if not dry_run:
        fill_base_tokenizer(arrival.tokenizer)
        print0(next_command(arrival.info, arrival.config.n_layer))
    return arrival.info


def _describe(arrival: Arrival, others: list[layout.Found]) -> None:
    origin, found, info = arrival.origin, arrival.found, arrival.info
    size = readable_size(origin.files[found.model].size)
    print0(f"from {origin}: {found.model} ({size}), {arrival.config.n_layer} layers")
    print0(f"to {info.path}: step {info.step} of stage {info.source} ({arrival.reason})")
    recorded = arrival.meta.get("stage")
    if recorded not in (None, info.source):
        print0(f"note: its metadata calls it a {printable(str(recorded))} checkpoint")
    if others:
        listing = ", ".join(map(str, others[: layout.SHOWN]))
        print0(f"others there: {listing} (choose with --source and --step)")


@contextlib.contextmanager
def _locked(arrival: Arrival) -> Iterator[None]:
    """Hold the staging directory; afterwards it stays only if it holds something to continue."""
    staging = os.path.join(arrival.info.path, STAGING)
    os.makedirs(staging, exist_ok=True)
    lock = FileLock(os.path.join(staging, "lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"another pull into {arrival.info.path} is running; wait for it") from error
    done = False
    try:
        yield
        done = True
    finally:
        if done:  # another step's interrupted download may lie beside it
            shutil.rmtree(os.path.dirname(arrival.staged_model), ignore_errors=True)
        begun = any(names for folder, _, names in os.walk(staging) if folder != staging)
        if not begun:
            shutil.rmtree(staging, ignore_errors=True)
        lock.release()
        if not begun:
            with contextlib.suppress(OSError):
                os.rmdir(arrival.info.path)  # if nothing came
        elif not done:
            print0(f"what has arrived is kept in {staging}; the same command continues")


def receive(arrival: Arrival) -> None:
    """Fetch the model, check it, and give everything its final name, the metadata last."""
    if not os.path.isfile(arrival.model_path):
        os.makedirs(os.path.dirname(arrival.staged_model), exist_ok=True)
        arrival.origin.fetch(arrival.found.model, arrival.staged_model)
        check_model(arrival)
        sync(arrival.staged_model)
    tokenizer_dir = os.path.join(arrival.info.path, "tokenizer")
    if not has_tokenizer(tokenizer_dir):
        staged = os.path.join(arrival.info.path, STAGING, "tokenizer")
        arrival.tokenizer.save(staged)
        os.rename(staged, tokenizer_dir)
    if not os.path.isfile(arrival.model_path):
        os.rename(arrival.staged_model, arrival.model_path)
    record = arrival.origin.record(arrival.found.model)
    if record:
        path = os.path.join(arrival.info.path, origin_record_name(arrival.info.step))
        with atomic_write(path, "w") as file:
            file.write(json.dumps(record, indent=2) + "\n")
    with atomic_write(arrival.meta_path) as file:
        file.write(arrival.meta_bytes)
    print0(f"complete: {arrival.info.path}, step {arrival.info.step}")


def fill_base_tokenizer(tokenizer: RustBPETokenizer) -> None:
    """Make a tokenizer the base directory's if that has none; say what was done."""
    directory = os.path.join(get_base_dir(), "tokenizer")
    if os.path.isdir(directory) and os.listdir(directory):
        print0(f"{directory} stays as it is; the model uses its own copy of its tokenizer")
        return
    with tempfile.TemporaryDirectory(prefix=".tokenizer-", dir=get_base_dir()) as folder:
        staged = os.path.join(folder, "tokenizer")
        tokenizer.save(staged)
        os.rename(staged, directory)
    print0(f"{directory} was empty; it now holds this tokenizer, too")


def next_command(info: CheckpointInfo, depth: int) -> str:
    """Return the line to type next, by stage."""
    chosen = f"--model_tag={info.tag}"
    if info.source == "base":
        size = next((size for layers, size in BATCHES if depth > layers), None)
        batch = f" --device_batch_size={size}" if size else ""
        return f"next: nanochat mid_train {chosen} --model_step={info.step}{batch}"
    if info.source == "mid":
        return f"next: nanochat chat_sft --source=mid {chosen} --model_step={info.step}"
    return f"next: nanochat chat_web --source={info.source} {chosen} --step={info.step}"
