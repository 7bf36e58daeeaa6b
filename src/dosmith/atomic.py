"""Files written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write aside; at the end it is synced and renamed into place. What was there stays until then.

    Raises:
        OSError: the folder cannot be written.
    """
    aside = path.with_name(f".{path.name}.writing")
    try:
        with open(aside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        _sync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
