"""Libraries: many Materials, found by id, formula and filters; spectra handed out in blocks.

A Parquet library is a folder of shards with a manifest that holds the schema version and the SHA-256 of each shard.
A damaged shard is named in `damaged` and the rest is served.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing, write_text
from dosmith.errors import LibraryError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import schema
from dosmith.records import Material

MANIFEST = "manifest.json"
_INDEX_COLUMNS = ("id", "formula", "n_elements", "crystal_system", "prototype", "energy_per_atom", "gap")

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class SpectraBlock:
    """Curves of one library that share a grid.

    Attributes:
        rows: their places in the library, shape (B,).
        energies: eV, shape (N,).
        densities: states/eV/cell, spins summed, shape (B, N).
        fermi: eV on the axis of `energies`, shape (B,).
        broadening: Gaussian sigma in the curves, eV, shape (B,).
    """

    rows: IntArray
    energies: FloatArray
    densities: FloatArray
    fermi: FloatArray
    broadening: FloatArray


class Library:
    """What every store of materials can do. Rows are numbered from 0 and stay in order."""

    name: str

    @property
    def damaged(self) -> tuple[str, ...]:
        """Parts that could not be read, with the reason."""
        return ()

    def _table(self, columns: Sequence[str]) -> pa.Table:
        """The given columns of all rows."""
        raise NotImplementedError

    def _row(self, row: int) -> dict[str, Any]:
        """All columns of one row."""
        raise NotImplementedError

    def spectra(self) -> Iterator[SpectraBlock]:
        """All curves, in blocks that share a grid, in order of rows."""
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _index(self) -> dict[str, list[Any]]:
        return dict(self._table(_INDEX_COLUMNS).to_pydict())

    @property
    def ids(self) -> list[str]:
        """The id of each row."""
        return self._index["id"]

    @property
    def formulas(self) -> list[str]:
        """The reduced formula of each row."""
        return self._index["formula"]

    @property
    def crystal_systems(self) -> list[str | None]:
        """The crystal system of each row."""
        return self._index["crystal_system"]

    @property
    def prototypes(self) -> list[str | None]:
        """The prototype of each row."""
        return self._index["prototype"]

    @property
    def gaps(self) -> list[float | None]:
        """The band gap of each row as its source states it, eV."""
        return self._index["gap"]

    @cached_property
    def provenances(self) -> list[dict[str, Any]]:
        """Where each row comes from; see `Material.provenance`."""
        return [json.loads(text) for text in self._table(("provenance",))["provenance"].to_pylist()]

    @cached_property
    def compositions(self) -> list[Composition]:
        """The composition of each row."""
        return [formulas.parse(formula) for formula in self.formulas]

    @cached_property
    def _rows_by_id(self) -> dict[str, int]:
        return {identifier: row for row, identifier in enumerate(self.ids)}

    @cached_property
    def _rows_by_formula(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, formula in enumerate(self.formulas):
            rows.setdefault(formula, []).append(row)
        return rows

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._rows_by_id

    def row_of(self, identifier: str) -> int:
        """The row of an id.

        Raises:
            NotFoundError: there is no such id.
        """
        if identifier not in self._rows_by_id:
            raise NotFoundError(f"'{identifier}' is not an id in {self.name}; 'dosmith data info' tells what it holds")
        return self._rows_by_id[identifier]

    def material(self, identifier: str) -> Material:
        """The material of an id.

        Raises:
            NotFoundError: there is no such id.
        """
        return schema.from_row(self._row(self.row_of(identifier)))

    def rows_of(self, composition: Composition, crystal_system: str | None = None) -> list[int]:
        """Rows with this composition (and crystal system), lowest energy per atom first."""
        energies = self._index["energy_per_atom"]
        rows = [
            row
            for row in self._rows_by_formula.get(formulas.write(composition), [])
            if crystal_system is None or self.crystal_systems[row] == crystal_system
        ]
        return sorted(rows, key=lambda row: (energies[row] is None, energies[row] or 0.0, row))

    def select(self, *, n_elements: int | None = None, crystal_system: str | None = None) -> list[int]:
        """Rows that pass the filters, in order."""
        counts, systems = self._index["n_elements"], self.crystal_systems
        return [
            row
            for row in range(len(self))
            if (n_elements is None or counts[row] == n_elements) and (crystal_system is None or systems[row] == crystal_system)
        ]

    def summary(self) -> dict[str, Any]:
        """Counts: how many materials, by number of elements, crystal system, prototype, element and energy above the hull."""
        table = self._table(("n_elements", "crystal_system", "prototype", "elements", "dos_down"))
        above = [facts.get("energy_above_hull") for facts in self.provenances]
        return {
            "count": len(table),
            "by_n_elements": _counts(table["n_elements"]),
            "by_crystal_system": _counts(table["crystal_system"]),
            "by_prototype": _counts(table["prototype"]),
            "by_element": _counts(pc.list_flatten(table["elements"])),
            "spin_polarized": len(table) - table["dos_down"].null_count,
            "energy_above_hull": {
                "on the hull": sum(value is not None and value < 1e-6 for value in above),
                "up to 0.1 eV/atom": sum(value is not None and 1e-6 <= value <= 0.1 for value in above),
                "above 0.1 eV/atom": sum(value is not None and value > 0.1 for value in above),
                "unknown": above.count(None),
            },
        }


class MemoryLibrary(Library):
    """Materials held in memory: for tests, notebooks and small sets."""

    def __init__(self, materials: Iterable[Material], name: str = "the library in memory") -> None:
        self.name = name
        self._whole = schema.to_table(list(materials))
        _refuse_doubles(self._whole["id"].to_pylist())

    def _table(self, columns: Sequence[str]) -> pa.Table:
        return self._whole.select(columns)

    def _row(self, row: int) -> dict[str, Any]:
        return dict(self._whole.slice(row, 1).to_pylist()[0])

    def spectra(self) -> Iterator[SpectraBlock]:
        """All curves, in blocks that share a grid."""
        yield from _blocks(self._whole.select(schema.CURVE_COLUMNS), 0)


class ParquetLibrary(Library):
    """A folder of Parquet shards, read lazily: the index on first use, curves when asked for.

    Raises:
        NotFoundError: the folder holds no library.
        LibraryError: it was written by a newer dosmith, or its manifest is damaged.
    """

    def __init__(self, folder: str | Path, name: str | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        self.name = name or self.manifest.get("name", str(self.folder))

    @property
    def damaged(self) -> tuple[str, ...]:
        """Shards that are gone or are not what was written, with the reason."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[list[tuple[pq.ParquetFile, int]], tuple[str, ...]]:
        """The sound shards with the row each begins at; the damaged ones with the reason."""
        shards: list[tuple[pq.ParquetFile, int]] = []
        damaged: list[str] = []
        first = 0
        for name, facts in self.manifest["shards"].items():
            try:
                content = (self.folder / name).read_bytes()
            except OSError as error:
                damaged.append(f"{name}: {error.strerror}")
                continue
            if hashlib.sha256(content).hexdigest() != facts["sha256"]:
                damaged.append(f"{name}: its content is not what was written")
                continue
            file = pq.ParquetFile(pa.BufferReader(content), pre_buffer=False)
            shards.append((file, first))
            first += file.metadata.num_rows
        if damaged and not shards:
            raise LibraryError(f"no shard of {self.name} can be read ({damaged[0]}); restore the folder {self.folder}")
        return shards, tuple(damaged)

    @property
    def _shards(self) -> list[tuple[pq.ParquetFile, int]]:
        return self._opened[0]

    def _table(self, columns: Sequence[str]) -> pa.Table:
        if not self._shards:
            return schema.SCHEMA.empty_table().select(columns)
        return pa.concat_tables([file.read(columns, use_threads=False) for file, _ in self._shards])

    def _row(self, row: int) -> dict[str, Any]:
        file, first = next(shard for shard in reversed(self._shards) if shard[1] <= row)
        return dict(file.read(use_threads=False).slice(row - first, 1).to_pylist()[0])

    def spectra(self) -> Iterator[SpectraBlock]:
        """All curves, shard by shard, in blocks that share a grid."""
        for file, first in self._shards:
            yield from _blocks(file.read(list(schema.CURVE_COLUMNS), use_threads=False), first)


