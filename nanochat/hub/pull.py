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
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout

from nanochat.checkpoints.files import (
    CheckpointInfo,
    list_steps,
    meta_name,
    model_name,
    read_meta,
    stage_directory,
)
from nanochat.common import UserError, atomic_write, get_base_dir, print0
from nanochat.hub import layout
from nanochat.hub.origin import Origin, open_origin
from nanochat.hub.transfer import readable_size, sync
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import MAX_FILE_BYTES, has_tokenizer

STAGING = ".pull"
# (more layers than, sequences that fit a GPU of 80 GB); up to 20 layers the default does
BATCHES = ((32, 4), (26, 8), (20, 16))


def origin_record_name(step: int) -> str:
    """Name of the note on where a pulled checkpoint came from."""
    return f"pulled_{step:06d}.json"


@dataclass(frozen=True)
class Arrival:
    """What is to come: a checkpoint's small files, read and checked, and where it will live."""

    origin: Origin
    found: layout.Found
    meta: dict[str, Any]
    meta_bytes: bytes
    config: Any  # GPTConfig
    tokenizer: RustBPETokenizer
    info: CheckpointInfo
    reason: str  # for the stage

    @property
    def model_path(self) -> str:
        return os.path.join(self.info.path, model_name(self.info.step))

    @property
    def meta_path(self) -> str:
        return os.path.join(self.info.path, meta_name(self.info.step))

    @property
    def staged_model(self) -> str:
        file = self.origin.files[self.found.model]
        content = (file.sha256 or file.git_sha1 or "unverified")[:16]
        return os.path.join(self.info.path, STAGING, content, model_name(self.info.step))


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
        with _locked(arrival.info.path):
            receive(arrival)
    if not dry_run:
        fill_base_tokenizer(arrival.tokenizer)
        print0(next_command(arrival.info, arrival.config.n_layer))
    return arrival.info


# -- looking at the small files -------------------------------------------------------------------


def examine(
    origin: Origin, found: layout.Found, source: str | None, model_tag: str | None
) -> Arrival:
    """Read a checkpoint's metadata and tokenizer; refuse what this program cannot run."""
    from nanochat.checkpoints.weights import parse_config

    with tempfile.TemporaryDirectory(prefix="nanochat-pull-") as folder, _named(folder, origin):
        path = os.path.join(folder, meta_name(found.step))
        _fetch_small(origin, found.meta, path)
        meta = read_meta(folder, found.step)
        config = parse_config(meta, folder, found.step)
        with open(path, "rb") as file:
            meta_bytes = file.read()
        tokenizer = _read_tokenizer(origin, found, meta, config.vocab_size, folder)
    stage, reason = layout.decide_stage(found, meta, source)
    tag = model_tag or found.tag or f"d{config.n_layer}"
    directory = os.path.join(stage_directory(stage), tag)
    info = CheckpointInfo(stage, tag, found.step, directory)
    return Arrival(origin, found, meta, meta_bytes, config, tokenizer, info, reason)


