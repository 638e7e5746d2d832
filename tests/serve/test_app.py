"""The routes, their limits, and what happens to workers when clients misbehave."""

import asyncio
import contextlib
import json
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochat import conversation
from nanochat.serve.answer import Sampling
from nanochat.serve.app import SECURITY_HEADERS, create_app
from nanochat.serve.settings import Defaults, Identity
from tests.serve_stubs import (
    CONTEXT,
    ScriptedEngine,
    make_app,
    make_pool,
    make_tokenizer,
    served,
    wait_until,
)

TOKENIZER = make_tokenizer()
SPECIAL = TOKENIZER.encode_special
END = SPECIAL("<|assistant_end|>")
HELLO = {"messages": [{"role": "user", "content": "Hi"}]}


def says(text, ending=(END,)):
    return lambda prompt: iter([*text.encode(), *ending])


def tool_call(expression, result):
    return [
        *(SPECIAL("<|python_start|>"), *expression.encode(), SPECIAL("<|python_end|>")),
        *(SPECIAL("<|output_start|>"), *result.encode(), SPECIAL("<|output_end|>")),
    ]


def for_ever(prompt):
    while True:
        yield ord("a")


def client_of(*engines, **options):
    return TestClient(make_app(engines, TOKENIZER, **options), raise_server_exceptions=False)


def events_of(response):
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.content.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def free_workers(client):
    return client.get("/stats").json()["available_workers"]


# --- replies


def test_chat_replies_with_the_contracts_body():
    engine = ScriptedEngine(says("Hello."))
    reply = client_of(engine).post("/chat", json=HELLO)
    assert reply.status_code == 200
    prompt = conversation.render_prompt(TOKENIZER, HELLO["messages"])
    assert reply.json() == {
        "message": {"role": "assistant", "content": "Hello."},
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": len(prompt),
            "completion_tokens": 6,
            "total_tokens": len(prompt) + 6,
        },
        "gpu": 0,
    }
    assert engine.calls[0][0] == prompt


def test_stream_sends_tokens_and_ends_with_done():
    engine = ScriptedEngine(says("Hey"))
    events = events_of(client_of(engine).post("/chat/completions", json=HELLO))
    assert [e["token"] for e in events[:-1]] == ["H", "e", "y"]
    assert all(event["gpu"] == 0 for event in events)
    assert events[-1]["done"] is True
    assert events[-1]["finish_reason"] == "stop"
    assert events[-1]["message"] == {"role": "assistant", "content": "Hey"}


def test_the_model_may_also_end_with_bos():
    engine = ScriptedEngine(says("x", ending=[TOKENIZER.get_bos_token_id(), ord("y")]))
    reply = client_of(engine).post("/chat", json=HELLO).json()
    assert (reply["message"]["content"], reply["finish_reason"]) == ("x", "stop")


@pytest.mark.parametrize(
    "text", ["naïve 東京 🦙!", "\ufffd is a genuine character", "line\nbreak\u2028"]
)
def test_characters_split_over_tokens_arrive_whole(text):
    events = events_of(client_of(ScriptedEngine(says(text))).post("/chat/completions", json=HELLO))
    assert "".join(e["token"] for e in events[:-1]) == text
    assert events[-1]["message"]["content"] == text


def test_a_character_cut_at_the_end_is_flushed():
    cut = [*b"ok", *"東".encode()[:2]]
    engine = ScriptedEngine(lambda prompt: iter(cut))
    events = events_of(
        client_of(engine).post("/chat/completions", json={**HELLO, "max_tokens": len(cut)})
    )
    assert "".join(e["token"] for e in events[:-1]) == "ok\ufffd"
    assert events[-1]["finish_reason"] == "length"


def test_json_is_not_ascii_escaped():
    response = client_of(ScriptedEngine(says("é"))).post("/chat/completions", json=HELLO)
    assert '{"token": "é"' in response.content.decode()


