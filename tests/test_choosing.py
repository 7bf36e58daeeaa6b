"""Merits of candidates, filters, ranks and compromises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.choosing import BETTER_HIGH, COMPROMISE, NUMBERS, Merits, chosen, compromises, merits
from dosmith.constraints import MERITS, Condition
from dosmith.crystals.stability import Judge
from dosmith.crystals.survey import shipped_survey
from dosmith.designer import Designer
from dosmith.errors import ConstraintError
from dosmith.report.choosing import choosing_page

ENERGIES = np.linspace(-7.5, 7.5, 151)
UNKNOWN = Merits("Pt", *[None] * 16, "", "")  # type: ignore[arg-type]


def merit(**known: float) -> Merits:
    return replace(UNKNOWN, **known)


class TestCondition:
    @pytest.mark.parametrize(
        ("text", "value", "holds"),
        [
            ("price<5000", 4999, True),
            ("price<5000", 5000, False),
            ("price <= 5e3", 5000, True),
            ("price>5000", np.nan, False),
            ("price<5000", np.nan, False),
        ],
    )
    def test_holds(self, text: str, value: float, holds: bool) -> None:
        assert bool(Condition.parse(text).holds(value)) is holds
        assert Condition.parse(text).holds(np.array([value, value])).tolist() == [holds, holds]

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
        assert set(COMPROMISE) | set(MERITS) <= set(NUMBERS)
        assert set(NUMBERS) >= BETTER_HIGH


@pytest.fixture(scope="module")
def designer() -> Designer:
    return Designer(model="dosmith")


class TestDesign:
    def test_each_candidate_has_merits(self, designer: Designer) -> None:
        design = designer.design("Pt3Ni", top=6, rank_by="similarity")
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

    def test_ranks(self, designer: Designer) -> None:
        design = designer.design("Pt3Ni", top=24, keep="price<30000")
        found = merits(design, Judge(design.library, shipped_survey()))
        kept, own = chosen(design, found, [], "price", 5)
        prices = [each.price for each in own]
        assert prices == sorted(prices) and max(prices) < 30000  # type: ignore[type-var]
        assert [candidate.rank for candidate in kept.candidates] == list(range(1, len(own) + 1))
        assert [candidate.formula for candidate in kept.candidates] == [each.formula for each in own]
        turned = chosen(design, found, [], "-price", 5)[1]
        assert turned[0].price == max(each.price for each in found if each.price is not None)
        with pytest.raises(ConstraintError, match="nothing to rank by"):
            chosen(design, found, [], "beauty", 3)
        with pytest.raises(ConstraintError, match="none of 24"):
            chosen(design, found, [Condition("d_band_centre", "<", -100)], None, 3)
