import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from tasks.customjson import CustomJSON

ASK = {"role": "user", "content": "Hi"}
ANSWER = {"role": "assistant", "content": "Hello"}
PARTS = {"role": "assistant", "content": [{"type": "python", "text": "1+1"}]}
SYSTEM = {"role": "system", "content": "Be brief."}


@pytest.fixture
def write(tmp_path):
    def write(*lines):
        path = tmp_path / "own.jsonl"
        path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
        return path

    return write


def test_both_shapes_and_blank_lines(write):
    path = write([ASK, ANSWER], "", {"messages": [SYSTEM, ASK, PARTS], "note": 1}, "   ")
    task = CustomJSON(filepath=str(path))
    assert len(task) == 2
    assert task[0] == {"messages": [ASK, ANSWER]}
    assert task[1]["messages"] == [SYSTEM, ASK, PARTS]
    assert len(CustomJSON(path, stop=1)) == 1


def test_a_byte_order_mark_and_windows_lines(tmp_path):
    line = json.dumps([ASK, ANSWER]).encode()
    (tmp_path / "own.jsonl").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n" + line + b"\r\n")
    assert len(CustomJSON(tmp_path / "own.jsonl")) == 2


@given(st.text().filter(lambda text: text.strip() and (text.isprintable() or "\u2028" in text)))
def test_any_text_survives(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("own") / "own.jsonl"
    messages = [{"role": "user", "content": text}, ANSWER]
    path.write_text(json.dumps(messages, ensure_ascii=False), encoding="utf-8")
    assert CustomJSON(path)[0]["messages"] == messages


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json", "not a line of JSON"),
        ("3", 'expected an object with a list "messages"'),
        ({"messages": {}}, 'expected an object with a list "messages"'),
        ([], "non-empty"),
        ([ASK], "assistant's answer"),
        ([ASK, ANSWER, ASK], "assistant's answer"),
        ([ANSWER, ASK], "expected role 'user'"),
        ([ASK, ASK], "expected role 'assistant'"),
        ([ASK, {"role": "assistant", "content": 3}], "content must be"),
        ([ASK, {"role": "assistant"}], "'role' and 'content'"),
        (
            [ASK, {"role": "assistant", "content": " \n"}],
            "message 1: the assistant's content is empty",
        ),
    ],
)
def test_errors_name_file_and_line(write, line, message):
    path = write([ASK, ANSWER], "", line)
    with pytest.raises(UserError, match=message) as caught:
        CustomJSON(path)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_a_missing_or_empty_file_is_an_error_that_helps(tmp_path, write):
    with pytest.raises(UserError, match=r'no file .*one conversation a line.*"messages"'):
        CustomJSON(tmp_path / "none.jsonl")
    with pytest.raises(UserError, match="empty"):
        CustomJSON(write("", "  "))
    (tmp_path / "latin.jsonl").write_bytes(b"[\xff]")
    with pytest.raises(UserError, match="UTF-8"):
        CustomJSON(tmp_path / "latin.jsonl")
