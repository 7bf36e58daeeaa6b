"""Files and folders written whole or not at all, by one program at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dosmith.errors import DosmithError, LibraryError


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
    """Write a text whole or not at all; what is no character, as in names of files that are no text, becomes a question mark.

    Raises:
        OSError: the folder cannot be written.
    """
    with replacing(path) as file:
        file.write(text.encode("utf-8", "replace"))


@contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Makes a folder that a person named, and says in one line what went wrong when files are written into it.

    Raises:
        DosmithError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DosmithError(f"cannot write to {folder}: {error.strerror or error}; choose another folder with --out") from None


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write texts to files of a folder that a person named, by name of the file; returns their paths.

    Raises:
        DosmithError: the folder cannot be written.
    """
    with writing_into(folder):
        for name, text in texts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_text(folder / name, text)
    return [folder / name for name in texts]


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A folder to fill aside; at the end it takes the place of `path`, which stays whole until then.

    Raises:
        OSError: the folder around it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    retired = path.with_name(f".{path.name}-retired")
    try:
        yield aside
        os.chmod(aside, 0o755)
        shutil.rmtree(retired, ignore_errors=True)
        if path.exists():
            os.replace(path, retired)
        os.replace(aside, path)
        shutil.rmtree(retired, ignore_errors=True)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for writing; the lock ends with the process, however it ends.

    Raises:
        LibraryError: another program holds it.
        OSError: the folder cannot be written.
    """
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LibraryError(f"another dosmith is writing to {folder}; wait for it, or stop it") from None
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # closing alone would not: forked children hold the file too


def _sync(folder: Path) -> None:
    """Let the names in a folder survive a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
