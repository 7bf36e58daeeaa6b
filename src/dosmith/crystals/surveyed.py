"""A crystal of the survey, and many of them as columns, of which those that are asked for become objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.compositions import Compositions
from dosmith.crystals.kinds import kind_of, kinds
from dosmith.crystals.prototypes import Prototype
from dosmith.formulas import Composition
from dosmith.library.arrow import integers, numbers
from dosmith.library.stability import CHGNET, FORMATION, SEVENNET

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.crystals.potential import Relaxed

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

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
_NUMBERS = ("volume", "stretch", "energy", "formation_energy")
_POTENTIAL = b"formation_from"


@dataclass(frozen=True)
class Surveyed:
    """A crystal of the survey.

    Attributes:
        prototype: Strukturbericht symbol, or AFLOW label.
        elements: on its sites A, B, C.
        volume: Angstrom^3/atom.
        stretch: of the prototype's third lattice vector.
        energy: CHGNet, eV/atom.
        formation_energy: against the elements, eV/atom.
        potential: that the formation energy is of.
    """

    prototype: str
    elements: tuple[str, ...]
    volume: float
    stretch: float
    energy: float
    formation_energy: float
    potential: str = CHGNET

    @property
    def key(self) -> tuple[str, tuple[str, ...], float, float]:
        """Which crystal it is, whatever its energy."""
        return self.prototype, self.elements, self.volume, self.stretch

    @cached_property
    def composition(self) -> Composition:
        """Reduced."""
        return formulas.reduce(zip(self.elements, kind_of(self.prototype).counts, strict=True))

    @property
    def crystal_system(self) -> str:
        """The crystal system of the prototype."""
        return kind_of(self.prototype).crystal_system

    @property
    def structure(self) -> Structure:
        """The crystal."""
        return kind_of(self.prototype).structure(self.elements, self.volume, self.stretch)

    @classmethod
    def of(cls, prototype: Prototype, relaxed: Relaxed, formation_energy: float) -> Surveyed:
        """What is kept of a relaxed crystal."""
        names = [name for name, _ in prototype.sites]
        symbols = [site.specie.symbol for site in relaxed.structure]
        elements = tuple(symbols[names.index(name)] for name in sorted(set(names)))
        stretch = _shape(relaxed.structure.lattice.matrix) / _shape(np.array(prototype.vectors, dtype=np.float64))
        return cls(prototype.name, elements, relaxed.volume, stretch, relaxed.energy, formation_energy)


def _shape(vectors: FloatArray) -> float:
    """Length of the third lattice vector over that of the first."""
    lengths = np.linalg.norm(vectors, axis=1)
    return float(lengths[2] / lengths[0])


@dataclass(frozen=True, eq=False)
class SurveyedRows(Sequence[Surveyed]):
    """C crystals.

    Attributes:
        names: of the prototypes among them.
        prototype: place of each one's prototype among the names, shape (C,).
        elements: atomic numbers on the sites A, B, C, ..., 0 where it has none, shape (C, S).
        numbers: volume, stretch, energy and formation energy, in the units of `Surveyed`, shape (C, 4).
        potential: that the formation energies are of.
    """

    names: Sequence[str]
    prototype: IntArray
    elements: IntArray
    numbers: FloatArray
    potential: str = CHGNET

    @classmethod
    def of(cls, crystals: Iterable[Surveyed]) -> SurveyedRows:
        """The same as columns; their formation energies are of one potential."""
        held = list(crystals)
        potential = held[0].potential if held else CHGNET
        assert all(each.potential == potential for each in held)
        places = {name: place for place, name in enumerate(dict.fromkeys(each.prototype for each in held))}
        elements = np.zeros((len(held), max((len(each.elements) for each in held), default=1)), dtype=np.intp)
        for row, each in zip(elements, held, strict=True):
            row[: len(each.elements)] = [formulas.atomic_number(symbol) for symbol in each.elements]
        values = np.array([[getattr(each, name) for name in _NUMBERS] for each in held], dtype=np.float64)
        prototype = np.array([places[each.prototype] for each in held], dtype=np.intp)
        return cls(tuple(places), prototype, elements, values.reshape(-1, len(_NUMBERS)), potential)

    @classmethod
    def from_table(cls, table: pa.Table) -> SurveyedRows:
        """The crystals of a table with the columns of `SCHEMA`, and maybe others. SevenNet's formation energies, where there are some, count.

        Raises:
            KeyError: a column is missing.
            ValueError: a prototype is unknown, or has another number of elements.
        """
        named = table["prototype"].combine_chunks().cast(pa.string()).dictionary_encode()
        names, prototype = named.dictionary.to_pylist(), integers(named.indices)
        if unknown := set(names) - set(kinds()):
            raise ValueError(f"no prototype is {min(map(str, unknown))}")
        held = table["elements"].combine_chunks()
        symbols, starts = held.flatten().dictionary_encode(), integers(held.offsets)
        known = np.array([formulas.atomic_number(symbol) for symbol in symbols.dictionary.to_pylist()], dtype=np.intp)
        sizes = np.diff(starts)
        if (sizes != np.array([len(kind_of(name).counts) for name in names], dtype=np.intp)[prototype]).any():
            raise ValueError("a prototype has another number of elements")
        row = np.repeat(np.arange(len(table)), sizes)
        elements = np.zeros((len(table), sizes.max(initial=1)), dtype=np.intp)
        elements[row, np.arange(len(row)) - (starts[:-1] - starts[0])[row]] = known[integers(symbols.indices)]
        better = FORMATION[SEVENNET]
        potential = SEVENNET if better in table.column_names else _potential_of(table)
        columns = [better if name == "formation_energy" and better in table.column_names else name for name in _NUMBERS]
        values = np.stack([numbers(table[name]) for name in columns], axis=1)
        return cls(names, prototype, elements, values, potential)

    def __len__(self) -> int:
        return len(self.prototype)

    @cached_property
    def sites(self) -> IntArray:
        """How many atoms the primitive cell of each has, shape (C,)."""
        return np.array([sum(kind_of(name).counts) for name in self.names], dtype=np.intp)[self.prototype]

    @overload
    def __getitem__(self, place: int) -> Surveyed: ...
    @overload
    def __getitem__(self, place: slice) -> SurveyedRows: ...
    def __getitem__(self, place: int | slice) -> Surveyed | SurveyedRows:
        if isinstance(place, slice):
            return self.taken(np.arange(len(self))[place])
        return self._crystal(int(self.prototype[place]), self.elements[place].tolist(), self.numbers[place].tolist())

    def __iter__(self) -> Iterator[Surveyed]:
        return map(self._crystal, self.prototype.tolist(), self.elements.tolist(), self.numbers.tolist())

    def _crystal(self, prototype: int, elements: Iterable[int], values: Iterable[float]) -> Surveyed:
        symbols = tuple(formulas.symbol_of(each) for each in elements if each)
        volume, stretch, energy, formation_energy = values
        return Surveyed(self.names[prototype], symbols, volume, stretch, energy, formation_energy, self.potential)

    def taken(self, places: IntArray) -> SurveyedRows:
        """Some of them, in this order."""
        return replace(self, prototype=self.prototype[places], elements=self.elements[places], numbers=self.numbers[places])

    @cached_property
    def compositions(self) -> Compositions:
        """Their compositions, reduced."""
        return Compositions.reduced(self.elements, self.counts)

    @cached_property
    def counts(self) -> IntArray:
        """Atoms on the sites A, B, C of a primitive cell, 0 where there are none, shape (C, S)."""
        found = np.zeros((len(self.names), self.elements.shape[1]), dtype=np.intp)
        for row, name in zip(found, self.names, strict=True):
            counts = kind_of(name).counts
            row[: len(counts)] = counts
        return found[self.prototype]

    @property
    def formation_energies(self) -> FloatArray:
        """eV/atom, shape (C,)."""
        return self.numbers[:, _NUMBERS.index("formation_energy")]

    @property
    def volumes(self) -> FloatArray:
        """Angstrom^3/atom, shape (C,)."""
        return self.numbers[:, _NUMBERS.index("volume")]

    @property
    def energies(self) -> FloatArray:
        """eV/atom, shape (C,)."""
        return self.numbers[:, _NUMBERS.index("energy")]

    @cached_property
    def prototypes(self) -> list[str]:
        """Strukturbericht symbol or AFLOW label of each."""
        return [self.names[place] for place in self.prototype.tolist()]

    @cached_property
    def crystal_systems(self) -> list[str]:
        """Crystal system of each."""
        systems = [kind_of(name).crystal_system for name in self.names]
        return [systems[place] for place in self.prototype.tolist()]

    @property
    def space_groups(self) -> IntArray:
        """Number of the space group of each, shape (C,)."""
        return np.array([kind_of(name).space_group for name in self.names], dtype=np.intp)[self.prototype]


def as_table(crystals: Sequence[Surveyed]) -> pa.Table:
    """Crystals as a table with the columns of `SCHEMA`; its metadata name the potential of the formation energies."""
    rows = [{name: getattr(each, name) for name in SCHEMA.names} | {"elements": list(each.elements)} for each in crystals]
    potential = crystals[0].potential if len(crystals) else CHGNET
    return pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({_POTENTIAL: potential.encode()}))


def _potential_of(table: pa.Table) -> str:
    return str((table.schema.metadata or {}).get(_POTENTIAL, CHGNET.encode()).decode())
