"""The server below the board: connections that idle or dawdle are closed, and none takes more than its share of a moment."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from fastapi import FastAPI

HEADERS_SECONDS = 10.0
"""Within which a connection must send the headers of a request, counted from its start or from the last answer."""
REFUSED_SECONDS = 60.0
"""Within which the rest of a body that was refused must have been sent: who is cut off before does not hear why."""
TAKING_SECONDS = 30.0
"""Within which it must take a part of an answer that is waiting for it."""
_AT_ONCE = 16 * 2**10  # bytes taken from a connection before others have their turn; a body in tiny chunks is slow to take apart
_SWITCH = 5e-4  # seconds after which a thread that computes lets the server go on


class Connection(H11Protocol):
    """A connection that is closed when it sends no request in time."""

    _late: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None
    _answered: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, not for ever."""
        transport.max_size = _AT_ONCE  # type: ignore[attr-defined]  # of asyncio's own transports; others have their own measure
        super().connection_made(transport)
        self._expect()

    def handle_events(self) -> None:
        """Headers that have come stop the clock."""
        super().handle_events()
        if self._busy:
            self._stop()

    def on_response_complete(self) -> None:
        """The next request must come in time too."""
        self._answered = self.loop.time()
        super().on_response_complete()
        if not self._busy:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more to wait for."""
        self._stop()
        if self._stuck is not None:
            self._stuck.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The other side takes no more of an answer: it may catch its breath."""
        super().pause_writing()
        self._stuck = self.loop.call_later(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It goes on."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect(self) -> None:
        self._stop()
        self._late = self.loop.call_later(HEADERS_SECONDS, self._close)

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        if self._busy:
            return
        sending = self.conn.their_state is h11.SEND_BODY  # the rest of a body that was refused
        if sending and self._answered is not None and self.loop.time() - self._answered < REFUSED_SECONDS:
            self._late = self.loop.call_later(1.0, self._close)
            return
        self.transport.abort()


def serve(app: FastAPI, listening: socket.socket, connections: int) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        app: the board.
        listening: where.
        connections: open at once, at most; more are told to come again.
    """
    sys.setswitchinterval(_SWITCH)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="warning",
        server_header=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[listening])
