"""Encoding, decoding, training and the token byte lengths."""

import itertools
import random
import subprocess
import sys
from collections import Counter

import pytest
import regex
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.tokenizer import (
    MAX_BLANK_RUN,
    SPECIAL_TOKENS,
    SPLIT_PATTERN,
    RustBPETokenizer,
    get_token_bytes,
    get_tokenizer,
)

TEXTS = [
    "The quick brown fox isn't lazy; the dog is, though. It's 12345 and 67.",
    "def add(a, b):\n    return a + b\n\n\nprint(add(1, 22))\n",
    "안녕하세요 안녕하세요, 你好，世界 😀😀 naïve café",
] * 5
CHAT = {
    "messages": [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "the fox"},
        {"role": "user", "content": "more"},
        {"role": "assistant", "content": "the dog"},
    ]
}


@pytest.fixture(scope="module")
def tokenizer():
    return RustBPETokenizer.train_from_iterator(TEXTS, 360)


def plain_training(texts: list[str], num_ranks: int) -> dict[bytes, int]:
    """Byte-pair training by recounting everything after each merge."""
    words = Counter()
    for text in texts:
        words.update(tuple(piece.encode()) for piece in regex.findall(SPLIT_PATTERN, text))
    tokens = [bytes([i]) for i in range(256)]
    while len(tokens) < num_ranks:
        pairs = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merged = Counter()
        for word, count in words.items():
            result, i = [], 0
            while i < len(word):
                if word[i : i + 2] == best:
                    result.append(len(tokens))
                    i += 2
                else:
                    result.append(word[i])
                    i += 1
            merged[tuple(result)] += count
        words = merged
        tokens.append(tokens[best[0]] + tokens[best[1]])
    return {token: rank for rank, token in enumerate(tokens)}


@pytest.mark.parametrize("alphabet", ["a", "ab", "abcdef ", "aé日 b1", "12 ,.\n", "it's I'LL "])
def test_training_equals_plain_training_also_in_ties(alphabet):
    generator = random.Random(alphabet)
    for _ in range(15):
        texts = [
            "".join(generator.choices(alphabet, k=generator.randint(1, 40)))
            for _ in range(generator.randint(1, 6))
        ]
        expected = plain_training(texts, 256 + generator.randint(0, 25))
        trained = RustBPETokenizer.train_from_iterator(texts, len(expected) + 9)
        assert trained.data.mergeable_ranks == expected


def test_layout_of_the_vocabulary(tokenizer):
    ranks = tokenizer.data.mergeable_ranks
    assert tokenizer.get_vocab_size() == 360 == len(ranks) + 9
    assert all(ranks[bytes([i])] == i for i in range(256))
    assert [tokenizer.encode_special(name) for name in SPECIAL_TOKENS] == list(range(351, 360))
    assert tokenizer.get_special_tokens() == set(SPECIAL_TOKENS)
    assert tokenizer.get_bos_token_id() == 351
    assert tokenizer.id_to_token(359) == "<|output_end|>"


@settings(max_examples=150)
@given(text=st.text() | st.sampled_from(SPECIAL_TOKENS).map(lambda name: f"a {name}\n\n 12 {name}"))
def test_round_trip_gives_ordinary_ids_only(text):
    tokenizer = _shared_tokenizer()
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    assert all(0 <= i < tokenizer.get_bos_token_id() for i in ids)
    assert sum(tokenizer.token_bytes()[ids].tolist()) == len(text.encode())
    assert b"".join(tokenizer.decode_bytes([i]) for i in ids) == text.encode()


_SHARED = []


def _shared_tokenizer():
    if not _SHARED:
        _SHARED.append(RustBPETokenizer.train_from_iterator(TEXTS, 360))
    return _SHARED[0]


def test_lists_prepend_and_append(tokenizer):
    bos, end = tokenizer.get_bos_token_id(), tokenizer.encode_special("<|assistant_end|>")
    one, two = tokenizer.encode("the fox"), tokenizer.encode("a dog")
    assert tokenizer.encode(["the fox", "a dog"], num_threads=2) == [one, two]
    assert tokenizer("the fox", prepend="<|bos|>", append=end) == [bos, *one, end]
    assert tokenizer.encode(["the fox", ""], prepend=bos) == [[bos, *one], [bos]]
    assert tokenizer.encode("x", prepend=0)[0] == 0
    assert tokenizer.encode([]) == []


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["a", 1], {"a": 1}])
def test_other_types_are_refused(tokenizer, wrong):
    with pytest.raises(UserError, match="expected a string"):
        tokenizer.encode(wrong)


