"""What is held out for tests: decided by a hash of its name, the same on every machine."""

import hashlib


def bucket(key: str, buckets: int = 100) -> int:
    """Return a number 0 ... buckets-1 that depends on `key` only."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % buckets


def held_out(key: str, percent: int = 5) -> bool:
    """Whether the thing called `key` belongs to the held-out `percent`."""
    return bucket(key) < percent


def in_split(key: str, split: str, percent: int = 5) -> bool:
    """Whether `key` belongs to `split`, "train" or "test"."""
    return held_out(key, percent) == (split == "test")
