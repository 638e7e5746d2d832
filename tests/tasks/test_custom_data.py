"""`FILE[:EPOCHS]`: which file, how often, and how it joins a mixture."""

import hashlib
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from tasks.common import TaskMixture, turn
from tasks.custom_data import CustomData, split_epochs, with_custom_data


def write(path, count=10):
    path.write_text("".join(json.dumps(turn(f"{i}?", str(i))) + "\n" for i in range(count)))
    return path


@pytest.mark.parametrize(
    ("spec", "path", "epochs"),
    [
        ("my.jsonl", "my.jsonl", 1.0),
        ("my.jsonl:3", "my.jsonl", 3.0),
        ("my.jsonl:0.5", "my.jsonl", 0.5),
        ("my.jsonl:.25", "my.jsonl", 0.25),
        (r"C:\chats\my.jsonl", r"C:\chats\my.jsonl", 1.0),
        (r"C:\chats\my.jsonl:2", r"C:\chats\my.jsonl", 2.0),
        ("a:b:my.jsonl:2", "a:b:my.jsonl", 2.0),
        ("at 12:30.jsonl", "at 12:30.jsonl", 1.0),
        ("my.jsonl:", "my.jsonl:", 1.0),
    ],
)
def test_the_number_after_the_last_colon(spec, path, epochs):
    assert split_epochs(spec) == (path, epochs)


@pytest.mark.parametrize("epochs", ["0", "-1", "nan", "inf", "1001", "1e9"])
def test_impossible_epochs(epochs):
    with pytest.raises(UserError, match="over 0 and at most 1000"):
        split_epochs(f"my.jsonl:{epochs}")


def test_an_existing_file_decides(tmp_path):
    write(tmp_path / "my.jsonl")
    for wrong in ("", "x", "3x"):
        with pytest.raises(UserError, match="a number such as 3"):
            split_epochs(f"{tmp_path}/my.jsonl:{wrong}")
    write(tmp_path / "my.jsonl:3")
    assert split_epochs(f"{tmp_path}/my.jsonl:3") == (f"{tmp_path}/my.jsonl:3", 1.0)


@given(epochs=st.floats(0.01, 20))
def test_epochs_are_rows(tmp_path_factory, epochs):
    path = write(tmp_path_factory.mktemp("own") / "my.jsonl")
    data = CustomData(f"{path}:{epochs}")
    again = Counter(data[i]["messages"][0]["content"] for i in range(len(data)))
    assert len(data) == max(1, int(epochs) * 10 + round(epochs % 1 * 10))
    assert max(again.values()) - min(again.get(f"{i}?", 0) for i in range(10)) <= 1


def test_half_a_file_is_always_the_same_half_and_not_its_beginning(tmp_path):
    path = write(tmp_path / "my.jsonl", 100)
    first, second = CustomData(f"{path}:0.5"), CustomData(f"{path}:0.5")
    assert first.rows == second.rows and first.rows != list(range(50))


def test_the_record_names_the_file(tmp_path, monkeypatch):
    path = write(tmp_path / "my.jsonl")
    monkeypatch.chdir(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert CustomData("my.jsonl:1.5").record == {
        "path": "my.jsonl",
        "epochs": 1.5,
        "conversations": 10,
        "sha256": digest,
    }


def test_it_joins_a_mixture(tmp_path):
    path = write(tmp_path / "my.jsonl")
    usual = TaskMixture([CustomData(f"{path}:9")])
    assert with_custom_data(usual, []) is usual
    mixture = with_custom_data(usual, [CustomData(str(path)), CustomData(f"{path}:0.5")])
    assert [rows for _, rows, _ in mixture.shares()] == [90, 10, 5]
    assert mixture.table().splitlines()[0] == "105 conversations:"
    assert mixture.table().splitlines()[2].split() == ["10", "9.5%", "my.jsonl"]
