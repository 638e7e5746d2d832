"""Bytes on their way: hashing, comparing, and copying from a directory while hashing."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

BLOCK_BYTES = 512 * 1024  # small enough to stay in a processor's cache between two uses
COPY_BYTES = 4 * 2**20
UNCACHE_BYTES = 256 * 2**20


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
    """Copy a file's content and return its SHA-256, reading it once.

    Hashing runs beside writing. What was copied is not kept in the system's file cache: making room
    there for gigabytes that nobody reads again takes longer than copying them.
    """
    digest, place = hashlib.sha256(), 0
    block = memoryview(bytearray(COPY_BYTES))
    with (
        open(source, "rb", buffering=0) as reader,
        open(destination, "wb", buffering=0) as writer,
        ThreadPoolExecutor(1) as beside,
    ):
        while count := reader.readinto(block):
            hashed = beside.submit(digest.update, block[:count])
            rest = block[:count]
            while rest:
                rest = rest[writer.write(rest) :]
            hashed.result()
            place += count
            on_bytes(count)
            if place % UNCACHE_BYTES < count:
                _uncache(reader, place)
                _uncache(writer, place)
    return digest.hexdigest()


def _uncache(file, end: int) -> None:
    if hasattr(os, "posix_fadvise"):  # not everywhere, and only advice
        os.posix_fadvise(file.fileno(), 0, end, os.POSIX_FADV_DONTNEED)


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
