"""The survey: every pair of elements in every simple crystal, and ternaries to be expected, at their lowest energy in the CHGNet potential.

One row for each composition and prototype, with the elements in their better places. It is what candidates are made of:
the forward model gives each crystal its DOS, the potential says which are likely. Killed at any instant, a survey loses
the last minutes. A survey knows each composition and prototype that was tried, so that a prototype, an element or a ternary
that comes later is tried when the survey is resumed, and nothing is tried twice.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing
from dosmith.crystals.plausible import TERNARIES
from dosmith.crystals.potential import ELEMENTAL, NAME, Potential, Relaxed
from dosmith.crystals.prototypes import PROTOTYPES, Prototype
from dosmith.errors import FileFormatError, FormulaError, NotFoundError
from dosmith.formulas import Composition
from dosmith.library import stability
from dosmith.library.arrow import integers, numbers, taken
from dosmith.shipped import shipped_folder

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

COUNTS = ((1, 1), (2, 1), (1, 2), (3, 1), (1, 3))
SKIPPED = (*ELEMENTAL, "C14")
"""Prototypes that are not tried: those of elements, and one with many atoms that is much like C15."""
_SAVED_EVERY = 20  # steps

SCHEMA = pa.schema(
    [
        ("prototype", pa.dictionary(pa.int16(), pa.string())),
        ("elements", pa.list_(pa.string())),  # on the sites A, B, C
        ("volume", pa.float32()),  # Angstrom^3/atom
        ("stretch", pa.float32()),  # of the prototype's third vector
        ("energy", pa.float32()),  # eV/atom
        ("formation_energy", pa.float32()),  # eV/atom, against the elements in the same potential
    ]
)
"""Columns of a crystal; those of `Surveyed`."""
_FRUITLESS = b"without_crystal"
_BEFORE = b"pairs"  # in older surveys: names of steps, without what was tried in them

Progress = Callable[[str, int, int], None]
"""Called after each step: its name, how many are done, and how many there are."""
Step = Sequence[tuple[Composition, Sequence[str]]]
"""Compositions, and the prototypes that each is tried in."""
Trials = Mapping[Composition, Set[str]]
"""Prototypes by composition."""


@dataclass(frozen=True)
class Surveyed:
    """A crystal of the survey.

    Attributes:
        prototype: Strukturbericht symbol.
        elements: on its sites A, B, C.
        volume: Angstrom^3/atom.
        stretch: of the prototype's third lattice vector.
        energy: eV/atom.
        formation_energy: eV/atom.
    """

    prototype: str
    elements: tuple[str, ...]
    volume: float
    stretch: float
    energy: float
    formation_energy: float

    @cached_property
    def composition(self) -> Composition:
        """Reduced."""
        return formulas.reduce(zip(self.elements, PROTOTYPES[self.prototype].counts, strict=True))

    @property
    def crystal_system(self) -> str:
        """The crystal system of the prototype."""
        return PROTOTYPES[self.prototype].crystal_system

    @property
    def structure(self) -> Structure:
        """The crystal."""
        return PROTOTYPES[self.prototype].stretched(self.stretch).structure(self.elements, self.volume)

    @classmethod
    def of(cls, prototype: Prototype, relaxed: Relaxed, formation_energy: float) -> Surveyed:
        """What is kept of a relaxed crystal."""
        names = [name for name, _ in prototype.sites]
        symbols = [site.specie.symbol for site in relaxed.structure]
        elements = tuple(symbols[names.index(name)] for name in sorted(set(names)))
        stretch = _shape(relaxed.structure.lattice.matrix) / _shape(np.array(prototype.vectors, dtype=np.float64))
        return cls(prototype.name, elements, relaxed.volume, stretch, relaxed.energy, formation_energy)


def survey(
    path: str | Path,
    symbols: Sequence[str],
    limit: int | None = None,
    potential: Potential | None = None,
    progress: Progress | None = None,
) -> list[Surveyed]:
    """Make a survey, or go on with one.

    Args:
        path: of the survey (Parquet).
        symbols: of the elements.
        limit: steps to do at most; None goes to the end.
        potential: CHGNet when None.
        progress: called after each step.

    Raises:
        FileFormatError: the file is no survey.
        MissingExtraError: CHGNet is not installed.
    """
    path, potential = Path(path), potential or Potential()
    found, known = _read(path) if path.is_file() else ([], {})
    fruitless = {composition: set(names) for composition, names in known.items()}
    tried = SurveyIndex.of(found, known).tried
    wanted = steps(symbols)
    open_steps = {name: rest for name, step in wanted.items() if (rest := _untried(step, tried))}
    before, todo = len(wanted) - len(open_steps), list(open_steps)[:limit]
    for number, name in enumerate(todo, 1):
        crystals = surveyed(open_steps[name], potential)
        found += crystals
        for composition, names in _untried(open_steps[name], SurveyIndex.of(crystals).tried):
            fruitless.setdefault(composition, set()).update(names)
        if number % _SAVED_EVERY == 0 or number == len(todo):
            write_survey(path, found, fruitless)
        if progress is not None:
            progress(name, before + number, len(wanted))
    return found


def steps(symbols: Sequence[str]) -> dict[str, Step]:
    """All the work by name: each pair of elements ("Ni-Pt"), then the ternaries of each prototype by their two lightest elements ("E2_1 O-Ti")."""
    wanted: dict[str, list[tuple[Composition, Sequence[str]]]] = {}
    for pair in itertools.combinations(sorted(symbols, key=formulas.atomic_number), 2):
        compositions = [formulas.reduce(zip(pair, counts, strict=True)) for counts in COUNTS]
        wanted["-".join(pair)] = [(composition, _simple(composition)) for composition in compositions]
    known = set(symbols)
    for prototype, expected in TERNARIES.items():
        for composition in sorted({formulas.parse(formula) for formula in expected()}):
            if {symbol for symbol, _ in composition} <= known:
                name = f"{prototype} {composition[0][0]}-{composition[1][0]}"
                wanted.setdefault(name, []).append((composition, [prototype]))
    return dict(wanted)


def _simple(composition: Composition) -> list[str]:
    """The prototypes that a composition of two elements is tried in."""
    return [name for name in PROTOTYPES if name not in SKIPPED and PROTOTYPES[name].assignments(composition)]


def _untried(step: Step, tried: Callable[[Composition], Set[str]]) -> Step:
    """What is left of a step."""
    left = [(composition, [name for name in names if name not in tried(composition)]) for composition, names in step]
    return [(composition, names) for composition, names in left if names]


def surveyed(step: Step, potential: Potential) -> list[Surveyed]:
    """All crystals of a step that could be."""
    found = []
    for composition, names in step:
        for prototype in (PROTOTYPES[name] for name in names):
            with suppress(NotFoundError):
                relaxed = potential.best(prototype, prototype.assignments(composition))
                if potential.could_be(relaxed):
                    found.append(Surveyed.of(prototype, relaxed, potential.formation_energy(relaxed)))
    return found


def read_survey(path: str | Path) -> list[Surveyed]:
    """The crystals of a survey.

    Raises:
        NotFoundError: there is no such file.
        FileFormatError: it is no survey.
    """
    if not Path(path).is_file():
        raise NotFoundError(f"there is no survey {path}; make one with 'dosmith data survey'")
    return _read(Path(path))[0]


class SurveyedCrystals(Mapping[Composition, Sequence[Surveyed]]):
    """The crystals of a table by composition. Those that are asked for become objects, the others stay rows."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        elements, prototypes = table["elements"].combine_chunks(), table["prototype"].combine_chunks().cast(pa.string())
        held, names = elements.flatten().dictionary_encode(), prototypes.dictionary_encode()
        self._symbols, self._prototypes = held.dictionary.to_pylist(), names.dictionary.to_pylist()
        self._code = integers(held.indices)
        starts = integers(elements.offsets)
        self._row = np.repeat(np.arange(len(table)), np.diff(starts))
        self._site = np.arange(len(self._row)) - starts[self._row]
        self._prototype = integers(names.indices)
        bits = np.array([_bits((symbol,)) for symbol in self._symbols], dtype=np.uint64).reshape(-1, 2)[self._code]
        self._bits = np.bitwise_or.reduceat(bits, starts[:-1], axis=0) if len(table) else bits

    def __getitem__(self, composition: Composition) -> Sequence[Surveyed]:
        found = [each for each in self._of_elements(composition) if each.composition == composition]
        if not found:
            raise KeyError(composition)
        return found

    def __iter__(self) -> Iterator[Composition]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)

    def _of_elements(self, composition: Composition) -> list[Surveyed]:
        """Crystals with just these elements."""
        same = (self._bits == _bits(symbol for symbol, _ in composition)).all(axis=1)
        return from_table(taken(self._table, np.flatnonzero(same)))

    @cached_property
    def _whole(self) -> dict[Composition, list[Surveyed]]:
        found: dict[Composition, list[Surveyed]] = {}
        for each in from_table(self._table):
            found.setdefault(each.composition, []).append(each)
        return found

    def items(self) -> ItemsView[Composition, Sequence[Surveyed]]:
        """All of them, as objects."""
        return ItemsView(self._whole)

    @cached_property
    def elemental_energies(self) -> dict[str, float]:
        """eV/atom of the elements that all formation energies are counted from."""
        shares = np.zeros((len(self._table), len(self._symbols)))
        counts = np.zeros((len(self._prototypes), 1 + self._site.max(initial=0)))
        for place, name in enumerate(self._prototypes):
            counts[place, : len(PROTOTYPES[name].counts)] = np.array(PROTOTYPES[name].counts) / sum(PROTOTYPES[name].counts)
        np.add.at(shares, (self._row, self._code), counts[self._prototype[self._row], self._site])
        energies, formation = (numbers(self._table[name]) for name in ("energy", "formation_energy"))
        return stability.elements_of(self._symbols, shares, energies - formation)


