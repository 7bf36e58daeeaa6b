"""Octahedral and tetrahedral interstitial sites of a crystal, one of each kind that symmetry tells apart.

Places that come into question are the corners of the atoms' Voronoi cells, where octahedra and tetrahedra of close packings
have their centres, and midpoints between atoms, where the flat octahedra of body-centred crystals have theirs. What the
nearest atoms form decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas

if TYPE_CHECKING:
    from pymatgen.core.operations import SymmOp
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

_SAME = 0.05  # Angstrom between places that are one
_SHELL = 0.1  # Angstrom by which the next atom must be farther than the last one of the polyhedron
_OPPOSITE, _RIGHT = 160.0, (60.0, 120.0)  # degrees, of an octahedron
_TETRAHEDRAL = (80.0, 145.0)  # degrees, of a tetrahedron
_LONGEST = 1.5  # of an octahedron's longest arm to its shortest; 1.41 in body-centred crystals, 1.73 at midpoints of bonds
_REACH = 4.5  # Angstrom


@dataclass(frozen=True, eq=False)
class Site:
    """An interstitial site.

    Attributes:
        kind: octahedral or tetrahedral.
        environment: the atoms around it: `Mo4Co2`.
        frac_coords: in the crystal it was found in, the first of the equivalent ones in order, shape (3,).
        multiplicity: equivalent sites in that crystal's cell.
        distance: to the nearest atom, Angstrom.
    """

    kind: str
    environment: str
    frac_coords: FloatArray
    multiplicity: int
    distance: float

    @property
    def name(self) -> str:
        """Kind and environment."""
        return f"{self.kind} {self.environment}"


def interstitial_sites(structure: Structure) -> list[Site]:
    """The sites of a crystal, octahedral ones first; kinds with the same environment apart where symmetry tells them apart.

    Args:
        structure: ordered crystal.
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    operations = SpacegroupAnalyzer(structure, symprec=1e-2).get_symmetry_operations()
    sites: list[Site] = []
    seen = np.empty((0, 3))
    for place in _places(structure):
        if len(seen) and _near(structure, seen, place):
            continue
        orbit = _orbit(structure, place, operations)
        seen = np.concatenate([seen, orbit])
        found = _polyhedron(structure, place)
        if found is not None:
            kind, environment, distance = found
            sites.append(Site(kind, environment, _first(orbit), len(orbit), distance))
    return sorted(sites, key=lambda site: (site.kind, -round(site.distance, 3), site.environment))


def with_atom(structure: Structure, site: Site, symbol: str, repeats: int = 1) -> Structure:
    """The crystal, repeated along each axis, with an atom on one of the sites; it is the last atom."""
    crystal = structure.copy()
    place = structure.lattice.get_cartesian_coords(site.frac_coords)
    crystal.make_supercell([repeats] * 3)
    crystal.append(symbol, place, coords_are_cartesian=True)
    return crystal


def _places(structure: Structure) -> list[FloatArray]:
    """Fractional coordinates within the cell that may be the centre of a polyhedron."""
    from scipy.spatial import Voronoi

    shifts = np.array(np.meshgrid(*[range(-2, 3)] * 3, indexing="ij")).reshape(3, -1).T
    images = (structure.frac_coords[None, :, :] + shifts[:, None, :]).reshape(-1, 3)
    points = structure.lattice.get_cartesian_coords(images)
    corners = structure.lattice.get_fractional_coords(Voronoi(points).vertices)
    one, _, _, distances = structure.get_neighbor_list(_REACH, exclude_self=True)
    _, other, offsets, _ = structure.get_neighbor_list(_REACH, exclude_self=True)
    midpoints = (structure.frac_coords[one] + structure.frac_coords[other] + offsets) / 2
    midpoints = midpoints[np.argsort(distances, kind="stable")]
    inside = [place for place in corners if (place > -1e-6).all() and (place < 1 - 1e-6).all()]
    return [np.asarray(place) % 1.0 for place in (*inside, *midpoints)]


def _near(structure: Structure, places: FloatArray, place: FloatArray) -> bool:
    return bool((structure.lattice.get_all_distances(places, place[None, :]) < _SAME).any())


def _orbit(structure: Structure, place: FloatArray, operations: Sequence[SymmOp]) -> FloatArray:
    """All places that symmetry makes of one, shape (multiplicity, 3)."""
    orbit = place[None, :]
    for operation in operations:
        image = np.asarray(operation.operate(place)) % 1.0
        if not _near(structure, orbit, image):
            orbit = np.concatenate([orbit, image[None, :]])
    return orbit


def _first(orbit: FloatArray) -> FloatArray:
    """The same of equivalent places every time, whichever was found first: results that are kept go by it."""
    rounded = np.round(orbit, 3) % 1.0
    return np.asarray(orbit[np.lexsort(rounded.T[::-1])[0]])


def _polyhedron(structure: Structure, place: FloatArray) -> tuple[str, str, float] | None:
    """Kind, environment and nearest distance of a place; None when it is the centre of neither polyhedron."""
    centre = structure.lattice.get_cartesian_coords(place)
    around = sorted(structure.get_sites_in_sphere(centre, _REACH), key=lambda site: float(site.nn_distance))
    distances = np.array([site.nn_distance for site in around])
    for kind, count in (("octahedral", 6), ("tetrahedral", 4)):
        if len(around) < count or distances[0] < 0.5:
            continue
        if len(around) > count and distances[count] < distances[count - 1] + _SHELL:
            continue
        arms = np.array([site.coords - centre for site in around[:count]])
        arms /= np.linalg.norm(arms, axis=1)[:, None]
        angles = np.degrees(np.arccos(np.clip(arms @ arms.T, -1, 1)))[np.triu_indices(count, 1)]
        if count == 6:
            right = angles[angles < _OPPOSITE]
            fits = (
                distances[5] <= _LONGEST * distances[0]
                and len(right) == 12
                and _RIGHT[0] < right.min()
                and right.max() < _RIGHT[1]
            )
        else:
            fits = _TETRAHEDRAL[0] < angles.min() and angles.max() < _TETRAHEDRAL[1]
        if fits:
            atoms = Counter(site.specie.symbol for site in around[:count])
            ordered = sorted(atoms.items(), key=lambda item: (-item[1], formulas.atomic_number(item[0])))
            environment = "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in ordered)
            return kind, environment, float(distances[0])
    return None
