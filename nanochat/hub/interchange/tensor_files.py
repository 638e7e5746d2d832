"""Weights as safetensors: written tensor by tensor, read tensor by tensor, one file or several.

The format is a length (8 bytes, little endian), a JSON header of that length that gives every
tensor's type, shape and place, and then the tensors' bytes one after the other
(https://huggingface.co/docs/safetensors). Writing it here rather than with the library keeps a
single tensor in memory instead of a whole file.
"""

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nanochat.common import UserError, atomic_write
from nanochat.hub.extras import load_extra

SINGLE_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"
ENDING = ".safetensors"
SHARD_BYTES = 5_000_000_000  # what the hub's own tools take
MAX_INDEX_BYTES = 64 * 1024 * 1024
TYPE_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16"}


@dataclass(frozen=True)
class Pending:
    """A tensor that is to be written: its shape, and what makes it when its turn comes."""

    name: str
    shape: tuple[int, ...]
    make: Callable[[], torch.Tensor]


def write_tensors(
    directory: str, tensors: Iterable[Pending], dtype: torch.dtype, shard_bytes: int = SHARD_BYTES
) -> int:
    """Write `tensors` as `dtype` in files of at most `shard_bytes`; return their bytes in all.

    A tensor larger than that gets a file of its own. Several files come with an index.
    """
    shards, sizes = [[]], [0]
    for tensor in tensors:
        size = math.prod(tensor.shape) * dtype.itemsize
        if shards[-1] and sizes[-1] + size > shard_bytes:
            shards.append([])
            sizes.append(0)
        shards[-1].append(tensor)
        sizes[-1] += size
    if len(shards) == 1:
        _write_file(os.path.join(directory, SINGLE_NAME), shards[0], dtype)
        return sizes[0]
    places = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        _write_file(os.path.join(directory, name), shard, dtype)
        places |= {tensor.name: name for tensor in shard}
    with atomic_write(os.path.join(directory, INDEX_NAME), "w") as file:
        json.dump({"metadata": {"total_size": sum(sizes)}, "weight_map": places}, file, indent=2)
        file.write("\n")
    return sum(sizes)


def _write_file(path: str, tensors: list[Pending], dtype: torch.dtype) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + math.prod(tensor.shape) * dtype.itemsize
        header[tensor.name] = {
            "dtype": TYPE_NAMES[dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # so that the tensors begin at a multiple of eight bytes
    with atomic_write(path) as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for tensor in tensors:
            file.write(_little_endian(tensor.make().to(dtype)))


def _little_endian(tensor: torch.Tensor) -> memoryview:
    data = tensor.contiguous().view(-1).view(torch.uint8)
    if sys.byteorder == "big":
        data = data.view(-1, tensor.dtype.itemsize).flip(1).contiguous()
    return data.numpy().data


class StoredTensors:
    """The tensors of a directory, by name; only those asked for are read.

    Use as a context manager. Raises UserError naming the file that is missing or damaged.
    """

    def __init__(self, directory: str):
        self._open = load_extra("safetensors", "export").safe_open
        self._files = contextlib.ExitStack()
        self._slices: dict[str, tuple[Any, str]] = {}
        names, listed = _read_index(directory)
        for name in names:
            self._add_file(os.path.join(directory, name))
        absent = sorted(listed - set(self._slices))
        if absent:
            self._files.close()
            raise UserError(
                f"{directory}: the index names tensors that no file holds: {', '.join(absent[:5])}"
            )

    def _add_file(self, path: str) -> None:
        if not os.path.isfile(path):
            raise UserError(f"{path} is missing; download or copy the directory again")
        try:
            file = self._files.enter_context(self._open(path, framework="pt"))
            self._slices |= dict.fromkeys(file.keys(), (file, path))
        except Exception as error:  # the library's own error types, by where the damage is
            raise UserError(
                f"{path} is truncated or damaged ({error}); download or copy it again"
            ) from error

    def __enter__(self) -> "StoredTensors":
        return self

    def __exit__(self, *exception) -> None:
        self._files.close()

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of every tensor."""
        return {name: tuple(self._slice(name).get_shape()) for name in self._slices}

    def types(self) -> Mapping[str, str]:
        """Return the type of every tensor as the format names it: F32, BF16, F16, ..."""
        return {name: self._slice(name).get_dtype() for name in self._slices}

    def _slice(self, name: str) -> Any:
        return self._slices[name][0].get_slice(name)

    def read(self, name: str) -> torch.Tensor:
        """Return one tensor, in memory of its own."""
        file, path = self._slices[name]
        try:
            return file.get_tensor(name)
        except Exception as error:
            raise UserError(f"{path}: cannot read {name} ({error})") from error


def _read_index(directory: str) -> tuple[list[str], set[str]]:
    """Return the names of the files, and of the tensors that an index says they hold."""
    path = os.path.join(directory, INDEX_NAME)
    if not os.path.isfile(path):
        if not os.path.isfile(os.path.join(directory, SINGLE_NAME)):
            raise UserError(
                f"{directory}: expected {SINGLE_NAME} or {INDEX_NAME}; weights in other formats "
                "(pytorch_model.bin, ...) are not read"
            )
        return [SINGLE_NAME], set()
    try:
        if os.path.getsize(path) > MAX_INDEX_BYTES:
            raise ValueError("it is too large")
        with open(path, encoding="utf-8") as file:
            places = json.load(file)["weight_map"]
        names = sorted(set(places.values()))
        if not all(os.path.basename(name) == name and name.endswith(ENDING) for name in names):
            raise ValueError("it names files that are not beside it")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path}: not an index of weights ({error})") from error
    return names, set(places)
