"""What a crystal is: space group and crystal system by spglib, and its prototype, if it is one that dosmith knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.structures import SYMMETRY, system_of

FloatArray = NDArray[np.float64]
_Cell = tuple[list[list[float]], list[list[float]], list[int]]
"""Lattice, coordinates, atomic numbers: what spglib takes."""


@dataclass(frozen=True)
class Symmetry:
    """Names of a crystal.

    Attributes:
        space_group: Hermann-Mauguin symbol such as Pm-3m.
        crystal_system: cubic, hexagonal, ...
        prototype: Strukturbericht symbol such as L1_2; None when it has none that dosmith knows.
    """

    space_group: str
    crystal_system: str
    prototype: str | None


def recognise(lattice: FloatArray, species: Sequence[str], frac_coords: FloatArray) -> Symmetry | None:
    """The symmetry of a crystal; None when spglib finds none, as where atoms overlap.

    Args:
        lattice: vectors as rows, Angstrom, shape (3, 3).
        species: element of each site.
        frac_coords: shape (sites, 3).
    """
    import spglib

    cell = (lattice.tolist(), frac_coords.tolist(), [formulas.atomic_number(symbol) for symbol in species])
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY)
    except spglib.SpglibError:
        return None
    if found is None:
        return None
    return Symmetry(str(found.international), system_of(int(found.number)), _prototype(cell, found))


def _prototype(cell: _Cell, dataset: Any) -> str | None:
    """The prototype of the space group, stoichiometry and number of atoms whose sites are where the crystal's are."""
    composition = formulas.reduce((formulas.symbol_of(number), 1) for number in cell[2])
    possible = [
        (each, assignments)
        for each in PROTOTYPES.values()
        if int(each.aflow.split("_")[2]) == dataset.number and (assignments := each.assignments(composition))
    ]
    if not possible:
        return None
    import spglib
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core.structure import Structure

    primitive = spglib.find_primitive(cell, symprec=SYMMETRY)
    if primitive is None:
        return None
    lattice, places, numbers = primitive
    crystal = Structure(lattice, [formulas.symbol_of(int(number)) for number in numbers], places)
    matcher = StructureMatcher(primitive_cell=False)
    volume = crystal.volume / len(crystal)
    for each, assignments in possible:
        if each.crystal_system != "cubic":  # as long as the crystal is
            each = each.stretched(_length(dataset.std_lattice) / _length(np.array(each.vectors)))
        if len(crystal) == len(each.sites) and any(matcher.fit(crystal, each.structure(order, volume)) for order in assignments):
            return each.name
    return None


def _length(lattice: FloatArray) -> float:
    """c/a of a hexagonal or tetragonal cell."""
    first, _, third = np.linalg.norm(lattice, axis=1)
    return float(third / first)
