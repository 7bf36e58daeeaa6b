"""Arrays that were worked out once: kept in the user's cache folder, and mapped into memory by the next program that needs them.

They go by what they were made of, the code of dosmith included, so nothing out of date is found. The folder may be removed at any time; where it cannot be
written, all is worked out anew each time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.atomic import replacing_folder

Arrays = Mapping[str, NDArray[Any]]
_NEWEST = 4
"""Of one name that stay."""


def kept(name: str, made_of: Sequence[object] | None, make: Callable[[], Arrays]) -> Arrays:
    """Arrays as they were made before of the same, else made and kept; those that were kept cannot be written to.

    Args:
        name: of what they are, a part of a file's name.
        made_of: what changes them, as values whose `repr` tells one from another; None where nobody can say, so that nothing is kept.
        make: makes them; no arrays of objects.
    """
    if made_of is None:
        return make()
    mark = hashlib.sha256(repr([list(made_of), _code()]).encode()).hexdigest()[:20]
    place = kept_folder() / f"{name}-{mark}"
    with suppress(OSError, ValueError, EOFError):  # not there, or the disk lost some of it
        files = [each for each in os.scandir(place) if each.name.endswith(".npy")]
        if files:
            return {each.name.removesuffix(".npy"): np.load(each.path, mmap_mode="r") for each in files}
    made = make()
    with suppress(OSError):  # a cache that cannot be written is none
        with replacing_folder(place) as aside:
            for key, values in made.items():
                np.save(aside / f"{key}.npy", values, allow_pickle=False)
        _forget(name)
    return made


def kept_folder() -> Path:
    """Where they are."""
    from platformdirs import user_cache_path

    return user_cache_path("dosmith") / "kept"


def stamp(path: Path) -> tuple[int, int] | None:
    """Size and time of a file, which another of its name hardly shares; None where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _forget(name: str) -> None:
    """Remove all but the newest of a name."""
    found = sorted(kept_folder().glob(f"{name}-*"), key=lambda each: each.stat().st_mtime_ns)
    for each in found[:-_NEWEST]:
        shutil.rmtree(each, ignore_errors=True)


@lru_cache(maxsize=1)
def _code() -> str:
    """Tells one state of dosmith's code from another."""
    told = hashlib.sha256()
    for folder, folders, files in os.walk(Path(__file__).parent):
        folders[:] = sorted(each for each in folders if each not in ("__pycache__", "web", "report", "cli"))
        for file in sorted(files):
            if file.endswith(".py"):
                told.update(repr((folder, file, stamp(Path(folder) / file))).encode())
    return told.hexdigest()