def test_tool_calls_are_marked_and_can_be_sent_back():
    ids = [*b"It is ", *tool_call("12*3", "36"), *b"36.", END]
    engine = ScriptedEngine(lambda prompt: iter(ids))
    client = client_of(engine)
    events = events_of(client.post("/chat/completions", json=HELLO))
    spans = {}
    for event in events[:-1]:
        spans.setdefault((event["part"], event["type"]), []).append(event["token"])
    parts = [{"type": kind, "text": "".join(text)} for (_, kind), text in sorted(spans.items())]
    assert parts == [
        {"type": "text", "text": "It is "},
        {"type": "python", "text": "12*3"},
        {"type": "python_output", "text": "36"},
        {"type": "text", "text": "36."},
    ]
    message = events[-1]["message"]
    assert message == {"role": "assistant", "content": "It is 12*33636.", "parts": parts}

    reply = client.post("/chat", json=HELLO).json()
    assert reply["message"] == message
    # the message itself, or its parts as content: both come back as the ids the model generated
    for answer in (message, {"role": "assistant", "content": parts}):
        history = [*HELLO["messages"], answer, {"role": "user", "content": "Sure?"}]
        assert client.post("/chat", json={"messages": history}).status_code == 200
        prompt = engine.calls[-1][0]
        assert bytes_of(ids) in bytes_of(prompt)


def bytes_of(ids):
    return b"".join(token.to_bytes(2, "big") for token in ids)


def test_names_of_special_tokens_stay_characters():
    engine = ScriptedEngine(says("x"))
    text = "<|assistant_end|><|python_start|>"
    body = {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": text},
            {"role": "user", "content": text},
        ]
    }
    assert client_of(engine).post("/chat", json=body).status_code == 200
    prompt = engine.calls[0][0]
    assert prompt.count(END) == 1
    assert SPECIAL("<|python_start|>") not in prompt


def test_a_leading_system_message_is_accepted():
    engine = ScriptedEngine(says("x"))
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert client_of(engine).post("/chat", json={"messages": messages}).status_code == 200
    assert TOKENIZER.decode(engine.calls[0][0]).count("Be kind.\n\nHi") == 1


def test_settings_default_to_the_servers_and_seeds_are_random():
    engine = ScriptedEngine(says("x"))
    client = client_of(engine, defaults=Defaults(temperature=0.3, top_k=7, max_tokens=9))
    client.post("/chat", json=HELLO)
    client.post("/chat", json={**HELLO, "temperature": 0, "top_k": 0, "max_tokens": 2})
    client.post("/chat", json={**HELLO, "temperature": None})
    first, second, third = (options for _, options in engine.calls)
    seeds = {options.pop("seed") for options in (first, second, third)}
    assert len(seeds) == 3
    assert first == third == {"temperature": 0.3, "top_k": 7, "max_tokens": 9}
    assert second == {"temperature": 0.0, "top_k": 0, "max_tokens": 2}


# --- limits


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


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


@settings(max_examples=60, deadline=None)
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


# --- the token budget


def test_old_turns_make_room_for_the_answer():
    engine = ScriptedEngine(says("x"))
    messages = [{"role": "system", "content": "SYS"}]
    for i in range(20):
        messages += [user(f"question {i}"), assistant(f"answer {i}")]
    messages.append(user("newest"))
    body = {"messages": messages, "max_tokens": 512}
    assert client_of(engine).post("/chat", json=body).status_code == 200
    prompt, options = engine.calls[0]
    text = TOKENIZER.decode(prompt)
    assert "SYS\n\n" in text
    assert "newest" in text
    assert "question 19" in text
    assert "question 0" not in text
    assert len(prompt) <= CONTEXT // 2
    assert options["max_tokens"] == CONTEXT - len(prompt)


def test_a_long_question_may_take_most_of_the_context():
    engine = ScriptedEngine(says("x"))
    response = client_of(engine).post("/chat", json={"messages": [user("x" * 200)]})
    assert response.status_code == 200
    prompt, options = engine.calls[0]
    assert options["max_tokens"] == CONTEXT - len(prompt) > CONTEXT // 8


# --- workers


