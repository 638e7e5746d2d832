"""One file from an address: into a temporary file, checked for length, renamed, tried again."""

import logging
import os
import threading
from collections.abc import Callable
from typing import BinaryIO

import requests

from nanochat.common import UserError, atomic_write

logger = logging.getLogger(__name__)
ATTEMPTS = 5
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1024 * 1024
WORTH_RETRYING = (408, 425, 429)  # and every 5xx; other client errors will not go away


class _TryAgain(Exception):
    """Something that may work a little later."""


def download(
    url: str,
    path: str | os.PathLike,
    *,
    check: Callable[[BinaryIO], str | None] | None = None,
    on_bytes: Callable[[int], object] = lambda count: None,
    stop: threading.Event | None = None,
    first_wait: float = 2.0,
) -> None:
    """Fetch `url` to `path`, whole or not at all; up to five attempts with doubling waits.

    `check` gets the arrived file, open for reading, and returns what is wrong with it, or None.
    `on_bytes` is told about each piece. Setting `stop` ends the download. Raises UserError with
    the reason; a full or unwritable disk raises OSError at once.
    """
    stop = stop or threading.Event()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _fetch(url, os.fspath(path), check, on_bytes, stop)
        except _TryAgain as error:
            wait = first_wait * 2 ** (attempt - 1)
            if attempt == ATTEMPTS:
                raise UserError(f"{url}: {error} ({ATTEMPTS} attempts)") from error
            logger.warning("%s: %s; trying again in %g s", url, error, wait)
            if stop.wait(wait):
                raise UserError(f"{url}: stopped") from error


def _fetch(url, path, check, on_bytes, stop) -> None:
    try:
        response = requests.get(url, stream=True, timeout=TIMEOUT_SECONDS)
    except requests.ConnectionError as error:
        raise _TryAgain(f"no connection ({_innermost(error)})") from error
    except requests.Timeout as error:
        raise _TryAgain(f"no answer within {TIMEOUT_SECONDS} s") from error
    except requests.RequestException as error:
        raise UserError(f"{url}: {error}") from error
    with response:
        status = response.status_code
        if status >= 500 or status in WORTH_RETRYING:
            raise _TryAgain(f"the server answered {status} {response.reason}")
        if status != 200:
            raise UserError(f"{url}: the server answered {status} {response.reason}")
        with atomic_write(path, "w+b") as file:
            received = _copy(response, file, on_bytes, stop)
            expected = _expected_length(response)
            if expected not in (None, received):
                raise _TryAgain(f"expected {expected:,} bytes, received {received:,}")
            file.seek(0)
            problem = check(file) if check else None
            if problem:
                raise _TryAgain(problem)


def _expected_length(response) -> int | None:
    """Return the announced number of bytes; that of a compressed answer is not comparable."""
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None


def _copy(response, file, on_bytes, stop) -> int:
    received = 0
    try:
        for piece in response.iter_content(CHUNK_BYTES):
            if stop.is_set():
                raise UserError(f"{response.url}: stopped")
            file.write(piece)
            received += len(piece)
            on_bytes(len(piece))
    except requests.RequestException as error:
        on_bytes(-received)
        raise _TryAgain(f"the connection broke after {received:,} bytes") from error
    return received


def _innermost(error: BaseException) -> str:
    """Return the cause below the wrappers of the HTTP library, e.g. "Connection refused"."""
    reason = getattr(error.args[0] if error.args else None, "reason", None) or error
    return str(reason).rsplit(": ", 1)[-1]
