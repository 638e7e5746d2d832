"""Writing one checkpoint: all files or none, on every rank, the metadata last."""

import contextlib
import datetime
import os
import shutil
from typing import Any

import torch
import torch.distributed as torch_distributed

from nanochat.checkpoints.files import (
    STAGE_DIRS,
    former_tokenizer_directory,
    meta_name,
    model_name,
    optimizer_name,
    to_json,
)
from nanochat.checkpoints.weights import strip_compiled_prefix
from nanochat.common import UserError, atomic_write
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import has_tokenizer

FORMAT_VERSION = 1


def save_checkpoint(
    checkpoint_dir: str,
    step: int,
    model_data: dict[str, torch.Tensor] | None,
    optimizer_data: Any,
    meta_data: dict[str, Any] | None,
    rank: int = 0,
    tokenizer: RustBPETokenizer | None = None,
) -> None:
    """Write one checkpoint: rank 0 model, metadata and tokenizer, each rank its optimizer state.

    With optimizer data and several processes every rank must call this, for the metadata lists
    the size of every file. The files get their names only once all are written, the metadata
    last; after an error or an interruption whatever was saved before is still whole. Raises
    UserError, on every rank, when the disk is full or cannot be written.
    """
    together = optimizer_data is not None and _world_size() > 1
    parts = {}
    if rank == 0:
        meta = {**meta_data, **_provenance(checkpoint_dir, step, meta_data, tokenizer)}
        to_json(meta)  # what cannot be written should fail now, not after gigabytes
        parts[model_name(step)] = strip_compiled_prefix(model_data)
    if optimizer_data is not None:
        parts[optimizer_name(step, rank)] = optimizer_data
    meta_path = os.path.join(checkpoint_dir, meta_name(step))
    with _os_errors_explained(checkpoint_dir, step), contextlib.ExitStack() as meta_rename:
        with contextlib.ExitStack() as part_renames:
            sizes, problem = {}, None
            try:
                for name, data in parts.items():
                    path = os.path.join(checkpoint_dir, name)
                    sizes[name] = _write_tensors(part_renames, path, data)
                if rank == 0 and tokenizer is not None:
                    _save_tokenizer_copy(checkpoint_dir, tokenizer)
            except OSError as error:  # the other ranks wait below and have to be told
                problem = f"{error.strerror or error} (rank {rank})"
            reports = _gather((sizes, problem)) if together else [(sizes, problem)]
            problems = [problem for _, problem in reports if problem]
            if problems:
                raise OSError(", ".join(problems))
            if rank == 0:
                meta["files"] = {name: size for sizes, _ in reports for name, size in sizes.items()}
                file = meta_rename.enter_context(atomic_write(meta_path, "w"))
                file.write(to_json(meta))
                file.flush()
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(meta_path)  # a step saved again is incomplete from here on
        if together:
            torch_distributed.barrier()  # all files have their names before the metadata has its


def _provenance(checkpoint_dir, step, meta_data, tokenizer) -> dict[str, Any]:
    """What every metadata file gets besides the stage's own keys."""
    stages = {directory: stage for stage, directory in STAGE_DIRS.items()}
    parent = os.path.basename(os.path.dirname(os.path.abspath(checkpoint_dir)))
    keys = {
        "step": step,
        "nanochat_format": FORMAT_VERSION,
        "stage": meta_data.get("stage") or stages.get(parent),
        "finished_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    }
    if tokenizer is not None:
        keys["tokenizer_fingerprint"] = tokenizer.fingerprint()
    return keys


class _Recorder:
    """A file whose first error is kept: torch turns errors of `write` into others of its own."""

    def __init__(self, file):
        self.file = file
        self.error: BaseException | None = None

    def write(self, data) -> int:
        try:
            return self.file.write(data)
        except BaseException as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self.file.flush()


def _write_tensors(renames: contextlib.ExitStack, path: str, data: Any) -> int:
    """Write a temporary file that closing `renames` gives its name; return its size in bytes."""
    file = renames.enter_context(atomic_write(path))
    recorder = _Recorder(file)
    try:
        torch.save(data, recorder)
    except BaseException:
        if recorder.error is not None:
            raise recorder.error from None
        raise
    file.flush()
    os.fsync(file.fileno())  # a full disk may show only here, and must before any file is renamed
    return os.fstat(file.fileno()).st_size


def _save_tokenizer_copy(checkpoint_dir: str, tokenizer: RustBPETokenizer) -> None:
    """Put the tokenizer beside the weights; one that earlier steps used gets another name."""
    directory = os.path.join(checkpoint_dir, "tokenizer")
    if has_tokenizer(directory):
        try:
            present = RustBPETokenizer.from_directory(directory).fingerprint()
        except UserError:
            present = "damaged"
        if present == tokenizer.fingerprint():
            return
        former = former_tokenizer_directory(checkpoint_dir, present)
        shutil.rmtree(former, ignore_errors=True)
        os.rename(directory, former)
    tokenizer.save(directory)


@contextlib.contextmanager
def _os_errors_explained(checkpoint_dir: str, step: int):
    try:
        yield
    except OSError as error:
        free = ""
        with contextlib.suppress(OSError):
            free = f" ({shutil.disk_usage(checkpoint_dir).free / 1e6:,.0f} MB free)"
        raise UserError(
            f"could not save step {step} in {checkpoint_dir}: {error.strerror or error}{free}; "
            "earlier checkpoints are untouched; make room or set NANOCHAT_BASE_DIR to another "
            "place, then continue from them"
        ) from error


def _world_size() -> int:
    initialised = torch_distributed.is_available() and torch_distributed.is_initialized()
    return torch_distributed.get_world_size() if initialised else 1


def _gather(value: Any) -> list[Any]:
    values = [None] * _world_size()
    torch_distributed.all_gather_object(values, value)
    return values