@dataclass(frozen=True, eq=False)
class SurveyIndex:
    """A survey to look things up in.

    Attributes:
        crystals: of each composition.
        fruitless: prototypes in which a composition was tried and gave no crystal.
    """

    crystals: SurveyedCrystals
    fruitless: Trials = field(default_factory=dict)

    @classmethod
    def of(cls, survey: Sequence[Surveyed] = (), fruitless: Trials | None = None) -> SurveyIndex:
        """The index of these crystals."""
        return cls(SurveyedCrystals(as_table(survey)), fruitless or {})

    def tried(self, composition: Composition) -> set[str]:
        """The prototypes in which a composition was tried."""
        return {each.prototype for each in self.crystals.get(composition, ())} | self.fruitless.get(composition, set())

    @property
    def elemental_energies(self) -> dict[str, float]:
        """eV/atom of the elements that all its formation energies are counted from."""
        return self.crystals.elemental_energies

    def formation_energy(self, composition: Composition, energy: float) -> float | None:
        """The formation energy of a crystal with this energy, both eV/atom in the potential; None when the survey lacks one of its elements."""
        return stability.formation_energy(composition, energy, self.elemental_energies)


@lru_cache(maxsize=1)
def shipped_survey() -> SurveyIndex:
    """The survey that comes with dosmith; empty where an installation lacks it."""
    try:
        table, fruitless = _table(shipped_folder("survey") / "crystals.parquet")
    except NotFoundError:
        return SurveyIndex.of()
    return SurveyIndex(SurveyedCrystals(table), fruitless)