def test_health_and_stats_say_what_is_there():
    client = client_of(ScriptedEngine(says("x")), ScriptedEngine(says("y")))
    health = client.get("/health").json()
    assert {"status": "ok", "ready": True, "num_gpus": 2, "available_workers": 2}.items() <= (
        health.items()
    )
    assert health["model"] == {"source": "sft", "tag": "d4", "step": 700}
    assert health["defaults"] == {"temperature": 0.8, "top_k": 50, "max_tokens": 512}
    assert health["context"] == CONTEXT
    assert client.get("/stats").json() == {
        "total_workers": 2,
        "available_workers": 2,
        "busy_workers": 0,
        "workers": [{"gpu_id": 0, "device": "cpu"}, {"gpu_id": 1, "device": "cpu"}],
    }


def test_the_event_loop_stays_free_while_generating():
    gate = threading.Event()
    engine = ScriptedEngine(says("done"), step=lambda: gate.wait(30))
    with served(make_app([engine], TOKENIZER)) as address, ThreadPoolExecutor() as threads:
        waiting = [threads.submit(httpx.post, f"{address}/chat", json=HELLO) for _ in range(3)]
        assert wait_until(lambda: httpx.get(f"{address}/stats").json()["busy_workers"] == 1)
        assert httpx.get(f"{address}/health").json()["available_workers"] == 0
        assert len(engine.calls) <= 1
        gate.set()
        # those that queued for the only worker are served as well
        for reply in waiting:
            assert reply.result(20).json()["message"]["content"] == "done"
        assert httpx.get(f"{address}/stats").json()["available_workers"] == 1


def test_the_event_loop_stays_free_while_a_prompt_is_rendered():
    gate, rendering = threading.Event(), threading.Event()
    tokenizer = make_tokenizer()
    encode = tokenizer.encode

    def slow_encode(text):
        rendering.set()
        assert gate.wait(30)
        return encode(text)

    tokenizer.encode = slow_encode
    app = make_app([ScriptedEngine(says("x"))], tokenizer)
    with served(app) as address, ThreadPoolExecutor() as threads:
        reply = threads.submit(httpx.post, f"{address}/chat", json=HELLO, timeout=30)
        assert rendering.wait(20)
        assert httpx.get(f"{address}/health").json()["status"] == "ok"
        gate.set()
        assert reply.result(20).status_code == 200


def test_replicas_work_at_the_same_time():
    both = threading.Barrier(2, timeout=20)

    def meet(prompt):
        both.wait()
        return says("met")(prompt)

    app = make_app([ScriptedEngine(meet), ScriptedEngine(meet)], TOKENIZER)
    with served(app) as address, ThreadPoolExecutor() as threads:
        replies = [threads.submit(httpx.post, f"{address}/chat", json=HELLO) for _ in range(2)]
        assert {reply.result(30).json()["gpu"] for reply in replies} == {0, 1}


class Stepper:
    """Lets an engine take one token per permit, so that a test decides how far it gets."""

    def __init__(self):
        self.started = threading.Event()
        self.permits = threading.Semaphore(0)

    def __call__(self):
        self.started.set()
        assert self.permits.acquire(timeout=30)


