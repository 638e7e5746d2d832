"""A stand-in hub, other people's machines, and tiny models as they are published."""

import pytest

from tests.hub import published
from tests.hub.hub_server import READER, HubServer


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A running hub that the library is pointed at, with a token that may read."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setattr(constants, "AGENT_HARNESSES_PATH", str(tmp_path / "none.json"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)  # as installed; put back later
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 500)  # written only when complete
    monkeypatch.setattr("nanochat.hub.client.time.sleep", lambda seconds: None)
    with HubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)  # read when it was imported
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", READER)
        yield server


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run a function with another base directory, as on somebody else's machine."""

    def run(function, name="somebody"):
        with monkeypatch.context() as patch:
            patch.setenv("NANOCHAT_BASE_DIR", str(tmp_path / name))
            return function()

    return run


@pytest.fixture
def pretrained(elsewhere):
    return elsewhere(published.pretrained)


@pytest.fixture
def finetuned(elsewhere):
    return elsewhere(published.finetuned)


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
