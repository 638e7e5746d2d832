"""Write a checkpoint as a directory that `transformers` (or a graph with Llama's rotation) loads.

    export_model("sft", "out", model_tag="d34", step=700)

The directory appears under its name only when all of it is written and has been compared with the
checkpoint by running both; see `parity`.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import torch

from nanochat.checkpoint_manager import load_model
from nanochat.checkpoints.weights import EMBEDDING
from nanochat.common import UserError, atomic_write, print0
from nanochat.gpt import GPT
from nanochat.hub.extras import load_extra
from nanochat.hub.interchange.chat_template import CHAT_TEMPLATE
from nanochat.hub.interchange.importing import CONFIG_NAME
from nanochat.hub.interchange.parity import Parity, compare
from nanochat.hub.interchange.readme import write_card
from nanochat.hub.interchange.tensor_files import SHARD_BYTES, Pending, write_tensors
from nanochat.hub.interchange.tokenizer_json import (
    TOKENIZER_NAME,
    describe_tokenizer,
    describe_tokenizer_config,
)
from nanochat.hub.interchange.transformers_format import (
    HEAD,
    LLAMA_ROPE_MODEL_TYPE,
    MODEL_TYPE,
    ROTATED,
    describe_generation,
    describe_model,
    tensor_names,
    turn_rotation,
)
from nanochat.tokenizer import RustBPETokenizer

FORMATS = {"hf": MODEL_TYPE, "hf-llama-rope": LLAMA_ROPE_MODEL_TYPE}
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def export_model(
    source: str,
    out: str,
    *,
    model_tag: str | None = None,
    step: int | None = None,
    format: str = "hf",
    dtype: str = "bfloat16",
    check: bool = True,
    shard_bytes: int = SHARD_BYTES,
) -> Parity | None:
    """Write checkpoint `source`/`model_tag`/`step` to the directory `out`, new or empty.

    Returns the comparison of both models, None without `check`. Raises UserError, leaving nothing
    behind, for wrong arguments, for a checkpoint that cannot be read, and if the two differ.
    """
    if format not in FORMATS:
        raise UserError(f"the format must be one of {', '.join(FORMATS)}, got {format!r}")
    if dtype not in DTYPES:
        reason = "; squared ReLU overflows in float16" if dtype in ("float16", "fp16") else ""
        raise UserError(f"--dtype must be one of {', '.join(DTYPES)}, got {dtype!r}{reason}")
    check_destination(out)
    if check:
        load_extra("transformers", "export")  # say so before gigabytes are written
    model, tokenizer, meta = load_model(source, "cpu", "eval", model_tag, step)
    chosen = meta["checkpoint"]
    origin = {
        "source": source,
        "model_tag": chosen["tag"],
        "step": chosen["step"],
        "format": format,
    }
    with finished_directory(out) as directory:
        write_files(directory, model, tokenizer, origin, dtype, shard_bytes)
        parity = None
        if check:
            parity = compare(directory, model, tokenizer, DTYPES[dtype], FORMATS[format])
            print0(parity.table())
            problem = parity.problem()
            if problem:
                raise UserError(
                    f"{chosen['path']}: the export does not agree with the checkpoint: {problem}; "
                    "nothing was kept (--no-check keeps it, at your own risk)"
                )
        name = f"{source} {chosen['tag']} step {chosen['step']}"
        card = write_card(model.config, name, FORMATS[format], dtype, parity)
        with atomic_write(os.path.join(directory, "README.md"), "w") as file:
            file.write(card)
    return parity


def write_files(
    directory: str,
    model: GPT,
    tokenizer: RustBPETokenizer,
    origin: dict[str, Any],
    dtype: str,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Write configurations, tokenizer and weights of `model` into `directory`."""
    special = tokenizer.data.special_tokens
    model_type = FORMATS[origin["format"]]
    documents = {
        CONFIG_NAME: describe_model(model.config, special, model_type, dtype, origin),
        "generation_config.json": describe_generation(special),
        TOKENIZER_NAME: describe_tokenizer(tokenizer.data),
        "tokenizer_config.json": describe_tokenizer_config(
            model.config.sequence_len, CHAT_TEMPLATE
        ),
    }
    for name, document in documents.items():
        with atomic_write(os.path.join(directory, name), "w") as file:
            json.dump(document, file, indent=2, ensure_ascii=False)
            file.write("\n")
    write_tensors(directory, pending_tensors(model, model_type), DTYPES[dtype], shard_bytes)


def pending_tensors(model: GPT, model_type: str) -> Iterator[Pending]:
    """Yield the tensors of an export: their names, without padding rows, turned if need be."""
    weights, config = model.state_dict(), model.config
    for ours, theirs in tensor_names(config.n_layer):
        tensor = weights[ours]
        if ours in (EMBEDDING, HEAD):
            tensor = tensor[: config.vocab_size]
        turn = model_type == LLAMA_ROPE_MODEL_TYPE and ours.endswith(ROTATED)

        def make(tensor=tensor, turn=turn) -> torch.Tensor:
            return turn_rotation(tensor, config.head_dim) if turn else tensor

        yield Pending(theirs, tuple(tensor.shape), make)


def check_destination(out: str) -> None:
    """Raise UserError unless `out` is free: not there yet, or an empty directory."""
    if os.path.isdir(out):
        if os.listdir(out):
            raise UserError(
                f"{out} is not empty; name a new directory with --out (nothing is overwritten)"
            )
    elif os.path.lexists(out):
        raise UserError(f"{out} exists and is not a directory; name a new one with --out")


@contextlib.contextmanager
def finished_directory(out: str) -> Iterator[str]:
    """Give a temporary directory beside `out`, which takes that name when the block ends well."""
    out = os.path.abspath(out)
    parent, name = os.path.split(out)
    os.makedirs(parent, exist_ok=True)
    temporary = tempfile.mkdtemp(dir=parent, prefix=f".{name}.", suffix=".tmp")
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o777 & ~umask)  # mkdtemp makes private ones
        os.rename(temporary, out)  # takes the place of an empty directory, and of nothing else
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
