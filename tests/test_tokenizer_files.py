"""Tokenizers on disk: both forms, hostile and damaged files, what is checked."""

import base64
import builtins
import json
import os
import pickle
import pickletools

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.tokenizer import RustBPETokenizer
from nanochat.tokenizer_files import (
    JSON_NAME,
    PICKLE_NAME,
    SPECIAL_TOKENS,
    SPLIT_PATTERN,
    find_problem,
    load_files,
    parse_pickle,
)

TEXTS = ["banana bandana cabana", "the cat sat on the mat, the hat", "ein Löwe, zwei Löwen 12"] * 4


@pytest.fixture(scope="module")
def tokenizer():
    return RustBPETokenizer.train_from_iterator(TEXTS, 300)


@pytest.fixture
def directory(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


def pickled(data, protocol=4, **changes) -> bytes:
    """A pickle as nanochat writes it, with some of the four values changed."""
    state = {
        "name": data.name,
        "pat_str": data.pat_str,
        "mergeable_ranks": data.mergeable_ranks,
        "special_tokens": data.special_tokens,
    }
    encoding = tiktoken.Encoding(**state)
    for key, value in changes.items():
        attribute = key if key == "name" else f"_{key}"
        setattr(encoding, attribute, value)
    return pickle.dumps(encoding, protocol)


def refuse(directory, raw: bytes, message: str) -> None:
    """Loading `raw` as the only tokenizer file must fail with `message`, naming the file."""
    (directory / JSON_NAME).unlink(missing_ok=True)
    (directory / PICKLE_NAME).write_bytes(raw)
    with pytest.raises(UserError, match=message) as caught:
        RustBPETokenizer.from_directory(directory)
    assert PICKLE_NAME in str(caught.value)


def test_both_forms_hold_the_same(directory, tokenizer):
    data = load_files(directory)
    assert data == tokenizer.data
    (directory / JSON_NAME).unlink()
    assert load_files(directory) == data
    tokenizer.save(directory)
    (directory / PICKLE_NAME).unlink()
    assert load_files(directory) == data


def test_the_pickle_is_what_earlier_releases_read_and_write(directory, tokenizer):
    raw = (directory / PICKLE_NAME).read_bytes()
    assert raw == pickled(tokenizer.data)
    opcodes = {opcode.name for opcode, _, _ in pickletools.genops(raw)}
    assert "REDUCE" not in opcodes and raw[:2] == b"\x80\x04"
    encoding = pickle.loads(raw)
    assert isinstance(encoding, tiktoken.Encoding) and encoding.name == "rustbpe"
    assert encoding.n_vocab == 300


@pytest.mark.parametrize("protocol", [4, 5])
def test_accepted_protocols(directory, tokenizer, protocol):
    raw = pickled(tokenizer.data, protocol)
    assert parse_pickle(raw, "file") == tokenizer.data


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_old_protocols_are_refused(directory, tokenizer, protocol):
    refuse(directory, pickled(tokenizer.data, protocol), "protocol 4 or 5")


class Hostile:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "argument", "name"),
    [
        (os.system, "touch hacked", "(posix|nt).system"),
        (builtins.eval, "open('hacked', 'w')", "builtins.eval"),
        (builtins.__import__, "antigravity", "builtins.__import__"),
        (tiktoken.get_encoding, "gpt2", "tiktoken.registry.get_encoding"),
    ],
)
def test_hostile_pickles_run_nothing_and_are_named(
    directory, protocol, function, argument, name, monkeypatch
):
    monkeypatch.chdir(directory)
    raw = pickle.dumps(Hostile(function, argument), protocol)
    refuse(directory, raw, name if protocol >= 4 else "protocol 4 or 5")
    assert not (directory / "hacked").exists()


def test_a_call_hidden_inside_the_known_class_is_refused(directory, tokenizer, monkeypatch):
    monkeypatch.chdir(directory)
    raw = pickled(tokenizer.data, name=Hostile(os.system, "touch hacked"))
    refuse(directory, raw, "system")
    assert not (directory / "hacked").exists()


