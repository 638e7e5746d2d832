"""Make a checkpoint of ours from a directory in the format of `transformers`.

Read are the directories that `export` writes, of either rotation, and other ones of transformers'
nanochat models. Nothing in them is run: weights are read from safetensors, the tokenizer from the
tables of tokenizer.json, and whatever is not a nanochat model is refused by name.
"""

import dataclasses
import json
import os
import re
from collections import OrderedDict
from typing import Any

import torch

from nanochat.checkpoint_manager import save_checkpoint
from nanochat.checkpoints.files import STAGE_DIRS, CheckpointInfo, list_steps, stage_directory
from nanochat.checkpoints.weights import EMBEDDING, PROBLEMS_SHOWN, refuse_later_architecture
from nanochat.common import UserError
from nanochat.gpt import GPT, GPTConfig
from nanochat.hub.interchange.tensor_files import StoredTensors
from nanochat.hub.interchange.tokenizer_json import read_tokenizer
from nanochat.hub.interchange.transformers_format import (
    HEAD,
    LLAMA_ROPE_MODEL_TYPE,
    MARKER,
    ROTATED,
    parse_config,
    tensor_names,
    turn_rotation,
)
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import has_tokenizer

CONFIG_NAME = "config.json"
MAX_CONFIG_BYTES = 1024 * 1024
PADDING_SEED = 42
PADDING_STD = {EMBEDDING: 1.0, HEAD: 0.001}  # as `GPT.init_weights` fills these matrices
TYPES_READ = {"F32", "BF16"}


@dataclasses.dataclass(frozen=True)
class ForeignModel:
    """What a directory describes; `rows` is the number of embedding rows its weights have."""

    path: str
    config: GPTConfig
    rows: int
    model_type: str
    origin: dict[str, Any]
    tokenizer: RustBPETokenizer


def import_model(
    path: str, source: str | None = None, model_tag: str | None = None, step: int | None = None
) -> CheckpointInfo:
    """Write the checkpoint `step` of `<stage>/<model_tag>` from the model in directory `path`.

    Stage, tag and step default to those it was exported from, else to sft, the directory's name and
    0. Raises
    UserError for what is missing, damaged or another model's, and if the step exists already.
    """
    foreign = describe_directory(path)
    exported = foreign.origin.get("source")
    source = source or (exported if exported in STAGE_DIRS else "sft")
    root = stage_directory(source)
    tag = model_tag or foreign.origin.get("model_tag") or os.path.basename(os.path.abspath(path))
    step = step if step is not None else foreign.origin.get("step", 0)
    _check_destination(root, source, tag, step)
    _check_tokenizer(os.path.join(root, tag), foreign.tokenizer)
    with StoredTensors(path) as stored:
        weights = read_weights(foreign, stored)
    meta = {
        "model_config": dataclasses.asdict(foreign.config),
        "imported_from": {"directory": os.path.basename(os.path.abspath(path)), **foreign.origin},
    }
    directory = os.path.join(root, tag)
    save_checkpoint(directory, step, weights, None, meta, tokenizer=foreign.tokenizer)
    return CheckpointInfo(source, tag, step, directory)


def describe_directory(path: str) -> ForeignModel:
    """Read configuration and tokenizer of a directory and check that they fit together."""
    if not os.path.isdir(path):
        raise UserError(
            f"{path}: there is no such directory; a model on the hub has to be downloaded first"
        )
    config_path = os.path.join(path, CONFIG_NAME)
    document = _read_json(config_path)
    config, model_type = parse_config(document, config_path)
    tokenizer = RustBPETokenizer.from_data(read_tokenizer(path))
    rows, size = config.vocab_size, tokenizer.get_vocab_size()
    config = dataclasses.replace(config, vocab_size=size)
    if rows not in (size, config.padded_vocab_size):
        raise UserError(
            f"{config_path}: vocab_size is {rows}, but the tokenizer beside it has {size} tokens "
            f"(or {config.padded_vocab_size}, padded); are both of the same model?"
        )
    origin = document.get(MARKER)
    return ForeignModel(path, config, rows, model_type, _plain_origin(origin), tokenizer)


def _read_json(path: str) -> Any:
    try:
        if os.path.getsize(path) > MAX_CONFIG_BYTES:
            raise UserError(f"{path} is too large for a configuration")
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is missing; expected a directory in the format of transformers, with "
            "config.json, model.safetensors and tokenizer.json"
        ) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is not valid JSON ({error}); copy it again") from error


