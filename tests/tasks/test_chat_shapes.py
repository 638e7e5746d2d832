"""Any conversation, written in any shape, is read back as the same messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanochat.common import UserError
from tasks.chat_shapes import SPEAKERS, read_conversation

texts = st.text(min_size=1).filter(str.strip)
kinds = st.sampled_from(["text", "python", "python_output"])
parts = st.lists(st.fixed_dictionaries({"type": kinds, "text": texts}), min_size=1, max_size=3)


@st.composite
def conversations(draw, answers=texts | parts, most_exchanges=3):
    messages = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(texts)})
    for _ in range(draw(st.integers(1, most_exchanges))):
        messages.append({"role": "user", "content": draw(texts)})
        messages.append({"role": "assistant", "content": draw(answers)})
    return messages


@given(messages=conversations(), rest=st.dictionaries(st.sampled_from(["id", "source"]), texts))
def test_messages_and_bare_lists(messages, rest):
    assert read_conversation({**rest, "messages": messages}) == {**rest, "messages": messages}
    assert read_conversation(messages) == {"messages": messages}
    assert read_conversation({**rest, "conversations": messages})["messages"] == messages


@given(messages=conversations(), data=st.data())
def test_sharegpt(messages, data):
    said = []
    for message in messages:
        names = [name for name, role in SPEAKERS.items() if role == message["role"]]
        name = data.draw(st.sampled_from([*names, *map(str.title, names)]))
        said.append({"from": name, "value": message["content"], "weight": 1})
    assert read_conversation({"conversations": said})["messages"] == messages
    assert read_conversation({"messages": said})["messages"] == messages
    assert read_conversation(said)["messages"] == messages
    if messages[0]["role"] == "system":
        beside = {"system": messages[0]["content"], "conversations": said[1:]}
        assert read_conversation(beside)["messages"] == messages


@given(messages=conversations(answers=texts, most_exchanges=1), more=texts)
def test_alpaca(messages, more):
    *system, user, answer = messages
    line = {"instruction": user["content"], "output": answer["content"]}
    if system:
        line["system"] = system[0]["content"]
    for empty in ({}, {"input": ""}, {"input": None}, {"input": " "}):
        assert read_conversation({**line, **empty})["messages"] == messages
    asked = read_conversation({**line, "input": more})["messages"][-2]["content"]
    assert asked == f"{user['content']}\n\n{more}"


ASK, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}


@pytest.mark.parametrize(
    ("parsed", "message"),
    [
        (None, "expected an object"),
        ("messages", "expected an object"),
        ({"conversations": "Hi"}, "as in ShareGPT"),
        ({"instruction": "Hi"}, "as in Alpaca"),
        ({"instruction": "Hi", "output": 3}, "'output' must be a string, got 3"),
        ({"instruction": "Hi", "output": ""}, "message 1: the assistant's content is empty"),
        ({"instruction": "Hi", "input": ["x"], "output": "y"}, "'input' must be a string"),
        ([{"from": "human", "value": "Hi"}, {"from": "gpt"}], "message 1: .*'from' and 'value'"),
        ([{"from": "tool", "value": "Hi"}], "unknown speaker 'tool'; known: system, human"),
        ([{"from": 7, "value": "Hi"}], "unknown speaker 7"),
        ([{"from": "gpt", "value": "Hi"}], "expected role 'user', got 'assistant'"),
        ([ASK, {**ANSWER, "content": []}], "the assistant's content is empty"),
        ([ASK, {**ANSWER, "content": [{"type": "text", "text": " "}]}], "content is empty"),
        ([{**ASK, "content": "\n"}, ANSWER], "message 0: the user's content is empty"),
        (
            {"system": 3, "conversations": [ASK, ANSWER]},
            "system message's content must be a string",
        ),
        ([ASK, ANSWER, ASK], "last message must be the assistant's answer"),
    ],
)
def test_what_is_none_is_named(parsed, message):
    with pytest.raises(UserError, match=message):
        read_conversation(parsed)


def test_extra_keys_and_empty_tool_results_are_kept():
    call = [{"type": "python", "text": "f()"}, {"type": "python_output", "text": ""}]
    messages = [{**ASK, "name": "Ann"}, {"role": "assistant", "content": call, "weight": 0}]
    assert read_conversation({"messages": messages, "letters": ["A"]}) == {
        "messages": messages,
        "letters": ["A"],
    }
