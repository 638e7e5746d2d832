"""Requests that are refused, those that just pass, and whatever else JSON can carry."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve_stubs import CONTEXT, HELLO, ScriptedEngine, assistant, client_of, says, user


def chat_of(count):
    return [user("a") if i % 2 == 0 else assistant("b") for i in range(count)]


REFUSED = {
    "no messages": ({"messages": []}, "number of messages"),
    "too many messages": ({"messages": chat_of(501)}, "number of messages"),
    "empty message": ({"messages": [user("")]}, "message 0"),
    "long message": ({"messages": [user("x" * 8001)]}, "8000"),
    "long message in parts": (
        {
            "messages": [
                user("a"),
                assistant([{"type": "text", "text": "x" * 4001}] * 2),
                user("b"),
            ]
        },
        "message 1",
    ),
    "total": ({"messages": [(user, assistant)[i % 2]("x" * 6401) for i in range(5)]}, "32000"),
    "role": ({"messages": [{"role": "robot", "content": "x"}]}, "robot"),
    "two users": ({"messages": [user("a"), user("b")]}, "message 1"),
    "begins with assistant": ({"messages": [assistant("a"), user("b")]}, "message 0"),
    "ends with assistant": ({"messages": [user("a"), assistant("b")]}, "last message"),
    "late system": (
        {"messages": [user("a"), {"role": "system", "content": "b"}, user("c")]},
        "message 1",
    ),
    "only system": ({"messages": [{"role": "system", "content": "b"}]}, "system"),
    "user parts": ({"messages": [user([{"type": "text", "text": "a"}])]}, "string"),
    "part type": (
        {"messages": [user("a"), assistant([{"type": "image", "text": "x"}]), user("b")]},
        "message 1",
    ),
    "cold": ({**HELLO, "temperature": -0.1}, "temperature"),
    "hot": ({**HELLO, "temperature": 2.1}, "temperature"),
    "top_k below": ({**HELLO, "top_k": -1}, "top_k"),
    "top_k above": ({**HELLO, "top_k": 201}, "top_k"),
    "no tokens": ({**HELLO, "max_tokens": 0}, "max_tokens"),
    "too many tokens": ({**HELLO, "max_tokens": 4097}, "max_tokens"),
    "beyond every integer": ({**HELLO, "max_tokens": 10**30}, "max_tokens"),
    "more tokens than the context": ({"messages": [user("x" * CONTEXT)]}, "context"),
}


@pytest.mark.parametrize("route", ["/chat", "/chat/completions"])
@pytest.mark.parametrize("case", REFUSED)
def test_limits(route, case):
    body, needle = REFUSED[case]
    response = client_of(ScriptedEngine(says("x"))).post(route, json=body)
    assert response.status_code == 400, response.text
    assert needle in response.json()["detail"]
    assert list(response.json()) == ["detail"]


ALLOWED = {
    "largest numbers": {**HELLO, "temperature": 2.0, "top_k": 200, "max_tokens": 4096},
    "smallest numbers": {**HELLO, "temperature": 0.0, "top_k": 0, "max_tokens": 1},
    "longest message": {"messages": [user("x" * 8000)]},
    "longest total": {"messages": [(user, assistant)[i % 2]("x" * 6400) for i in range(5)]},
    "most messages": {"messages": chat_of(499)},
    "unknown field": {**HELLO, "stream": True},
}


@pytest.mark.parametrize("case", ALLOWED)
def test_exactly_at_the_limit_is_fine(case):
    client = client_of(ScriptedEngine(says("x")), context=40_000)
    response = client.post("/chat", json=ALLOWED[case])
    assert response.status_code == 200, response.text


MALFORMED = {
    "not json": "{",
    "empty": "",
    "a list": "[]",
    "no messages": "{}",
    "message without content": '{"messages": [{"role": "user"}]}',
    "content of a wrong type": '{"messages": [{"role": "user", "content": 3}]}',
    "temperature as text": '{"messages": [], "temperature": "0.5"}',
    "tokens as a fraction": '{"messages": [], "max_tokens": 1.5}',
    "tokens as a truth value": '{"messages": [], "max_tokens": true}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_bodies(case):
    response = client_of(ScriptedEngine(says("x"))).post(
        "/chat", content=MALFORMED[case], headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422, response.text
    assert isinstance(response.json()["detail"], str)


def test_not_a_number_is_refused():
    response = client_of(ScriptedEngine(says("x"))).post(
        "/chat",
        content='{"messages": [{"role": "user", "content": "a"}], "temperature": NaN}',
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code in (400, 422)
    assert isinstance(response.json()["detail"], str)


# JSON can carry half a character (a lone surrogate) and Python's reader takes NaN
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant"]) | JSON, "content": TEXT | JSON},
        optional={"parts": JSON},
    ),
    max_size=4,
)


@settings(max_examples=60)
@given(
    body=st.fixed_dictionaries(
        {"messages": MESSAGES | JSON},
        optional={"temperature": JSON, "top_k": JSON, "max_tokens": JSON},
    )
)
def test_no_body_makes_the_server_fail(body):
    response = FUZZED.post(
        "/chat", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert response.status_code in (200, 400, 422)
    if response.status_code != 200:
        assert isinstance(response.json()["detail"], str)


FUZZED = client_of(ScriptedEngine(says("x")))
