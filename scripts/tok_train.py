"""Train the tokenizer on the training shards.

python -m scripts.tok_train --vocab_size=65536
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from nanochat.command_line import parse, run
from nanochat.common import UserError, get_base_dir, print0

ROUND_TRIP = "It's 2024-03-05: I'll pay £1,234.50!\n\n  你好，世界 — 안녕 😀🎉\t<|bos|> naïve"


@dataclass(frozen=True)
class TokTrainConfig:
    max_chars: int = 10_000_000_000
    """stop after this many characters"""
    doc_cap: int = 10_000
    """use this many characters of each document"""
    vocab_size: int = 65536
    """number of tokens in all, special tokens included"""

    def __post_init__(self):
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise UserError(f"--{field.name} must be at least 1")


def choose_shards() -> list[str]:
    """Return the training shards to learn from, the same ones while a download is going on."""
    from nanochat.data.shards import split_files, without_gaps

    present = split_files("train")
    files = without_gaps(present)
    if not files:
        raise UserError(
            "the first shard is missing, perhaps because a download is going on; "
            "get it with `python -m nanochat.dataset -n 8`"
        )
    if len(files) < len(present):
        print0(f"using {len(files)} shards; not the {len(present) - len(files)} after a gap")
    return files


class Documents:
    """Read documents from shards one row group at a time, and keep count."""

    def __init__(self, files: list[str], config: TokTrainConfig):
        self.files, self.config = files, config
        self.characters, self.shards = 0, []

    def __iter__(self) -> Iterator[str]:
        from nanochat.data.shards import parquets_iter_batched

        for path in self.files:
            self.shards.append(os.path.basename(path))
            print0(f"reading {path} ({self.characters:,} characters so far)")
            for texts in parquets_iter_batched("train", files=[path]):
                for text in texts:
                    text = text[: self.config.doc_cap]
                    self.characters += len(text)
                    yield text
                    if self.characters >= self.config.max_chars:
                        return


def main(argv: Sequence[str] | None = None) -> None:
    config = parse(TokTrainConfig, argv, prog="tok_train", description=__doc__)
    from nanochat.data.shards import downloads_in_progress
    from nanochat.report import get_report
    from nanochat.tokenizer import RustBPETokenizer

    documents = Documents(choose_shards(), config)
    start = time.monotonic()
    tokenizer = RustBPETokenizer.train_from_iterator(documents, config.vocab_size)
    seconds = time.monotonic() - start
    if tokenizer.decode(tokenizer.encode(ROUND_TRIP)) != ROUND_TRIP:
        raise UserError("the tokenizer does not give a test text back; please report this")
    directory = os.path.join(get_base_dir(), "tokenizer")
    tokenizer.save(directory)
    print0(
        f"learnt {tokenizer.get_vocab_size():,} tokens from {documents.characters:,} characters "
        f"in {seconds:.1f} s; saved to {directory}"
    )
    if documents.characters < config.max_chars and downloads_in_progress():
        print0("a download is going on: the same command would see more text when it is done")
    lengths = tokenizer.token_bytes()
    lengths = lengths[lengths > 0].float()
    figures = {
        "train_time": seconds,
        "num_special_tokens": len(tokenizer.get_special_tokens()),
        "token_bytes_min": int(lengths.min()),
        "token_bytes_max": int(lengths.max()),
        "token_bytes_mean": lengths.mean().item(),
        "token_bytes_std": lengths.std().item(),
        "vocabulary": tokenizer.get_vocab_size(),
        "fingerprint": tokenizer.fingerprint(),
        "characters": documents.characters,
        "shards": ", ".join(documents.shards),
    }
    get_report().log("Tokenizer training", [asdict(config), figures])


if __name__ == "__main__":
    run(main)
