"""Lanes for answers: threads of their own for quick and for long ones, so that neither the server nor a look-up waits for a design."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from dosmith.errors import DosmithError

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 0.05
"""Seconds for which an answer gives way, at most."""


class BusyError(DosmithError):
    """Too many wait already."""


class Lane:
    """Threads that answer one after the other, in the order in which they were asked.

    Args:
        name: of what is answered here, for people.
        threads: answers side by side.
        waiting: questions that may wait besides.
        after: a lane that goes first: while something is under way there, nothing begins here for `PATIENCE`. Threads of
            Python share one lock, so that whoever works beside many quick answers would take turns with each of them.
    """

    def __init__(self, name: str, threads: int, waiting: int, after: Lane | None = None) -> None:
        self._name, self._threads, self._most, self._asked = name, threads, threads + waiting, 0
        self._pool: ThreadPoolExecutor | None = None
        self._after, self._idle = after, threading.Event()
        self._idle.set()

    async def __call__(self, answer: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What the function returns, once it is its turn.

        Raises:
            BusyError: too many wait.
        """
        if self._asked >= self._most:
            raise BusyError(f"{self._asked} {self._name} are under way already; ask again in a moment")
        self._pool = self._pool or ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        self._asked += 1
        self._idle.clear()

        def begin() -> T:
            if self._after is not None:
                self._after._idle.wait(PATIENCE)
            return answer(*arguments, **named)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, begin)
        finally:
            self._asked -= 1
            if not self._asked:
                self._idle.set()

    def close(self) -> None:
        """Answer nothing more of what was asked."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
