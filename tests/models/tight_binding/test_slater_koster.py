"""Two-centre integrals: the published table, and what any of them must obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.models.tight_binding.slater_koster import (
    BONDS,
    INTEGRALS,
    LAYERS,
    MOMENTA,
    TERM_COLUMN,
    TERM_INTEGRAL,
    TERM_ROW,
    angular,
    terms,
)

directions = (
    st.tuples(*[st.floats(-1, 1) for _ in range(3)])
    .filter(lambda v: np.linalg.norm(v) > 0.1)
    .map(lambda v: np.array(v) / np.linalg.norm(v))
)
S, X, Y, Z, XY, YZ, Z2, XZ, X2Y2 = range(9)


def value(direction: np.ndarray, integral: tuple[int, int, int], row: int, column: int) -> float:
    return float(angular(direction[None])[0, BONDS.index(integral), row, column])


@given(directions)
def test_the_table_of_slater_and_koster(direction: np.ndarray) -> None:
    l, m, n = direction  # noqa: E741 - the names of the table
    expected = {
        ((0, 0, 0), S, S): 1.0,
        ((0, 1, 0), S, X): l,
        ((1, 1, 0), X, X): l * l,
        ((1, 1, 1), X, X): 1 - l * l,
        ((1, 1, 0), X, Y): l * m,
        ((1, 1, 1), X, Y): -l * m,
        ((0, 2, 0), S, XY): 3**0.5 * l * m,
        ((0, 2, 0), S, X2Y2): 3**0.5 / 2 * (l * l - m * m),
        ((0, 2, 0), S, Z2): n * n - (l * l + m * m) / 2,
        ((1, 2, 0), X, XY): 3**0.5 * l * l * m,
        ((1, 2, 1), X, XY): m * (1 - 2 * l * l),
        ((1, 2, 0), Z, Z2): n * (n * n - (l * l + m * m) / 2),
        ((1, 2, 1), Z, Z2): 3**0.5 * n * (l * l + m * m),
        ((2, 2, 0), XY, XY): 3 * l * l * m * m,
        ((2, 2, 1), XY, XY): l * l + m * m - 4 * l * l * m * m,
        ((2, 2, 2), XY, XY): n * n + l * l * m * m,
        ((2, 2, 0), Z2, Z2): (n * n - (l * l + m * m) / 2) ** 2,
        ((2, 2, 1), Z2, Z2): 3 * n * n * (l * l + m * m),
        ((2, 2, 2), Z2, Z2): 0.75 * (l * l + m * m) ** 2,
    }
    for (integral, row, column), wanted in expected.items():
        assert value(direction, integral, row, column) == pytest.approx(wanted, abs=1e-9), (integral, row, column)


@given(directions)
def test_seen_from_the_other_atom_the_coupling_is_the_same(direction: np.ndarray) -> None:
    there, back = angular(np.stack([direction, -direction]))
    for place, (first, second, m, kind) in enumerate(INTEGRALS):
        partner = next(q for q, other in enumerate(INTEGRALS) if other == (second, first, m, kind))
        np.testing.assert_allclose(there[place], back[partner].T, atol=1e-9)


@given(directions)
def test_sigma_pi_and_delta_of_equal_orbitals_make_up_all_of_them(direction: np.ndarray) -> None:
    matrices = angular(direction[None])[0]
    for momentum in range(3):
        kinds = [place for place, (first, second, _, _) in enumerate(INTEGRALS) if first == second == momentum]
        held = np.array(MOMENTA) == momentum
        np.testing.assert_allclose(matrices[kinds].sum(axis=0)[np.ix_(held, held)], np.eye(held.sum()), atol=1e-9)


@given(directions)
def test_the_terms_are_all_there_is(direction: np.ndarray) -> None:
    whole, found = angular(direction[None])[0], terms(direction[None])[0]
    again = np.zeros_like(whole)
    again[TERM_INTEGRAL, TERM_ROW, TERM_COLUMN] = found
    np.testing.assert_array_equal(again, whole)
    places, start = 9 * TERM_ROW + TERM_COLUMN, 0
    for layer in LAYERS:  # each begins where the first does
        np.testing.assert_array_equal(places[start : start + layer], places[:layer])
        start += layer
