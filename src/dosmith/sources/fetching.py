"""What fetching from any database shares: a store to fill, a ledger of what cannot be had, and patience with servers.

The store is the record of what was fetched: a run begins with what is not in it. The ledger keeps only refusals, one JSON line
each, so that a kill at any moment loses at most the batch in memory, and a second run doubles nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from dosmith.errors import DosmithError, NotFoundError
from dosmith.records import Material

T = TypeVar("T")
Progress = Callable[[str, int, int | None], None]
"""What is done, how many of them so far, of how many in all (None: unknown)."""

BATCH = 256
"""Materials appended to the store at a time."""
TRIES = 7
"""A request is made this often before it is given up: after 1, 2, 4, 8, 16 and 32 seconds."""

Found = tuple[str, "Material | DosmithError"]
"""Id, and the material or why there is none."""


@dataclass(frozen=True)
class Query:
    """Which materials: made only of `elements` (None: any), of at most `max_elements`, in a crystal system (None: any)."""

    elements: tuple[str, ...] | None = None
    max_elements: int = 2
    crystal_system: str | None = None
    deprecated: bool = False


class Store(Protocol):
    """Where materials go: a library that grows."""

    def __contains__(self, identifier: object) -> bool: ...

    def add(self, materials: Sequence[Material]) -> object:
        """Add materials whole or not at all."""


class TransientError(Exception):
    """A server is busy, slow or cut its answer short: asking again may help."""


@dataclass
class Tally:
    """What a run did: materials added, ids that were there before, ids without a usable DOS and why."""

    added: int = 0
    present: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class Ledger:
    """Ids that have no usable DOS, with the reason, in a file of JSON lines; a line cut off by a kill is left out.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.refused: dict[str, str] = {}
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines():
            try:
                entry = json.loads(line)
                self.refused[str(entry["id"])] = str(entry["why"])
            except (ValueError, TypeError, KeyError, RecursionError):
                continue
        self._torn = bool(text) and not text.endswith("\n")

    def refuse(self, reasons: dict[str, str]) -> None:
        """Write down ids with the reason, and see them on the disk."""
        if not reasons:
            return
        lines = "".join(json.dumps({"id": identifier, "why": why}) + "\n" for identifier, why in reasons.items())
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("\n" + lines if self._torn else lines)
            file.flush()
            os.fsync(file.fileno())
        self._torn = False
        self.refused |= reasons


def patiently(ask: Callable[[], T], sleep: Callable[[float], None] = time.sleep, tries: int = TRIES) -> T:
    """The answer to a request that is repeated, ever more slowly, while it fails for a reason that may pass.

    Raises:
        DosmithError: it failed every time; what was fetched before is kept.
    """
    for attempt in range(tries):
        try:
            return ask()
        except TransientError as error:
            if attempt == tries - 1:
                raise DosmithError(
                    f"the server did not answer in {tries} tries ({error}); run the same command later to go on"
                ) from None
            sleep(2.0**attempt)
    raise AssertionError("tries is at least 1")


def fill(store: Store, ledger: Ledger, found: Iterable[Found], progress: Callable[[int], None] = lambda done: None) -> Tally:
    """Append what is found to the store in batches, refusals to the ledger. An interruption keeps what was found before it."""
    tally, seen = Tally(), set[str]()
    batch: list[Material] = []
    refused: dict[str, str] = {}

    def put() -> None:
        if batch:
            store.add(batch)
        ledger.refuse(refused)
        tally.added += len(batch)
        tally.refused |= refused
        batch.clear()
        refused.clear()

    try:
        for identifier, outcome in found:
            if identifier in seen or identifier in store:
                continue
            seen.add(identifier)
            if isinstance(outcome, Material):
                batch.append(outcome)
            else:
                refused[identifier] = str(outcome)
            if len(batch) + len(refused) >= BATCH:
                put()
            progress(len(seen))
    finally:
        if batch or refused:
            put()
    return tally


class Key(str):
    """A key that knows where it came from.

    Attributes:
        origin: of the key, for people.
    """

    origin: str

    def __new__(cls, key: str, origin: str) -> Key:
        """The key, without blanks around it."""
        made = super().__new__(cls, key.strip())
        made.origin = origin
        return made


def key_for_materials_project(given: str | None = None, environ: Callable[[str], str | None] = os.environ.get) -> Key:
    """The key of the Materials Project: as given, else MP_API_KEY, else PMG_MAPI_KEY of pymatgen's settings.

    Raises:
        NotFoundError: there is none.
    """
    key, origin = (given, "--key") if given else (environ("MP_API_KEY"), "MP_API_KEY")
    if not key:
        from pymatgen.core import SETTINGS  # of ~/.config/.pmgrc.yaml or $PMG_CONFIG_FILE

        key, origin = SETTINGS.get("PMG_MAPI_KEY"), "PMG_MAPI_KEY in pymatgen's settings (~/.config/.pmgrc.yaml)"
    if not key:
        raise NotFoundError(
            "the Materials Project asks for a key: get one at https://materialsproject.org/api and set MP_API_KEY to it"
        )
    key = Key(str(key), origin)
    if not (key.isascii() and key.isprintable() and " " not in key):  # what sends it would quote it in its complaint
        raise NotFoundError(
            f"the key of the Materials Project from {origin} is no key: it has only letters and digits; copy it again"
        )
    return key
