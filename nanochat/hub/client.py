"""The Hugging Face hub through its own library; what goes wrong there, said in one line.

Files come over plain HTTPS with range requests, not through the library's download functions: those
begin again from nothing after an interruption, which is no fun at 8 GB.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from nanochat.common import UserError
from nanochat.hub.extras import load_extra
from nanochat.hub.transfer import RemoteFile

DEFAULT_ENDPOINT = "https://huggingface.co"
REPO_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
ATTEMPTS = 5  # without a single new byte
LOG_IN = "log in with `hf auth login` (or set HF_TOKEN)"


def get_endpoint() -> str:
    """Return the hub's address: `$HF_ENDPOINT`, which names a mirror, or the public one."""
    return (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")


def connect() -> Any:
    """Return the hub library's `HfApi`; UserError if the library is not installed."""
    return load_extra("huggingface_hub", "hub").HfApi(endpoint=get_endpoint())


def parse_repo_id(text: str) -> str:
    """Return `owner/name` from that or from a pasted address; UserError for anything else."""
    repo = text.strip().rstrip("/")
    for prefix in (get_endpoint(), DEFAULT_ENDPOINT):
        repo = repo.removeprefix(f"{prefix}/")
    if not REPO_ID.fullmatch(repo):
        raise UserError(
            f"{text!r} is neither a directory here nor a repository; expected a name such as "
            "karpathy/nanochat-d34"
        )
    return repo


@contextlib.contextmanager
def explained(repo: str) -> Iterator[None]:
    """Turn the hub library's errors into UserErrors; those of the disk go through."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # the library passes on errors of several others
        message = _explanation(error, repo)
        if message is None:
            raise
        raise UserError(message) from error


def _explanation(error: BaseException, repo: str) -> str | None:
    from huggingface_hub import errors

    endpoint = get_endpoint()
    if isinstance(error, RuntimeError) and error.__cause__ is not None:
        return _explanation(error.__cause__, repo)  # "Error while uploading", because of this
    if isinstance(error, errors.GatedRepoError):
        return f"{repo} is gated: accept its conditions at {endpoint}/{repo}, then {LOG_IN}"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"there is no repository {repo} at {endpoint}, or it is private: check the name; for a "
            f"private one {LOG_IN} with an account that may read it"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repo} has no such revision; expected a branch, a tag or a commit"
    if isinstance(error, errors.HFValidationError):
        return f"{repo} cannot be the name of a repository ({_first_line(error)})"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing is asked from the hub; unset it, or name a folder"
    if isinstance(error, errors.HfHubHTTPError):
        return _status_explanation(error, repo, endpoint)
    if isinstance(error, OSError) and error.errno is not None:
        return None  # the disk, not the hub
    if isinstance(error, ValueError):  # about the content, e.g. a licence it does not know
        return f"{endpoint} does not accept this for {repo}: {' '.join(str(error).split()):.400}"
    return (
        f"cannot exchange files with {endpoint} ({_first_line(error)}); check the connection "
        "(HF_ENDPOINT names a mirror; a directory copied from elsewhere can be pulled too)"
    )


def _status_explanation(error: Any, repo: str, endpoint: str) -> str:
    status = error.response.status_code
    if status == 401:
        return f"{endpoint} does not accept this token for {repo}; {LOG_IN} again"
    if status == 403:
        return (
            f"this account may not do that with {repo} ({_first_line(error)}); "
            "use a token with write access to it, made at "
            f"{endpoint}/settings/tokens"
        )
    return f"{endpoint} answered {status} about {repo} ({_first_line(error)}); try again later"


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]:.200}" if lines else type(error).__name__


def list_files(api: Any, repo: str, revision: str | None) -> tuple[str, dict[str, RemoteFile]]:
    """Return (commit, its files by path) of a repository."""
    with explained(repo):
        commit = api.model_info(repo, revision=revision).sha
        tree = api.list_repo_tree(repo, recursive=True, revision=commit)
        files = [
            RemoteFile(
                entry.path,
                entry.lfs.size if entry.lfs else entry.size,
                sha256=entry.lfs.sha256 if entry.lfs else None,
                git_sha1=None if entry.lfs else entry.blob_id,
            )
            for entry in tree
            if hasattr(entry, "size")  # folders have none
        ]
    return commit, {file.path: file for file in files}


def download(api: Any, repo: str, commit: str, file: RemoteFile, destination: str) -> None:
    """Fetch a file, continuing what `destination` already holds; then verify it.

    Raises UserError when the hub cannot be reached any more (what came is kept for the next
    attempt), and when what came is not the file the repository lists (it is then deleted).
    """
    url = f"{api.endpoint}/{repo}/resolve/{quote(commit, safe='')}/{quote(file.path)}"
    open(destination, "ab").close()
    failures = 0
    while (have := os.path.getsize(destination)) < file.size:
        try:
            with explained(repo):
                _fetch_rest(url, file, destination, have)
        except UserError as error:
            failures = 1 if os.path.getsize(destination) > have else failures + 1
            if failures == ATTEMPTS or not _worth_retrying(error.__cause__):
                raise
            time.sleep(2 ** (failures - 1))
    problem = file.difference(destination)
    if problem:
        os.unlink(destination)
        raise UserError(
            f"{file.path} did not arrive as {repo} has it ({problem}); it was deleted: pull again"
        )


def _fetch_rest(url: str, file: RemoteFile, destination: str, have: int) -> None:
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    with open(destination, "ab") as out:
        http_get(
            url,
            out,
            resume_size=have,
            headers=build_hf_headers(),
            expected_size=file.size,
            displayed_filename=file.path,
        )


def _worth_retrying(error: BaseException | None) -> bool:
    """Say whether an error is of the connection or the server, not of the request."""
    response = getattr(error, "response", None)
    return response is None or response.status_code >= 500
