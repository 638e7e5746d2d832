"""What the import contracts in pyproject.toml cannot express."""

import ast
import os
import subprocess
import sys

import nanochat

ROOT = os.path.dirname(os.path.dirname(nanochat.__file__))
KNOW_COLLECTIVES = {
    "nanochat/distributed.py",
    "nanochat/train/optim.py",
    "nanochat/checkpoint_manager.py",
    "nanochat/checkpoints/save.py",
}
IMPORT_ALL = """
import importlib, os, pkgutil, sys
import nanochat, scripts, tasks
for package in (nanochat, scripts, tasks):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""


def source_files(*folders):
    for folder in folders:
        for directory, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".py"):
                    yield os.path.relpath(os.path.join(directory, name), ROOT)


def imported_names(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_collectives_are_known_where_they_belong_and_nowhere_else():
    knowing = {
        path
        for path in source_files("nanochat", "scripts", "tasks")
        if any(name.startswith("torch.distributed") for name in imported_names(path))
    }
    assert knowing <= KNOW_COLLECTIVES


def test_importing_everything_does_nothing(tmp_path):
    """No output, no directory, no argument parsing."""
    base_dir = tmp_path / "base"
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, "--nonsense"],
        env={**os.environ, "NANOCHAT_BASE_DIR": str(base_dir), "PYTHONPATH": ROOT},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == result.stderr == ""
    assert list(tmp_path.iterdir()) == []