def write_library(
    materials: Iterable[Material],
    folder: str | Path,
    name: str,
    facts: Mapping[str, Any] | None = None,
    rows_per_shard: int = 512,
) -> ParquetLibrary:
    """A new Parquet library in `folder`. Shards are named by content and the manifest is renamed into place last, so that
    a library already there stays whole until the new one is.

    Args:
        materials: with unique ids.
        folder: made when missing; a library already there is replaced.
        name: what people call it.
        facts: further entries of the manifest, such as licence and settings.
        rows_per_shard: materials in one file.

    Raises:
        LibraryError: two materials share an id.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    materials = list(materials)
    _refuse_doubles([material.id for material in materials])
    shards: dict[str, dict[str, Any]] = {}
    for first in range(0, len(materials), rows_per_shard):
        part = materials[first : first + rows_per_shard]
        content = io.BytesIO()
        pq.write_table(schema.to_table(part), content, compression="zstd", compression_level=9)
        digest = hashlib.sha256(content.getbuffer()).hexdigest()
        shard = f"part-{first // rows_per_shard:04d}-{digest[:8]}.parquet"
        shards[shard] = {"rows": len(part), "bytes": len(content.getbuffer()), "sha256": digest}
        with replacing(folder / shard) as file:
            file.write(content.getbuffer())
    manifest = {"schema_version": schema.VERSION, "name": name, **(facts or {}), "rows": len(materials), "shards": shards}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    for stale in folder.glob("part-*.parquet"):
        if stale.name not in shards:
            stale.unlink()
    return ParquetLibrary(folder)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"{folder} holds no library (no {MANIFEST} in it)") from None
    except (OSError, ValueError) as error:
        raise LibraryError(f"the manifest of {folder} is damaged: {error}") from None
    version = manifest.get("schema_version") if isinstance(manifest, dict) else None
    if not isinstance(version, int) or not isinstance(manifest.get("shards"), dict):
        raise LibraryError(f"the manifest of {folder} is damaged: it names no schema version and shards")
    if version > schema.VERSION:
        raise LibraryError(
            f"{folder} was written by a newer dosmith (schema {version}, this one reads {schema.VERSION}): upgrade dosmith"
        )
    return dict(manifest)


def _blocks(table: pa.Table, first_row: int) -> Iterator[SpectraBlock]:
    """Rows of a table of curve columns, grouped by grid."""
    table = table.combine_chunks()
    lengths = table["dos_up"].combine_chunks().value_lengths().to_pylist()
    keys: dict[tuple[Any, ...], list[int]] = {}
    starts, steps = table["energy_first"].to_pylist(), table["energy_step"].to_pylist()
    uneven = table["energies"].to_pylist() if table["energies"].null_count < len(table) else [None] * len(table)
    for row, length in enumerate(lengths):
        levels = uneven[row]
        own = None if levels is None else tuple(levels)
        keys.setdefault((starts[row], steps[row], length, own), []).append(row)
    for (start, step, length, own), rows in keys.items():
        part = table.take(rows)
        densities = _matrix(part["dos_up"], length)
        polarized = np.flatnonzero(np.asarray(part["dos_down"].is_valid()))
        if len(polarized):
            densities[polarized] += _matrix(part["dos_down"].drop_null(), length)
        yield SpectraBlock(
            np.array(rows, dtype=np.intp) + first_row,
            schema.energies_of(start, step, length, own),
            densities,
            np.asarray(part["fermi"], dtype=np.float64),
            np.asarray(part["broadening"], dtype=np.float64),
        )


def _matrix(column: pa.ChunkedArray, length: int) -> FloatArray:
    return np.asarray(column.combine_chunks().flatten(), dtype=np.float64).reshape(-1, length)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    pairs = [(str(entry["values"]), int(entry["counts"])) for entry in column.value_counts().to_pylist()]
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _refuse_doubles(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        double = next(identifier for identifier in ids if ids.count(identifier) > 1)
        raise LibraryError(f"the id '{double}' occurs twice; ids must be unique within a library")
