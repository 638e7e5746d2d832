"""Counting tokens of texts, and the tables."""

import pytest

from nanochat.common import UserError
from nanochat.evals.compression import SAMPLES, Count, measure, table
from nanochat.tokenizer import RustBPETokenizer


def test_bytes_alone():
    tokenizer = RustBPETokenizer.train_from_iterator([""], 265)
    counts = measure(tokenizer, SAMPLES)
    assert set(counts) == {"news", "korean", "code", "math", "science"}
    assert all(count.bytes == count.tokens and count.ratio == 1 for count in counts.values())


def test_a_tokenizer_that_loses_text_is_refused():
    class Lossy:
        def encode(self, text):
            return [1]

        def decode(self, ids):
            return "?"

    with pytest.raises(UserError, match="'news'"):
        measure(Lossy(), {"news": "text"})


def test_tables():
    ours, theirs = {"a": Count(1000, 200)}, {"a": Count(1000, 250)}
    assert table(ours, theirs, "X").splitlines()[-1] == (
        "| a | 1,000 | 250 | 4.00 | 200 | 5.00 | +20.0 |"
    )
    assert table(ours, None).splitlines()[-1] == "| a | 1,000 | 200 | 5.00 |"
    assert table({"a": Count(0, 0)}, {"a": Count(0, 0)}, "X").endswith("+0.0 |")
