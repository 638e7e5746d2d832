"""Bytes on their way: hashing, comparing, and copying from a directory while hashing."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BLOCK_BYTES = 512 * 1024  # small enough to stay in a processor's cache between two uses


@dataclass(frozen=True)
class RemoteFile:
    """A file as a repository lists it; a hash is given for every file on the hub.

    Large files have a SHA-256, small ones the SHA-1 that git gives to their content.
    """

    path: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None

    def difference(self, local: str) -> str | None:
        """Say how a file on disk differs from this one, or None."""
        size = os.path.getsize(local)
        if size != self.size:
            return f"expected {self.size:,} bytes, found {size:,}"
        expected = self.sha256 or self.git_sha1
        if expected is None:
            return None
        digest = hashlib.sha256()
        if not self.sha256:
            digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        for block in blocks(local):
            digest.update(block)
        if digest.hexdigest() == expected:
            return None
        return f"expected the hash {expected}, found {digest.hexdigest()}"


def blocks(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def same_bytes(first: str, second: str) -> bool:
    """Say whether two files have the same content."""
    if os.path.samefile(first, second):
        return True
    if os.path.getsize(first) != os.path.getsize(second):
        return False
    return all(a == b for a, b in zip(blocks(first), blocks(second), strict=True))


def copy_hashed(source: str, destination: str, on_bytes: Callable[[int], object]) -> str:
    """Copy a file's content and return its SHA-256, reading it once."""
    digest = hashlib.sha256()
    with open(destination, "wb", buffering=0) as file:
        for block in blocks(source):
            digest.update(block)
            rest = memoryview(block)
            while rest:
                rest = rest[file.write(rest) :]
            on_bytes(len(block))
    return digest.hexdigest()


def sync(path: str) -> None:
    """Wait until a file is on the disk, so that a name given to it later means all of it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def readable_size(count: int) -> str:
    """Bytes as the hub shows them, in powers of 1000: `8.58 GB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} bytes"