def test_a_name_taken_from_the_memo_is_refused_by_the_unpickler_itself(directory, monkeypatch):
    monkeypatch.chdir(directory)
    harmless_looking = b"\x8c\rtiktoken.core\x8c\x08Encoding"
    raw = (
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94" + harmless_looking + b"h\x00h\x01\x93)\x81."
    )
    refuse(directory, raw, r"posix\.system")


def test_opcodes_outside_the_list_are_refused(directory):
    memo_bomb = b"\x80\x04\x8c\x01ar\xff\xff\xff\x7f."  # LONG_BINPUT of an enormous index
    refuse(directory, memo_bomb, "LONG_BINPUT")
    refuse(directory, b"\x80\x04\x82\x01.", "EXT1")
    refuse(directory, b"\x80\x04\x8c\x01aQ.", "BINPERSID")
    refuse(directory, b"\x80\x04\x8c\x02os\x8c\x06systemcos\nsystem\n.", "os.system")


def test_other_pickled_values_are_refused(directory, tokenizer):
    refuse(directory, pickle.dumps({"a": 1}, 4), "exactly the values")
    refuse(directory, pickle.dumps("cl100k_base", 4), "exactly the values")
    by_name = b"\x80\x04\x8c\rtiktoken.core\x8c\x08Encoding\x93)\x81\x8c\x04gpt2b."
    refuse(directory, by_name, "exactly the values")


@settings(max_examples=80)
@given(data=st.data())
def test_damaged_pickles_give_a_clear_error(data):
    tokenizer = _shared_tokenizer()
    raw = bytearray(pickled(tokenizer.data))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    try:
        values = parse_pickle(bytes(raw), "some/file")
    except UserError as error:
        assert "some/file" in str(error)
    else:
        assert find_problem(values) is None or isinstance(find_problem(values), str)


_SHARED = []


def _shared_tokenizer():
    if not _SHARED:
        _SHARED.append(RustBPETokenizer.train_from_iterator(TEXTS, 300))
    return _SHARED[0]


def test_first_check_keys_and_types(directory, tokenizer):
    data = tokenizer.data
    refuse(directory, pickled(data, name=7), "must be text")
    refuse(directory, pickled(data, mergeable_ranks={}), "integers from 0|single bytes")
    refuse(directory, pickled(data, special_tokens={"<|bos|>": "311"}), "must map")
    booleans = {**data.mergeable_ranks, b"\x01": True}
    refuse(directory, pickled(data, mergeable_ranks=booleans), "NEWTRUE")


def test_second_check_ranks(directory, tokenizer):
    data = tokenizer.data
    ranks = data.mergeable_ranks
    tokens = list(ranks)
    swapped = {**ranks, tokens[3]: 4, tokens[4]: 3}
    refuse(directory, pickled(data, mergeable_ranks=swapped), "single bytes in order")
    gap = {**ranks, tokens[-1]: len(ranks)}
    refuse(directory, pickled(data, mergeable_ranks=gap), "integers from 0, each once")
    twice = {**ranks, tokens[-1]: 5}
    refuse(directory, pickled(data, mergeable_ranks=twice), "integers from 0, each once")
    empty = {(b"" if token == tokens[-1] else token): rank for token, rank in ranks.items()}
    refuse(directory, pickled(data, mergeable_ranks=empty), "is not the merge")
    foreign = {(b"qqqq" if token == tokens[-1] else token): rank for token, rank in ranks.items()}
    refuse(directory, pickled(data, mergeable_ranks=foreign), "is not the merge of two")
    reversed_merges = {t: (256 + len(ranks) - 1 - r if r >= 256 else r) for t, r in ranks.items()}
    assert sorted(reversed_merges.values()) == list(range(len(ranks)))
    refuse(directory, pickled(data, mergeable_ranks=reversed_merges), "is not the merge of two")


