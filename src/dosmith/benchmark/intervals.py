"""Intervals that know that compounds share elements.

Ni-Al and Ni-Ti are no independent witnesses: what a model knows of nickel shows in both. A bootstrap over chemical systems takes
them for independent, and its intervals are too narrow. Here every two systems with an element in common may be correlated, however
much (P. M. Aronow, C. Samii and V. A. Assenova, Political Analysis 23, 564 (2015); M. Fafchamps and F. Gubert, J. Dev. Econ. 83, 326 (2007)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LEVEL = 0.95
METHOD = (
    "dyadic-robust: systems that share an element may be correlated (P. M. Aronow et al., Political Analysis 23, 564 (2015)); Student's t"
    " with one degree of freedom fewer than there are elements"
)


def sharing(systems: Sequence[str]) -> tuple[NDArray[np.bool_], int]:
    """Which chemical systems, written "Al-Ni", have an element in common, shape (S, S), and how many elements there are.

    >>> sharing(["Al-Ni", "Ni-Ti", "Pt-Zr"])[0].astype(int)
    array([[1, 1, 0],
           [1, 1, 0],
           [0, 0, 1]])
    """
    elements = sorted({symbol for system in systems for symbol in system.split("-")})
    place = {symbol: number for number, symbol in enumerate(elements)}
    members = np.zeros((len(systems), len(elements)))
    for row, system in zip(members, systems, strict=True):
        row[[place[symbol] for symbol in system.split("-")]] = 1.0
    return np.asarray(members @ members.T > 0), len(elements)


def dyadic_interval(above: FloatArray, below: FloatArray, systems: Sequence[str]) -> tuple[float, float]:
    """Borders of the interval of a ratio of two sums, sum(above) / sum(below).

    The ratio is linearised; the sum of all products of residuals of systems that share an element is its variance. Where that is
    smaller than if systems were independent, as chance may make it, they count as independent.

    Args:
        above: what each system adds above the line, shape (S,).
        below: what it adds below, shape (S,); their sum is not 0.
        systems: names of the systems, elements joined by hyphens; all different.

    Returns:
        lower and upper border.
    """
    from scipy.stats import t

    shared, elements = sharing(systems)
    ratio = float(above.sum() / below.sum())
    residual = (above - ratio * below) / below.sum()
    variance = max(float(residual @ shared @ residual), float(residual @ residual))
    freedom = max(elements - 1, 1)
    half = float(t.ppf((1 + LEVEL) / 2, freedom)) * (variance * elements / freedom) ** 0.5
    return ratio - half, ratio + half
