"""An atlas: a folder of crystals with the spectra expected of them, safe from crashes, searched through a mapped index.

A folder holds shards (`library/shards.py`), the basis of their codes and, derived from both, an index. The shards are the truth: an index
that is missing, old or damaged is made anew; where the folder cannot be written, in the user's cache. A damaged shard is named in
`damaged` and the rest is served.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atlas import index as indexing
from dosmith.atlas import schema
from dosmith.atlas.crystal import AtlasCrystal
from dosmith.atlas.index import Index
from dosmith.atlas.schema import LAYOUT
from dosmith.atomic import replacing
from dosmith.compositions import Compositions
from dosmith.crystals.kinds import kind_of
from dosmith.element_facts import Supply
from dosmith.errors import LibraryError, NotFoundError, SpectrumError, did_you_mean
from dosmith.library import shards
from dosmith.ranking import SUPPLY
from dosmith.spectra.code import STEPS, Basis, Coded
from dosmith.spectra.shape import band_centres, densities_at_zero
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]

_SHAPES = {"band_centre": band_centres, "dos_at_fermi": densities_at_zero}
MERITS = ("formation_energy", "above_hull", "gap", *SUPPLY, *_SHAPES)
"""Merits of its crystals that an atlas knows, whatever the target."""
_AT_ONCE = 16384


class Atlas:
    """The atlas in a folder.

    Args:
        folder: of the atlas.

    Raises:
        NotFoundError: there is none.
        LibraryError: its manifest or its basis is damaged, or it was written by a newer dosmith.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.manifest = shards.read_manifest(self.folder, LAYOUT)
        try:
            self.recipe = Recipe.from_dict(self.manifest["recipe"])
        except (KeyError, TypeError, ValueError, SpectrumError) as error:
            raise LibraryError(f"the manifest of {self.folder} is damaged: it names no recipe ({error})") from None
        self._checked: dict[str, shards.Shard] = {}

    @classmethod
    def at(cls, folder: str | Path, name: str, basis: Callable[[], Basis]) -> Atlas:
        """The atlas in a folder; an empty one is made where there is none.

        Args:
            folder: of the atlas.
            name: of a new one.
            basis: makes that of a new one.

        Raises:
            LibraryError: it cannot be read, or the folder cannot be written.
        """
        folder = Path(folder)
        if not (folder / shards.MANIFEST).exists():
            with shards.writing(folder):
                if not (folder / shards.MANIFEST).exists():
                    made = basis()
                    content = made.as_bytes()
                    file = f"basis-{made.digest[:8]}.safetensors"
                    with replacing(folder / file) as opened:
                        opened.write(content)
                    facts = {
                        "name": name,
                        "recipe": made.recipe.as_dict(),
                        "basis": {"file": file, "sha256": hashlib.sha256(content).hexdigest(), "size": made.size},
                        "largest_error": 0.0,
                    }
                    shards.write_manifest(folder, facts, {}, LAYOUT)
        return cls(folder)

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.manifest.get("name", self.folder.name))

    @property
    def largest_error(self) -> float:
        """The most that a code has lost: 1 less the cosine between an expected spectrum and what is kept of it."""
        return float(self.manifest.get("largest_error", 0.0))

    @cached_property
    def basis(self) -> Basis:
        """Of the codes.

        Raises:
            LibraryError: it is missing or damaged.
        """
        facts = self.manifest.get("basis")
        try:
            content = (self.folder / Path(str(facts["file"])).name).read_bytes()  # type: ignore[index]
            if hashlib.sha256(content).hexdigest() != facts["sha256"]:  # type: ignore[index]
                raise LibraryError(f"the basis of {self.folder} is damaged: restore it")
        except (OSError, KeyError, TypeError) as error:
            raise LibraryError(f"the basis of {self.folder} is damaged ({error}); restore it") from None
        return Basis.read(content, self.recipe)

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def _opened(self) -> tuple[dict[str, shards.Shard], tuple[str, ...]]:
        """The sound shards by name; the damaged ones with the reason."""
        opened, damaged, gone = shards.open_shards(self.folder, self.manifest, self._checked, LAYOUT)
        while gone and (manifest := shards.read_manifest(self.folder, LAYOUT)) != self.manifest:  # rewritten since it was read
            self.manifest = manifest
            opened, damaged, gone = shards.open_shards(self.folder, self.manifest, self._checked, LAYOUT)
        if damaged and not opened:
            raise LibraryError(f"no shard of {self.name} can be read ({damaged[0]}); restore the folder {self.folder}")
        self._checked = {self.manifest["shards"][name]["sha256"]: shard for name, shard in opened.items()}
        return opened, tuple(damaged)

    @property
    def damaged(self) -> tuple[str, ...]:
        """Shards that are gone or are not what was written, with the reason."""
        return self._opened[1]

    @cached_property
    def index(self) -> Index:
        """What a search needs, mapped into memory."""
        said = json.dumps(
            [indexing.VERSION, indexing.HEAD, self.manifest["schema_version"], self.manifest["shards"]], sort_keys=True
        )
        name = f"index-{hashlib.sha256(said.encode()).hexdigest()[:16]}.arrow"
        place = next((each / name for each in self._index_folders() if (each / name).is_file()), None)
        if place is not None:
            with suppress(LibraryError):
                found = Index(place, self.basis.size)
                if len(found) == self.manifest.get("rows"):
                    return found
        if self.damaged:  # what is served now is not what the shards' names say
            name = f"index-{hashlib.sha256((said + repr(self.damaged)).encode()).hexdigest()[:16]}.arrow"
        return self._made(name)

    def _index_folders(self) -> Iterator[Path]:
        from platformdirs import user_cache_path

        yield self.folder
        yield user_cache_path("dosmith") / "atlas"

    def _made(self, name: str) -> Index:
        tables = [shard.read(indexing.NEEDED) for shard in self._opened[0].values()]
        error: OSError | None = None
        for folder in self._index_folders():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                indexing.make(iter(tables), folder / name, self.basis.size)
            except OSError as failed:
                error = error or failed
                continue
            if folder == self.folder:
                for old in folder.glob("index-*.arrow"):
                    if old.name != name:
                        old.unlink(missing_ok=True)
            return Index(folder / name, self.basis.size)
        raise LibraryError(f"the index of {self.folder} cannot be written ({error}); free space")

    def row_of(self, identifier: str) -> int:
        """The row of an id.

        Raises:
            NotFoundError: there is none.
        """
        row = self.index.row_of(identifier)
        if row is None:
            near = did_you_mean(identifier, self.index.words("id", range(min(len(self), 5000))))
            raise NotFoundError(f"'{identifier}' is not an id in {self.name}{near}")
        return row

    def crystals(self, rows: Sequence[int] | NDArray[np.intp]) -> list[AtlasCrystal]:
        """The crystals of some rows, in the order given; only their shards are read."""
        wanted = np.asarray(rows, dtype=np.int64)
        found: dict[int, AtlasCrystal] = {}
        first = 0
        for shard in self._opened[0].values():
            inside = np.unique(wanted[(wanted >= first) & (wanted < first + len(shard))])
            if len(inside):
                table = shard.read(rows=inside - first)
                found |= {
                    int(row): schema.from_row(each, self.basis) for row, each in zip(inside, table.to_pylist(), strict=True)
                }
            first += len(shard)
        return [found[int(row)] for row in wanted]

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of all rows, shard by shard, in order."""
        for shard in self._opened[0].values():
            yield shard.read(columns)

    @cached_property
    def sites(self) -> NDArray[np.intp]:
        """How many atoms the primitive cell of each crystal has, shape (N,)."""
        found: list[int] = []
        for table in self.tables(("species", "prototype")):
            counts = pc.list_value_length(table["species"]).to_pylist()
            names = table["prototype"].to_pylist()
            found += [sum(kind_of(name).counts) if count is None else count for count, name in zip(counts, names, strict=True)]
        return np.array(found, dtype=np.intp)

    @cached_property
    def compositions(self) -> Compositions:
        """The different compositions, in the order of `index.groups`."""
        return Compositions.of([formulas.parse(word) for word in self.index.all_words("formula")])

    def __iter__(self) -> Iterator[AtlasCrystal]:
        for shard in self._opened[0].values():
            for batch in shard.read().to_batches(max_chunksize=1024):
                for row in batch.to_pylist():
                    yield schema.from_row(row, self.basis)

    def coded(self, rows: Sequence[int] | NDArray[np.intp]) -> Coded:
        """The expected spectra of some rows as codes."""
        place = np.asarray(rows, dtype=np.int64)
        head = np.rint(self.index.head[place, : indexing.HEAD] * STEPS).astype(np.int16)
        return Coded.from_codes(self.basis, np.concatenate([head, self.index.tail[place]], axis=1))

    def expected(self, rows: Sequence[int] | NDArray[np.intp]) -> FloatArray:
        """What is kept of the expected spectra of some rows, shape (len(rows), points)."""
        return self.coded(rows).spectra.astype(np.float64)

    def add(self, crystals: Sequence[AtlasCrystal]) -> list[str]:
        """Append the crystals whose ids are new; those of known ids are left out. All of them are kept, or none.

        Returns:
            ids that were added.

        Raises:
            LibraryError: two of them share an id; another program is writing; the disk is full or read-only.
        """
        ids = [crystal.id for crystal in crystals]
        if len(set(ids)) < len(ids):
            double = next(each for each in ids if ids.count(each) > 1)
            raise LibraryError(f"the id '{double}' occurs twice; ids must be unique within an atlas")
        with shards.writing(self.folder):
            self._read_anew()
            fresh = [crystal for crystal in crystals if crystal.id not in self._ids]
            if fresh:
                self._append(schema.to_table(fresh, self.basis), np.array([crystal.expected for crystal in fresh]))
        return [crystal.id for crystal in fresh]

    def add_table(self, table: pa.Table, spectra: NDArray[np.float32]) -> list[str]:
        """The same of rows that are made already, with the spectra that their codes keep, shape (N, points)."""
        with shards.writing(self.folder):
            self._read_anew()
            new = [identifier not in self._ids for identifier in table["id"].to_pylist()]
            if any(new):
                self._append(table.filter(pa.array(new)), spectra[new])
        return [identifier for identifier, fresh in zip(table["id"].to_pylist(), new, strict=True) if fresh]

    def _append(self, table: pa.Table, spectra: NDArray[np.float32]) -> None:
        codes = np.asarray(table["code"].combine_chunks().flatten()).reshape(len(table), -1)
        lost = float(self.basis.errors(spectra, codes).max(initial=0.0))
        facts = self.manifest | {"largest_error": max(lost, self.largest_error)}
        ids = self._ids
        written = shards.append(self.folder, self.manifest, table, LAYOUT)
        shards.write_manifest(self.folder, facts, written, LAYOUT)
        self._read_anew()
        ids.update(table["id"].to_pylist())
        self.__dict__["_ids"] = ids  # known, not read again

    @cached_property
    def _ids(self) -> set[str]:
        return {identifier for table in self.tables(("id",)) for identifier in table["id"].to_pylist()}

    def remove(self, ids: Iterable[str]) -> None:
        """Remove the crystals of these ids: all of them, or none.

        Raises:
            NotFoundError: there is no such id.
            LibraryError: as in `add`.
        """
        with shards.writing(self.folder):
            self._read_anew()
            gone = [self.index.words("id", [self.row_of(identifier)])[0] for identifier in ids]
            self._replace(shards.without(self.folder, self.manifest, gone, LAYOUT))

    def change(self, crystals: Sequence[AtlasCrystal]) -> None:
        """Put crystals in the place of those that bear their ids, at the end.

        Raises:
            LibraryError: as in `add`.
        """
        ids = [crystal.id for crystal in crystals]
        with shards.writing(self.folder):
            self._read_anew()
            left = shards.without(self.folder, self.manifest, ids, LAYOUT)
            table = schema.to_table(crystals, self.basis)
            self._replace(shards.append(self.folder, {**self.manifest, "shards": left}, table, LAYOUT))

    def _replace(self, written: shards.Shards) -> None:
        shards.write_manifest(self.folder, self.manifest, written, LAYOUT)
        self._read_anew()

    def _read_anew(self) -> None:
        """What was read before a change by another program counts no more."""
        manifest = shards.read_manifest(self.folder, LAYOUT)
        if manifest["shards"] != self.manifest["shards"]:
            for name in ("_opened", "index", "_ids", "sites", "compositions"):
                self.__dict__.pop(name, None)
        self.manifest = manifest

    def merit(self, name: str) -> FloatArray:
        """A merit of each crystal that does not depend on a target, one of `MERITS`, NaN where unknown, shape (N,)."""
        if name in SUPPLY:
            known = [getattr(Supply.of(formulas.parse(word)), name) for word in self.index.all_words("formula")]
            told = np.array([np.nan if each is None else each for each in known], dtype=np.float64)
            return np.asarray(told[self.index.groups]) if len(self) else np.zeros(0)
        if name not in _SHAPES:
            return np.asarray(self.index.numbers(name), dtype=np.float64)
        energies, rows = self.recipe.grid.energies, np.arange(len(self))
        parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
        return np.concatenate([np.zeros(0), *(_SHAPES[name](energies, self.expected(part)) for part in parts)])

    FACTS = ("id", "formula", "space_group", "prototype", "gap", "above_hull", "formation_energy", "source", "model")

    def facts(self, rows: Sequence[int] | NDArray[np.intp]) -> list[dict[str, Any]]:
        """The columns `FACTS` of rows, for a list of them; what is unknown is None."""
        found, place = self.index, np.asarray(rows, dtype=np.intp)
        columns: dict[str, list[Any]] = {}
        for name in self.FACTS:
            if name in ("id", "formula", "prototype", "source", "model"):
                columns[name] = found.words(name, place)
            else:
                columns[name] = [None if value != value else value for value in found.numbers(name)[place].tolist()]
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def summary(self) -> dict[str, Any]:
        """Counts and facts for a person: crystals, elements, sources, models, bytes, the largest error of a code, damage."""
        found = self.index
        counts = {name: _counted(found, name) for name in ("source", "model")}
        files = [path for path in self.folder.iterdir() if path.is_file()]
        return {
            "name": self.name,
            "folder": str(self.folder),
            "crystals": len(found),
            "formulas": len(found.all_words("formula")),
            "prototypes": len(found.all_words("prototype")),
            "by_source": counts["source"],
            "by_model": counts["model"],
            "gap_known": int(np.isfinite(found.numbers("gap")).sum()),
            "hull_known": int(np.isfinite(found.numbers("above_hull")).sum()),
            "largest_error": self.largest_error,
            "bytes_stored": sum(path.stat().st_size for path in files if not path.name.startswith("index-")),
            "bytes_index": sum(path.stat().st_size for path in files if path.name.startswith("index-")),
            "damaged": list(self.damaged),
        }


def _counted(index: Index, name: str) -> dict[str, int]:
    words = index.all_words(name)
    return {word: len(index.rows_with(name, word)) for word in words}
