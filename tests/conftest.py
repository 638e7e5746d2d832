"""Every test gets its own, empty base directory, so that none touches the user's."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def base_dir(tmp_path, monkeypatch):
    directory = tmp_path / "nanochat-base"
    monkeypatch.setenv("NANOCHAT_BASE_DIR", str(directory))
    return directory
