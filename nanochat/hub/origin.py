"""Where a model is pulled from: a repository on the hub, or a directory standing in for one.

Both list `files` by path, say whether a file on disk `is` one of theirs, and `fetch` one to disk.
"""

import os
import re
from typing import Any

from nanochat.common import UserError
from nanochat.hub import client
from nanochat.hub.transfer import RemoteFile, copy_hashed, readable_size, same_bytes

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
SHA256 = re.compile(r"[0-9a-f]{64}")


class HubOrigin:
    """A repository at one commit, so that all its files belong together."""

    def __init__(self, repo: str, revision: str | None):
        self.repo = repo
        self.api = client.connect()
        self.commit, self.files = client.list_files(self.api, repo, revision)

    def __str__(self) -> str:
        return f"{self.repo} at {self.commit[:8]}"

    def has(self, path: str, local: str) -> bool:
        """Say whether a file on disk has the bytes of the repository's `path`."""
        return self.files[path].difference(local) is None

    def fetch(self, path: str, destination: str) -> None:
        """Download and verify a file; what an interrupted download left there is continued."""
        client.download(self.api, self.repo, self.commit, self.files[path], destination)

    def missing_bytes(self, path: str, destination: str) -> int:
        """How much of a file is still to come when `destination` has been begun."""
        have = os.path.getsize(destination) if os.path.exists(destination) else 0
        return max(0, self.files[path].size - have)

    def record(self, path: str) -> dict[str, Any]:
        """Where a file came from, to be kept beside it."""
        return {"repository": self.repo, "revision": self.commit, "file": path}


class DirectoryOrigin:
    """A directory laid out like a repository, for instance one downloaded with `hf download`."""

    def __init__(self, directory: str):
        self.directory = os.path.realpath(directory)
        self.files = {file.path: file for file in self._list()}

    def __str__(self) -> str:
        return self.directory

    def _list(self) -> list[RemoteFile]:
        files = []
        for parent, folders, names in os.walk(self.directory):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = os.path.join(parent, name)
                if os.path.isfile(path):
                    inside = os.path.relpath(path, self.directory).replace(os.sep, "/")
                    files.append(
                        RemoteFile(inside, os.path.getsize(path), self._known_hash(inside))
                    )
        return files

    def _known_hash(self, path: str) -> str | None:
        """The SHA-256 that `hf download` noted for a large file, if it was used."""
        folder = os.path.join(self.directory, ".cache", "huggingface", "download")
        try:
            with open(os.path.join(folder, f"{path}.metadata"), encoding="utf-8") as file:
                _commit, etag, *_ = file.read(1000).split()
        except (OSError, ValueError):
            return None
        return etag if SHA256.fullmatch(etag) else None

    def _real_path(self, path: str) -> str:
        """Return the file behind a name; one that a link leads to outside is refused.

        The hub's own cache is made of links to files a few folders up, which are fine.
        """
        real = os.path.realpath(os.path.join(self.directory, path))
        above = os.path.dirname(self.directory)
        inside_cache = os.path.basename(above) == "snapshots"
        allowed = os.path.dirname(os.path.dirname(above)) if inside_cache else self.directory
        if os.path.commonpath([real, allowed]) != allowed:
            raise UserError(
                f"{self.directory}/{path} is a link that leads out of the directory, to {real}; "
                "put the file itself there"
            )
        with open(real, "rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise UserError(
                    f"{self.directory}/{path} is only git's note about a large file; "
                    "run `git lfs pull` there first"
                )
        return real

    def has(self, path: str, local: str) -> bool:
        """Say whether a file on disk has the bytes of the directory's `path`."""
        return same_bytes(self._real_path(path), local)

    def fetch(self, path: str, destination: str) -> None:
        """Copy a file, and verify its hash where the download of the directory noted one."""
        from tqdm import tqdm

        file = self.files[path]
        shown = {"desc": path, "total": file.size, "unit": "B", "unit_scale": True}
        with tqdm(**shown, disable=file.size < 10**7) as bar:
            found = copy_hashed(self._real_path(path), destination, bar.update)
        if file.sha256 not in (None, found):
            os.unlink(destination)
            raise UserError(
                f"{self.directory}/{path} is damaged: expected the hash {file.sha256}, found "
                f"{found}; download it again"
            )
        if file.size >= 10**7:
            print(f"{path}: copied {readable_size(file.size)}, sha256 {found}", flush=True)

    def missing_bytes(self, path: str, destination: str) -> int:
        """A copy always begins anew."""
        return self.files[path].size

    def record(self, path: str) -> None:
        """A directory is no place that a later reader could look up."""


Origin = HubOrigin | DirectoryOrigin


def open_origin(where: str, revision: str | None) -> Origin:
    """Return what `where` names: a directory if there is one, else a repository."""
    path = os.path.expanduser(where)
    if os.path.isdir(path):
        if revision is not None:
            raise UserError(f"--revision is for repositories, and {where} is a directory")
        return DirectoryOrigin(path)
    if os.path.exists(path) or where.startswith(("/", ".", "~")):
        raise UserError(f"{where} is not a directory")
    return HubOrigin(client.parse_repo_id(where), revision)
