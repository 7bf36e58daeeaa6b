"""How fast the drawing board answers: a hand on the page, and many clients dragging at once. And its pictures.

python benchmarks/board.py               -> benchmarks/board.json, docs/board-speed.md
python benchmarks/board.py --opening     -> the same, of starting the board and opening its page alone; file by file, printed
python benchmarks/board.py --pictures    -> docs/board*.png          (all need chromium)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "board.json", ROOT / "docs" / "board-speed.md"
CLIENTS = (1, 10, 50)
SECONDS = 10.0
FRAME = 1 / 60
"""A client asks at most this often, s: a page redraws no faster."""


class Running(NamedTuple):
    """A board that answers, in a process of its own."""

    address: str
    process: int
    started: float
    """Seconds from the command to the first answer."""


@contextmanager
def board() -> Iterator[Running]:
    with tempfile.TemporaryDirectory() as jobs:
        command = [sys.executable, "-m", "dosmith", "web", "--port", "0", "--no-browser", "--model", "dosmith", "--jobs", jobs]
        start = time.perf_counter()
        with subprocess.Popen([*command, "--token", ""], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            address = next(found[0] for line in lines if (found := re.search(r"http://\S+/", line)))
            urlopen(address).close()  # it listens before it is ready
            yield Running(address, process.pid, time.perf_counter() - start)
            process.terminate()


def on_cores(process: int) -> tuple[float, float]:
    """Seconds that a process and its children have had a core, and that they have waited for one because others had it (Linux)."""
    import psutil

    found = np.zeros(2)
    parent = psutil.Process(process)
    for each in (parent, *parent.children(recursive=True)):
        for thread in Path(f"/proc/{each.pid}/task").glob("*/schedstat"):
            with suppress(OSError):  # which has just ended
                found += np.array(thread.read_text().split()[:2], dtype=float) / 1e9
    return float(found[0]), float(found[1])


def spread(times: list[float]) -> dict[str, float]:
    """Quantiles of latencies, ms."""
    values = 1000 * np.array(times)
    found = {f"p{q}": float(np.percentile(values, q)) for q in (50, 90, 95, 99)}
    return {
        name: round(value, 1) for name, value in (found | {"min": float(values.min()), "max": float(values.max())}).items()
    } | {"count": len(times)}


async def ask(streams: tuple[asyncio.StreamReader, asyncio.StreamWriter], host: str, body: bytes) -> int:
    """One question over a connection that stays open; the status of the answer."""
    reader, writer = streams
    writer.write(
        b"POST /api/answer HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % (host.encode(), len(body))
        + body
    )
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1]))  # type: ignore[index]
    return int(head.split()[1])


async def client(host: str, number: int, until: float) -> tuple[list[float], int]:
    """One who drags a peak through a curve; latencies, s, and how many answers were none."""
    name, port = host.split(":")
    streams = await asyncio.open_connection(name, int(port))
    energies, generator = np.linspace(-7.5, 7.5, 151), np.random.default_rng(number)
    curve = 0.2 + sum(np.exp(-((energies - centre) ** 2)) for centre in generator.uniform(-6, 4, 3))
    times, failed, step = [], 0, 0
    while time.perf_counter() < until:
        centre, step = -6 + 12 * ((0.011 * step + number / 50) % 1), step + 1
        values = (curve + 2 * np.exp(-(((energies - centre) / 0.5) ** 2))).round(5).tolist()
        body = json.dumps({"values": values, "top": 12}).encode()
        start = time.perf_counter()
        failed += await ask(streams, host, body) != 200
        times.append(time.perf_counter() - start)
        await asyncio.sleep(max(FRAME - times[-1], 0))
    streams[1].close()
    return times, failed


async def crowd(address: str, count: int) -> dict[str, Any]:
    """Many at once."""
    host, start = urlsplit(address).netloc, time.perf_counter()
    found = await asyncio.gather(*(client(host, number, start + SECONDS) for number in range(count)))
    seconds = time.perf_counter() - start
    times = [each for times, _ in found for each in times]
    return {
        "clients": count,
        "errors": sum(failed for _, failed in found),
        "per_second": round(len(times) / seconds, 1),
    } | spread(times)


@contextmanager
def browser(*options: str) -> Iterator[Any]:
    """Headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", *options])
        yield chromium
        chromium.close()


