"""Two-centre integrals of s, p and d orbitals in any direction: J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954).

An integral is named by the angular momenta l and l' of its orbitals and by m, their common momentum about the bond
(0 sigma, 1 pi, 2 delta). Its 9 x 9 matrix, rows the orbitals of the first atom and columns those of the second, says how
much of it each pair of orbitals has; the tabulated formulas follow from rotating the orbitals onto the bond.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

MOMENTA = (0, 1, 1, 1, 2, 2, 2, 2, 2)
LETTERS = "spdf"
"""Angular momentum of each orbital: s; x, y, z; xy, yz, z2, xz, x2-y2."""

BONDS = ((0, 0, 0), (1, 1, 0), (1, 1, 1), (2, 2, 0), (2, 2, 1), (2, 2, 2), (0, 1, 0), (0, 2, 0), (1, 2, 0), (1, 2, 1))
"""The ten integrals: l of the first atom, l' of the second, m; l <= l'."""

INTEGRALS = (*((*bond, kind) for kind, bond in enumerate(BONDS)), *((b, a, m, k) for k, (a, b, m) in enumerate(BONDS) if a != b))
"""`BONDS`, and the four with the atoms changed over: l, l', m, place among `BONDS`."""

SPLITTINGS = (1, 3, 4)
"""Integrals whose matrices also describe what neighbours do to the orbitals of one atom: p along the bond, d along and about it."""

ORBITALS = len(MOMENTA)

_FIRST = (0, 1, 4)  # orbital of each momentum
_ALONG = {0: {0: [0]}, 1: {0: [2], 1: [0, 1]}, 2: {0: [2], 1: [3, 1], 2: [0, 4]}}  # of a bond along z, by l and m


def _quadratic_forms() -> FloatArray:
    """The d orbitals as symmetric matrices of norm 1, shape (5, 3, 3)."""
    forms = np.zeros((5, 3, 3))
    for orbital, (row, column) in ((0, (0, 1)), (1, (1, 2)), (3, (0, 2))):
        forms[orbital, row, column] = forms[orbital, column, row] = 0.5**0.5
    forms[2] = np.diag([-1.0, -1.0, 2.0]) / 6**0.5
    forms[4] = np.diag([1.0, -1.0, 0.0]) * 0.5**0.5
    return forms


_FORMS = _quadratic_forms()


def angular(directions: FloatArray) -> FloatArray:
    """The matrices of all integrals for bonds in some directions.

    Args:
        directions: unit vectors from the first atom to the second, shape (P, 3).

    Returns:
        shape (P, 14, 9, 9); the coupling of two atoms is the sum over integrals, each times its value.
    """
    rotation = _onto(directions)
    turned: dict[int, Any] = {
        0: np.ones((len(directions), 1, 1)),
        1: rotation,
        2: np.einsum("aij,pjk,bkl,pil->pab", _FORMS, rotation, _FORMS, rotation, optimize=True),
    }
    matrices = np.zeros((len(directions), len(INTEGRALS), 9, 9))
    for place, (first, second, m, kind) in enumerate(INTEGRALS):
        one, other = turned[first][:, :, _ALONG[first][m]], turned[second][:, :, _ALONG[second][m]]
        # Changing the atoms over turns the bond round, and with it the sign of every odd orbital.
        sign = (-1) ** (first + second) if (first, second, m) != BONDS[kind] else 1
        rows = slice(_FIRST[first], _FIRST[first] + 2 * first + 1)
        columns = slice(_FIRST[second], _FIRST[second] + 2 * second + 1)
        matrices[:, place, rows, columns] = sign * np.einsum("pam,pbm->pab", one, other)
    return matrices


def _onto(directions: FloatArray) -> FloatArray:
    """Rotations that take z onto each direction; columns are the images of x, y and z, shape (P, 3, 3)."""
    aside = np.where(np.abs(directions[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = aside - (aside * directions).sum(axis=1, keepdims=True) * directions
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.stack([first, np.cross(directions, first), directions], axis=2)


def _terms() -> tuple[IntArray, IntArray, IntArray, tuple[int, ...]]:
    """What of `angular` is not always zero: integral, row and column of each term, and how many terms each layer has."""
    of_entry = {
        (row, column): [place for place, (a, b, *_) in enumerate(INTEGRALS) if (a, b) == (MOMENTA[row], MOMENTA[column])]
        for row in range(ORBITALS)
        for column in range(ORBITALS)
    }
    entries = sorted(of_entry, key=lambda entry: -len(of_entry[entry]))
    layers = [[(of_entry[entry][depth], *entry) for entry in entries if len(of_entry[entry]) > depth] for depth in range(3)]
    integral, row, column = np.array([term for layer in layers for term in layer], dtype=np.intp).T
    return integral, row, column, tuple(map(len, layers))


TERM_INTEGRAL, TERM_ROW, TERM_COLUMN, LAYERS = _terms()
"""The 170 terms that make up a matrix, in three layers: an element of the matrix has at most one term in each, and those with
more terms come first, so that layers are added from their beginnings."""

SPLIT_TERMS = np.flatnonzero(np.isin(TERM_INTEGRAL, SPLITTINGS))
"""Terms of the integrals of `SPLITTINGS`, 59 of them."""


def terms(directions: FloatArray) -> FloatArray:
    """What of `angular` is not always zero, shape (P, 170)."""
    return angular(directions)[:, TERM_INTEGRAL, TERM_ROW, TERM_COLUMN]