def test_unknown_special_token(tokenizer):
    with pytest.raises(UserError, match=r"<\|endoftext\|>.*known: <\|bos\|>"):
        tokenizer.encode_special("<|endoftext|>")


def test_incomplete_utf8_and_lone_surrogates(tokenizer):
    assert tokenizer.decode([0xE4, 0xBD]) == "\ufffd"
    assert tokenizer.decode(tokenizer.encode("x\ud83dy")) == "x\ufffdy"
    assert tokenizer.decode(tokenizer.encode(["x\ud83dy"])[0]) == "x\ufffdy"


def test_huge_runs_of_blanks_do_not_break_the_regex_engine(tokenizer):
    text = "x" + " " * 10**6 + "y"
    assert tokenizer.decode(tokenizer.encode([text])[0]) == text


def test_only_huge_runs_are_cut(tokenizer):
    text = ("one two  three\n" * (MAX_BLANK_RUN // 10)) + " " * (MAX_BLANK_RUN - 2) + "x"
    assert tokenizer.encode(text) == tokenizer.enc.encode_ordinary(text)


def test_vocabulary_limits(caplog):
    with pytest.raises(UserError, match="at least 265"):
        RustBPETokenizer.train_from_iterator(["text"], 264)
    assert RustBPETokenizer.train_from_iterator(["text"], 265).get_vocab_size() == 265
    small = RustBPETokenizer.train_from_iterator(["abab"], 1000)
    assert small.get_vocab_size() < 300
    assert "instead of 1000" in caplog.text


def test_token_bytes_count_raw_bytes(tokenizer, base_dir):
    lengths = tokenizer.token_bytes()
    assert lengths.dtype == torch.int32 and lengths.shape == (360,)
    assert lengths[:256].eq(1).all()  # also for bytes that are no UTF-8 by themselves
    assert lengths[-9:].eq(0).all() and lengths[:-9].gt(0).all()
    tokenizer.save(base_dir / "tokenizer")
    assert torch.equal(
        torch.load(base_dir / "tokenizer/token_bytes.pt", weights_only=True), lengths
    )


def test_get_token_bytes_recomputes_what_old_files_have_wrong(tokenizer, base_dir):
    with pytest.raises(UserError, match=r"scripts\.tok_train"):
        get_token_bytes()
    tokenizer.save(base_dir / "tokenizer")
    old = base_dir / "tokenizer/token_bytes.pt"
    torch.save(torch.full((360,), 3, dtype=torch.int32), old)
    assert torch.equal(get_token_bytes("cpu"), tokenizer.token_bytes())
    for name in ("tokenizer.pkl", "nanochat_tokenizer.json"):
        (base_dir / "tokenizer" / name).unlink()
    assert get_token_bytes().eq(3).all()  # nothing better than the file


def test_get_tokenizer(tokenizer, base_dir):
    with pytest.raises(UserError, match=r"scripts\.tok_train"):
        get_tokenizer()
    tokenizer.save(base_dir / "tokenizer")
    assert get_tokenizer().fingerprint() == tokenizer.fingerprint()
    assert get_tokenizer().encode(TEXTS[2]) == tokenizer.encode(TEXTS[2])


def test_fingerprint_tells_tokenizers_apart(tokenizer):
    same = RustBPETokenizer.train_from_iterator(iter(TEXTS), 360)
    other = RustBPETokenizer.train_from_iterator(TEXTS[::-1] + ["zzzz zzzz zzzz"] * 9, 360)
    assert tokenizer.fingerprint() == same.fingerprint() != other.fingerprint()
    assert other.get_vocab_size() == 360  # which alone would not show the difference


def test_rendering(tokenizer):
    ids, mask = tokenizer.render_conversation(CHAT)
    assert len(ids) == len(mask) and ids[0] == tokenizer.get_bos_token_id()
    prompt = tokenizer.render_for_completion(CHAT)
    assert prompt == ids[: len(prompt)]
    assert prompt[-1] == tokenizer.encode_special("<|assistant_start|>")
    short = tokenizer.render_for_completion(CHAT, max_tokens=len(prompt) - 1)
    assert tokenizer.decode(short) == "<|bos|><|user_start|>more<|user_end|><|assistant_start|>"
    with pytest.raises(UserError, match="assistant"):
        tokenizer.render_for_completion({"messages": CHAT["messages"][:3]})


def test_visualization(tokenizer):
    text = tokenizer.visualize_tokenization([97, 98], [0, 1])
    assert text == "\033[31ma\033[0m|\033[32mb\033[0m"
    assert "(98)" in tokenizer.visualize_tokenization([97, 98], [0, 1], with_token_id=True)


def test_importing_the_tokenizer_imports_no_torch():
    code = "import sys, nanochat.tokenizer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
