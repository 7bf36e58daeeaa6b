"""The files of a Parquet store: shards, and a manifest with the schema version and the SHA-256 of each shard.

What is stored, materials of a library or crystals of an atlas, is said by a `Layout`.

A shard is named by its content and never changed. To change a store is to write new shards beside the old, sync them,
and rename a new manifest into place: a kill at any moment leaves the old store or the new one. What the manifest does not
name is swept away by the next writer. Nothing depends on the clock.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith.atomic import locked, replacing, write_text
from dosmith.errors import LibraryError, NotFoundError
from dosmith.library import schema
from dosmith.library.arrow import taken

MANIFEST = "manifest.json"
ROWS = 4096
"""Materials in a shard that others are merged into, at most."""
_GROUP = 64
"""Rows that are read together, so that one row costs no whole shard."""


@dataclass(frozen=True)
class Layout:
    """What a store holds.

    Attributes:
        what: it is called.
        version: of its schema.
        columns: of a row.
        upgraded: a table of any version and names of columns -> these columns, as this version has them.
        sources: columns from which one that an older version lacks is made.
        rows: in a shard that others are merged into, at most; None: `ROWS`.
    """

    what: str
    version: int
    columns: tuple[str, ...]
    upgraded: Callable[[pa.Table, Sequence[str]], pa.Table]
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: int | None = None


LIBRARY = Layout("library", schema.VERSION, tuple(schema.SCHEMA.names), schema.upgraded, schema.SOURCES_OF)
_SHARD = re.compile(r"part-\d{4,9}-[0-9a-f]{8}\.parquet")
_OURS = re.compile(
    r"part-(\d{4,})-[0-9a-f]{8}\.parquet|\.(part-\d{4,}-[0-9a-f]{8}\.parquet|manifest\.json)(-[0-9a-f]{8})?\.writing"
)
Shards = dict[str, dict[str, Any]]
"""Rows, bytes and SHA-256 of each shard by name, in order of rows."""


class Shard:
    """A sound shard, open: it can be read after another program has replaced it."""

    def __init__(self, path: Path, layout: Layout = LIBRARY) -> None:
        self._layout = layout
        # Read from the disk when asked for, not mapped: a file cut short later is an error, not a crash.
        self._file = pq.ParquetFile(pa.OSFile(os.fsencode(path)), pre_buffer=False)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def read(self, columns: Sequence[str] | None = None, rows: NDArray[np.int64] | None = None) -> pa.Table:
        """These columns of these rows; without any, all of them. What an older version did not write is filled in."""
        held = self._file.schema_arrow.names
        wanted = list(self._layout.columns if columns is None else columns)
        others = [source for name in wanted if name not in held for source in self._layout.sources.get(name, ())]
        needed = [name for name in dict.fromkeys([*wanted, *others]) if name in held]
        if rows is None:
            return self._layout.upgraded(self._file.read(needed, use_threads=False), wanted)
        group = np.searchsorted(self._firsts, rows, side="right") - 1
        groups, place = np.unique(group, return_inverse=True)
        starts = np.concatenate([[0], np.cumsum(np.diff(self._firsts)[groups])])
        table = self._file.read_row_groups(groups.tolist(), needed, use_threads=False)
        return self._layout.upgraded(taken(table, rows - self._firsts[group] + starts[place]), wanted)

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        """The row that each group of rows begins at, and how many rows there are, shape (groups + 1,)."""
        facts = self._file.metadata
        return np.cumsum([0, *(facts.row_group(number).num_rows for number in range(facts.num_row_groups))])

    @cached_property
    def ids(self) -> frozenset[str]:
        """The ids of its rows."""
        return frozenset(self.read(["id"])["id"].to_pylist())


@contextmanager
def writing(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the folder, made when missing, for writing; `waiting` as in `locked`.

    Raises:
        LibraryError: another program holds it, or it cannot be written: the message says why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, waiting):
            yield
    except OSError as error:
        why = error.strerror or error
        raise LibraryError(
            f"{folder} cannot be written ({why}); what was there is untouched, what was to be added is not"
        ) from None


def read_manifest(folder: Path, layout: Layout = LIBRARY) -> dict[str, Any]:
    """The manifest of a store.

    Raises:
        NotFoundError: there is none.
        LibraryError: it is damaged, or of a newer dosmith.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"{folder} holds no {layout.what} (no {MANIFEST} in it)") from None
    except (OSError, ValueError, RecursionError) as error:
        raise LibraryError(f"the manifest of {folder} is damaged: {error}") from None
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or not isinstance(manifest.get("shards"), dict):
        raise LibraryError(f"the manifest of {folder} is damaged: it names no schema version and shards")
    for name, facts in manifest["shards"].items():
        if not _SHARD.fullmatch(name) or not (isinstance(facts, dict) and {"rows", "bytes", "sha256"} <= set(facts)):
            raise LibraryError(f"the manifest of {folder} is damaged: it does not describe the shard {name[:60]}")
    if manifest.get("holds", LIBRARY.what) != layout.what:
        raise LibraryError(f"{folder} holds a store of another kind ({manifest.get('holds', LIBRARY.what)})")
    if version > layout.version:
        raise LibraryError(
            f"{folder} was written by a newer dosmith (schema {version}, this one reads {layout.version}): upgrade dosmith"
        )
    return dict(manifest)


