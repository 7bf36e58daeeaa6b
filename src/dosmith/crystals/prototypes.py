"""Crystal prototypes: Strukturbericht symbol -> a primitive cell with elements of one's choice on its sites.

Sites are named A, B, C in the order in which elements are given. Coordinates: N. Mehl et al., Comput. Mater. Sci. 136,
S1 (2017), the AFLOW library of crystallographic prototypes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import NotFoundError, did_you_mean
from dosmith.formulas import Composition

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

_CUBE = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
_FACE = ((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
_BODY = ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5))


def _hexagon(ratio: float) -> tuple[tuple[float, ...], ...]:
    return ((0.5, -(0.75**0.5), 0), (0.5, 0.75**0.5, 0), (0, 0, ratio))


def _tetragon(ratio: float) -> tuple[tuple[float, ...], ...]:
    return ((1, 0, 0), (0, 1, 0), (0, 0, ratio))


@dataclass(frozen=True)
class Prototype:
    """A crystal whose elements are open.

    Attributes:
        name: Strukturbericht symbol, or the Hermann-Mauguin symbol and formula where there is none.
        aflow: label in the AFLOW library.
        crystal_system: cubic, hexagonal, tetragonal.
        vectors: primitive lattice vectors as rows, of any length.
        sites: name (A, B, C) and fractional coordinates of each atom.
    """

    name: str
    aflow: str
    crystal_system: str
    vectors: tuple[tuple[float, ...], ...]
    sites: tuple[tuple[str, tuple[float, float, float]], ...]

    @property
    def space_group(self) -> int:
        """The number of its space group."""
        return int(self.aflow.split("_")[2])

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Atoms of A, B, C in the primitive cell."""
        names = [name for name, _ in self.sites]
        return tuple(names.count(name) for name in sorted(set(names)))

    def assignments(self, composition: Composition) -> list[tuple[str, ...]]:
        """All ways to put a composition's elements on the sites A, B, C; none when it has another stoichiometry."""
        counts = self.counts
        scale, rest = divmod(sum(counts), sum(count for _, count in composition))
        wanted = {symbol: count * scale for symbol, count in composition}
        if rest or len(wanted) != len(counts):
            return []
        orders = itertools.permutations(wanted)
        return [order for order in orders if all(wanted[symbol] == n for symbol, n in zip(order, counts, strict=True))]

    def stretched(self, factor: float) -> Prototype:
        """The prototype with its third lattice vector longer by a factor."""
        first, second, third = self.vectors
        return replace(self, vectors=(first, second, tuple(factor * component for component in third)))

    def structure(self, elements: Sequence[str], volume_per_atom: float) -> Structure:
        """The crystal with these elements on A, B, C.

        Args:
            elements: one symbol for each of the sites' names.
            volume_per_atom: Angstrom^3.

        Raises:
            ValueError: too many or too few elements.
        """
        from pymatgen.core.structure import Structure

        if len(elements) != len(self.counts):
            raise ValueError(f"{self.name} takes {len(self.counts)} elements, not {len(elements)}")
        vectors = np.array(self.vectors, dtype=np.float64)
        scale = (volume_per_atom * len(self.sites) / abs(np.linalg.det(vectors))) ** (1 / 3)
        species = [elements["ABC".index(name)] for name, _ in self.sites]
        return Structure(vectors * scale, species, [place for _, place in self.sites])


def _sites(**places: Sequence[tuple[float, float, float]]) -> tuple[tuple[str, tuple[float, float, float]], ...]:
    return tuple((name, place) for name, group in places.items() for place in group)


_Q = 0.25
_FACES = ((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
_EDGES = ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))
_THIRDS = ((1 / 3, 2 / 3, _Q), (2 / 3, 1 / 3, 0.75))
_CORNERS = ((0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5))
_X15 = ((_Q, 0, 0.5), (0.75, 0, 0.5), (0.5, _Q, 0), (0.5, 0.75, 0), (0, 0.5, _Q), (0, 0.5, 0.75))
_X = 5 / 6
_D019 = ((_X, 2 * _X - 1, _Q), (2 - 2 * _X, 1 - _X, _Q), (_X, 1 - _X, _Q))

