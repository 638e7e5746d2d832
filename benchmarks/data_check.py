"""How fast `nanochat data-check` is, on a file of ordinary conversations that it makes itself.

python -m benchmarks.data_check                     20,000 conversations of about 300 tokens
python -m benchmarks.data_check --conversations 5000
"""

import itertools
import json
import os
import random
import tempfile
import time
from dataclasses import dataclass

from nanochat.command_line import parse, run
from nanochat.tokenizer import RustBPETokenizer
from tasks.custom_data import CustomData
from tasks.data_check.check import Checker
from tasks.data_check.report import Findings

SYLLABLES = ("ka", "te", "mi", "ro", "su", "na", "li", "shu", "gre", "ston", "ing", "al", "tion")
TURNS, WORDS = 4, 60  # of a conversation, of a turn


@dataclass
class BenchmarkConfig:
    conversations: int = 20_000
    """Conversations in the file."""
    vocab_size: int = 2048
    """Of the tokenizer, which is trained on them."""


def make_conversations(count: int):
    """Yield conversations of four turns of invented words, some frequent and some rare."""
    rng = random.Random(0)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(5_000)]
    weights = list(itertools.accumulate(1 / (rank + 5) for rank in range(len(words))))
    for _ in range(count):
        texts = [
            " ".join(
                rng.choices(words, cum_weights=weights, k=rng.randint(WORDS // 2, WORDS * 3 // 2))
            )
            + "."
            for _ in range(TURNS)
        ]
        roles = ("user", "assistant") * (TURNS // 2)
        yield {"messages": [{"role": r, "content": c} for r, c in zip(roles, texts, strict=True)]}


def timed(action):
    """Return what `action` gave, and its seconds on the processor (all threads)."""
    started = time.process_time()
    return action(), time.process_time() - started


def main(argv=None) -> None:
    config = parse(BenchmarkConfig, argv, prog="benchmarks.data_check", description=__doc__)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "own.jsonl")
        chats = list(make_conversations(config.conversations))
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(chat) + "\n" for chat in chats)
        texts = (message["content"] for chat in chats[:500] for message in chat["messages"])
        tokenizer = RustBPETokenizer.train_from_iterator(texts, config.vocab_size)
        cases = {
            "read only (CustomData)": lambda: CustomData(path),
            "data-check without a tokenizer": lambda: check(None, path),
            "data-check": lambda: check(tokenizer, path),
        }
        print(f"{config.conversations:,} conversations, {os.path.getsize(path) / 1e6:.0f} MB")
        print("| | processor seconds | conversations a minute |\n|---|---|---|")
        for name, action in cases.items():
            result, seconds = timed(action)
            print(f"| {name} | {seconds:.1f} | {60 * config.conversations / seconds:,.0f} |")
        (found,) = result.checks
        print(f"{sum(found.lengths) / len(found.lengths):.0f} tokens a conversation")


def check(tokenizer, path: str) -> Findings:
    return Findings(Checker(tokenizer), [(path, 1.0)], "sft", "nanochat")


if __name__ == "__main__":
    run(main)
