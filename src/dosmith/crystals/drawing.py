"""A crystal as it is drawn: the conventional cell, what lies on its faces repeated, nearest atoms joined."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

_BOND = 1.12
"""Atoms are joined up to this multiple of the shortest distance."""
_EDGE = 1e-3
"""Fractional coordinates within this of a face lie on it."""
_RADIUS = 0.2
"""Of an atom, as a share of the shortest bond."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Atoms and bonds in space.

    Attributes:
        lattice: vectors as rows, Angstrom, shape (3, 3).
        symbols: element of each atom.
        positions: Angstrom, shape (atoms, 3).
        bonds: pairs of atoms.
    """

    lattice: FloatArray
    symbols: tuple[str, ...]
    positions: FloatArray
    bonds: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, cell: Structure) -> Drawing:
        """Of a cell that is drawn as it is: see `symmetry.conventional`."""
        lattice = np.array(cell.lattice.matrix)
        symbols: list[str] = []
        places: list[Any] = []
        for site in cell:
            inside = np.mod(site.frac_coords + _EDGE, 1.0) - _EDGE
            ends = [(0.0, 1.0) if abs(coordinate) <= _EDGE else (0.0,) for coordinate in inside]
            for shift in itertools.product(*ends):
                symbols.append(site.specie.symbol)
                places.append((inside + shift) @ lattice)
        positions = np.array(places)
        distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
        distances[np.tril_indices(len(positions))] = np.inf
        near = np.argwhere(distances <= _BOND * distances.min(initial=np.inf)) if len(positions) > 1 else np.empty((0, 2), int)
        pairs = [(int(one), int(other)) for one, other in near]
        unlike = [(one, other) for one, other in pairs if symbols[one] != symbols[other]]
        return cls(lattice, tuple(symbols), positions, tuple(unlike or pairs))

    def svg(self) -> str:
        """A picture in parallel projection, the third axis up; elements are told apart by the classes e0, e1, ... and by their symbols."""
        turned = self.positions @ _VIEW
        corners = np.array(list(itertools.product((0, 1), repeat=3))) @ self.lattice @ _VIEW
        low, high = corners.min(axis=0), corners.max(axis=0)
        lengths = [float(np.linalg.norm(self.positions[i] - self.positions[j])) for i, j in self.bonds]
        radius = _RADIUS * min(lengths, default=2.5)
        left, top = low[0] - 2 * radius, -high[1] - 2 * radius
        width, height = (high - low)[:2] + 4 * radius
        elements = list(dict.fromkeys(self.symbols))
        edges = [(i, j) for i, j in itertools.combinations(range(8), 2) if (i ^ j) in (1, 2, 4)]
        lines = [(corners[i], corners[j], "edge") for i, j in edges] + [(turned[i], turned[j], "bond") for i, j in self.bonds]
        parts = [
            (
                float(a[2] + b[2]) / 2 - radius,
                f'<line class="{what}" x1="{a[0]:.2f}" y1="{-a[1]:.2f}" x2="{b[0]:.2f}" y2="{-b[1]:.2f}"/>',
            )
            for a, b, what in lines
        ]
        for symbol, (x, y, depth) in zip(self.symbols, turned, strict=True):
            parts.append(
                (
                    float(depth),
                    f'<g class="e{elements.index(symbol)}"><circle cx="{x:.2f}" cy="{-y:.2f}" r="{radius:.2f}"/>'
                    f'<text x="{x:.2f}" y="{-y:.2f}" font-size="{radius:.2f}">{symbol}</text></g>',
                )
            )
        drawn = "".join(text for _, text in sorted(parts, key=lambda part: part[0]))
        return (
            f'<svg class="crystal" viewBox="{left:.2f} {top:.2f} {width:.2f} {height:.2f}" role="img"'
            f' aria-label="Conventional cell with {", ".join(elements)}">{drawn}</svg>'
        )


def _turn(degrees: float, axis: int) -> FloatArray:
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    found = np.eye(3)
    one, other = [(1, 2), (0, 2), (0, 1)][axis]
    found[one, one] = found[other, other] = cosine
    found[one, other], found[other, one] = -sine, sine
    return found


_VIEW = (_turn(13, 0) @ _turn(24, 1) @ _turn(-90, 0)).T
"""To the screen's axes: right, up, and towards the eye; the crystal is seen a little from the right and from above."""