def opened(chromium: Any, address: str, width: int, height: int, scheme: str = "light") -> Any:
    page = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.goto(address)
    page.locator("#known tbody tr").first.wait_for(timeout=30_000)
    page.locator("#welcome-close").click()
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(1500)
    return page


def drag(page: Any, *stops: tuple[float, float], steps: int = 12, release: bool = True) -> None:
    """The mouse over the curve; places are shares of its width and height from the upper left."""
    box = page.locator("#plot .u-over").bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stops]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=steps)
    if release:
        page.mouse.up()


def hand(address: str) -> dict[str, Any]:
    """From a move of the mouse to the new table on the screen, in headless Chromium without a graphics card."""
    with browser("--disable-gpu") as chromium:
        page = opened(chromium, address, 1280, 900)
        page.evaluate("performance.clearMeasures('answer')")
        drag(page, (0.3, 0.5), (0.3, 0.15), (0.32, 0.7), (0.3, 0.2), (0.31, 0.6), (0.3, 0.1), steps=40)
        page.wait_for_timeout(500)
        times = page.evaluate("performance.getEntriesByName('answer').map((each) => each.duration)")
    return spread([each / 1000 for each in times])


def opening(running: Running, times: int = 7) -> dict[str, Any]:
    """Opening the page in a browser that knows nothing of it: bytes, and milliseconds until the first ranking is on the screen.

    What its own thread and the server work for it, and how long they and the browser waited because others had the cores.
    """
    painted, ready, thread = [], [], []
    with browser("--disable-gpu") as chromium:
        server, everything = on_cores(running.process), on_cores(os.getpid())
        for _ in range(times):
            context = chromium.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            asked = context.new_cdp_session(page)
            asked.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(running.address)
            page.locator("#speed:not(:empty)").wait_for()
            told = page.evaluate(
                """() => ({
                    ready: performance.getEntriesByName('ready')[0].startTime,
                    painted: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
                    sizes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
                        .map((each) => [each.name, each.encodedBodySize, Math.round(each.startTime), Math.round(each.responseEnd)]),
                })"""
            )
            painted.append(told["painted"] / 1000)
            ready.append(told["ready"] / 1000)
            metrics = {each["name"]: each["value"] for each in asked.send("Performance.getMetrics")["metrics"]}
            thread.append(metrics["TaskDuration"])
            context.close()
        worked = on_cores(running.process)[0] - server[0]
        ran, waited = np.subtract(on_cores(os.getpid()), everything)
    for name, size, start, end in told["sizes"]:
        print(f"{size:>8} B  {start:>5} to {end:>5} ms  {urlsplit(name).path}")
    sizes = [size for _, size, _, _ in told["sizes"]]
    return {
        "bytes": sum(sizes),
        "requests": len(sizes),
        "painted": spread(painted),
        "ready": spread(ready),
        "thread": spread(thread),
        "server_ms": round(1000 * worked / times, 1),
        "waited_for_a_core": round(float(waited / (ran + waited)), 3),
        "load": round(os.getloadavg()[0], 1),
        "started_seconds": round(running.started, 1),
        "start": {name: round(value, 1) for name, value in zip(("worked", "waited"), server, strict=True)},
    }


