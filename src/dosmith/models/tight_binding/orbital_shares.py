"""Which share of the states at an energy is of s, p or d orbitals, corrected by what is computed.

Tight binding has one shell of each kind on an atom, a calculation has more: it finds more d states high above the Fermi level of a transition metal, fewer s
states throughout. What is common to all elements of a block of the periodic table is learned here, from predictions of chemistry that was not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import ModelError

FloatArray = NDArray[np.float64]
Label = tuple[str, str]
"""Element and orbital."""

FILE = "shares.safetensors"
"""Name of the file in the folder of a model."""
FEWEST = 30
"""Crystals with computed projections that it takes to learn from."""
_SMOOTH = 0.5  # eV; factors change no faster
_ROUNDS = 8
_DOUBT = 1e-3  # of all states: where fewer are known, a factor stays near 1
_LARGEST = 10.0


@dataclass(frozen=True, eq=False)
class OrbitalShares:
    """Factors of the densities on orbitals.

    Attributes:
        factors: by block of the periodic table and orbital, at each grid point, shapes (points,); 1 where nothing is known.
    """

    factors: Mapping[Label, FloatArray]

    def corrected(self, parts: Mapping[Label, FloatArray]) -> dict[Label, FloatArray]:
        """The densities of a crystal by element and orbital, shapes (points,), with the same sum as before."""
        return _scaled(parts, self.factors)

    @classmethod
    def learn(
        cls, expected: Sequence[Mapping[Label, FloatArray]], computed: Sequence[Mapping[Label, FloatArray]], energies: FloatArray
    ) -> OrbitalShares:
        """The factors that give all crystals together their computed shares.

        >>> grid, one = np.linspace(-1, 1, 21), np.ones(21)
        >>> found = OrbitalShares.learn([{("Pt", "s"): one, ("Pt", "d"): one}], [{("Pt", "s"): one, ("Pt", "d"): 3 * one}], grid)
        >>> found.corrected({("Pt", "s"): one, ("Pt", "d"): one})["Pt", "d"].round(2)[:3]
        array([1.5, 1.5, 1.5])

        Args:
            expected: of each crystal, densities by element and orbital, shapes (points,).
            computed: of each crystal, the same.
            energies: of the points, eV.
        """
        near = np.exp(-0.5 * ((energies[:, None] - energies) / _SMOOTH) ** 2)
        crystals = [(_of_unit_area(ours), _of_unit_area(theirs)) for ours, theirs in zip(expected, computed, strict=True)]
        wholes = [sum(ours.values(), np.zeros(len(energies))) for ours, _ in crystals]
        aims = [with_sum(theirs, whole) for (_, theirs), whole in zip(crystals, wholes, strict=True)]
        little = _DOUBT * near @ np.sum(wholes, axis=0)
        wanted = {key: near @ value + little for key, value in _by_block(aims, len(energies)).items()}
        factors = {key: np.ones(len(energies)) for key in wanted}
        for _ in range(_ROUNDS):
            there = _by_block((_scaled(ours, factors) for ours, _ in crystals), len(energies))
            for key in factors.keys() & there.keys():
                factors[key] = np.clip(factors[key] * wanted[key] / (near @ there[key] + little), 1 / _LARGEST, _LARGEST)
        return cls(factors)

    def as_bytes(self) -> bytes:
        """The contents of `FILE`."""
        from safetensors.numpy import save

        return save({f"{block}:{orbital}": np.ascontiguousarray(each) for (block, orbital), each in self.factors.items()})

    @classmethod
    def read(cls, content: bytes, points: int) -> OrbitalShares:
        """What `as_bytes` wrote.

        Raises:
            ModelError: it is not.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(content)
            factors = {(block, orbital): each for name, each in tensors.items() for block, orbital in [name.split(":")]}
            if any(each.shape != (points,) for each in factors.values()):
                raise ValueError("it is of another grid")
        except (SafetensorError, ValueError) as error:
            raise ModelError(f"the shares of orbitals of the model are damaged ({error}); train or install it again") from None
        return cls(factors)


def _scaled(parts: Mapping[Label, FloatArray], factors: Mapping[Label, FloatArray]) -> dict[Label, FloatArray]:
    scaled = {label: curve * factors.get((block_of(label[0]), label[1]), 1.0) for label, curve in parts.items()}
    return with_sum(scaled, sum(parts.values(), np.zeros(1)))


def with_sum(parts: Mapping[Label, FloatArray], whole: FloatArray) -> dict[Label, FloatArray]:
    """Parts with their shares at each energy, and another sum, of shape (points,)."""
    own = sum(parts.values(), np.zeros(1))
    scale = whole / np.maximum(own, 1e-6 * max(float(own.max()), 1e-30))
    return {label: curve * scale for label, curve in parts.items()}


def _of_unit_area(parts: Mapping[Label, FloatArray]) -> dict[Label, FloatArray]:
    area = sum(float(curve.sum()) for curve in parts.values())
    return {label: curve / max(area, 1e-30) for label, curve in parts.items()}


def _by_block(crystals: Iterable[Mapping[Label, FloatArray]], points: int) -> dict[Label, FloatArray]:
    found: dict[Label, FloatArray] = {}
    for parts in crystals:
        for (symbol, orbital), curve in parts.items():
            key = block_of(symbol), orbital
            found[key] = found.get(key, np.zeros(points)) + curve
    return found


@lru_cache(maxsize=128)
def block_of(symbol: str) -> str:
    """The block of the periodic table that an element stands in: s, p, d or f.

    >>> [block_of(symbol) for symbol in ("Na", "O", "Pt", "Ce")]
    ['s', 'p', 'd', 'f']
    """
    from pymatgen.core.periodic_table import Element

    return str(Element(symbol).block)
