"""Lanes for answers: threads of their own for quick and for long ones, so that neither the server nor a look-up waits for a design."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from dosmith.errors import DosmithError

P = ParamSpec("P")
T = TypeVar("T")


class BusyError(DosmithError):
    """Too many wait already."""


class Lane:
    """Threads that answer one after the other, in the order in which they were asked.

    Args:
        name: of what is answered here, for people.
        threads: answers side by side.
        waiting: questions that may wait besides.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._name, self._threads, self._most, self._asked = name, threads, threads + waiting, 0
        self._pool: ThreadPoolExecutor | None = None

    async def __call__(self, answer: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """What the function returns, once it is its turn.

        Raises:
            BusyError: too many wait.
        """
        if self._asked >= self._most:
            raise BusyError(f"{self._asked} {self._name} are under way already; ask again in a moment")
        self._pool = self._pool or ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: answer(*arguments, **named))
        finally:
            self._asked -= 1

    def close(self) -> None:
        """Answer nothing more of what was asked."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None
