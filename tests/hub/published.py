"""Tiny models, made in the current base directory, as the files of a repository."""

import os

from nanochat.checkpoints.files import STAGE_DIRS, meta_name, model_name
from nanochat.common import get_base_dir
from tests.tiny_world import save_model, train_tokenizer


def read_tree(root) -> dict[str, bytes]:
    """Every file below a directory, by path."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root).replace(os.sep, "/")] = file.read()
    return found


def _tokenizer() -> dict[str, bytes]:
    return read_tree(os.path.join(get_base_dir(), "tokenizer"))


def _checkpoint(source: str, step: int, prefix: str = "", **shape) -> dict[str, bytes]:
    save_model(train_tokenizer(), source, "d1", step, **shape)
    files = read_tree(os.path.join(get_base_dir(), STAGE_DIRS[source], "d1"))
    return {prefix + name: files[name] for name in (model_name(step), meta_name(step))}


def pretrained(**shape) -> dict[str, bytes]:
    """A base model of step 169150, everything at the top level."""
    files = _checkpoint("base", 169150, **shape)
    return files | {name: _tokenizer()[name] for name in ("tokenizer.pkl", "token_bytes.pt")}


def finetuned(**shape) -> dict[str, bytes]:
    """A chat model with `tokenizer/` and the mid-trained model it was made from."""
    files = _checkpoint("sft", 700, **shape) | _checkpoint("mid", 813, prefix="mid_", **shape)
    return files | {f"tokenizer/{name}": content for name, content in _tokenizer().items()}
