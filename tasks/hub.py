"""Loading a data set from the Hugging Face hub, with errors that say what to do."""

from typing import Any

from nanochat.common import UserError

SHUFFLE_SEED = 42


def load_shuffled(name: str, *arguments: str, split: str) -> Any:
    """Return a hub data set's split, shuffled with a fixed seed.

    Raises UserError when the `datasets` library is missing or the hub cannot be reached.
    """
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise UserError(
            f"the data set {name} needs the `datasets` library; install it with "
            "`pip install datasets` or `uv sync --inexact --extra hub`"
        ) from error
    try:
        return load_dataset(name, *arguments, split=split).shuffle(seed=SHUFFLE_SEED)
    except Exception as error:  # the library raises its own, requests' and the hub client's errors
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"cannot load {name} ({split}) from the Hugging Face hub: {reason:.200}; check the "
            "connection (HF_ENDPOINT names a mirror, HF_HOME a cache copied from elsewhere)"
        ) from error


def check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    """Raise UserError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise UserError(f"{what} must be one of {', '.join(allowed)}; got {value!r}")
