"""How much of a stage's training data the user's own files would be.

The stages' usual data sets need not be here, so their sizes are written down: rows as published,
and the average number of characters in a conversation. Shares of trained tokens are taken as those
of trained characters, for a tokenizer makes about as much of either. All of it is an estimate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.data_check.check import FileCheck

SMALL_SHARE = 0.05  # below it, what the files teach is easily drowned out


@dataclass(frozen=True)
class DataSet:
    """Rows, and characters of an average conversation: all of them, and the assistant's."""

    name: str
    rows: int
    characters: int
    assistant_characters: int


# GSM8K and the quickstart's conversations were counted, the spelling tasks drawn and counted for
# words of nine letters. SmolTalk's length follows from mid-training, whose one pass is 813 updates
# of 524,288 tokens, the other data sets about a seventh of them. The rest is rough.
_GSM8K = DataSet("GSM8K", 7_473, 505, 263)
MIXTURES: dict[tuple[str, str], tuple[DataSet, ...]] = {
    ("mid", "nanochat"): (
        DataSet("SmolTalk", 460_000, 3500, 2500),
        DataSet("MMLU", 99_842, 2000, 1),
        _GSM8K,
        DataSet("identity conversations, twice", 2_000, 1900, 1500),
        DataSet("SimpleSpelling", 200_000, 53, 28),
        DataSet("SpellingBee", 80_000, 223, 184),
    ),
    ("sft", "nanochat"): (
        DataSet("ARC-Easy", 2_251, 330, 1),
        DataSet("ARC-Challenge", 1_119, 330, 1),
        _GSM8K,
        DataSet("SmolTalk", 10_000, 3500, 2500),
        DataSet("identity conversations", 1_000, 1900, 1500),
        DataSet("SimpleSpelling", 300, 53, 28),
        DataSet("SpellingBee", 300, 223, 184),
    ),
    ("mid", "quickstart"): (DataSet("the quickstart's conversations", 60_000, 152, 67),),
    ("sft", "quickstart"): (DataSet("the quickstart's conversations", 60_000, 148, 70),),
}


def mixture_size(stage: str, mixture: str, every_token: bool) -> tuple[int, int]:
    """Return rows and trained characters of a stage's usual data sets, about."""
    sets = MIXTURES[stage, mixture]
    characters = (
        data.rows * (data.characters if every_token else data.assistant_characters) for data in sets
    )
    return sum(data.rows for data in sets), sum(characters)


def estimate_shares(
    checks: Sequence[FileCheck], stage: str, mixture: str, every_token: bool
) -> list[dict[str, float | None]]:
    """Return each file's shares of the whole mixture, the other files included.

    `rows` is its share of conversations, `trained` of what the loss is taken on.
    `epochs_for_5_percent` is how often it would have to be used for a `trained` of a twentieth, the
    other files as they are; None for a file with nothing in it.
    """
    rows, characters = mixture_size(stage, mixture, every_token)
    own_rows = [check.epochs * check.conversations for check in checks]
    own = [check.epochs * check.trained_characters for check in checks]
    shares = []
    for check, its_rows, its_characters in zip(checks, own_rows, own, strict=True):
        others = characters + sum(own) - its_characters
        wanted = SMALL_SHARE / (1 - SMALL_SHARE) * others
        once = check.trained_characters
        shares.append(
            {
                "rows": its_rows / (rows + sum(own_rows)),
                "trained": its_characters / (others + its_characters),
                "epochs_for_5_percent": wanted / once if once else None,
            }
        )
    return shares
