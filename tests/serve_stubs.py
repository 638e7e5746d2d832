"""A tokenizer that needs no training and an engine that says what it is told."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn
from fastapi.testclient import TestClient

from nanochat.serve.app import create_app
from nanochat.serve.pool import Worker, WorkerPool
from nanochat.serve.settings import Defaults, Identity
from nanochat.tokenizer import RustBPETokenizer

CONTEXT = 256
IDENTITY = Identity("sft", "d4", 700)


def make_tokenizer() -> RustBPETokenizer:
    """Nothing but bytes and special tokens, so that every id is one character of ASCII."""
    return RustBPETokenizer.train_from_iterator([""], 256 + 9)


TOKENIZER = make_tokenizer()
END = TOKENIZER.encode_special("<|assistant_end|>")


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


HELLO = {"messages": [user("Hi")]}


def says(text, ending=(END,)):
    """A script that says `text` whatever it is asked."""
    return lambda prompt: iter([*text.encode(), *ending])


def for_ever(prompt):
    while True:
        yield ord("a")


class ScriptedEngine:
    """Generates the ids that `script(prompt)` gives; remembers the prompts and options it got.

    `step`, if given, is called before every token; `steps` counts the tokens taken from it.
    """

    def __init__(
        self,
        script: Callable[[list[int]], Iterator[int]],
        step: Callable[[], object] | None = None,
    ):
        self.script, self.step = script, step
        self.calls: list[tuple[list[int], dict]] = []
        self.steps = 0
        self.lock = threading.Lock()

    def generate(self, tokens, num_samples=1, max_tokens=None, **options):
        with self.lock:
            self.calls.append((tokens, {"max_tokens": max_tokens, **options}))
        for count, token in enumerate(self.script(tokens)):
            if count == max_tokens:
                return
            if self.step is not None:
                self.step()
            self.steps += 1
            yield [token], [1]


def make_pool(engines, tokenizer, context=CONTEXT) -> WorkerPool:
    workers = [Worker(i, "cpu", engine, tokenizer, context) for i, engine in enumerate(engines)]
    return WorkerPool(workers)


def make_app(engines, tokenizer, context=CONTEXT, defaults=None):
    pool = make_pool(engines, tokenizer, context)
    return create_app(pool, defaults or Defaults(), IDENTITY)


def client_of(*engines, **options):
    return TestClient(make_app(engines, TOKENIZER, **options), raise_server_exceptions=False)


def events_of(response):
    """The events of a stream, each checked to be one line of the agreed form."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = response.content.decode().split("\n\n")
    assert blocks.pop() == ""
    assert all(block.startswith("data: ") and "\n" not in block for block in blocks)
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


@contextlib.contextmanager
def served(app) -> Iterator[str]:
    """Serve `app` from a thread; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether `condition` came true within the time; returns as soon as it does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