def write_manifest(folder: Path, facts: Mapping[str, Any], shards: Shards, layout: Layout = LIBRARY) -> None:
    """Makes these shards the store from now on; files that belong to no shard go. `facts`: its name, licence, ..."""
    kept = {key: value for key, value in facts.items() if key not in ("schema_version", "holds", "rows", "shards")}
    rows = sum(shard["rows"] for shard in shards.values())
    holds = {} if layout.what == LIBRARY.what else {"holds": layout.what}
    manifest = {"schema_version": layout.version, **holds, **kept, "rows": rows, "shards": shards}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    for path in folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in shards and path.is_file():
            path.unlink(missing_ok=True)


def write_shard(folder: Path, number: int, table: pa.Table) -> Shards:
    """Write one shard; it is on the disk when this returns, and part of the library when a manifest names it."""
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd", compression_level=9, row_group_size=_GROUP)
    digest = hashlib.sha256(content.getbuffer()).hexdigest()
    name = f"part-{number:04d}-{digest[:8]}.parquet"
    with replacing(folder / name) as file:
        file.write(content.getbuffer())
    return {name: {"rows": len(table), "bytes": len(content.getbuffer()), "sha256": digest}}


def open_shards(
    folder: Path, manifest: Mapping[str, Any], checked: Mapping[str, Shard] | None = None, layout: Layout = LIBRARY
) -> tuple[dict[str, Shard], list[str], bool]:
    """The sound shards by name; the damaged ones with the reason; whether one is gone.

    Args:
        folder: of the library.
        manifest: names the shards.
        checked: shards by SHA-256 that are open already and are not checked again.
        layout: of the rows.
    """
    opened: dict[str, Shard] = {}
    damaged: list[str] = []
    gone = False
    for name, facts in manifest["shards"].items():
        if checked is not None and facts["sha256"] in checked:
            opened[name] = checked[facts["sha256"]]
            continue
        try:
            with open(folder / name, "rb") as file:
                sound = hashlib.file_digest(file, "sha256").hexdigest() == facts["sha256"]
            if sound:
                opened[name] = Shard(folder / name, layout)
            else:
                damaged.append(f"{name}: its content is not what was written")
        except OSError as error:
            damaged.append(f"{name}: {error.strerror or error}")
            gone = gone or isinstance(error, FileNotFoundError)
    return opened, damaged, gone


def append(folder: Path, manifest: Mapping[str, Any], table: pa.Table, layout: Layout = LIBRARY) -> Shards:
    """The shards with the table's rows behind them, written. Small shards at the end are merged with the new rows, so that
    a store of n rows has about n / R + log2(R) of them however it was filled, with R as the layout has it."""
    shards: Shards = dict(manifest["shards"])
    number, most = _next_number(shards), layout.rows or ROWS
    tables = [table]
    while shards:
        name, rows = next(reversed(shards)), sum(map(len, tables))
        if shards[name]["rows"] > min(rows, most - rows):
            break
        sound, _, _ = open_shards(folder, {"shards": {name: shards[name]}}, layout=layout)
        if not sound:  # a damaged shard stays as it is: someone may have a copy
            break
        tables.insert(0, sound[name].read())
        del shards[name]
    whole = pa.concat_tables(tables)
    for first in range(0, len(whole), most):
        shards |= write_shard(folder, number + first // most, whole.slice(first, most))
    return shards


def without(folder: Path, manifest: Mapping[str, Any], ids: Sequence[str], layout: Layout = LIBRARY) -> Shards:
    """The shards without the rows of these ids, written where they held one."""
    import pyarrow.compute as pc  # takes long

    gone = pa.array(list(ids), pa.string())
    number = _next_number(manifest["shards"])
    opened, _, _ = open_shards(folder, manifest, layout=layout)
    shards: Shards = {}
    for name, facts in manifest["shards"].items():
        if name not in opened or opened[name].ids.isdisjoint(ids):
            shards[name] = facts
        elif len(rest := (whole := opened[name].read()).filter(pc.invert(pc.is_in(whole["id"], gone)))):
            shards |= write_shard(folder, number, rest)
            number += 1
    return shards


def _next_number(shards: Mapping[str, Any]) -> int:
    return 1 + max((int(name.split("-")[1]) for name in shards), default=-1)