PROTOTYPES: dict[str, Prototype] = {
    prototype.name: prototype
    for prototype in (
        Prototype("A1", "A_cF4_225_a", "cubic", _FACE, _sites(A=[(0, 0, 0)])),
        Prototype("A2", "A_cI2_229_a", "cubic", _BODY, _sites(A=[(0, 0, 0)])),
        Prototype("A3", "A_hP2_194_c", "hexagonal", _hexagon(1.62), _sites(A=_THIRDS)),
        Prototype("A4", "A_cF8_227_a", "cubic", _FACE, _sites(A=[(0, 0, 0), (_Q, _Q, _Q)])),
        Prototype("A_h", "A_cP1_221_a", "cubic", _CUBE, _sites(A=[(0, 0, 0)])),
        Prototype("B1", "AB_cF8_225_a_b", "cubic", _FACE, _sites(A=[(0, 0, 0)], B=[(0.5, 0.5, 0.5)])),
        Prototype("B2", "AB_cP2_221_b_a", "cubic", _CUBE, _sites(A=[(0, 0, 0)], B=[(0.5, 0.5, 0.5)])),
        Prototype("B3", "AB_cF8_216_c_a", "cubic", _FACE, _sites(A=[(0, 0, 0)], B=[(_Q, _Q, _Q)])),
        Prototype(
            "B4",
            "AB_hP4_186_b_b",
            "hexagonal",
            _hexagon(1.63),
            _sites(A=[(1 / 3, 2 / 3, 0), (2 / 3, 1 / 3, 0.5)], B=[(1 / 3, 2 / 3, 0.375), (2 / 3, 1 / 3, 0.875)]),
        ),
        Prototype("B_h", "AB_hP2_187_d_a", "hexagonal", _hexagon(0.97), _sites(A=[(0, 0, 0)], B=[(1 / 3, 2 / 3, 0.5)])),
        Prototype("B8_1", "AB_hP4_194_c_a", "hexagonal", _hexagon(1.4), _sites(A=[(0, 0, 0), (0, 0, 0.5)], B=_THIRDS)),
        Prototype("C1", "AB2_cF12_225_a_c", "cubic", _FACE, _sites(A=[(_Q, _Q, _Q), (0.75, 0.75, 0.75)], B=[(0, 0, 0)])),
        Prototype(
            "C15",
            "A2B_cF24_227_d_a",
            "cubic",
            _FACE,
            _sites(A=_CORNERS, B=[(0.125, 0.125, 0.125), (0.875, 0.875, 0.875)]),
        ),
        Prototype(
            "C32",
            "AB2_hP3_191_a_d",
            "hexagonal",
            _hexagon(1.07),
            _sites(A=[(1 / 3, 2 / 3, 0.5), (2 / 3, 1 / 3, 0.5)], B=[(0, 0, 0)]),
        ),
        Prototype(
            "C14",
            "AB2_hP12_194_f_ah",
            "hexagonal",
            _hexagon(1.63),
            _sites(
                A=[
                    (0, 0, 0),
                    (0, 0, 0.5),
                    *((x, y, _Q) for x, y in ((_X, 2 * _X - 1), (2 - 2 * _X, 1 - _X), (_X, 1 - _X))),
                    *((-x, -y, 0.75) for x, y in ((_X, 2 * _X - 1), (2 - 2 * _X, 1 - _X), (_X, 1 - _X))),
                ],
                B=[(1 / 3, 2 / 3, 1 / 16), (2 / 3, 1 / 3, 9 / 16), (2 / 3, 1 / 3, 15 / 16), (1 / 3, 2 / 3, 7 / 16)],
            ),
        ),
        Prototype("L1_2", "AB3_cP4_221_a_c", "cubic", _CUBE, _sites(A=_FACES, B=[(0, 0, 0)])),
        Prototype(
            "D0_3",
            "AB3_cF16_225_a_bc",
            "cubic",
            _FACE,
            _sites(A=[(0.5, 0.5, 0.5), (_Q, _Q, _Q), (0.75, 0.75, 0.75)], B=[(0, 0, 0)]),
        ),
        Prototype("D0_9", "A3B_cP4_221_d_a", "cubic", _CUBE, _sites(A=_EDGES, B=[(0, 0, 0)])),
        Prototype("A15", "A3B_cP8_223_c_a", "cubic", _CUBE, _sites(A=_X15, B=[(0, 0, 0), (0.5, 0.5, 0.5)])),
        Prototype(
            "D0_19",
            "A3B_hP8_194_h_c",
            "hexagonal",
            _hexagon(0.81),
            _sites(A=[*_D019, *((-x, -y, 0.75) for x, y, _ in _D019)], B=_THIRDS),
        ),
        Prototype("E2_1", "AB3C_cP5_221_a_c_b", "cubic", _CUBE, _sites(A=[(0, 0, 0)], B=[(0.5, 0.5, 0.5)], C=_FACES)),
        Prototype("C1_b", "ABC_cF12_216_b_c_a", "cubic", _FACE, _sites(A=[(0, 0, 0)], B=[(_Q, _Q, _Q)], C=[(0.5, 0.5, 0.5)])),
        Prototype(
            "L2_1",
            "AB2C_cF16_225_a_c_b",
            "cubic",
            _FACE,
            _sites(A=[(_Q, _Q, _Q), (0.75, 0.75, 0.75)], B=[(0, 0, 0)], C=[(0.5, 0.5, 0.5)]),
        ),
        Prototype(
            "P4/mmm AB2C",
            "AB2C_tP4_123_a_e_c",
            "tetragonal",
            _tetragon(1.0),
            _sites(A=[(0.5, 0, 0.5), (0, 0.5, 0.5)], B=[(0, 0, 0)], C=[(0.5, 0.5, 0)]),
        ),
    )
}
"""All prototypes by name. In binaries A is the majority; in E2_1 C is the anion of ABC3; in L2_1 and P4/mmm A is the double one of A2BC."""