def write_survey(path: Path, crystals: Sequence[Surveyed], fruitless: Trials | None = None) -> None:
    """Save a survey whole: by formula, lowest first, so that like stands by like and packs well.

    Args:
        path: of the file.
        crystals: of the survey.
        fruitless: prototypes in which a composition was tried and gave no crystal.
    """
    order = sorted(crystals, key=lambda each: (formulas.write(each.composition), np.float32(each.energy)))
    without: dict[str, list[str]] = {}
    for formula, name in sorted((formulas.write(each), name) for each, names in (fruitless or {}).items() for name in names):
        without.setdefault(name, []).append(formula)
    facts = {_FRUITLESS: json.dumps(without, sort_keys=True).encode(), b"potential": NAME.encode()}
    table = as_table(order).replace_schema_metadata(facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd", compression_level=9)


def as_table(crystals: Sequence[Surveyed]) -> pa.Table:
    """Crystals as a table with the columns of `SCHEMA`."""
    rows = [{name: getattr(each, name) for name in SCHEMA.names} | {"elements": list(each.elements)} for each in crystals]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def from_table(table: pa.Table) -> list[Surveyed]:
    """The crystals of such a table, which may have further columns.

    Raises:
        KeyError: a column is missing.
        ValueError: a prototype is unknown.
    """
    columns = [table.column(name).to_pylist() for name in SCHEMA.names]
    crystals = [Surveyed(prototype, tuple(elements), *values) for prototype, elements, *values in zip(*columns, strict=True)]
    if not all(each.prototype in PROTOTYPES for each in crystals):
        raise ValueError("a prototype is unknown")
    return crystals


def _read(path: Path) -> tuple[list[Surveyed], Trials]:
    """Crystals, and what gave none."""
    table, fruitless = _table(path)
    return from_table(table), fruitless


def _table(path: Path) -> tuple[pa.Table, Trials]:
    """Rows of the crystals, and what gave none. An older survey does not say the latter; that little is tried again."""
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            table = file.read(SCHEMA.names, use_threads=False)
        metadata = table.schema.metadata or {}
        without = {} if _BEFORE in metadata else json.loads(metadata[_FRUITLESS])
        if unknown := set(pc.unique(table["prototype"].cast(pa.string())).to_pylist()) - set(PROTOTYPES):
            raise ValueError(f"no prototype is {min(map(str, unknown))}")
        fruitless: dict[Composition, set[str]] = {}
        for name, written in without.items():
            for formula in written:
                fruitless.setdefault(formulas.parse(formula), set()).add(name)
    except (pa.ArrowException, AttributeError, FormulaError, KeyError, ValueError, TypeError, OSError) as error:
        raise FileFormatError(f"{path} is not a survey of crystals ({error})") from None
    return table.cast(SCHEMA), fruitless


def _bits(symbols: Iterable[str]) -> NDArray[np.uint64]:
    """A bit for each element, shape (2,)."""
    mask = sum(1 << formulas.atomic_number(symbol) for symbol in symbols)
    return np.array([mask & 0xFFFFFFFFFFFFFFFF, mask >> 64], dtype=np.uint64)


def _shape(vectors: NDArray[np.float64]) -> float:
    """Length of the third lattice vector over that of the first."""
    lengths = np.linalg.norm(vectors, axis=1)
    return float(lengths[2] / lengths[0])
