"""What the drawing board does under attack and under load; measured into benchmarks/attacks.json and docs/reliability.md.

    python benchmarks/attacks.py

A board on a port of its own on this machine, and clients on the same one, bounded in number and time. Meanwhile one client looks materials
up, one after the other; what it waits is what an attack does to others.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import reliability

from dosmith.designer import open_dos_set

RESULTS = Path(__file__).with_name("attacks.json")
SECONDS = 6.0
"""Of each load, at most; of an attack, until it is over."""


class Board:
    """A board in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port, self.host = process, port, f"127.0.0.1:{port}"
        self.unseen = iter(open_dos_set().ids)  # of materials; what was looked at is remembered and comes at once

    @property
    def mebibytes(self) -> int:
        """Of memory that the server and its readers hold."""
        total = 0
        for place in (Path(f"/proc/{self.process.pid}"), *self._children()):
            with suppress(OSError):
                total += int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return total // 2**20

    def _children(self) -> Iterator[Path]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return (Path("/proc", number) for number in listed)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """An open connection."""
        return await asyncio.open_connection("127.0.0.1", self.port)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """Of a request."""
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {self.host}", *lines, "", ""]).encode()

    async def ask(self, path: str, body: bytes | None = None) -> int:
        """One question over a connection of its own; the status of the answer, 0 where there was none."""
        try:
            reader, writer = await self.connect()
            kind = () if body is None else ("Content-Type: application/json", f"Content-Length: {len(body)}")
            writer.write(self.head("GET" if body is None else "POST", path, *kind, "Connection: close") + (body or b""))
            await writer.drain()
            answer = await reader.read()
            writer.close()
        except ConnectionError:
            return 0
        return int(answer.split(None, 2)[1]) if answer else 0


@contextmanager
def board() -> Iterator[Board]:
    with tempfile.TemporaryDirectory() as jobs:
        words = ["web", "--port", "0", "--no-browser", "--model", "dosmith", "--jobs", jobs, "--token", ""]
        with subprocess.Popen([sys.executable, "-P", "-m", "dosmith", *words], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = next(found[1] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:(\d+)/", line)))
            made = Board(process, int(port))
            try:
                asyncio.run(made.ask("/api/elements"))  # once it answers it is ready
                yield made
            finally:
                process.terminate()


def spread(times: list[float]) -> dict[str, int]:
    """Quantiles of what was waited, ms."""
    values = 1000 * np.array(times)
    return {
        "median": round(float(np.median(values))),
        "p95": round(float(np.percentile(values, 95))),
        "slowest": round(values.max()),
    }


def curve(number: int, **options: Any) -> bytes:
    """A question about a drawn curve."""
    energies, generator = np.linspace(-7.5, 7.5, 151), np.random.default_rng(number)
    values = 0.2 + sum(np.exp(-((energies - centre) ** 2)) for centre in generator.uniform(-6, 4, 3))
    return json.dumps({"values": values.round(5).tolist(), "top": 12, **options}).encode()


async def others(board: Board, over: asyncio.Event) -> dict[str, Any]:
    """One who looks materials up, each for the first time, until the attack is over."""
    times: list[float] = []
    failed = most = 0
    while not over.is_set() or len(times) < 5:
        begun = time.perf_counter()
        status = await board.ask(f"/api/material?kind=known&id={next(board.unseen)}")
        times.append(time.perf_counter() - begun)
        failed, most = failed + (status != 200), max(most, board.mebibytes)
        await asyncio.sleep(0.05)
    return {"others": spread(times), "failed": failed, "mebibytes": most}


async def uploads(board: Board) -> dict[str, Any]:
    """Thirty files of 60 MiB at once."""
    size = 60 * 2**20

    async def send() -> int:
        reader, writer = await board.connect()
        writer.write(board.head("POST", "/api/target/file", f"Content-Length: {size}"))
        answer = b""
        with suppress(ConnectionError):
            for _ in range(60):
                writer.write(bytes(2**20))
                await writer.drain()
        with suppress(ConnectionError):  # what it said before it closed
            answer = await reader.read(4096)
        writer.close()
        return int(answer.split(None, 2)[1]) if answer else 0

    return {"answers": Counter(await asyncio.gather(*(send() for _ in range(30))))}


async def slow_headers(board: Board) -> dict[str, Any]:
    """Two hundred connections that send a byte of a header now and then."""

    async def dawdle() -> float:
        reader, writer = await board.connect()
        begun = time.perf_counter()
        writer.write(board.head("GET", "/")[:-2])
        with suppress(ConnectionError):
            while not reader.at_eof() and time.perf_counter() - begun < 60:
                writer.write(b"X")
                await writer.drain()
                with suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(1), 1.0)
        return time.perf_counter() - begun

    return {"open, s": round(max(await asyncio.gather(*(dawdle() for _ in range(200)))), 1)}


async def tiny_chunks(board: Board) -> dict[str, Any]:
    """Bodies in chunks of one byte, twenty at once, a million chunks each."""

    async def send() -> int:
        reader, writer = await board.connect()
        writer.write(board.head("POST", "/api/target/file", "Transfer-Encoding: chunked"))
        with suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"1\r\n0\r\n" * 10_000)
                await writer.drain()
        answer = b""
        with suppress(ConnectionError):
            answer = await reader.read(4096)
        return int(answer.split(None, 2)[1]) if answer else 0

    return {"answers": Counter(await asyncio.gather(*(send() for _ in range(20))))}


