"""A checkpoint that is to come: read from its small files, checked, compared with what is there."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nanochat.checkpoints.files import (
    CheckpointInfo,
    list_steps,
    meta_name,
    model_name,
    read_meta,
    stage_directory,
)
from nanochat.common import UserError, get_base_dir
from nanochat.hub import layout
from nanochat.hub.origin import Origin
from nanochat.hub.transfer import readable_size
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import MAX_FILE_BYTES, has_tokenizer

STAGING = ".pull"  # in the checkpoint's directory


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