def _plain_origin(origin: Any) -> dict[str, Any]:
    """Return of the marker only what `export` puts there; the file may come from anywhere."""
    origin = origin if isinstance(origin, dict) else {}
    kinds = {"source": str, "model_tag": str, "step": int}
    return {name: origin[name] for name, kind in kinds.items() if type(origin.get(name)) is kind}


def _check_destination(root: str, source: str, tag: str, step: int) -> None:
    if not re.fullmatch(r"[\w][\w.+-]*", tag):
        raise UserError(
            f"{tag!r} cannot be a model tag (letters, digits, '.', '_', '+' and '-'); choose one "
            "with --model_tag"
        )
    if step < 0:
        raise UserError(f"--step must be 0 or more, got {step}")
    directory = os.path.join(root, tag)
    if os.path.isdir(directory) and step in list_steps(directory):
        raise UserError(
            f"the checkpoint {source} {tag} step {step} exists already; choose another --model_tag "
            "or --step (nothing is overwritten)"
        )


def _check_tokenizer(directory: str, tokenizer: RustBPETokenizer) -> None:
    """Raise UserError if models that are there already need another tokenizer."""
    present = os.path.join(directory, "tokenizer")
    if not has_tokenizer(present):
        return
    if RustBPETokenizer.from_directory(present).fingerprint() != tokenizer.fingerprint():
        raise UserError(
            f"{present} is another tokenizer, which the models beside it need; choose another "
            "--model_tag"
        )


def read_weights(foreign: ForeignModel, stored: StoredTensors) -> "OrderedDict[str, torch.Tensor]":
    """Return the weights under our names, in our order, with padding rows, rotating our way.

    The embedding keeps its type; all else becomes fp32, as in the files of a training run.
    """
    _check_tensors(foreign, stored)
    config = foreign.config
    rng = torch.Generator().manual_seed(PADDING_SEED)
    weights: OrderedDict[str, torch.Tensor] = OrderedDict()
    for ours, theirs in tensor_names(config.n_layer):
        tensor = stored.read(theirs)
        if ours != EMBEDDING:
            tensor = tensor.float()
        if foreign.model_type == LLAMA_ROPE_MODEL_TYPE and ours.endswith(ROTATED):
            tensor = turn_rotation(tensor, config.head_dim)
        missing = config.padded_vocab_size - len(tensor)
        if ours in PADDING_STD and missing > 0:
            padding = torch.randn(missing, config.n_embd, generator=rng) * PADDING_STD[ours]
            tensor = torch.cat([tensor, padding.to(tensor.dtype)])
        weights[ours] = tensor
    return weights


def _check_tensors(foreign: ForeignModel, stored: StoredTensors) -> None:
    """Raise one UserError that names every tensor missing, unknown, or of another shape or type."""
    shapes, types = stored.shapes(), stored.types()
    refuse_later_architecture(shapes, foreign.path)
    if foreign.config.n_layer > len(shapes):  # building such a model could take for ever
        raise UserError(
            f"{foreign.path}: {len(shapes)} tensors cannot be the {foreign.config.n_layer} layers "
            "that config.json describes"
        )
    with torch.device("meta"):
        wanted = {name: tuple(p.shape) for name, p in GPT(foreign.config).state_dict().items()}
    expected = {}
    for ours, theirs in tensor_names(foreign.config.n_layer):
        rows, width = wanted[ours]
        expected[theirs] = (foreign.rows if ours in PADDING_STD else rows, width)
    problems = [
        f"missing: {name} {shape}" for name, shape in expected.items() if name not in shapes
    ]
    for name, shape in shapes.items():
        if name not in expected:
            problems.append(f"unknown: {name} {shape}")
        elif shape != expected[name]:
            problems.append(f"{name}: expected {expected[name]}, found {shape}")
        elif types[name] not in TYPES_READ:
            reason = " (squared ReLU overflows in fp16)" if types[name] == "F16" else ""
            problems.append(f"{name}: expected the type F32 or BF16, found {types[name]}{reason}")
    if problems:
        shown = "\n  ".join(problems[:PROBLEMS_SHOWN])
        more = len(problems) - PROBLEMS_SHOWN
        raise UserError(
            f"{foreign.path}: the weights are not those of the model that config.json describes:"
            f"\n  {shown}" + (f"\n  and {more} more" if more > 0 else "")
        )
