"""Whether two crystals are the same, quickly: by what surrounds their atoms.

The mark of a crystal holds its space group, the atoms in its primitive cell and, for each element, the mean distances from its atoms to
their nearest neighbours and to the nearest of their own kind. Two crystals of one formula with the same numbers and distances within
`CLOSE` of each other count as one, wherever they come from: two functionals give a crystal twice, not two crystals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import symmetry

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

CLOSE = 0.025
"""Relative difference of distances."""
NEAREST, ALIKE = 16, 8
"""Neighbours of any kind, and of the same."""
_REACH = 3.2  # of the cube root of the volume per atom
_MILLI = 1000  # Angstrom


def mark_of(structure: Structure, space_group: int | None = None) -> NDArray[np.uint16]:
    """The mark of a primitive cell.

    Args:
        structure: with one element on each site.
        space_group: its number, when it is known.
    """
    reach = _REACH * (structure.volume / len(structure)) ** (1 / 3)
    first, second, _, distance = structure.get_neighbor_list(reach, exclude_self=True)
    numbers = np.array([site.specie.Z for site in structure])
    order = np.argsort(distance, kind="stable")
    first, second, distance = first[order], second[order], distance[order]
    found = [symmetry.space_group(structure)[1] if space_group is None else space_group, len(structure)]
    own = numbers[first] == numbers[second]
    for number in np.unique(numbers):
        sites = np.flatnonzero(numbers == number)
        for chosen, count in ((np.ones(len(own), bool), NEAREST), (own, ALIKE)):
            rows = np.full((len(sites), count), reach)
            for row, site in zip(rows, sites, strict=True):
                near = distance[chosen & (first == site)][:count]
                row[: len(near)] = near
            found += np.rint(_MILLI * rows.mean(axis=0)).astype(int).tolist()
    return np.minimum(found, 65535).astype(np.uint16)


def same(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> bool:
    """Whether the marks of two crystals of one formula are those of the same crystal."""
    if len(one) != len(other) or (one[:2] != other[:2]).any():
        return False
    here, there = one[2:].astype(np.float64), other[2:].astype(np.float64)
    return bool((np.abs(here - there) <= CLOSE * np.maximum(here, there)).all())
