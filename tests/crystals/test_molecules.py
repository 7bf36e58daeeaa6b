"""Molecules in a box: two atoms at their distance, far from the next two."""

from __future__ import annotations

import pytest

from dosmith.crystals.molecules import BOND_LENGTHS, molecule


@pytest.mark.parametrize("symbol", BOND_LENGTHS)
def test_a_molecule_is_alone(symbol: str) -> None:
    found = molecule(symbol, 8.0)
    assert found.formula == f"{symbol}2"
    assert found.get_distance(0, 1) == pytest.approx(BOND_LENGTHS[symbol])
    assert [len(found.get_neighbors(site, 5.0)) for site in found] == [1, 1]


def test_oxygen_alone_is_a_triplet() -> None:
    assert [site.properties.get("magmom") for site in molecule("O", 8.0)] == [1, 1]
    assert "magmom" not in molecule("N", 8.0)[0].properties
