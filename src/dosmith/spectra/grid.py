"""An energy grid is a value with an identity: every standard vector and every checkpoint carries one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import SpectrumError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EnergyGrid:
    """Evenly spaced energies, relative to the energy zero.

    >>> grid = EnergyGrid(-7.5, 7.5, 151)
    >>> grid.energies[:3].tolist(), grid.step, grid.key
    ([-7.5, -7.4, -7.3], 0.1, '-7.5:7.5:151')

    Attributes:
        lower: first grid point, eV.
        upper: last grid point, eV.
        points: number of grid points, both ends included.
    """

    lower: float = -7.5
    upper: float = 7.5
    points: int = 151

    def __post_init__(self) -> None:
        if self.points < 2 or not -np.inf < self.lower < self.upper < np.inf:
            raise SpectrumError(f"an energy grid needs lower < upper and two points or more, got {self.key}")

    @property
    def step(self) -> float:
        """Distance of neighbouring grid points, eV."""
        return (self.upper - self.lower) / (self.points - 1)

    @property
    def energies(self) -> FloatArray:
        """The grid points, eV, shape (points,)."""
        return np.linspace(self.lower, self.upper, self.points)

    @property
    def edges(self) -> FloatArray:
        """Borders of the bins centred on the grid points, eV, shape (points + 1,)."""
        half = self.step / 2
        return np.linspace(self.lower - half, self.upper + half, self.points + 1)

    @property
    def key(self) -> str:
        """The identity of the grid as text: ``-7.5:7.5:151``."""
        return f"{self.lower!r}:{self.upper!r}:{self.points}"

    @classmethod
    def from_key(cls, key: str) -> EnergyGrid:
        """The grid that `key` names.

        Raises:
            SpectrumError: the text is not such a key.
        """
        try:
            lower, upper, points = key.split(":")
            return cls(float(lower), float(upper), int(points))
        except ValueError:
            raise SpectrumError(f"'{key}' is not an energy grid; write LOWER:UPPER:POINTS, as in -7.5:7.5:151") from None


@dataclass(frozen=True, slots=True)
class Window:
    """An energy interval relative to the energy zero, eV, both ends included.

    >>> int(Window.parse("-6:2").mask(EnergyGrid()).sum())
    81
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not -np.inf < self.lower < self.upper < np.inf:
            raise SpectrumError(f"the window {self} is empty; write it as LOWER:UPPER, as in -6:2")

    def __str__(self) -> str:
        return f"{self.lower:g}:{self.upper:g}"

    @classmethod
    def parse(cls, text: str) -> Window:
        """The window written as ``LOWER:UPPER``.

        Raises:
            SpectrumError: the text is not a window.
        """
        try:
            lower, upper = (float(part) for part in text.split(":"))
        except ValueError:
            raise SpectrumError(f"'{text}' is not a window; write it as LOWER:UPPER in eV, as in -6:2") from None
        return cls(lower, upper)

    def mask(self, grid: EnergyGrid) -> NDArray[np.bool_]:
        """Which points of the grid lie inside, shape (points,).

        Raises:
            SpectrumError: fewer than two do.
        """
        energies = grid.energies
        inside = (energies >= self.lower - 1e-9) & (energies <= self.upper + 1e-9)
        if np.count_nonzero(inside) < 2:
            raise SpectrumError(f"the window {self} holds fewer than two points of the grid {grid.lower:g} ... {grid.upper:g} eV")
        return np.asarray(inside)
