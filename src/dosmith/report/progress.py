"""How far long work has come: bars in a terminal, a line now and then in a file, such as a cluster's log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from dosmith.benchmark.jobs import Job
    from dosmith.library.ledger import Outcome
    from dosmith.models.training import Progress as TrainingProgress

PATIENCE = 1.0
"""Seconds before a spinner appears: a quick answer needs none."""
EVERY = 30.0
"""Seconds between two lines; work that is over before has none."""

Report = Callable[[str, int, int | None, str], None]
"""Called after each step: its bar, how many steps are done, and how many there are if that is known; a description."""


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """A spinner with a text, which may be changed by calling; on stderr, in a terminal only, and only after `PATIENCE`."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.markup import escape

    status = Console(stderr=True).status(escape(text))
    timer = threading.Timer(PATIENCE, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield lambda text: status.update(escape(text))
    finally:
        timer.cancel()
        timer.join()
        status.stop()


@contextmanager
def reporting(console: Console) -> Iterator[Report]:
    """Shows each step that it is called with; nothing before the first."""
    if not console.is_terminal:
        yield _lines(console)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    bars = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, refresh_per_second=4)
    tasks: dict[str, Any] = {}

    def report(bar: str, done: int, total: int | None, text: str) -> None:
        if not tasks:
            bars.start()  # only now: what fails before shows no bars
        if bar not in tasks:
            tasks[bar] = bars.add_task(text, total=total)
        bars.update(tasks[bar], description=text, completed=done, total=total)

    try:
        yield report
    finally:
        if tasks:
            bars.stop()


def _lines(console: Console) -> Report:
    start = last = time.monotonic()

    def report(bar: str, done: int, total: int | None, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            of = "" if total is None else f" of {total:,}"
            console.print(f"{(now - start) / 60:.1f} min: {text}, {done:,}{of}", markup=False, highlight=False, soft_wrap=True)

    return report


@contextmanager
def counting(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """One bar, with what was just done: called with its name, how many are done, and how many there are."""
    with reporting(console) as report:
        yield lambda what, done, total: report("", done, total, what)


@contextmanager
def training_progress(console: Console) -> Iterator[TrainingProgress]:
    """A bar for each network, with its loss where it has one."""
    with reporting(console) as report:
        yield lambda name, done, total, loss: report(name, done, total, f"{name}, loss {loss:.4f}" if loss else name)


@contextmanager
def campaign_progress(console: Console) -> Iterator[Callable[[Outcome, int, int], None]]:
    """A bar over the entries of a plan; failures stay on the screen, with their reason."""
    with counting(console) as count:

        def advance(outcome: Outcome, done: int, total: int) -> None:
            count(f"{outcome.entry} ({outcome.seconds:.0f} s)", done, total)
            if outcome.reason:
                console.print(f"{outcome.entry} failed: {outcome.reason}", markup=False, highlight=False)

        yield advance


@contextmanager
def benchmark_progress(console: Console) -> Iterator[Callable[[Job, int, int], None]]:
    """A bar over the questions of the benchmark."""
    with counting(console) as count:
        yield lambda job, done, total: count(" ".join(filter(None, (job.subject, job.split, job.recipe))), done, total)
