"""tok_train and tok_eval as commands."""

import json

import pyarrow
import pyarrow.parquet
import pytest

from nanochat.common import UserError
from nanochat.data.shards import index_to_filename
from nanochat.tokenizer import RustBPETokenizer, get_tokenizer
from scripts import tok_eval, tok_train

SENTENCES = ["The cat sat on the mat. ", "Dogs bark at night, don't they? ", "It is 2024 now.\n"]


@pytest.fixture
def shards(base_dir):
    def put(*indices):
        (base_dir / "base_data").mkdir(parents=True, exist_ok=True)
        for index in indices:
            texts = [SENTENCES[(index + i) % 3] * (3 + index) + f"word{index}" for i in range(20)]
            path = base_dir / "base_data" / index_to_filename(index)
            pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path, row_group_size=8)

    return put


def section(base_dir, name):
    return json.loads((base_dir / "report" / f"{name}.json").read_text())


def test_training_and_its_report(shards, base_dir, capsys):
    shards(0, 1, 1822)
    tok_train.main(["--vocab_size=300", "--max-chars=1000000"])
    tokenizer = get_tokenizer()
    assert tokenizer.get_vocab_size() == 300
    assert (base_dir / "tokenizer" / "token_bytes.pt").exists()
    flags, figures = section(base_dir, "tokenizer-training")["data"]
    assert flags == {"max_chars": 1_000_000, "doc_cap": 10_000, "vocab_size": 300}
    assert figures["shards"] == "shard_00000.parquet, shard_00001.parquet"
    assert figures["fingerprint"] == tokenizer.fingerprint()
    assert figures["num_special_tokens"] == 9 and figures["train_time"] > 0
    assert figures["token_bytes_min"] == 1 < figures["token_bytes_mean"]
    assert "300 tokens" in capsys.readouterr().out


def test_the_validation_shard_is_not_read(shards):
    shards(0, 1822)
    tok_train.main(["--vocab_size=300"])
    before = get_tokenizer().fingerprint()
    texts = [SENTENCES[i % 3] * 3 + "word0" for i in range(20)]
    assert RustBPETokenizer.train_from_iterator(texts, 300).fingerprint() == before


def test_a_download_going_on_does_not_change_the_result(shards, base_dir, capsys):
    shards(0, 1, 1822)
    tok_train.main(["--vocab_size=300"])
    before = get_tokenizer().fingerprint()
    shards(3, 4, 9)  # finished out of order
    (base_dir / "base_data" / "shard_00002.parquet.x.tmp").touch()
    capsys.readouterr()
    tok_train.main(["--vocab_size=300"])
    assert get_tokenizer().fingerprint() == before
    out = capsys.readouterr().out
    assert "using 2 shards; not the 3 after a gap" in out and "a download is going on" in out


def test_limits_on_characters_and_documents(shards, base_dir):
    shards(0, 1, 1822)
    tok_train.main(["--vocab_size=265", "--max_chars=95", "--doc_cap=10"])
    figures = section(base_dir, "tokenizer-training")["data"][1]
    assert figures["characters"] == 100  # checked after each document
    assert figures["shards"] == "shard_00000.parquet"


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--vocab_size=0", "--vocab_size must be at least 1"),
        ("--doc-cap=0", "--doc_cap must be at least 1"),
        ("--max_chars=-5", "--max_chars must be at least 1"),
    ],
)
def test_impossible_flags(flag, message, capsys):
    with pytest.raises(SystemExit) as caught:
        tok_train.main([flag])
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_too_small_a_vocabulary(shards):
    shards(0, 1822)
    with pytest.raises(UserError, match="at least 265"):
        tok_train.main(["--vocab_size=264"])


def test_missing_data(shards, base_dir):
    with pytest.raises(UserError, match="at least two shards"):
        tok_train.main([])
    shards(1, 2, 1822)
    with pytest.raises(UserError, match="the first shard is missing"):
        tok_train.main([])
    shards(0)
    (base_dir / "base_data" / "shard_00001.parquet").write_bytes(b"PAR1 half a file")
    with pytest.raises(UserError, match=r"shard_00001\.parquet is not a whole parquet file"):
        tok_train.main(["--vocab_size=300"])


def test_evaluation_without_a_connection(shards, base_dir, capsys, monkeypatch):
    def offline(name):
        raise ConnectionError("no network")

    monkeypatch.setattr(RustBPETokenizer, "from_pretrained", offline)
    shards(0, 1822)
    tok_train.main(["--vocab_size=300"])
    tok_eval.main([])
    out = capsys.readouterr().out
    assert "gpt2 cannot be had (ConnectionError)" in out and "Ours alone" in out
    assert "| fwe-train |" in out and "| fwe-val |" in out
    assert "Ours alone" in (base_dir / "report" / "tokenizer-evaluation.md").read_text()


def test_evaluation_against_others_and_without_shards(base_dir, capsys, monkeypatch):
    tokenizer = RustBPETokenizer.train_from_iterator(SENTENCES, 280)
    tokenizer.save(base_dir / "tokenizer")
    plain = RustBPETokenizer.train_from_iterator([""], 265)
    monkeypatch.setattr(RustBPETokenizer, "from_pretrained", lambda name: plain)
    tok_eval.main([])
    out = capsys.readouterr().out
    assert "Vocabulary: ours 280, GPT-2 265, GPT-4 265" in out
    assert "Comparison with GPT-2" in out and "Comparison with GPT-4" in out
    assert "leaving the shards out" in out and "fwe-" not in out


def test_a_firewall_that_swallows_packets_is_not_waited_for(monkeypatch):
    import threading

    block = threading.Event()
    monkeypatch.setattr(tok_eval, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(RustBPETokenizer, "from_pretrained", lambda name: block.wait(20))
    assert tok_eval.load_baseline("gpt2") is None
    block.set()


def test_evaluation_without_a_tokenizer():
    with pytest.raises(UserError, match=r"scripts\.tok_train"):
        tok_eval.main([])
