"""Words to spell, in a train and a test half that share none."""

import functools
import os
import random
from collections.abc import Sequence
from pathlib import Path

from nanochat.common import UserError, get_base_dir
from nanochat.data.split import in_split

TESTED_PERCENT = 10  # of the words
LONGEST_BLEND = 14  # letters
LIST_NAME = "words_alpha.txt"  # about 370,000 English words
LIST_URL = f"https://raw.githubusercontent.com/dwyl/english-words/master/{LIST_NAME}"
LIST_LINES = 300_000  # at least
# The quickstart's own list is ordered by frequency. Its most common words are single tokens, which
# cannot be spelled from parts seen in other words, so all of them are trained on, none is tested.
CORPUS_LIST_NAME = "corpus_words.txt"
UNTESTED = {LIST_NAME: 0, CORPUS_LIST_NAME: 300}


@functools.lru_cache(maxsize=8)
def _read(path: Path, modified: float, split: str) -> tuple[str, ...]:
    listed = [line.strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]
    words = [word for word in listed if word]
    untested = UNTESTED[path.name]
    common, rest = words[:untested], words[untested:]
    chosen = tuple(word for word in rest if in_split(word, split, percent=TESTED_PERCENT))
    chosen = (*common, *chosen) if split == "train" else chosen
    if not chosen:
        raise UserError(f"{path} has no words for the {split} split; use a longer list")
    return chosen


def _too_short(file) -> str | None:
    lines = sum(1 for _ in file)
    return None if lines >= LIST_LINES else f"expected {LIST_LINES:,} words or more, got {lines:,}"


def _download(path: Path) -> None:
    from filelock import FileLock

    from nanochat.data.download import download

    with FileLock(f"{path}.lock"):
        if path.exists():  # another process was faster
            return
        try:
            download(LIST_URL, path, check=_too_short, first_wait=0.5)
        except UserError as error:
            raise UserError(
                f"no word list: {error}; save {LIST_NAME} in {path.parent} by hand, or run "
                "`python -m scripts.corpus` to make a list from the quickstart's text"
            ) from error


def words(split: str) -> tuple[str, ...]:
    """Return the words of a split ("train" or "test"); nine of ten are for training.

    They come from `words_alpha.txt` in the base directory, or else from the quickstart's list, or
    else `words_alpha.txt` is downloaded. Raises UserError when that fails.
    """
    base = Path(get_base_dir())
    present = [base / name for name in UNTESTED if (base / name).exists()]
    path = present[0] if present else base / LIST_NAME
    if not present:
        _download(path)
    return _read(path, os.path.getmtime(path), split)


def blend(rng: random.Random, parts: Sequence[str], taboo: Sequence[str] | set[str] = ()) -> str:
    """Return a made-up word: the beginning of one of `parts` and the end of another.

    It is never one of `taboo`. Made-up words cannot be guessed from their beginning, so that a
    model trained on them reads what stands there, as it must for the names of its user.
    """
    while True:
        first, last = rng.choice(parts), rng.choice(parts)
        word = first[: rng.randint(1, len(first))] + last[rng.randint(1, max(1, len(last) - 2)) :]
        if len(word) <= LONGEST_BLEND and word not in taboo:
            return word


def made_up_word(rng: random.Random) -> str:
    """Return a blend of two training words that is not by chance a word of the tests."""
    while True:
        word = blend(rng, words("train"))
        if in_split(word, "train", percent=TESTED_PERCENT):
            return word
