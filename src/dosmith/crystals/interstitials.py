"""Octahedral and tetrahedral interstitial sites of a crystal, one of each kind that symmetry tells apart.

A site is the centre of a polyhedron of atoms. The corners of the atoms' Voronoi cells, where the holes of close packings are
widest, and the middles between neighbouring cells, where body-centred crystals have their flat octahedra, say which atoms
come into question. The centre is then moved to the special position of the space group that it belongs to, so that a site's
multiplicity is that of a Wyckoff position.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.errors import DosmithError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

_CLOSEST = 0.5  # Angstrom to the nearest atom, at least
_SHELL = 1.03  # times farther than the polyhedron's last atom must the next one be
_OPPOSITE, _RIGHT = 160.0, (60.0, 120.0)  # degrees, of an octahedron
_TETRAHEDRAL = (80.0, 145.0)  # degrees, of a tetrahedron
_LONGEST = 1.5  # of an octahedron's longest arm to its shortest; 1.41 in body-centred crystals, 1.73 at midpoints of bonds


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
        structure: ordered crystal, in any cell.

    Raises:
        DosmithError: the crystal is disordered.
    """
    if not structure.is_ordered:
        raise DosmithError(
            f"{structure.composition.reduced_formula} is disordered, so its sites have no definite neighbours;"
            " give a crystal with one element on every site"
        )
    lattice, group, atoms = structure.lattice, symmetry.operations(structure), _Atoms(structure)
    sites: list[Site] = []
    centres = looked_at = np.empty((0, 3))
    for hole in atoms.holes():
        place = lattice.get_fractional_coords(hole)
        if symmetry.same(lattice, looked_at, place).any():
            continue
        looked_at = np.concatenate([looked_at, symmetry.orbit(lattice, place, group)])
        for kind, count in (("octahedral", 6), ("tetrahedral", 4)):
            middle = atoms.centre(hole, count)
            if middle is None:
                continue
            centre = symmetry.special(lattice, lattice.get_fractional_coords(middle), group)
            found = atoms.around(lattice.get_cartesian_coords(centre), count)
            if found is None or symmetry.same(lattice, centres, centre).any():
                continue
            orbit = symmetry.orbit(lattice, centre, group)
            centres = np.concatenate([centres, orbit])
            sites.append(Site(kind, found[0], _first(orbit), len(orbit), found[1]))
    return sorted(sites, key=lambda site: (site.kind, -round(site.distance, 3), site.environment))


def with_atom(structure: Structure, site: Site, symbol: str, repeats: int = 1) -> Structure:
    """The crystal, repeated along each axis, with an atom on one of the sites; it is the last atom."""
    crystal = structure.copy()
    place = structure.lattice.get_cartesian_coords(site.frac_coords)
    crystal.make_supercell([repeats] * 3)
    crystal.append(symbol, place, coords_are_cartesian=True)
    return crystal


class _Atoms:
    """The atoms of a crystal's reduced cell and around it, as far as they surround its holes."""

    def __init__(self, structure: Structure) -> None:
        from scipy.spatial import KDTree, Voronoi

        self._lattice = structure.lattice.get_lll_reduced_lattice()
        coords = self._lattice.get_fractional_coords(structure.cart_coords)
        middle = self._lattice.matrix.sum(axis=0) / 2
        corners = np.array(np.meshgrid(*[(0, 1)] * 3)).reshape(3, -1).T @ self._lattice.matrix - middle
        margin = 4 * (structure.volume / len(structure)) ** (1 / 3)
        while True:
            radius = float(np.linalg.norm(corners, axis=1).max()) + margin
            near = self._lattice.get_points_in_sphere(coords, middle, radius)
            self._points = self._lattice.get_cartesian_coords([image for image, *_ in near])
            self._symbols = [structure[int(index)].specie.symbol for _, _, index, *_ in near]
            self._tree = KDTree(self._points)
            cells = Voronoi(self._points)
            self._corners = self._inside(cells.vertices)
            if not len(self._corners) or self._tree.query(self._corners)[0].max() <= margin:
                break
            margin *= 2  # a hole wider than what is known around it
        self._middles = self._inside(self._points[cells.ridge_points].mean(axis=1))

    def holes(self) -> FloatArray:
        """Corners of the Voronoi cells, then middles between neighbouring ones, Cartesian, shape (N, 3)."""
        return np.concatenate([self._corners, self._middles])

    def nearest(self, place: FloatArray, count: int) -> tuple[FloatArray, FloatArray, NDArray[np.intp]]:
        """Where a place is within the cell, and distances and numbers of the atoms nearest to it."""
        inside = (self._lattice.get_fractional_coords(place) + 1e-9) % 1.0 @ self._lattice.matrix
        distances, index = self._tree.query(inside, count)
        return inside, distances, index

    def centre(self, place: FloatArray, count: int) -> FloatArray | None:
        """The middle of the 6 atoms around a place, or the point as far from each of 4; None where they do not surround it."""
        before: frozenset[int] = frozenset()
        for _ in range(5):
            place, _, index = self.nearest(place, count)
            if before == (before := frozenset(index.tolist())):
                return place
            atoms = self._points[index]
            if count == 6:
                place = atoms.mean(axis=0)
                continue
            edges = atoms[1:] - atoms[0]
            if abs(np.linalg.det(edges)) < 0.1:  # Angstrom^3: in one plane
                return None
            place = atoms[0] + np.linalg.solve(edges, (edges**2).sum(axis=1) / 2)
        return None

    def around(self, place: FloatArray, count: int) -> tuple[str, float] | None:
        """Which 6 or 4 atoms are around a place, and the nearest one's distance; None when they are no octahedron or tetrahedron."""
        inside, distances, index = self.nearest(place, count + 1)
        if distances[0] < _CLOSEST or distances[count] < _SHELL * distances[count - 1]:
            return None
        if not _surrounds(self._points[index[:count]] - inside):
            return None
        atoms = Counter(self._symbols[i] for i in index[:count])
        ordered = sorted(atoms.items(), key=lambda item: (-item[1], formulas.atomic_number(item[0])))
        return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in ordered), float(distances[0])

    def _inside(self, places: FloatArray) -> FloatArray:
        fractional = self._lattice.get_fractional_coords(places)
        return np.asarray(places[((fractional > -1e-6) & (fractional < 1 - 1e-6)).all(axis=1)])


def _surrounds(arms: FloatArray) -> bool:
    """Whether the vectors from a place to 6 atoms are those of an octahedron, to 4 those of a tetrahedron."""
    lengths = np.linalg.norm(arms, axis=1)
    directions = arms / lengths[:, None]
    angles = np.degrees(np.arccos(np.clip(directions @ directions.T, -1, 1)))[np.triu_indices(len(arms), 1)]
    if len(arms) == 4:
        return bool(_TETRAHEDRAL[0] < angles.min() and angles.max() < _TETRAHEDRAL[1])
    right = angles[angles < _OPPOSITE]
    return bool(
        lengths.max() <= _LONGEST * lengths.min() and len(right) == 12 and _RIGHT[0] < right.min() and right.max() < _RIGHT[1]
    )


def _first(orbit: FloatArray) -> FloatArray:
    """The same of equivalent places every time, whichever was found first: results that are kept go by it."""
    rounded = np.round(orbit, 3) % 1.0
    return np.asarray(np.round(orbit[np.lexsort(rounded.T[::-1])[0]], 9) % 1.0)
