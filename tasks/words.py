"""Words to spell, in a train and a test half that share none."""

import functools
from pathlib import Path

from nanochat.common import UserError, get_base_dir
from nanochat.data.split import in_split

# (file in the base directory, how many words from its top are never tested). The quickstart's list
# is ordered by frequency: its most common words are single tokens, which cannot be spelled from
# parts seen in other words, so all of them are trained on.
WORD_FILES = (("words_alpha.txt", 0), ("corpus_words.txt", 3000))


@functools.lru_cache(maxsize=8)
def _read(path: Path, untested: int, split: str) -> tuple[str, ...]:
    listed = [line.strip().lower() for line in path.read_text(encoding="utf-8").splitlines()]
    words = [word for word in listed if word]
    common, rest = words[:untested], words[untested:]
    chosen = tuple(word for word in rest if in_split(word, split, percent=10))
    chosen = (*common, *chosen) if split == "train" else chosen
    if not chosen:
        raise UserError(f"{path} has no words for the {split} split; use a longer list")
    return chosen


def words(split: str) -> tuple[str, ...]:
    """Return the words of a split ("train" or "test"); nine of ten are for training.

    Raises UserError when the base directory has no word list.
    """
    for name, untested in WORD_FILES:
        path = Path(get_base_dir()) / name
        if path.exists():
            return _read(path, untested, split)
    raise UserError(
        f"no word list in {get_base_dir()}; run `python -m scripts.corpus` to make one from the "
        "quickstart's text, or save the list words_alpha.txt (github.com/dwyl/english-words) there"
    )
