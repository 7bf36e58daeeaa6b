"""A worker of a Dask cluster that is killed while it works."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def third_killed(tracks: Path) -> Iterator[list[int]]:
    """Kill the worker of the third piece of work, while it runs; which it was, once it is killed.

    Args:
        tracks: a file to which each piece of work appends the process number of its worker.
    """
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not killed and not over.is_set():
            workers = tracks.read_text().split() if tracks.exists() else []
            if len(workers) >= 3:
                killed.append(int(workers[2]))
                os.kill(killed[0], signal.SIGKILL)
            time.sleep(0.02)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
