"""Molecules and molecular ions packed in simple lattices: the chemistry of closed shells, which prototypes of a few atoms lack.

Molecules stand in a face-centred cubic lattice, ions and metals in that of rock salt, all turned alike, as close as radii allow. The packing is not
that of the true crystals, most of which have large cells, but the levels within molecules are; entries say so in `volume_from`.
Molecules: the experimental geometries of ASE's g2 collection (L. A. Curtiss et al., J. Chem. Phys. 106, 1063 (1997)); ions: bond lengths as usual in their salts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith.dft.plan import Entry
from dosmith.errors import MissingExtraError

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]
Shape = tuple[tuple[str, ...], FloatArray]
"""Elements and places, Angstrom, of the atoms of a molecule."""

PROTOTYPE = "molecular"
FROM = "molecules packed by van der Waals radii"
MOLECULES = [
    "H2O",
    "SH2",
    "HCl",
    "HF",
    "PH3",
    "SiH4",
    "HCN",
    "C2H2",
    "C2H4",
    "C2H6",
    "CH3OH",
    "H2CO",
    "HCOOH",
    "CH3Cl",
    "CCl4",
    "CF4",
    "SiF4",
    "SiCl4",
    "CS2",
    "OCS",
    "N2O",
    "SO2",
    "N2H4",
    "H2O2",
    "NF3",
    "PF3",
    "BF3",
    "BCl3",
    "AlCl3",
    "F2O",
    "ClF",
    "ClF3",
    "NCCN",
    "CH3CN",
    "H3CNH2",
    "H2CF2",
    "HCF3",
    "COF2",
    "Si2H6",
    "CH3SH",
    "CO",
    "C3H4_D2d",
]
"""Of the g2 collection: closed shells, up to eight atoms."""
METALS = {"Li": 0.76, "Na": 1.02, "K": 1.38, "Rb": 1.52, "Cs": 1.67}
"""Radii in salts, Angstrom (R. D. Shannon, Acta Cryst. A 32, 751 (1976))."""
_CLOSER = 0.9
"""Of the sum of two van der Waals radii: how near atoms of two molecules come."""
_TOUCHING = 0.85
"""Of an atom's van der Waals radius: how near it lets a metal ion."""


def _tetrahedron(centre: str, corner: str, bond: float) -> Shape:
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * bond / 3**0.5
    return (centre, *[corner] * 4), np.vstack([np.zeros(3), corners])


def _triangle(centre: str, corner: str, bond: float) -> Shape:
    angles = 2 * np.pi * np.arange(3) / 3
    corners = bond * np.stack([np.cos(angles), np.sin(angles), np.zeros(3)], axis=1)
    return (centre, *[corner] * 3), np.vstack([np.zeros(3), corners])


def _row(symbols: Sequence[str], bonds: Sequence[float]) -> Shape:
    """Atoms on the diagonal of the cube."""
    along = np.concatenate([[0.0], np.cumsum(bonds)])
    return tuple(symbols), (along - along.mean())[:, None] * np.ones(3) / 3**0.5


def _bent(centre: str, ends: str, bond: float, degrees: float) -> Shape:
    half = np.radians(degrees / 2)
    x, z = bond * np.sin(half), bond * np.cos(half)
    return (centre, ends, ends), np.array([[0.0, 0.0, 0.0], [x, 0.0, -z], [-x, 0.0, -z]])


ANIONS: dict[str, Shape] = {
    "BH4": _tetrahedron("B", "H", 1.22),
    "ClO4": _tetrahedron("Cl", "O", 1.44),
    "BF4": _tetrahedron("B", "F", 1.39),
    "NO3": _triangle("N", "O", 1.25),
    "OH": _row("OH", [0.97]),
    "SH": _row("SH", [1.34]),
    "CN": _row("CN", [1.17]),
    "N3": _row("NNN", [1.18, 1.18]),
    "OCN": _row("OCN", [1.23, 1.19]),
    "NO2": _bent("N", "O", 1.24, 115.0),
    "NH2": _bent("N", "H", 1.03, 104.0),
}
"""Molecular ions of charge -1."""


def molecular() -> Iterator[Entry]:
    """The molecules, then the salts.

    Raises:
        MissingExtraError: ASE is not installed.
    """
    try:
        from ase.build import molecule
    except ImportError:
        raise MissingExtraError("molecules (ASE)", "relax") from None
    for name in MOLECULES:
        atoms = molecule(name)  # type: ignore[no-untyped-call]
        yield _entry(packed((tuple(atoms.get_chemical_symbols()), atoms.get_positions())))
    for anion in ANIONS.values():
        for metal in METALS:
            yield _entry(packed(anion, metal))


def packed(shape: Shape, metal: str | None = None) -> Structure:
    """A molecule at each point of a face-centred cubic lattice, and a metal ion in each octahedral hole, as close as radii allow."""
    from pymatgen.core.lattice import Lattice
    from pymatgen.core.structure import Structure

    symbols, places = list(shape[0]), shape[1] - shape[1].mean(axis=0)
    vectors = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    if metal is not None:
        symbols.append(metal)
    radii = np.array([METALS[symbol] if symbol == metal else _CLOSER * _radius(symbol) for symbol in symbols])
    cells = np.array([(i, j, k) for i in range(-2, 3) for j in range(-2, 3) for k in range(-2, 3)], dtype=np.float64)
    touching = np.array([METALS[s] if s == metal else _TOUCHING * _radius(s) for s in symbols])
    ions = np.array([symbol == metal for symbol in symbols])
    least = np.where(ions[:, None] | ions[None, :], touching[:, None] + touching, radii[:, None] + radii)

    def fits(edge: float) -> bool:
        sites = places if metal is None else np.vstack([places, np.full(3, edge / 2)])
        apart = np.linalg.norm(sites[None, :, None] - sites[None, None, :] + (cells @ vectors * edge)[:, None, None], axis=-1)
        within = np.ones((len(symbols), len(symbols)), dtype=bool) & ~ions[:, None] & ~ions[None, :]
        apart[np.all(cells == 0, axis=1)] = np.where(within | np.eye(len(symbols), dtype=bool), np.inf, apart[len(cells) // 2])
        return bool((apart >= least).all())

    near, far = 2.0, 20.0
    while far - near > 0.005:
        middle = (near + far) / 2
        near, far = (near, middle) if fits(middle) else (middle, far)
    sites = places if metal is None else np.vstack([places, np.full(3, far / 2)])
    return Structure(Lattice(vectors * far), symbols, sites, coords_are_cartesian=True)


def _radius(symbol: str) -> float:
    from pymatgen.core.periodic_table import Element

    return float(Element(symbol).van_der_waals_radius)


def _entry(structure: Structure) -> Entry:
    return Entry.of(structure, PROTOTYPE, volume_from=FROM, purpose=PROTOTYPE)