async def designs(board: Board) -> dict[str, Any]:
    """Fifty whole designs at once."""
    answers = await asyncio.gather(*(board.ask("/api/design", curve(number)) for number in range(50)))
    return {"answers": Counter(answers)}


async def crowd(board: Board, count: int, metric: Callable[[int], str]) -> dict[str, Any]:
    """Clients that each ask for an answer, wait for it and ask again."""
    times: dict[str, list[float]] = {}
    answers: Counter[int] = Counter()
    until = time.perf_counter() + SECONDS

    async def client(number: int) -> None:
        mine = times.setdefault(metric(number), [])
        while time.perf_counter() < until:
            begun = time.perf_counter()
            answers[await board.ask("/api/answer", curve(number, metric=metric(number)))] += 1
            mine.append(time.perf_counter() - begun)
            await asyncio.sleep(1 / 60)

    await asyncio.gather(*(client(number) for number in range(count)))
    return {"answers": answers, "waited": {name: spread(found) for name, found in times.items()}}


async def cosine(board: Board) -> dict[str, Any]:
    """Fifty clients that drag, all by cosine."""
    return await crowd(board, 50, lambda number: "cosine")


async def one_other(board: Board) -> dict[str, Any]:
    """The same, and one more by Wasserstein."""
    return await crowd(board, 51, lambda number: "wasserstein" if number == 50 else "cosine")


async def mixed(board: Board) -> dict[str, Any]:
    """Fifty clients that drag, by cosine, Tanimoto and Wasserstein in turns."""
    return await crowd(board, 50, lambda number: ("cosine", "tanimoto", "wasserstein")[number % 3])


ATTACKS: tuple[Callable[[Board], Awaitable[dict[str, Any]]], ...] = (
    uploads,
    slow_headers,
    tiny_chunks,
    designs,
    cosine,
    one_other,
    mixed,
)


async def under(board: Board, attack: Callable[[Board], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """What an attack comes to, and what others wait meanwhile."""
    over = asyncio.Event()
    watching = asyncio.create_task(others(board, over))
    begun = time.perf_counter()
    found = await attack(board)
    over.set()
    return {"name": (attack.__doc__ or "").strip("."), "seconds": round(time.perf_counter() - begun, 1)} | found | await watching


def main() -> None:
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }
    with board() as made:
        found["before, MiB"] = made.mebibytes
        found["attacks"] = []
        for attack in ATTACKS:
            found["attacks"].append(asyncio.run(under(made, attack)))
            print(json.dumps(found["attacks"][-1]), flush=True)
        found["after, MiB"] = made.mebibytes
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    reliability.write()


if __name__ == "__main__":
    main()
