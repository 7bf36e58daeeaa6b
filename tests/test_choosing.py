"""Merits of candidates, filters, ranks and compromises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.choosing import (
    BETTER_HIGH,
    COMPROMISE,
    NUMBERS,
    Condition,
    Merits,
    band_centre,
    chosen,
    compromises,
    dos_at_fermi,
    gap_of,
    merits,
)
from dosmith.crystals.stability import Judge
from dosmith.crystals.survey import shipped_survey
from dosmith.designer import Designer
from dosmith.errors import ConstraintError
from dosmith.report.choosing import choosing_page

ENERGIES = np.linspace(-7.5, 7.5, 151)
UNKNOWN = Merits("Pt", *[None] * 13, "", "")  # type: ignore[arg-type]


def merit(**known: float) -> Merits:
    return replace(UNKNOWN, **known)


class TestCurve:
    @given(centre=st.floats(-6, -1), width=st.floats(0.1, 0.3))
    def test_band_centre_is_that_of_one_band(self, centre: float, width: float) -> None:
        curve = np.exp(-(((ENERGIES - centre) / width) ** 2) / 2)
        assert band_centre(ENERGIES, curve) == pytest.approx(centre, abs=0.01)

    def test_band_centre_knows_nothing_above_the_zero(self) -> None:
        curve = np.where(ENERGIES <= 0, 1.0, 0.0)
        assert band_centre(ENERGIES, curve) == pytest.approx(-3.75)
        assert band_centre(ENERGIES, curve + 5 * (ENERGIES > 0.01)) == pytest.approx(-3.75)
        assert band_centre(ENERGIES, 1.0 * (ENERGIES > 0.01)) is None

    @given(height=st.floats(0, 2))
    def test_dos_at_the_fermi_level(self, height: float) -> None:
        assert dos_at_fermi(ENERGIES, np.full(151, height)) == pytest.approx(height)

    @pytest.mark.parametrize("gap", [1.0, 3.0])
    def test_gap_is_the_empty_range(self, gap: float) -> None:
        curve = ((ENERGIES <= 1e-9) | (gap + 1e-9 < ENERGIES)).astype(float)
        assert gap_of(ENERGIES, curve) == pytest.approx(gap, abs=0.15)

    def test_a_metal_has_no_gap(self) -> None:
        assert gap_of(ENERGIES, np.ones(151)) == 0.0


class TestCondition:
    @pytest.mark.parametrize(
        ("text", "value", "holds"),
        [
            ("price<5000", 4999, True),
            ("price<5000", 5000, False),
            ("price <= 5e3", 5000, True),
            ("price>5000", None, False),
            ("price<5000", None, False),
            ("above_hull<0.1", None, False),
        ],
    )
    def test_holds(self, text: str, value: float | None, holds: bool) -> None:
        assert Condition.parse(text).holds(merit(price=value)) is holds  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["", "price", "price<", "price=3", "cost<3", "formula<3", "price<x", "compromise<1"])
    def test_what_is_none_is_one_line(self, text: str) -> None:
        with pytest.raises(ConstraintError, match="no condition") as caught:
            Condition.parse(text)
        assert "\n" not in str(caught.value)


class TestCompromises:
    @given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
    def test_are_those_that_nothing_beats(self, points: list[tuple[int, int, int]]) -> None:
        found = [merit(similarity=a, above_hull=b, price=c) for a, b, c in points]
        best = compromises(found)
        assert best

        def beats(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
            return one[0] >= other[0] and one[1] <= other[1] and one[2] <= other[2] and one != other

        for place, point in enumerate(points):
            assert (place in best) is not any(beats(other, point) for other in points)

    def test_what_is_unknown_takes_no_part(self) -> None:
        assert compromises([merit(similarity=1.0, price=1.0), merit(similarity=0.5, above_hull=0.1, price=9.0)]) == {1}

    def test_by_merits_that_exist(self) -> None:
        assert set(COMPROMISE) <= set(NUMBERS)
        assert set(NUMBERS) >= BETTER_HIGH


@pytest.fixture(scope="module")
def designer() -> Designer:
    return Designer(model="dosmith")


class TestDesign:
    def test_each_candidate_has_merits(self, designer: Designer) -> None:
        design = designer.design("Pt3Ni", top=6)
        found = merits(design, Judge(design.library, shipped_survey()))
        assert [each.formula for each in found] == [candidate.formula for candidate in design.candidates]
        first = next(each for each in found if each.formula == "Pt3Ni")
        assert first.similarity == pytest.approx(1.0)
        assert first.above_hull == pytest.approx(0.0, abs=1e-3)
        assert first.dft_formation_energy == pytest.approx(-0.058, abs=0.02)
        assert first.abundance == 0.005  # of Pt
        assert -4 < (first.band_centre or 0) < -2
        assert any(each.compromise for each in found)
        page = choosing_page("Pt3Ni", found)
        assert page.count("<circle") == sum(each.above_hull is not None and each.similarity is not None for each in found)
        assert "http" not in page

    def test_filters_and_ranks(self, designer: Designer) -> None:
        design = designer.design("Pt3Ni", top=24)
        found = merits(design, Judge(design.library, shipped_survey()))
        bound = float(np.median([each.price for each in found if each.price is not None]))
        kept, own = chosen(design, found, [Condition("price", "<", bound)], "price", 5)
        prices = [each.price for each in own]
        assert prices == sorted(prices) and max(prices) < bound  # type: ignore[type-var]
        assert [candidate.rank for candidate in kept.candidates] == list(range(1, len(own) + 1))
        assert [candidate.formula for candidate in kept.candidates] == [each.formula for each in own]
        turned = chosen(design, found, [], "-price", 5)[1]
        assert turned[0].price == max(each.price for each in found if each.price is not None)

    def test_what_cannot_be_is_one_line(self, designer: Designer) -> None:
        design = designer.design("Pt3Ni", top=3)
        found = merits(design, Judge(design.library, shipped_survey()))
        with pytest.raises(ConstraintError, match="none of 3"):
            chosen(design, found, [Condition("price", "<", -1)], None, 3)
        with pytest.raises(ConstraintError, match="nothing to rank by"):
            chosen(design, found, [], "beauty", 3)
