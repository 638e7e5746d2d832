"""Small things every part needs: the base directory, atomic writes, rank-0 printing, logging."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Collection, Sequence


class UserError(ValueError):
    """Something the user can put right: says what was expected, what came, what to do."""


def get_base_dir() -> str:
    """Return `$NANOCHAT_BASE_DIR`, or `~/.cache/nanochat`; the directory is created on demand."""
    base_dir = os.environ.get("NANOCHAT_BASE_DIR") or os.path.expanduser("~/.cache/nanochat")
    try:
        os.makedirs(base_dir, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create the base directory {base_dir} ({error.strerror}); "
            "set NANOCHAT_BASE_DIR to a directory you may write to"
        ) from error
    return base_dir


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "wb"):
    """Open a temporary file beside `path`; it takes that name only when the block ends well.

    An interruption or a full disk leaves whatever `path` held before. Text modes use UTF-8.
    """
    path = os.fspath(path)
    directory = os.path.dirname(path) or "."
    os.makedirs(directory, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(
        dir=directory, prefix=os.path.basename(path) + ".", suffix=".tmp"
    )
    try:
        with os.fdopen(descriptor, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a shared cache wants the usual permissions
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def printable(text: str) -> str:
    """Return text that cannot steer a terminal: control characters are written as escapes."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in text
    )


def text_table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Return rows, the head first, as aligned columns; those in `right` end at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def print0(*args, **kwargs) -> None:
    """Print on rank 0 only, and at once, so that a log file can be followed while it grows."""
    if int(os.environ.get("RANK", 0)) == 0:
        print(*args, **{"flush": True, **kwargs})


LEVEL_COLOURS = {"DEBUG": 36, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 35}


def duration(seconds: float) -> str:
    """Seconds as 42s, 3m05s or 2h07m."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest}s"
    hours, left = divmod(minutes, 60)
    return f"{hours}h{left:02d}m" if hours else f"{minutes}m{rest:02d}s"


class _ColouredFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        name = record.levelname
        return line.replace(name, f"\033[{LEVEL_COLOURS.get(name, 0)}m{name}\033[0m", 1)


def setup_default_logging(level: int = logging.INFO) -> None:
    """Send log records to standard error with time, logger and level, coloured on a terminal."""
    handler = logging.StreamHandler()
    layout = "%(asctime)s %(name)s %(levelname)s %(message)s"
    coloured = handler.stream.isatty() and "NO_COLOR" not in os.environ
    handler.setFormatter((_ColouredFormatter if coloured else logging.Formatter)(layout))
    logging.basicConfig(level=level, handlers=[handler])
