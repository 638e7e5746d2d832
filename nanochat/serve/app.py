"""The web server: the chat page, the two chat routes, and the state of the workers.

app = create_app(pool, Defaults(), Identity("sft", "d6", 700))
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from nanochat.common import UserError
from nanochat.serve.answer import Answer, Delta, Sampling, fit_prompt
from nanochat.serve.pool import PoolClosed, WorkerPool
from nanochat.serve.schemas import ChatReply, ChatRequest, Health, Stats, WorkerState
from nanochat.serve.settings import Defaults, Identity
from nanochat.serve.streaming import EventStream, unless_disconnected

CLIENT_CLOSED_REQUEST = 499
MODEL_FAILED = "the model failed while answering; the server's log says why"
SERVER_STOPS = "the server was stopped before the answer was complete"
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class SecurityHeaders:
    """ASGI middleware that adds SECURITY_HEADERS to every reply, streams included."""

    def __init__(self, app):
        self.app = app
        self.headers = [(k.lower().encode(), v.encode()) for k, v in SECURITY_HEADERS.items()]

    async def __call__(self, scope, receive, send) -> None:
        async def send_with_headers(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def create_app(pool: WorkerPool, defaults: Defaults, identity: Identity) -> FastAPI:
    """Return the application that serves `pool`; requests fall back to `defaults`."""
    # the interactive API pages load scripts from elsewhere, which this server never does
    app = FastAPI(title="NanoChat", docs_url=None, redoc_url=None)
    app.add_middleware(SecurityHeaders)
    _add_errors(app)
    _add_page(app)
    _add_state(app, pool, defaults, identity)
    _add_chat(app, pool, defaults)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(UserError)
    async def refused(_: Request, error: UserError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=400)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"][1:]) or "body"
        return JSONResponse(
            {"detail": f"malformed request: {where}: {first['msg']}"}, status_code=422
        )


def _add_page(app: FastAPI) -> None:
    web = resources.files("nanochat.serve") / "web"

    def add(path: str, name: str) -> None:
        def page() -> Response:
            # asked again on every visit, so that an upgrade never meets yesterday's script
            return Response(
                (web / name).read_bytes(),
                media_type=MEDIA_TYPES[name.rpartition(".")[2]],
                headers={"Cache-Control": "no-cache"},
            )

        app.add_api_route(path, page, include_in_schema=False)

    for file in web.iterdir():
        add(f"/web/{file.name}", file.name)
    add("/", "index.html")
    add("/logo.svg", "logo.svg")


def _add_state(app: FastAPI, pool: WorkerPool, defaults: Defaults, identity: Identity) -> None:
    @app.get("/health")
    async def health() -> Health:
        return Health(
            ready=bool(pool.workers),
            num_gpus=len(pool.workers),
            available_workers=pool.available,
            model=identity,
            context=pool.context,
            defaults=defaults,
        )

    @app.get("/stats")
    async def stats() -> Stats:
        return Stats(
            total_workers=len(pool.workers),
            available_workers=pool.available,
            busy_workers=len(pool.workers) - pool.available,
            workers=[WorkerState(gpu_id=w.index, device=w.device) for w in pool.workers],
        )


def _add_chat(app: FastAPI, pool: WorkerPool, defaults: Defaults) -> None:
    def prepare(body: ChatRequest) -> tuple[list[int], Sampling]:
        body.check()
        settings = body.settings(defaults)
        messages = [message.plain() for message in body.messages]
        prompt, room = fit_prompt(pool.tokenizer, messages, pool.context, settings.max_tokens)
        seed = secrets.randbits(31)
        return prompt, Sampling(settings.temperature, settings.top_k, room, seed)

    async def complete(prompt: list[int], sampling: Sampling) -> ChatReply:
        # read to the end, after which the worker is free again
        async with aclosing(pool.generate(prompt, sampling)) as events:
            *_, (gpu, answer) = [pair async for pair in events]
            return ChatReply.of(answer, gpu)

    async def stream(prompt: list[int], sampling: Sampling) -> AsyncIterator[dict[str, Any]]:
        try:
            async with aclosing(pool.generate(prompt, sampling)) as events:
                async for gpu, event in events:
                    yield _as_event(event, gpu)
        except Exception as error:  # the pool has logged it; the status line is long gone
            yield {"error": _explain(error)}
            yield {"done": True, "finish_reason": "error"}

    @app.post("/chat", response_model_exclude_none=True)
    async def chat(body: ChatRequest, request: Request) -> ChatReply:
        """Answer a conversation in one piece."""
        prompt, sampling = await asyncio.to_thread(prepare, body)
        try:
            reply = await unless_disconnected(request.receive, complete(prompt, sampling))
        except Exception as error:
            status = 503 if isinstance(error, PoolClosed) else 500
            return JSONResponse({"detail": _explain(error)}, status_code=status)
        return reply or Response(status_code=CLIENT_CLOSED_REQUEST)

    @app.post("/chat/completions", response_class=EventStream)
    async def chat_completions(body: ChatRequest) -> EventStream:
        """Answer a conversation as a stream of events, each one line `data: <JSON>`.

        `{"token", "gpu", "type", "part"}` carries new text of one part of the answer; the last
        event is `{"done": true, ...}` with the fields of `/chat`.
        """
        prompt, sampling = await asyncio.to_thread(prepare, body)
        return EventStream(stream(prompt, sampling))


def _explain(error: Exception) -> str:
    return SERVER_STOPS if isinstance(error, PoolClosed) else MODEL_FAILED


def _as_event(event: Delta | Answer, gpu: int) -> dict[str, Any]:
    if isinstance(event, Delta):
        return {"token": event.text, "gpu": gpu, "type": event.type, "part": event.part}
    return {"done": True, **ChatReply.of(event, gpu).model_dump(exclude_none=True)}
