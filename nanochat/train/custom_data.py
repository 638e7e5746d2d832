"""The user's own files over the life of a run."""

from collections.abc import Mapping, Sequence

from nanochat.common import UserError


def check_unchanged(before: Sequence[Mapping], now: Sequence[Mapping]) -> None:
    """Raise UserError unless a resumed run sees the same conversations as often as it did.

    Both lists have `path`, `epochs`, `conversations` and `sha256` of each file, in the order of
    the flags, on which the order of the mixture depends. A file may have moved.
    """
    if [_identity(file) for file in before] != [_identity(file) for file in now]:
        raise UserError(
            "a run can be resumed only with the data it began with. --custom_data was:"
            f"{_listing(before)}\nand now is:{_listing(now)}\nRestore the files and flags, or "
            "begin a new run without --resume_from_step"
        )


def _identity(file: Mapping) -> tuple:
    return file["sha256"], file["epochs"]


def _listing(files: Sequence[Mapping]) -> str:
    lines = [
        f"\n  {file['path']}:{file['epochs']:g}, {file['conversations']:,} conversations, "
        f"SHA-256 {file['sha256'][:12]}..."
        for file in files
    ]
    return "".join(lines) or " none"
