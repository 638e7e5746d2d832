"""Compare our tokenizer with those of GPT-2 and GPT-4 on seven kinds of text.

    python -m scripts.tok_eval

Theirs are downloaded once; without a connection ours is reported alone.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from nanochat.command_line import parse, run
from nanochat.common import UserError, print0

BASELINES = {"GPT-2": "gpt2", "GPT-4": "cl100k_base"}
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class TokEvalConfig:
    pass


def load_baseline(name: str):
    """Return one of tiktoken's tokenizers, or None if it cannot be had."""
    from nanochat.tokenizer import RustBPETokenizer

    loaded = []

    def load() -> None:
        try:
            loaded.append(RustBPETokenizer.from_pretrained(name))
        except Exception as error:  # no connection, a full cache, a proxy's error page, ...
            print0(f"{name} cannot be had ({type(error).__name__})")

    # tiktoken sets no time limit of its own, so a firewall that drops packets would block for long
    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return loaded[0] if loaded else None


def read_texts() -> dict[str, str]:
    """Return the fixed texts and, if there are shards, one row group of each split."""
    from nanochat.data.shards import parquets_iter_batched
    from nanochat.evals.compression import SAMPLES

    texts = dict(SAMPLES)
    try:
        for split in ("train", "val"):
            texts[f"fwe-{split}"] = "\n".join(next(parquets_iter_batched(split)))
    except UserError as error:
        print0(f"leaving the shards out: {error}")
    return texts


def main(argv: Sequence[str] | None = None) -> None:
    parse(TokEvalConfig, argv, prog="tok_eval", description=__doc__)
    from nanochat.evals.compression import measure, table
    from nanochat.report import get_report
    from nanochat.tokenizer import get_tokenizer

    tokenizer = get_tokenizer()
    texts = read_texts()
    ours = measure(tokenizer, texts)
    others = {name: load_baseline(encoding) for name, encoding in BASELINES.items()}
    others = {name: other for name, other in others.items() if other is not None}
    sizes = {"ours": tokenizer, **others}
    sections = ["Vocabulary: " + ", ".join(f"{n} {t.get_vocab_size():,}" for n, t in sizes.items())]
    for name, other in others.items():
        sections += [f"### Comparison with {name}", table(ours, measure(other, texts), name)]
    if not others:
        sections += ["### Ours alone (no connection for others)", table(ours, None)]
    print0("\n\n".join(sections))
    get_report().log("Tokenizer evaluation", sections)


if __name__ == "__main__":
    run(main)
