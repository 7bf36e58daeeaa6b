"""The crystal that a density of states belongs to, as plain arrays, checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dosmith import formulas
from dosmith.errors import FileFormatError, FormulaError
from dosmith.formulas import Composition

FloatArray = NDArray[np.float64]

MOST_SITES = 2000
_VOLUMES = (1.0, 10_000.0)  # of an atom, cubic Angstrom
_LABEL = re.compile(r"([A-Z][a-z]?)(?![a-z])|([A-Z])")


@dataclass(frozen=True, eq=False)
class Crystal:
    """A crystal with one element on each site.

    Attributes:
        lattice: lattice vectors as rows, Angstrom, shape (3, 3).
        species: element of each site.
        frac_coords: fractional coordinates, shape (sites, 3).
        file: name of the file it was read from, where it is another one than the curve's; "".

    Raises:
        FileFormatError: on construction, when this is no crystal.
    """

    lattice: FloatArray
    species: tuple[str, ...]
    frac_coords: FloatArray
    file: str = ""

    def __post_init__(self) -> None:
        try:
            lattice = np.array(self.lattice, dtype=np.float64)
            coordinates = np.array(self.frac_coords, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise FileFormatError("holds a crystal whose lattice or places are no numbers") from None
        count = len(self.species)
        if lattice.shape != (3, 3) or coordinates.shape != (count, 3) or not 0 < count <= MOST_SITES:
            raise FileFormatError(f"holds no crystal of 1 to {MOST_SITES:,} atoms")
        finite = bool(np.isfinite(lattice).all() and np.isfinite(coordinates).all())
        with np.errstate(all="ignore"):
            volume = abs(float(np.linalg.det(lattice))) / count if finite else 0.0
        if not _VOLUMES[0] < volume < _VOLUMES[1]:
            raise FileFormatError("holds a crystal whose cell is impossible")
        object.__setattr__(self, "lattice", lattice)
        object.__setattr__(self, "frac_coords", coordinates)
        try:
            _ = self.composition
        except FormulaError as error:
            raise FileFormatError(f"holds a crystal whose atoms are not known: {error}") from None

    @property
    def composition(self) -> Composition:
        """Reduced."""
        return formulas.reduce((symbol, 1) for symbol in self.species)

    @classmethod
    def of_cartesian(cls, lattice: ArrayLike, species: Sequence[str], positions: ArrayLike) -> Crystal:
        """From positions in Angstrom, shape (sites, 3).

        Raises:
            FileFormatError: this is no crystal.
        """
        cell, places = np.array(lattice, dtype=np.float64), np.array(positions, dtype=np.float64)
        try:
            return cls(cell, tuple(species), places @ np.linalg.inv(cell))
        except (np.linalg.LinAlgError, ValueError):
            raise FileFormatError("holds a crystal whose cell is impossible") from None

    @classmethod
    def of_pymatgen(cls, structure: Any) -> Crystal:
        """From an ordered pymatgen Structure.

        Raises:
            FileFormatError: sites are shared by several elements, or this is no crystal.
        """
        if not structure.is_ordered:
            raise FileFormatError("holds a crystal whose sites are shared by several elements")
        species = tuple(str(getattr(site.specie, "symbol", site.specie)) for site in structure)
        return cls(structure.lattice.matrix, species, structure.frac_coords)

    def alike(self, other: Crystal) -> bool:
        """Whether both are written in the same way."""
        return (
            self.species == other.species
            and np.allclose(self.lattice, other.lattice, atol=1e-3)
            and np.allclose(self.frac_coords, other.frac_coords, atol=1e-3)
        )


def refuse_endless(text: str) -> None:
    """Refuse what pymatgen's patterns would take hours for; lines of a CIF have at most 2,048 characters.

    Raises:
        FileFormatError: there is a longer line, or there are fifty digits or 500 blanks in a row.
    """
    if re.search(r"[\d.]{50}|[^\n]{2049}|\s{500}", text):
        raise FileFormatError("holds a number of fifty digits, a line of over 2,048 characters, or 500 blanks in a row")


def element_of(label: str) -> str:
    """The element in a program's own label of an atom: Ni1 and Ni_up are Ni.

    Raises:
        FileFormatError: there is none.
    """
    found = _LABEL.match(label)
    symbol = (found.group(1) or found.group(2)) if found else ""
    try:
        formulas.atomic_number(symbol)
    except FormulaError:
        raise FileFormatError(f"names an atom {label[:20]!r}, which is no element") from None
    return symbol
