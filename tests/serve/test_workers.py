"""What happens to workers and the event loop when many ask, leave, or make the engine fail."""

import asyncio
import contextlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi.testclient import TestClient

from nanochat.serve.answer import Sampling
from nanochat.serve.app import create_app
from nanochat.serve.settings import Defaults
from tests.serve_stubs import (
    CONTEXT,
    HELLO,
    IDENTITY,
    TOKENIZER,
    ScriptedEngine,
    client_of,
    events_of,
    for_ever,
    make_app,
    make_pool,
    make_tokenizer,
    says,
    served,
    user,
    wait_until,
)


def free_workers(client):
    return client.get("/stats").json()["available_workers"]


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
    app = create_app(pool, Defaults(), IDENTITY)
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
    client = TestClient(create_app(pool, Defaults(), IDENTITY))
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
