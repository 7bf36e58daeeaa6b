"""Libraries: many Materials, found by id, formula and filters; spectra handed out in blocks.

A Parquet library is a folder of shards (`shards.py`). A damaged shard is named in `damaged` and the rest is served.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import LibraryError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import schema, shards
from dosmith.library.arrow import taken
from dosmith.library.blocks import SpectraBlock, blocks
from dosmith.library.stability import is_far
from dosmith.records import Material

_INDEX_COLUMNS = ("id", "formula", "n_elements", "crystal_system", "prototype", "energy_per_atom", "gap")


GAPPED = 0.3
"""eV from which a gap counts as one: coarse meshes give metals gaps of less."""


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

    def tables(self, rows: Sequence[int]) -> Iterator[pa.Table]:
        """All columns of the given rows, in order, in parts that fit in memory."""
        raise NotImplementedError

    def add(self, materials: Sequence[Material]) -> list[str]:
        """Append the materials whose ids are new; those of known ids are left out. All of them are kept, or none.

        Returns:
            ids that were added.

        Raises:
            LibraryError: two of the materials share an id; another program is writing; the disk is full or read-only.
        """
        raise NotImplementedError

    def remove(self, ids: Iterable[str]) -> None:
        """Remove the materials of these ids: all of them, or none.

        Raises:
            NotFoundError: there is no such id.
            LibraryError: as in `add`.
        """
        raise NotImplementedError

    @property
    def made_of(self) -> Sequence[object] | None:
        """What changes the materials, see `kept`; None where nobody can say."""
        return None

    def _forget(self) -> None:
        """What was read before a change counts no more."""
        for name in [name for name in self.__dict__ if isinstance(getattr(type(self), name, None), cached_property)]:
            del self.__dict__[name]

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
    def space_groups(self) -> list[str | None]:
        """The Hermann-Mauguin symbol of each row's space group, read when asked for."""
        return list(self._table(("space_group",))["space_group"].to_pylist())

    @property
    def gaps(self) -> list[float | None]:
        """The band gap of each row as its source states it, eV."""
        return self._index["gap"]

    @cached_property
    def provenances(self) -> list[dict[str, Any]]:
        """Where each row comes from; see `Material.provenance`."""
        texts = self._table(("provenance",))["provenance"].to_pylist()
        return list(json.loads(f"[{','.join(texts)}]"))  # at once, which takes two thirds of the time

    def stated(self, name: str) -> NDArray[np.float64]:
        """A number of each row's provenance, NaN where there is none, shape (rows,)."""
        values = (facts.get(name) for facts in self.provenances)
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    @cached_property
    def far(self) -> NDArray[np.bool_]:
        """Which rows are crystals so far above their hull that nobody will make them, shape (rows,); see `stability.Stability.far`.

        >>> library = MemoryLibrary([])
        >>> library.far.tolist()
        []
        """
        return np.array([is_far(facts) for facts in self.provenances], dtype=bool)

    @cached_property
    def volumes(self) -> NDArray[np.float64]:
        """Volume per atom of each row, Angstrom^3, nan where no crystal is known, shape (rows,)."""
        cells = self._table(("lattice", "species")).to_pydict()
        return np.array(
            [
                np.nan if lattice is None else abs(np.linalg.det(np.reshape(lattice, (3, 3)))) / len(species)
                for lattice, species in zip(cells["lattice"], cells["species"], strict=True)
            ]
        )

    @cached_property
    def sites(self) -> NDArray[np.float64]:
        """How many atoms the cell of each has, NaN where its crystal is unknown, shape (N,)."""
        import pyarrow.compute as pc  # takes long, here as below

        counts = pc.list_value_length(self._table(("species",))["species"]).fill_null(0).to_pylist()
        return np.array([count or np.nan for count in counts], dtype=np.float64)

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

    def materials(self, rows: Sequence[int]) -> Iterator[Material]:
        """The materials of the given rows, which increase; each part is read once."""
        for table in self.tables(rows):
            for batch in table.to_batches(max_chunksize=256):
                yield from map(schema.from_row, batch.to_pylist())

    def rows_of(self, composition: Composition, crystal_system: str | None = None) -> list[int]:
        """Rows with this composition (and crystal system), lowest energy per atom first."""
        energies = self._index["energy_per_atom"]
        rows = [
            row
            for row in self._rows_by_formula.get(formulas.write(composition), [])
            if crystal_system is None or self.crystal_systems[row] == crystal_system
        ]
        return sorted(rows, key=lambda row: (energies[row] is None, energies[row] or 0.0, row))

    def select(
        self,
        *,
        elements: Iterable[str] | None = None,
        require: Iterable[str] = (),
        n_elements: int | None = None,
        crystal_system: str | None = None,
        source: str | None = None,
        gap: tuple[float, float] | None = None,
    ) -> list[int]:
        """Rows that pass the filters, in order.

        Args:
            elements: only these may take part.
            require: each of these must.
            n_elements: how many elements the formula has.
            crystal_system: cubic, hexagonal, ...
            source: as `Material.provenance` has it.
            gap: lowest and highest band gap, eV; rows whose gap is not stated do not pass.
        """
        import pyarrow.compute as pc

        table = self._table(("elements", "n_elements", "crystal_system", "source", "gap"))
        passes = np.ones(len(table), dtype=bool)
        lists = table["elements"].combine_chunks()
        symbols, rows = pc.list_flatten(lists), np.asarray(pc.list_parent_indices(lists))

        def holds(wanted: Iterable[str]) -> NDArray[np.intp]:
            """How many of the wanted elements each row has."""
            inside = np.asarray(pc.is_in(symbols, pa.array(list(wanted), pa.string())))
            return np.bincount(rows[inside], minlength=len(table))

        if elements is not None:
            passes &= holds(set(elements)) == np.asarray(table["n_elements"])
        if required := set(require):
            passes &= holds(required) == len(required)
        for column, value in (("n_elements", n_elements), ("crystal_system", crystal_system), ("source", source)):
            if value is not None:
                passes &= np.asarray(pc.fill_null(pc.equal(table[column], value), False))
        if gap is not None:
            gaps = np.asarray(table["gap"], dtype=np.float64)  # NaN where none is stated
            passes &= (gaps >= gap[0]) & (gaps <= gap[1])
        return [int(row) for row in np.flatnonzero(passes)]

    def projected(self, element: str | None = None, orbital: str | None = None) -> list[int]:
        """Rows with projections, on an element, an orbital, or an orbital of an element, in order."""
        found = []
        for row, labels in enumerate(self._table(("projection_labels",))["projection_labels"].to_pylist()):
            pairs = [label.split() for label in labels or ()]
            if any(element in (None, symbol) and orbital in (None, letter) for symbol, letter in pairs):
                found.append(row)
        return found

    def polarised(self) -> list[int]:
        """Rows whose spins are kept apart, in order."""
        return [int(row) for row in np.flatnonzero(self._table(("dos_down",))["dos_down"].is_valid().to_pylist())]

    FACTS = ("id", "formula", "crystal_system", "prototype", "space_group", "gap", "source", "code", "functional")

    def facts(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """The columns `FACTS` of rows, for a list of them."""
        return list(taken(self._table(self.FACTS), rows).to_pylist())

    def summary(self) -> dict[str, Any]:
        """Counts: how many materials, by number of elements, crystal system, prototype, element and energy above the hull; how many
        are spin-polarised, have a gap of `GAPPED` or more, have projections, lie on the hull, have a hull that says nothing, or are
        so far above it that nobody will make them."""
        import pyarrow.compute as pc

        table = self._table(("n_elements", "crystal_system", "prototype", "elements", "dos_down", "gap", "projection_labels"))
        above = [facts.get("energy_above_hull") for facts in self.provenances]
        return {
            "count": len(table),
            "by_n_elements": _counts(table["n_elements"]),
            "by_crystal_system": _counts(table["crystal_system"]),
            "by_prototype": _counts(table["prototype"]),
            "by_element": _counts(pc.list_flatten(table["elements"])),
            "spin_polarized": len(table) - table["dos_down"].null_count,
            "gapped": sum(gap is not None and gap >= GAPPED for gap in table["gap"].to_pylist()),
            "projected": len(table) - table["projection_labels"].null_count,
            "on_hull": sum(value is not None and value < 1e-6 for value in above),
            "hull_unknown": above.count(None),
            "far": int(self.far.sum()),
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
        refuse_doubles(self._whole["id"].to_pylist())

    def _table(self, columns: Sequence[str]) -> pa.Table:
        return self._whole.select(columns)

    def _row(self, row: int) -> dict[str, Any]:
        return dict(self._whole.slice(row, 1).to_pylist()[0])

    def spectra(self) -> Iterator[SpectraBlock]:
        """All curves, in blocks that share a grid."""
        yield from blocks(self._whole.select(schema.CURVE_COLUMNS), 0)

    def tables(self, rows: Sequence[int]) -> Iterator[pa.Table]:
        """All columns of the given rows."""
        if len(rows):
            yield taken(self._whole, rows)

    def add(self, materials: Sequence[Material]) -> list[str]:
        """See `Library.add`."""
        refuse_doubles([material.id for material in materials])
        fresh = [material for material in materials if material.id not in self]
        if fresh:
            self._whole = pa.concat_tables([self._whole, schema.to_table(fresh)])
            self._forget()
        return [material.id for material in fresh]

    def remove(self, ids: Iterable[str]) -> None:
        """See `Library.remove`."""
        gone = {self.row_of(identifier) for identifier in ids}
        self._whole = taken(self._whole, [row for row in range(len(self)) if row not in gone])
        self._forget()


class ParquetLibrary(Library):
    """A folder of Parquet shards, read lazily: the manifest at once, the index on first use, curves when asked for.

    Many may read while one writes; a reader sees the library as it was when its index was first used.

    Raises:
        NotFoundError: the folder holds no library.
        LibraryError: it was written by a newer dosmith, or its manifest is damaged.
    """

    def __init__(self, folder: str | Path, name: str | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = shards.read_manifest(self.folder)
        self.name = name or self.manifest.get("name", str(self.folder))
        self._waiting: Callable[[], None] | None = None
        self._checked: dict[str, shards.Shard] = {}  # by SHA-256; a shard never changes, so it is checked once

    @classmethod
    def at(cls, folder: str | Path, name: str, waiting: Callable[[], None] | None = None) -> ParquetLibrary:
        """The library in a folder; an empty one is made where there is none.

        Args:
            folder: of the library.
            name: of a new one.
            waiting: called where another program is writing, which is then waited for; without, that is an error.

        Raises:
            LibraryError: it cannot be read, or the folder cannot be written.
        """
        folder = Path(folder)
        if not (folder / shards.MANIFEST).exists():
            with shards.writing(folder, waiting):
                if not (folder / shards.MANIFEST).exists():  # another program may have been faster
                    shards.write_manifest(folder, {"name": name}, {})
        found = cls(folder)
        found._waiting = waiting
        return found

    @property
    def damaged(self) -> tuple[str, ...]:
        """Shards that are gone or are not what was written, with the reason."""
        return self._opened[1]

    @property
    def made_of(self) -> Sequence[object]:
        """See `Library.made_of`."""
        return [self.manifest["shards"], self.damaged]

    @cached_property
    def _opened(self) -> tuple[list[tuple[shards.Shard, int]], tuple[str, ...]]:
        """The sound shards with the row each begins at; the damaged ones with the reason."""
        opened, damaged, gone = shards.open_shards(self.folder, self.manifest, self._checked)
        while gone and (manifest := shards.read_manifest(self.folder)) != self.manifest:  # rewritten since it was read
            self.manifest = manifest
            opened, damaged, gone = shards.open_shards(self.folder, self.manifest, self._checked)
        if damaged and not opened:
            raise LibraryError(f"no shard of {self.name} can be read ({damaged[0]}); restore the folder {self.folder}")
        self._checked = {self.manifest["shards"][name]["sha256"]: shard for name, shard in opened.items()}
        firsts = np.cumsum([0, *(len(shard) for shard in opened.values())]).tolist()
        return list(zip(opened.values(), firsts, strict=False)), tuple(damaged)

    @property
    def _shards(self) -> list[tuple[shards.Shard, int]]:
        return self._opened[0]

    def __contains__(self, identifier: object) -> bool:
        return any(identifier in shard.ids for shard, _ in self._shards)

    def _table(self, columns: Sequence[str]) -> pa.Table:
        if not self._shards:
            return schema.SCHEMA.empty_table().select(columns)
        return pa.concat_tables([shard.read(columns) for shard, _ in self._shards])

    def _row(self, row: int) -> dict[str, Any]:
        shard, first = next(pair for pair in reversed(self._shards) if pair[1] <= row)
        return dict(shard.read(rows=np.array([row - first])).to_pylist()[0])

    def spectra(self) -> Iterator[SpectraBlock]:
        """All curves, shard by shard, in blocks that share a grid."""
        for shard, first in self._shards:
            yield from blocks(shard.read(schema.CURVE_COLUMNS), first)

    def tables(self, rows: Sequence[int]) -> Iterator[pa.Table]:
        """All columns of the given rows, which increase, shard by shard."""
        wanted = np.asarray(rows, dtype=np.int64)
        for shard, first in self._shards:
            inside = wanted[(wanted >= first) & (wanted < first + len(shard))] - first
            if len(inside):
                yield shard.read(rows=inside)

    def add(self, materials: Sequence[Material]) -> list[str]:
        """See `Library.add`. What was there is not touched until the new shard is on the disk."""
        refuse_doubles([material.id for material in materials])
        with shards.writing(self.folder, self._waiting):
            self._read_anew()
            fresh = [material for material in materials if material.id not in self]
            if fresh:
                self._replace(shards.append(self.folder, self.manifest, schema.to_table(fresh)))
        return [material.id for material in fresh]

    def remove(self, ids: Iterable[str]) -> None:
        """See `Library.remove`. Shards that held one of them are written again without it."""
        with shards.writing(self.folder, self._waiting):
            self._read_anew()
            gone = [identifier for identifier in ids if self.row_of(identifier) >= 0]
            self._replace(shards.without(self.folder, self.manifest, gone))

    def _read_anew(self) -> None:
        self._forget()
        self.manifest = shards.read_manifest(self.folder)

    def _replace(self, written: shards.Shards) -> None:
        """The library has these shards from now on."""
        shards.write_manifest(self.folder, self.manifest, written)
        self._read_anew()


def write_library(
    materials: Iterable[Material],
    folder: str | Path,
    name: str,
    facts: Mapping[str, Any] | None = None,
    rows_per_shard: int = 512,
) -> ParquetLibrary:
    """A new Parquet library in `folder`. A library already there stays whole until the new one is.

    Args:
        materials: with unique ids.
        folder: made when missing; a library already there is replaced.
        name: what people call it.
        facts: further entries of the manifest, such as licence and settings.
        rows_per_shard: materials in one file.

    Raises:
        LibraryError: two materials share an id.
        OSError: the folder cannot be written.
    """
    folder, materials = Path(folder), list(materials)
    refuse_doubles([material.id for material in materials])
    folder.mkdir(parents=True, exist_ok=True)
    written: shards.Shards = {}
    for first in range(0, len(materials), rows_per_shard):
        table = schema.to_table(materials[first : first + rows_per_shard])
        written |= shards.write_shard(folder, first // rows_per_shard, table)
    shards.write_manifest(folder, {"name": name, **(facts or {})}, written)
    return ParquetLibrary(folder)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    pairs = [(str(entry["values"]), int(entry["counts"])) for entry in column.value_counts().to_pylist()]
    return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def refuse_doubles(ids: Sequence[str]) -> None:
    """Ids must differ.

    Raises:
        LibraryError: two are the same.
    """
    if len(set(ids)) < len(ids):
        double = next(identifier for identifier in ids if ids.count(identifier) > 1)
        raise LibraryError(f"the id '{double}' occurs twice; ids must be unique within a library")
