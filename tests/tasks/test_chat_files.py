"""Every line of a file is read or named with what is wrong, whatever the bytes."""

import hashlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.chat_files import read_chat_file
from tasks.customjson import CustomJSON

GOOD = [{"role": "user", "content": "Hé"}, {"role": "assistant", "content": "Hello"}]
BROKEN = {  # line -> what is said about it
    b"{not json": "not a line of JSON (column 2: Expecting property name",
    b'{"messages": []': "not a line of JSON (column 16: Expecting ',' delimiter)",
    b'{"messages": [],': "not a line of JSON (column 17: ",
    b"{": "write each conversation on one line",
    b"[" * 100_000: "not a line of JSON (",
    b"1" * 5_000: "not a line of JSON (",
    b"NaN": "expected an object",
    b"[]": "non-empty list of messages",
    b'[{"role": "bot", "content": "x"}]': "message 0: expected role 'user', got 'bot'",
    b'["\xff"]': "byte 3 of the line (0xff) is not UTF-8",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "own.jsonl"


def read(path, data):
    path.write_bytes(data)
    return list(read_chat_file(path))


@given(lines=st.lists(st.sampled_from([None, b"", b"  ", *BROKEN]), max_size=9), bom=st.booleans(),
       end=st.sampled_from([b"\n", b"\r\n"]))  # fmt: skip
def test_all_lines_are_read_and_all_errors_named(path, lines, bom, end):
    good = json.dumps(GOOD, ensure_ascii=False).encode()
    # the first line decides whether the file is one list, so it is a conversation here
    lines = [None, *lines]
    data = end.join(good if line is None else line for line in lines)
    found = read(path, b"\xef\xbb\xbf" * bom + data)
    expected = [(n, line) for n, line in enumerate(lines, 1) if line is None or line.strip()]
    assert [line.number for line in found] == [number for number, _ in expected]
    for line, (_, written) in zip(found, expected, strict=True):
        if written is None:
            assert line.problem is None and line.conversation == {"messages": GOOD}
        else:
            assert line.conversation is None and BROKEN[written] in line.problem


PIECES = [*b"[{]},: \n\\", b'"', b'"messages"', b'"role"', b"null", b"ud800", b"\xff"]
PIECES = [bytes([piece]) if isinstance(piece, int) else piece for piece in PIECES]
PIECES.append(json.dumps(GOOD).encode())


@given(st.binary() | st.lists(st.sampled_from(PIECES)).map(b"".join))
@example(b"[[\n" * 100)
@example(b"[\n" + b"[" * 100_000)
@example(b"\xff\xfe[\x00")
@example(b'[\n{"messages": 1}\n\xff')
def test_no_bytes_are_too_strange(path, data):
    for line in read(path, data):
        assert (line.problem is None) == (line.conversation is not None)
        assert 1 <= line.number <= data.count(b"\n") + 1


@pytest.mark.parametrize("indent", [None, 0, 1, 2])
@pytest.mark.parametrize("space", ["", "\n\n"])
def test_one_json_list(path, indent, space):
    sharegpt = {"conversations": [{"from": "human", "value": "A"}, {"from": "gpt", "value": "B"}]}
    written = [{"messages": GOOD}, GOOD, sharegpt]
    text = space + json.dumps(written, indent=indent) + space
    found = read(path, text.encode("utf-8-sig"))
    assert [line.problem for line in found] == [None] * 3
    assert found[1].conversation == {"messages": GOOD}
    lines = text.split("\n")
    for line in found:
        assert line.number <= len(lines)
    if indent == 2:
        opening = [number for number, line in enumerate(lines, 1) if line in ("  {", "  [")]
        assert [line.number for line in found] == opening


def test_errors_in_a_json_list(path):
    found = read(path, b'[\n{"messages": 3},\n\n{"messages": [}\n]')
    assert [line.number for line in found] == [2, 4]
    assert "column 15: " in found[1].problem and "read up to here" in found[1].problem
    (line,) = read(path, b'[\n{"messages": [\n  "\xff"]}]')
    assert (line.number, line.problem[:38]) == (3, "byte 4 of the line (0xff) is not UTF-8")
    *_, line = read(path, b'[\n{"messages": 3}\n{"messages": 3}]')
    assert line.number == 3 and "Expecting ','" in line.problem
    *_, line = read(path, b"[\n[]\n]\nmore")
    assert line.number == 4 and "Extra data" in line.problem


def test_utf16_is_recognised(path):
    for encoding in ("utf-16-le", "utf-16-be"):
        (line,) = read(path, ("\ufeff" + json.dumps(GOOD)).encode(encoding))
        assert "UTF-16; save it as UTF-8" in line.problem


@pytest.mark.parametrize("data", [json.dumps(GOOD).encode() + b"\n", json.dumps([GOOD]).encode()])
def test_the_hash_is_that_of_the_file(path, data):
    path.write_bytes(data)
    assert CustomJSON(path).sha256 == hashlib.sha256(data).hexdigest()