COMMON_NAMES = {
    **{"A1": "face-centred cubic", "A2": "body-centred cubic", "A3": "hexagonal close-packed", "A4": "diamond"},
    **{"A_h": "simple cubic", "A15": "Cr3Si", "B1": "rock salt", "B2": "caesium chloride", "B3": "zincblende", "B4": "wurtzite"},
    **{"B_h": "tungsten carbide", "B8_1": "nickel arsenide", "C1": "fluorite", "C1_b": "half Heusler", "C14": "MgZn2, Laves"},
    **{"C15": "MgCu2, Laves", "C32": "aluminium diboride", "D0_3": "BiF3", "D0_9": "rhenium trioxide", "D0_19": "Ni3Sn"},
    **{"E2_1": "perovskite", "L1_2": "Cu3Au", "L2_1": "full Heusler"},
}
"""What people call the prototypes, by their names here."""


def prototype(name: str) -> Prototype:
    """The prototype of a name; L12 is understood as L1_2.

    >>> prototype("L12").aflow, prototype("L12").assignments((("Ni", 1), ("Pt", 3)))
    ('AB3_cP4_221_a_c', [('Pt', 'Ni')])

    Raises:
        NotFoundError: there is none.
    """
    plain = {key.replace("_", "").lower(): key for key in PROTOTYPES}
    key = plain.get(name.replace("_", "").lower())
    if key is None:
        raise NotFoundError(
            f"'{name}' is not a prototype dosmith knows; they are {', '.join(PROTOTYPES)}{did_you_mean(name, PROTOTYPES)}"
        )
    return PROTOTYPES[key]


def crystal_id(composition: Composition, prototype: str) -> str:
    """What a crystal is called, also in files and addresses: `Pt3Ni-L1_2`, `Pt2RhNi-P4mmm-AB2C`."""
    return f"{formulas.write(composition)}-{prototype.replace(' ', '-').replace('/', '')}"