def test_third_check_special_tokens(directory, tokenizer):
    data = tokenizer.data
    first = len(data.mergeable_ranks)
    order = [SPECIAL_TOKENS[1], SPECIAL_TOKENS[0], *SPECIAL_TOKENS[2:]]
    wrong_order = {name: first + i for i, name in enumerate(order)}
    refuse(directory, pickled(data, special_tokens=wrong_order), "known ones in their order")
    fewer = {name: first + i for i, name in enumerate(SPECIAL_TOKENS[:-1])}
    refuse(directory, pickled(data, special_tokens=fewer), "known ones in their order")
    shifted = {name: first + 1 + i for i, name in enumerate(SPECIAL_TOKENS)}
    refuse(directory, pickled(data, special_tokens=shifted), "known ones in their order")


def test_fourth_check_pattern(directory, tokenizer):
    refuse(directory, pickled(tokenizer.data, pat_str=r"(a+)+$|\s"), "pattern is not nanochat's")
    foreign = RustBPETokenizer.from_directory(directory, any_pattern=True)
    assert foreign.data.pat_str == r"(a+)+$|\s" != SPLIT_PATTERN


def test_size_limit(directory):
    with open(directory / PICKLE_NAME, "wb") as file:
        file.truncate(65 * 1024 * 1024)
    with pytest.raises(UserError, match="at most"):
        RustBPETokenizer.from_directory(directory)


def test_a_pickle_put_there_later_wins_with_a_warning(directory, tokenizer, caplog):
    other = RustBPETokenizer.train_from_iterator([*TEXTS, "zz zz zz zz zz " * 9], 300)
    (directory / PICKLE_NAME).write_bytes(pickled(other.data))
    assert RustBPETokenizer.from_directory(directory).fingerprint() == other.fingerprint()
    assert "differ" in caplog.text
    caplog.clear()
    (directory / PICKLE_NAME).write_bytes(pickled(tokenizer.data, protocol=5))  # says the same
    assert load_files(directory) == tokenizer.data
    assert not caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("pat_str"), "'pat_str' is missing"),
        (lambda d: d["mergeable_ranks"].__setitem__(280, "***"), "not a tokenizer file"),
        (lambda d: d["mergeable_ranks"].append("AA=="), "listed twice"),
        (lambda d: d["mergeable_ranks"].__setitem__(280, 12), "not a tokenizer file"),
        (lambda d: d.__setitem__("pat_str", ".+"), "pattern is not"),
        (lambda d: d.__setitem__("special_tokens", []), "must map"),
        (
            lambda d: d["mergeable_ranks"].append(base64.b64encode(b"qqqq").decode()),
            "special tokens",
        ),
    ],
)
def test_wrong_json(directory, change, message):
    path = directory / JSON_NAME
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=message) as caught:
        RustBPETokenizer.from_directory(directory)
    assert JSON_NAME in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_json_that_is_none(directory, raw):
    (directory / JSON_NAME).write_bytes(raw)
    with pytest.raises(UserError, match=JSON_NAME):
        RustBPETokenizer.from_directory(directory)


def test_missing(tmp_path):
    with pytest.raises(UserError, match=r"no tokenizer in .*scripts\.tok_train"):
        RustBPETokenizer.from_directory(tmp_path / "nowhere")


def test_saving_is_atomic(directory, tokenizer, monkeypatch):
    before = {path.name: path.read_bytes() for path in directory.iterdir()}

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        tokenizer.save(directory)
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_foreign_tokenizers_are_not_saved(tokenizer, tmp_path):
    encoding = tiktoken.Encoding(
        "other",
        pat_str=SPLIT_PATTERN,
        mergeable_ranks=tokenizer.data.mergeable_ranks,
        special_tokens={"<|endoftext|>": 291},
    )
    foreign = RustBPETokenizer(encoding, "<|endoftext|>")
    assert foreign.get_bos_token_id() == 291
    with pytest.raises(UserError, match="other: only nanochat's own"):
        foreign.save(tmp_path)
