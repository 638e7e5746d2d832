"""Every test gets its own, empty base directory, so that none touches the user's."""

import os

import pytest
from hypothesis import settings

# how long an example takes says nothing on a busy machine
settings.register_profile("nanochat", deadline=None)
settings.load_profile("nanochat")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def base_dir(tmp_path, monkeypatch):
    directory = tmp_path / "nanochat-base"
    monkeypatch.setenv("NANOCHAT_BASE_DIR", str(directory))
    return directory


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """A real tokenizer of 300 tokens, trained on a few words."""
    from nanochat.tokenizer import RustBPETokenizer

    text = ["the quick brown fox jumps over the lazy dog, document says word question yes "] * 3
    return RustBPETokenizer.train_from_iterator(iter(text), 300)


def pytest_collection_modifyitems(items):
    """Begin with the longest tests, so that no worker is left alone with one at the end."""
    items.sort(
        key=lambda item: (
            not item.nodeid.startswith("tests/slow/test_quickstart"),
            item.get_closest_marker("slow") is None,
        )
    )
