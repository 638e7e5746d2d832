"""Runs the application until Ctrl+C or SIGTERM, then ends running answers at their next token."""

import socket

import uvicorn

from nanochat.serve.app import create_app
from nanochat.serve.pool import WorkerPool
from nanochat.serve.settings import Defaults, Identity

SECONDS_TO_SEND = 3  # for clients that read slowly, after their answers have been ended


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, pool: WorkerPool):
        super().__init__(config)
        self._pool = pool

    def handle_exit(self, sig, frame) -> None:
        # otherwise a long answer would hold up the end, and then be torn off with a traceback
        self._pool.close()
        super().handle_exit(sig, frame)


def serve(
    pool: WorkerPool, defaults: Defaults, identity: Identity, listener: socket.socket
) -> None:
    """Serve `pool` on a listening socket; returns or raises KeyboardInterrupt when stopped."""
    config = uvicorn.Config(
        create_app(pool, defaults, identity),
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=SECONDS_TO_SEND,
    )
    _Server(config, pool).run(sockets=[listener])