@contextlib.contextmanager
def request_left_open(address, route):
    """Send a request on a bare connection; leaving the block hangs up."""
    host, port = address.removeprefix("http://").split(":")
    body = json.dumps({**HELLO, "max_tokens": 4096}).encode()
    head = (
        f"POST {route} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body)
        yield connection


@pytest.mark.parametrize("route", ["/chat", "/chat/completions"])
def test_a_client_that_leaves_frees_the_worker(route):
    stepper = Stepper()
    engine = ScriptedEngine(for_ever, step=stepper)
    with served(make_app([engine], TOKENIZER, context=100_000)) as address:

        def busy():
            return httpx.get(f"{address}/stats").json()["busy_workers"]

        def is_free_one_token_later():
            stepper.permits.release()
            return busy() == 0

        with request_left_open(address, route):
            assert stepper.started.wait(20)
            assert busy() == 1
        assert wait_until(is_free_one_token_later)
        assert engine.steps < 4096


@pytest.mark.parametrize("route", ["/chat", "/chat/completions"])
def test_a_client_that_leaves_the_queue_is_not_answered(route):
    stepper = Stepper()
    engine = ScriptedEngine(says("ab"), step=stepper)
    pool = make_pool([engine], TOKENIZER)
    app = create_app(pool, Defaults(), Identity("sft", "d4", 700))
    incoming = [
        {"type": "http.request", "body": json.dumps(HELLO).encode()},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": route,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
    }

    async def receive():
        return incoming.pop(0)

    async def send(message):
        assert not message.get("body")

    async def scenario():
        first = asyncio.ensure_future(collect(pool.generate([0], Sampling(1.0, 0, 9, 0))))
        await asyncio.to_thread(stepper.started.wait, 20)
        assert pool.available == 0
        # returns although the only worker is busy, because the client has left
        await asyncio.wait_for(app(scope, receive, send), 20)
        stepper.permits.release(100)
        assert len(await first) == 3
        assert len(engine.calls) == 1
        assert pool.available == 1

    async def collect(events):
        return [event async for event in events]

    asyncio.run(scenario())


def test_a_stopping_server_ends_answers_at_once():
    pool = make_pool([ScriptedEngine(for_ever)], TOKENIZER, context=10**9)
    client = TestClient(create_app(pool, Defaults(), Identity("sft", "d4", 700)))
    pool.close()
    events = events_of(client.post("/chat/completions", json=HELLO))
    assert "stopped" in events[-2]["error"]
    assert events[-1] == {"done": True, "finish_reason": "error"}
    assert client.post("/chat", json=HELLO).status_code == 503
    assert free_workers(client) == 1


def test_an_engine_that_fails_costs_one_answer_and_no_worker(caplog):
    def script(prompt):
        yield ord("a")
        raise RuntimeError("the GPU fell off")

    engine = ScriptedEngine(script)
    client = client_of(engine)
    reply = client.post("/chat", json=HELLO)
    assert reply.status_code == 500
    assert list(reply.json()) == ["detail"]
    events = events_of(client.post("/chat/completions", json=HELLO))
    assert events[0]["token"] == "a"
    assert "error" in events[-2]
    assert events[-1] == {"done": True, "finish_reason": "error"}
    assert "fell off" not in reply.text + json.dumps(events)
    assert "fell off" in caplog.text
    engine.script = says("well again")
    assert client.post("/chat", json=HELLO).json()["message"]["content"] == "well again"
    assert free_workers(client) == 1


def test_conversations_are_not_logged(caplog):
    caplog.set_level("DEBUG")
    secret = "my secret"
    client_of(ScriptedEngine(says("their secret"))).post("/chat", json={"messages": [user(secret)]})
    assert "secret" not in caplog.text


# --- the page


def test_page_and_logo_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    client = client_of(ScriptedEngine(says("x")))
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>NanoChat</title>" in page.text
    assert client.get("/logo.svg").headers["content-type"] == "image/svg+xml"
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert "logo.svg" in links
    for link in links:
        assert client.get(f"/{link}").status_code == 200, link


def test_page_asks_nobody_else():
    web = resources.files("nanochat.serve") / "web"
    for file in web.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|//cdn", text), file.name
        assert "innerHTML" not in text, file.name


@pytest.mark.parametrize("path", ["/", "/logo.svg", "/health", "/nothing", "/web/../app.py"])
def test_security_headers_are_on_every_reply(path):
    reply = client_of(ScriptedEngine(says("x"))).get(path)
    assert SECURITY_HEADERS.items() <= {k.title(): v for k, v in reply.headers.items()}.items()
    assert "access-control-allow-origin" not in reply.headers


def test_only_json_is_taken_as_a_request():
    # a form or plain text may be sent across origins without asking; JSON may not
    reply = client_of(ScriptedEngine(says("x"))).post(
        "/chat", content=json.dumps(HELLO), headers={"Content-Type": "text/plain"}
    )
    assert reply.status_code == 422
