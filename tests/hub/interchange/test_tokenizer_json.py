"""tokenizer.json: the `tokenizers` library gives our ids, and only our tokenizers come back."""

import json

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.hub.interchange.sample_texts import KINDS, sample_strings
from nanochat.hub.interchange.tokenizer_json import (
    BYTES,
    CHARACTERS,
    describe_tokenizer,
    find_merges,
    read_tokenizer,
    spell,
    unspell,
)
from nanochat.tokenizer_files import SPECIAL_TOKENS


@pytest.fixture(scope="module")
def document(world_tokenizer):
    return describe_tokenizer(world_tokenizer.data)


@pytest.fixture(scope="module")
def foreign(document):
    """The library's tokenizer, which takes special tokens' names for ordinary text."""
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(document))
    tokenizer.encode_special_tokens = True
    return tokenizer


def test_ten_thousand_strings_get_the_same_ids(world_tokenizer, foreign):
    strings = sample_strings(10_000)
    assert len(set(strings)) > 9_900
    theirs = foreign.encode_batch(strings, add_special_tokens=False)
    wrong = [
        text
        for text, ours, encoding in zip(
            strings, world_tokenizer.encode(strings), theirs, strict=True
        )
        if ours != encoding.ids or foreign.decode(encoding.ids) != text
    ]
    assert wrong == []


def test_the_strings_hold_every_kind(world_tokenizer):
    text = "".join(sample_strings(10_000))
    for kind in KINDS.values():
        assert all(piece in text for piece in kind)
    merges = {token for token in world_tokenizer.encode(text) if token >= 256}
    assert len(merges) > 0.8 * (1000 - 256 - 9)


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cn"]), max_size=40))
def test_any_text_gets_the_same_ids(world_tokenizer, foreign, text):
    ids = foreign.encode(text, add_special_tokens=False).ids
    assert ids == world_tokenizer.encode(text)
    assert foreign.decode(ids, skip_special_tokens=False) == text


def test_special_tokens_have_their_ids_and_are_skipped(world_tokenizer, document):
    foreign = tokenizers.Tokenizer.from_str(json.dumps(document))
    for name in SPECIAL_TOKENS:
        (token,) = foreign.encode(name).ids
        assert token == world_tokenizer.encode_special(name)
        assert foreign.decode([token]) == ""
        assert foreign.decode([token], skip_special_tokens=False) == name
    a = world_tokenizer.encode(" a ")
    bos = world_tokenizer.get_bos_token_id()
    assert foreign.encode(" a <|bos|> a ").ids == [*a, bos, *a]  # nothing is trimmed
    assert foreign.get_vocab_size() == world_tokenizer.get_vocab_size()


def test_the_alphabet_is_that_of_gpt2():
    assert len(BYTES) == 256
    assert spell(b" a\n\x00\xad\xff~") == "ĠaĊĀŃÿ~"
    assert all(unspell(CHARACTERS[byte]) == bytes([byte]) for byte in range(256))


def test_merges_are_two_lower_ranks_each(world_tokenizer):
    ranks = world_tokenizer.data.mergeable_ranks
    merges = find_merges(ranks)
    assert len(merges) == len(ranks) - 256
    for rank, (left, right) in enumerate(merges, 256):
        assert ranks[left + right] == rank > max(ranks[left], ranks[right])


# -- the way back ---------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path, document):
    """Write a copy of the document that `change` has altered; the directory."""

    def write(change=lambda copy: None):
        copy = json.loads(json.dumps(document))
        (tmp_path / "tokenizer.json").write_text(json.dumps(change(copy) or copy))
        return str(tmp_path)

    return write


def test_a_tokenizer_comes_back(write, world_tokenizer):
    assert read_tokenizer(write()) == world_tokenizer.data


def test_other_spellings_of_the_same_are_understood(write, world_tokenizer):
    def change(copy):
        model = copy["model"]
        model["merges"] = [" ".join(merge) for merge in model["merges"]]
        model["vocab"] |= {token["content"]: token["id"] for token in copy["added_tokens"]}
        model["ignore_merges"] = True
        del model["type"]
        copy["decoder"]["trim_offsets"] = True

    assert read_tokenizer(write(change)) == world_tokenizer.data


def test_the_library_itself_can_have_saved_it(tmp_path, document, world_tokenizer):
    tokenizers.Tokenizer.from_str(json.dumps(document)).save(str(tmp_path / "tokenizer.json"))
    assert read_tokenizer(str(tmp_path)) == world_tokenizer.data


def at(*path, value):
    def change(copy):
        for key in path[:-1]:
            copy = copy[key]
        copy[path[-1]] = value

    return change


def swap_special(copy):
    first, second = copy["added_tokens"][:2]
    first["id"], second["id"] = second["id"], first["id"]


def drop_special(copy):
    copy["added_tokens"].pop()


def drop_merge(copy):
    copy["model"]["merges"].pop()


def swap_merges(copy):
    merges = copy["model"]["merges"]
    merges[:2] = merges[1::-1]


SPLIT = ("pre_tokenizer", "pretokenizers", 0)
BYTE_LEVEL = ("pre_tokenizer", "pretokenizers", 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (at("model", "type", value="Unigram"), "'Unigram', expected 'BPE'"),
        (at("model", "dropout", value=0.1), "dropout"),
        (at("model", "unk_token", value="<unk>"), "unk_token"),
        (at("model", "byte_fallback", value=True), "falls back"),
        (at("model", "merges", value=None), "no list of merges"),
        (swap_merges, "merges"),
        (drop_merge, "merges"),
        (at("model", "vocab", "☃", value=999_999), "'☃'"),
        (at("model", "vocab", "Āā", value=991), "tokenizer of a nanochat model"),
        (at("normalizer", value={"type": "NFC"}), "normalises"),
        (at("pre_tokenizer", value=None), "does not split"),
        (at("pre_tokenizer", value={"type": "ByteLevel"}), "does not split"),
        (at(*SPLIT, "pattern", value={"Regex": "a"}), "pattern is not nanochat's"),
        (at(*SPLIT, "pattern", value={"String": "a"}), "pattern is not nanochat's"),
        (at(*SPLIT, "behavior", value="Removed"), "applied differently"),
        (at(*SPLIT, "invert", value=True), "applied differently"),
        (at(*BYTE_LEVEL, "add_prefix_space", value=True), "in front"),
        (at(*BYTE_LEVEL, "use_regex", value=True), "splits once more"),
        (swap_special, "special tokens"),
        (drop_special, "special tokens"),
        (lambda copy: {"version": "1.0"}, "'model'"),
        (lambda copy: [1], "tokenizer of a nanochat model"),
    ],
)
def test_another_tokenizer_is_refused(write, change, message):
    with pytest.raises(UserError, match=message) as caught:
        read_tokenizer(write(change))
    assert "tokenizer.json: not the tokenizer of a nanochat model" in str(caught.value)


def test_missing_damaged_and_oversized_files(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(UserError, match=r"tokenizer.json is missing"):
        read_tokenizer(str(tmp_path))
    for raw in (b"{", b"\xff", b"[" * 100_000, b"null"):
        path.write_bytes(raw)
        with pytest.raises(UserError, match="not the tokenizer"):
            read_tokenizer(str(tmp_path))
    monkeypatch.setattr("nanochat.hub.interchange.tokenizer_json.MAX_FILE_BYTES", 3)
    with pytest.raises(UserError, match="at most 3 bytes"):
        read_tokenizer(str(tmp_path))