def page(found: dict[str, Any]) -> str:
    """The page in docs/."""
    rows = "".join(
        f"| {each['clients']} | {each['p50']} | {each['p95']} | {each['p99']} | {each['max']} | {each['per_second']} | {each['errors']} |\n"
        for each in found["clients"]
    )
    drawn, opened = found["page"], found["opening"]
    return f"""# Speed of the drawing board

Written by `python benchmarks/board.py` (Python {found["python"]}, {found["machine"]}, {found["cores"]} cores, load {found["load"]} from other work before the start).

## A hand on the page

These are the times from a move of the mouse to the new ranking in the table, in headless Chromium without a graphics card. Of {drawn["count"]} answers during one drag,
half came within {drawn["p50"]} ms, 95 % within {drawn["p95"]} ms, the slowest after {drawn["max"]} ms. Each answer ranks all predicted crystals and all known spectra anew.

## Opening the page

A browser with an empty cache opened the page {opened["ready"]["count"]} times, at a load of {opened["load"]} from this and other work. It fetched {opened["bytes"] / 1000:.0f} kB in {opened["requests"]} requests, first answers included.

| | fastest, ms | median, ms | slowest, ms |
|---|---|---|---|
| something is on the screen | {opened["painted"]["min"]:.0f} | {opened["painted"]["p50"]:.0f} | {opened["painted"]["max"]:.0f} |
| the first ranking is there, and the page is ready to use | {opened["ready"]["min"]:.0f} | {opened["ready"]["p50"]:.0f} | {opened["ready"]["max"]:.0f} |
| of that, work of the page's own thread | {opened["thread"]["min"]:.0f} | {opened["thread"]["p50"]:.0f} | {opened["thread"]["max"]:.0f} |
| and of the server, mean | | {opened["server_ms"]:.0f} | |

The rest is other work of the browser, which draws without a graphics card, and waiting. Of all the time in which board or browser needed a core, they spent {100 * opened["waited_for_a_core"]:.0f} % waiting because other work used the cores.
The program that draws crystals (3Dmol.js, half a megabyte) is fetched when the first crystal is opened. The board itself answers {opened["started_seconds"]} s after the command; this includes {opened["start"]["worked"]} s of work and {opened["start"]["waited"]} s of waiting for a core.

## Many people dragging at once

Each client moves a peak and asks again as soon as it has its answer, at most 60 times a second, for {found["seconds"]:g} s; server and clients share the machine.
The page works in the same way: it asks one question at a time and drops outdated ones. With a busy server its table therefore changes less often, but is never late by more than one answer.

| clients | median, ms | 95 %, ms | 99 %, ms | slowest, ms | answers a second | errors |
|---|---|---|---|---|---|---|
{rows}"""


def measure() -> None:
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "seconds": SECONDS,
    }
    with board() as running:
        found["opening"] = opening(running)
        found["page"] = hand(running.address)
        found["clients"] = [asyncio.run(crowd(running.address, count)) for count in CLIENTS]
    written(found)


def written(found: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    print(json.dumps(found, indent=1))


def pictured(chromium: Any, address: str, width: int, height: int, scheme: str = "light") -> Any:
    """The page without its line of milliseconds: those of the moment say more of other work than of the board."""
    page = opened(chromium, address, width, height, scheme)
    page.locator("#speed").evaluate("(line) => { line.style.visibility = 'hidden'; }")
    return page


def pictures() -> None:
    """Wide and narrow, light and dark."""
    docs = ROOT / "docs"
    with board() as running, browser("--enable-unsafe-swiftshader", "--use-angle=swiftshader") as chromium:
        address = running.address
        page = pictured(chromium, address, 1280, 900)
        page.locator("#new tbody tr").nth(1).hover()
        page.wait_for_timeout(400)
        page.screenshot(path=docs / "board.png")

        page = pictured(chromium, address, 1280, 900, "dark")
        page.locator("[data-tool=peak]").click()
        drag(page, (0.62, 0.8), (0.62, 0.25))
        page.wait_for_timeout(900)
        page.locator("#new tbody tr").first.click()
        page.locator("#crystal[data-drawn]").wait_for(timeout=30_000)
        page.wait_for_timeout(900)
        page.screenshot(path=docs / "board-crystal.png")

        page = pictured(chromium, address, 1280, 900)
        page.locator("#map").scroll_into_view_if_needed()
        page.locator("#map .spot").first.wait_for(timeout=60_000)
        page.wait_for_timeout(900)
        page.locator(".halves").screenshot(path=docs / "board-maps.png")

        page = pictured(chromium, address, 390, 844)
        page.screenshot(path=docs / "board-narrow.png")


def opening_alone() -> None:
    """Of the opening only; what else was measured stays."""
    with board() as running:
        found = opening(running)
    written(json.loads(RESULTS.read_text(encoding="utf-8")) | {"opening": found})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--pictures", action="store_true", help="draw the pictures of the documentation instead")
    only.add_argument("--opening", action="store_true", help="measure the opening alone")
    options = parser.parse_args()
    if options.pictures:
        pictures()
    elif options.opening:
        opening_alone()
    else:
        measure()
