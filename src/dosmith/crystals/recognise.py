"""What a crystal is: space group and crystal system by spglib, and its prototype, if it is one that dosmith knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.prototypes import PROTOTYPES

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]


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
    numbers = [formulas.atomic_number(symbol) for symbol in species]
    found = symmetry.dataset(lattice, frac_coords, numbers)
    if found is None:
        return None
    from pymatgen.core.structure import Structure

    return Symmetry(
        str(found.international),
        symmetry.system_of(int(found.number)),
        _prototype(Structure(lattice, list(species), frac_coords), found),
    )


def _prototype(structure: Structure, dataset: Any) -> str | None:
    """The prototype of the space group, stoichiometry and number of atoms whose sites are where the crystal's are."""
    composition = formulas.reduce((site.specie.symbol, 1) for site in structure)
    possible = [
        (each, assignments)
        for each in PROTOTYPES.values()
        if int(each.aflow.split("_")[2]) == dataset.number and (assignments := each.assignments(composition))
    ]
    if not possible:
        return None
    from pymatgen.analysis.structure_matcher import StructureMatcher

    crystal = symmetry.primitive(structure)
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
