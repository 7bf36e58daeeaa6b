"""Prices, abundances, supply, poison, decay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.element_facts import ABUNDANCES, POISONOUS, Supply, avoided, element_prices, prices_of, radioactive
from dosmith.errors import ConstraintError


def supply(formula: str) -> Supply:
    return Supply.of(formulas.parse(formula))


class TestSupply:
    def test_concentration_is_that_of_pymatgen(self) -> None:
        from pymatgen.analysis.hhi import HHIModel

        for formula in ("Pt3Ni", "BaTiO3", "NdFe2"):
            made, held = HHIModel().get_hhi(formula)
            assert supply(formula).production == pytest.approx(made, rel=1e-4)
            assert supply(formula).reserves == pytest.approx(held, rel=1e-4)

    def test_abundance_is_that_of_the_rarest(self) -> None:
        assert supply("Pt3Ni").abundance == ABUNDANCES["Pt"] < ABUNDANCES["Ni"]
        assert supply("SiO2").abundance == ABUNDANCES["Si"]
        assert supply("TcNi").abundance is None

    def test_abundances_are_those_of_a_crust(self) -> None:
        assert 0.95e6 < sum(ABUNDANCES.values()) < 1.05e6
        assert sorted(ABUNDANCES, key=lambda symbol: -ABUNDANCES[symbol])[:8] == ["O", "Si", "Al", "Fe", "Ca", "Na", "Mg", "K"]

    def test_warns(self) -> None:
        assert supply("PbTe").poisonous == ("Pb",)
        assert supply("CdHg").poisonous == ("Cd", "Hg")
        assert supply("TcNi").radioactive == ("Tc",)
        assert supply("Pt3Ni").poisonous == supply("Pt3Ni").radioactive == ()

    @given(st.sampled_from(sorted(element_prices())), st.sampled_from(sorted(element_prices())), st.integers(1, 5))
    def test_price_lies_between_those_of_the_elements(self, one: str, other: str, count: int) -> None:
        prices = element_prices()
        (price,) = prices_of([formulas.reduce([(one, count), (other, 1)])])
        assert price is not None
        low, high = sorted((prices[one], prices[other]))
        assert low * (1 - 1e-9) <= price <= high * (1 + 1e-9)

    def test_prices_are_those_of_pymatgen(self) -> None:
        cost = pytest.importorskip("pymatgen.analysis.cost")
        table, prices = cost.CostAnalyzer(cost.CostDBElements()), element_prices()
        for symbol in ("Pt", "Ni", "Fe", "Ba"):
            assert prices[symbol] == pytest.approx(table.get_cost_per_kg(symbol))

    def test_noble_metals_are_dear(self) -> None:
        dear, cheap = prices_of([formulas.parse("Pt3Ni"), formulas.parse("AlNi")])
        assert dear is not None and cheap is not None and dear > 1000 * cheap


class TestAvoided:
    def test_by_reason(self) -> None:
        assert avoided("poisonous") == POISONOUS
        assert {"Tc", "U", "Pm"} <= avoided("radioactive") == radioactive()
        assert {"Pt", "Ir", "Au", "Re"} <= avoided("scarce") and "Ni" not in avoided("scarce")
        assert "Pt" in avoided("concentrated") and "Fe" not in avoided("concentrated")
        assert avoided("poisonous, radioactive") == POISONOUS | radioactive()

    def test_another_reason_is_one_line(self) -> None:
        with pytest.raises(ConstraintError, match="no reason"):
            avoided("ugly")
