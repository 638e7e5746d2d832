"""Write the quickstart's text as pretraining shards, with the fixed validation shard."""

import json
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet

from nanochat.common import UserError, atomic_write, get_base_dir
from nanochat.data import corpus
from nanochat.data.shards import VALIDATION_SHARD, index_to_filename

ROW_GROUP_DOCS = 256
MANIFEST = "corpus.json"
WORDS_FILE = "corpus_words.txt"
DEFAULT_SHARES = {"encyclopedia": 0.6, "recipes": 0.1, "chats": 0.3}


def documents(split: str) -> dict[str, list[str]]:
    """Return the documents of each source, in the archives' order."""
    return {
        "encyclopedia": [article.text for article in corpus.articles(split)],
        "recipes": [recipe.prose() for recipe in corpus.recipes(split)],
        "chats": [chat.prose() for chat in corpus.chats(split)],
    }


def mix(sources: Mapping[str, Sequence[str]], shares: Mapping[str, float], seed: int) -> list[str]:
    """Return shuffled documents in which each source has its share of the characters.

    The total is as large as the scarcest source allows. Raises UserError for impossible shares.
    """
    if any(share < 0 for share in shares.values()) or sum(shares.values()) <= 0:
        raise UserError(f"shares must be positive, got {dict(shares)}")
    weight = sum(shares.values())
    shares = {name: share / weight for name, share in shares.items() if share > 0}
    total = min(sum(map(len, sources[name])) / share for name, share in shares.items())
    generator, mixed = random.Random(seed), []
    for name, share in shares.items():
        texts, length = list(sources[name]), 0
        generator.shuffle(texts)
        for text in texts:
            if length >= share * total:
                break
            mixed.append(text)
            length += len(text)
    generator.shuffle(mixed)
    return mixed


def write_shard(path: Path, texts: Sequence[str]) -> None:
    """Write one shard in the layout of the pretraining data: column `text`, zstd, row groups."""
    table = pyarrow.table({"text": pyarrow.array(texts, type=pyarrow.string())})
    with atomic_write(path) as file:
        pyarrow.parquet.write_table(
            table,
            file,
            row_group_size=ROW_GROUP_DOCS,
            compression="zstd",
            compression_level=3,
            use_dictionary=False,
            write_statistics=False,
        )


def _previous_shards(directory: Path) -> set[str]:
    """Return the shards an earlier run of ours wrote; refuse a directory with anything else."""
    present = {path.name for path in directory.glob("*.parquet")}
    manifest = directory / MANIFEST
    ours = set(json.loads(manifest.read_text())["shards"]) if manifest.exists() else set()
    if present - ours:
        raise UserError(
            f"{directory} holds other shards ({min(present - ours)}, ...), which the quickstart's "
            "text would be mixed with; move them away or choose another NANOCHAT_BASE_DIR"
        )
    return present


def with_practice(texts: Sequence[str], practice: Iterator[str], share: float) -> list[str]:
    """Return `texts` and, spread evenly among them, practice texts of `share` of all characters.

    Raises UserError unless 0 <= share < 1.
    """
    if not 0 <= share < 1:
        raise UserError(f"the share of practice must be at least 0 and below 1, got {share}")
    mixed, real, practised = [], 0, 0
    for text in texts:
        mixed.append(text)
        real += len(text)
        while practised < share * (real + practised):
            mixed.append(next(practice))
            practised += len(mixed[-1])
    return mixed


def write_words() -> None:
    """Write the word list of the encyclopedia into the base directory."""
    with atomic_write(Path(get_base_dir()) / WORDS_FILE, "w") as file:
        file.writelines(f"{word}\n" for word in corpus.word_list())


def write_corpus(
    shares: Mapping[str, float] = DEFAULT_SHARES,
    num_shards: int = 4,
    seed: int = 42,
    practice: Iterable[str] = (),
    practice_share: float = 0.0,
) -> dict[str, int]:
    """Write `base_data/`; return documents and characters of both splits.

    Training shards are numbered from 0; the validation shard has held-out documents in the same
    shares. `practice` (endless) gives texts for training only. Every file is written whole or not
    at all. Raises UserError if the directory holds shards of another origin, or a download fails.
    """
    directory = Path(get_base_dir()) / "base_data"
    directory.mkdir(exist_ok=True)
    stale = _previous_shards(directory)
    train = with_practice(mix(documents("train"), shares, seed), iter(practice), practice_share)
    held_out = mix(documents("test"), shares, seed)
    if not 1 <= num_shards <= min(len(train), 1000):
        raise UserError(f"the number of shards must be 1 ... 1000, got {num_shards}")
    shards = {index_to_filename(index): train[index::num_shards] for index in range(num_shards)}
    shards[VALIDATION_SHARD] = held_out
    record = {"shares": dict(shares), "practice_share": practice_share, "seed": seed}
    with atomic_write(directory / MANIFEST, "w") as file:
        json.dump({"shards": sorted(stale | set(shards)), **record}, file, indent=2)
    for name, texts in shards.items():
        write_shard(directory / name, texts)
    for name in stale - set(shards):
        os.remove(directory / name)
    return {
        "train documents": len(train),
        "train characters": sum(map(len, train)),
        "validation documents": len(held_out),
        "validation characters": sum(map(len, held_out)),
    }