@contextlib.contextmanager
def _named(folder: str, origin: Origin) -> Iterator[None]:
    """Let errors name the repository instead of the temporary folder."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(folder, str(origin))) from error


def _fetch_small(origin: Origin, path: str, destination: str) -> None:
    size = origin.files[path].size
    if size > MAX_FILE_BYTES:
        raise UserError(f"{path}: expected at most {MAX_FILE_BYTES:,} bytes, found {size:,}")
    os.makedirs(os.path.dirname(destination), exist_ok=True)
    origin.fetch(path, destination)


def _read_tokenizer(
    origin: Origin, found: layout.Found, meta: dict, vocab_size: int, folder: str
) -> RustBPETokenizer:
    """Return the tokenizer that belongs to a checkpoint, by fingerprint where one is recorded."""
    if not found.tokenizers:
        raise UserError(
            f"{origin} has no tokenizer (looked for {' and '.join(layout.TOKENIZER_FILES)}, beside "
            "the model and in tokenizer/); without the one it was trained with a model is useless"
        )
    wanted = meta.get("tokenizer_fingerprint")
    sizes = []
    for number, files in enumerate(found.tokenizers):
        place = os.path.join(folder, f"tokenizer-{number}")
        for name, path in files.items():
            _fetch_small(origin, path, os.path.join(place, name))
        with _named(place, os.path.dirname(next(iter(files.values()))) or origin):
            tokenizer = RustBPETokenizer.from_directory(place)
        fits = tokenizer.get_vocab_size() == vocab_size
        if fits and wanted in (None, tokenizer.fingerprint()):
            return tokenizer
        sizes.append(tokenizer.get_vocab_size())
    if vocab_size not in sizes:
        raise UserError(
            f"{found.model} has a vocabulary of {vocab_size}, but the tokenizer in {origin} has "
            f"{', '.join(map(str, sizes))}: they do not belong together"
        )
    raise UserError(
        f"the tokenizer in {origin} is not the one that {found.model} was trained with "
        f"(expected the fingerprint {wanted}); it would answer gibberish"
    )


# -- deciding what has to be done -----------------------------------------------------------------


def is_complete(arrival: Arrival) -> bool:
    """Say whether exactly this checkpoint is there already, with its tokenizer."""
    paths = (arrival.meta_path, arrival.model_path)
    if not all(map(os.path.isfile, paths)):
        return False
    tokenizer = os.path.join(arrival.info.path, "tokenizer")
    return (
        _same_meta(arrival)
        and _same_tokenizer(tokenizer, arrival.tokenizer)
        and _same_model(arrival)
    )


def refuse_conflicts(arrival: Arrival) -> None:
    """Raise UserError if something else already has the name of a file that is to come."""
    advice = "pull it under another name with --model_tag, or remove what is there"
    if os.path.lexists(arrival.meta_path) and not _same_meta(arrival):
        raise UserError(f"{arrival.meta_path} exists, and it is another checkpoint's; {advice}")
    if os.path.lexists(arrival.model_path) and not _same_model(arrival):
        raise UserError(f"{arrival.model_path} exists, and it is another model; {advice}")
    directory = os.path.join(arrival.info.path, "tokenizer")
    if has_tokenizer(directory):
        fits = _same_tokenizer(directory, arrival.tokenizer)
    else:  # then models from earlier releases, if any are there, use the base directory's
        directory = os.path.join(get_base_dir(), "tokenizer")
        others = os.path.isdir(arrival.info.path) and set(list_steps(arrival.info.path))
        alone = not others or others == {arrival.info.step}
        fits = alone or _same_tokenizer(directory, arrival.tokenizer)
    if not fits:
        raise UserError(
            f"{directory} is another tokenizer, which the models in {arrival.info.path} need; "
            + advice
        )


def _same_meta(arrival: Arrival) -> bool:
    if not os.path.isfile(arrival.meta_path):
        return False
    with open(arrival.meta_path, "rb") as file:
        return file.read() == arrival.meta_bytes


def _same_model(arrival: Arrival) -> bool:
    path = arrival.model_path
    return os.path.isfile(path) and arrival.origin.has(arrival.found.model, path)


def _same_tokenizer(directory: str, tokenizer: RustBPETokenizer) -> bool:
    if not has_tokenizer(directory):
        return False
    with contextlib.suppress(UserError):
        return RustBPETokenizer.from_directory(directory).fingerprint() == tokenizer.fingerprint()
    return False


def check_space(arrival: Arrival) -> None:
    """Raise UserError, with both numbers, if the disk cannot hold what is still to come."""
    if os.path.isfile(arrival.model_path):
        return
    place = arrival.info.path
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    needed = arrival.origin.missing_bytes(arrival.found.model, arrival.staged_model)
    free = shutil.disk_usage(place).free
    if needed > free:
        raise UserError(
            f"{arrival.found.model} needs {readable_size(needed)}, but {place} has only "
            f"{readable_size(free)} free; make room, or set NANOCHAT_BASE_DIR to a larger disk"
        )


def _describe(arrival: Arrival, others: list[layout.Found]) -> None:
    origin, found, info = arrival.origin, arrival.found, arrival.info
    size = readable_size(origin.files[found.model].size)
    print0(f"from {origin}: {found.model} ({size}), {arrival.config.n_layer} layers")
    print0(f"to {info.path}: {info.source} step {info.step}; {info.source} {arrival.reason}")
    recorded = arrival.meta.get("stage")
    if recorded not in (None, info.source):
        print0(f"note: its metadata calls it a {recorded} checkpoint")
    if others:
        listing = ", ".join(map(str, others[: layout.SHOWN]))
        print0(f"others there: {listing} (choose with --source and --step)")


# -- bringing it in -------------------------------------------------------------------------------


@contextlib.contextmanager
def _locked(checkpoint_dir: str) -> Iterator[None]:
    """Hold the staging directory; afterwards it stays only if it holds something to continue."""
    staging = os.path.join(checkpoint_dir, STAGING)
    os.makedirs(staging, exist_ok=True)
    lock = FileLock(os.path.join(staging, "lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(f"another pull into {checkpoint_dir} is running; wait for it") from error
    done = False
    try:
        yield
        done = True
    finally:
        lock.release()
        begun = any(names for folder, _, names in os.walk(staging) if folder != staging)
        if done or not begun:
            shutil.rmtree(staging, ignore_errors=True)
            with contextlib.suppress(OSError):
                os.rmdir(checkpoint_dir)  # if nothing came


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


def check_model(arrival: Arrival) -> None:
    """Raise UserError unless the staged file holds the tensors that the configuration asks for.

    Only names, types and shapes are read. A file that is refused is not kept.
    """
    from nanochat.checkpoints.weights import check_weights, read_weights

    path = arrival.staged_model
    try:
        with _named(os.path.dirname(path), arrival.origin):
            check_weights(read_weights(path, arrival.meta, "meta"), arrival.config, path)
    except UserError:
        os.unlink(path)
        raise


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
