"""The workers that answer: one per model replica, each busy with one request at a time.

Generation runs in threads, so that the event loop stays free. A worker comes back when its thread
ends, whatever ended it: the answer's last token, an error, or a client that went away.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from nanochat.serve.answer import Answer, Delta, Sampling, answer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Worker:
    """One replica. `context` is the most tokens of prompt and answer together.

    `precision` makes the context manager (mixed precision) that generation runs under.
    """

    index: int
    device: str
    engine: Any
    tokenizer: Any
    context: int
    precision: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext


class PoolClosed(Exception):
    """The server is being stopped, so there is no whole answer."""


class WorkerPool:
    """Hands out free workers in the order in which requests ask for them."""

    def __init__(self, workers: Sequence[Worker]):
        self.workers = list(workers)
        self.tokenizer = self.workers[0].tokenizer
        self.context = self.workers[0].context
        self._free: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in self.workers:
            self._free.put_nowait(worker)
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(len(self.workers), thread_name_prefix="generate")

    @property
    def available(self) -> int:
        """The number of workers that could start at once."""
        return self._free.qsize()

    def close(self) -> None:
        """End all answers before their next token, and those that ask later. Any thread may."""
        self._closed.set()

    async def generate(
        self, prompt: Sequence[int], sampling: Sampling
    ) -> AsyncIterator[tuple[int, Delta | Answer]]:
        """Wait for a worker and yield (its index, event) as the answer grows.

        Closing this iterator stops the generation before its next token. Raises PoolClosed when
        the pool is closed before the answer is whole, and whatever the engine raises.
        """
        worker = await self._free.get()
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Delta | Answer | None] = asyncio.Queue()
        stop = threading.Event()

        def stopped() -> bool:
            return stop.is_set() or self._closed.is_set()

        def work() -> None:
            try:
                with worker.precision():
                    for event in answer(worker.engine, worker.tokenizer, prompt, sampling, stopped):
                        loop.call_soon_threadsafe(events.put_nowait, event)
            finally:
                loop.call_soon_threadsafe(events.put_nowait, None)

        def give_back(thread: asyncio.Future) -> None:
            self._free.put_nowait(worker)
            if not thread.cancelled() and (error := thread.exception()):
                logger.error("generation failed on worker %d", worker.index, exc_info=error)

        thread = loop.run_in_executor(self._threads, work)
        thread.add_done_callback(give_back)
        event = None
        try:
            while (following := await events.get()) is not None:
                event = following
                yield worker.index, event
            await thread
            if not isinstance(event, Answer):
                raise PoolClosed
        finally:
            stop.set()
