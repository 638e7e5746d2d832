"""Numbers of a run as JSON lines: readable while the run goes on, whole after any interruption."""

import json
import math
import os
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return `value` as strict JSON can hold it: NaN and infinities are None, tensors numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if hasattr(value, "tolist"):  # a tensor or an array of any number of dimensions
        return plain(value.tolist())
    return str(value)


def _end_of_whole_lines(path: str) -> int:
    """Byte length of the part of the file that ends in a newline (0 for no file)."""
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as file:
        position = file.seek(0, os.SEEK_END)
        while position > 0:
            start = max(0, position - 65536)
            file.seek(start)
            newline = file.read(position - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            position = start
    return 0


class MetricsWriter:
    """Append one JSON object per line to `path`, each line flushed at once.

    A last line cut short by an interruption is removed when the file is opened again.
    `None` as path gives a writer that does nothing (ranks other than 0, dry runs).
    """

    def __init__(self, path: str | os.PathLike | None):
        self._file = None
        if path is None:
            return
        path = os.fspath(path)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        whole = _end_of_whole_lines(path)
        self._file = open(path, "ab")  # noqa: SIM115 (stays open as long as the run)
        self._file.truncate(whole)

    def log(self, record: Mapping[str, Any]) -> None:
        """Write one record; values that JSON cannot hold are converted (see `plain`)."""
        if self._file is None:
            return
        line = json.dumps(plain(record), ensure_ascii=False, allow_nan=False)
        # one write per line, so that a reader never sees half a record of a living run
        self._file.write(line.encode("utf-8", "replace") + b"\n")
        self._file.flush()

    def finish(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "MetricsWriter":
        return self

    def __exit__(self, *_) -> None:
        self.finish()


def read_metrics(path: str | os.PathLike) -> list[dict[str, Any]]:
    """Return the records of a metrics file; a last line still being written is left out."""
    path = os.fspath(path)
    with open(path, "rb") as file:
        whole = file.read(_end_of_whole_lines(path))
    return [json.loads(line) for line in whole.splitlines() if line.strip()]
