"""A stand-in hub, and models laid out as they are published."""

import os

import pytest

from nanochat.checkpoints.files import STAGE_DIRS, meta_name, model_name
from nanochat.common import get_base_dir
from tests.hub.hub_server import READER, HubServer
from tests.tiny_world import save_model, train_tokenizer


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A running hub that the library is pointed at, with a token that may read."""
    constants = pytest.importorskip("huggingface_hub").constants
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("nanochat.hub.client.time.sleep", lambda seconds: None)
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", READER)
        yield server


def read_tree(root) -> dict[str, bytes]:
    """Every file below a directory, by path."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root).replace(os.sep, "/")] = file.read()
    return found


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run a function with another base directory, as on somebody else's machine."""

    def run(function, name="somebody"):
        with monkeypatch.context() as patch:
            patch.setenv("NANOCHAT_BASE_DIR", str(tmp_path / name))
            return function()

    return run


def published(source: str, step: int, prefix: str = "", **shape) -> dict[str, bytes]:
    """Model and metadata of a new tiny checkpoint in the base directory, named for a repository."""
    tokenizer = train_tokenizer()
    save_model(tokenizer, source, "d1", step, **shape)
    files = read_tree(os.path.join(get_base_dir(), STAGE_DIRS[source], "d1"))
    return {prefix + name: files[name] for name in (model_name(step), meta_name(step))}


@pytest.fixture
def pretrained(elsewhere):
    """A base model, everything at the top level."""

    def make():
        files = published("base", 169150)
        tokenizer = read_tree(os.path.join(get_base_dir(), "tokenizer"))
        return files | {name: tokenizer[name] for name in ("tokenizer.pkl", "token_bytes.pt")}

    return elsewhere(make)


@pytest.fixture
def finetuned(elsewhere):
    """A chat model, with `tokenizer/` and the mid-trained model it was made from."""

    def make():
        files = published("sft", 700) | published("mid", 813, prefix="mid_")
        tokenizer = read_tree(os.path.join(get_base_dir(), "tokenizer"))
        return files | {f"tokenizer/{name}": content for name, content in tokenizer.items()}

    return elsewhere(make)


@pytest.fixture
def as_directory(tmp_path):
    """Write files to a directory and return its path."""

    def write(files: dict[str, bytes], name: str = "download") -> str:
        root = tmp_path / name
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        return str(root)

    return write
