"""Files and folders written whole or not at all, by one program at a time."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dosmith.errors import DosmithError, LibraryError

_OWNER = ".owner"
_SETTLED = 60.0  # seconds after which a folder that is in use has its lock


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write aside; at the end it is synced and renamed into place. What was there stays until then.

    Raises:
        OSError: the folder cannot be written.
    """
    aside = path.with_name(f".{path.name}-{secrets.token_hex(4)}.writing")
    try:
        with open(aside, "xb") as file:  # new: nobody else's file, and no link to one
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


@contextmanager
def replacing_folder(path: Path, own: Collection[str] | None = None) -> Iterator[Path]:
    """A folder to fill aside; at the end it takes the place of `path`, which stays whole until then.

    Folders that killed programs left aside for the same path are removed.

    Args:
        path: of the folder.
        own: names in the old folder that go with it; whatever else is there stays, in the new one. Without, all of it goes.

    Raises:
        OSError: the folder around it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}-*.writing"):
        if abandoned(left):
            shutil.rmtree(left, ignore_errors=True)
    retired = path.with_name(f".{path.name}-retired")
    if retired.is_dir() and not path.exists():  # killed between the two renamings below
        os.replace(retired, path)
    aside = Path(tempfile.mkdtemp(".writing", f".{path.name}-", path.parent))
    try:
        with owned(aside):
            yield aside
        os.chmod(aside, 0o755)
        if path.exists():
            if retired.exists():
                _retire(retired, path, own)
            os.replace(path, retired)
        os.replace(aside, path)
        if retired.exists():
            _retire(retired, path, own)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _retire(old: Path, new: Path, own: Collection[str] | None) -> None:
    """Remove an old folder, less what is not ours: that goes into the new one, as `.kept` where that has its name."""
    if own is None:
        shutil.rmtree(old, ignore_errors=True)
        return
    for each in list(old.iterdir()):
        if each.name in own:
            each.unlink()
        else:
            place = new / each.name
            while os.path.lexists(place):
                place = place.with_name(f"{place.name}.kept")
            os.replace(each, place)
    with suppress(OSError):
        old.rmdir()


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Mark a folder as in use by this process, however it ends: see `abandoned`."""
    mark = folder / _OWNER
    with open(mark, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def abandoned(folder: Path) -> bool:
    """Whether a folder was marked by `owned` and the process that did has been killed."""
    try:
        with open(folder / _OWNER, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return time.time() - os.fstat(file.fileno()).st_mtime > _SETTLED
    except OSError:  # held, of somebody else, or not marked
        return False


@contextmanager
def locked(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a folder for writing; the lock ends with the process, however it ends.

    Args:
        folder: that is held.
        waiting: called once where another program holds it, which is then waited for; without, that is an error.

    Raises:
        LibraryError: another program holds it.
        OSError: the folder cannot be written.
    """
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if waiting is None:
                raise LibraryError(f"another dosmith is writing to {folder}; wait for it, or stop it") from None
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
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
