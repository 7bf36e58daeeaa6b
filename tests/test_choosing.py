"""Merits of candidates, filters, ranks and compromises."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.choosing import BETTER_HIGH, COMPROMISE, Merits, chosen, compromises, merits
from dosmith.constraints import MERITS, Condition
from dosmith.crystals.stability import Judge
from dosmith.crystals.survey import shipped_survey
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, OptionError
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
        assert set(MERITS) == {field.name for field in fields(Merits) if "float" in str(field.type)}
        assert set(COMPROMISE) | BETTER_HIGH <= set(MERITS)


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
        assert first.above_hull == pytest.approx(0.0, abs=0.01)
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
        kept, own = chosen(design, found, "price", 5)
        prices = [each.price for each in own]
        assert prices == sorted(prices) and max(prices) < 30000  # type: ignore[type-var]
        assert [candidate.rank for candidate in kept.candidates] == list(range(1, len(own) + 1))
        assert [candidate.formula for candidate in kept.candidates] == [each.formula for each in own]
        turned = chosen(design, found, "-price", 5)[1]
        assert turned[0].price == max(each.price for each in found if each.price is not None)
        with pytest.raises(ConstraintError, match="nothing to rank by"):
            chosen(design, found, "beauty", 3)

    def test_bands_are_bounded_before_the_search(self, designer: Designer) -> None:
        bounded = designer.design("Pt3Ni", top=5, keep="d_band_centre>-1")
        found = merits(bounded, Judge(bounded.library, shipped_survey()))
        assert found and all(each.d_band_centre is not None and each.d_band_centre > -1 for each in found)
        with pytest.raises(ConstraintError, match="'d_band_centre<-100' alone leaves none"):
            designer.design("Pt3Ni", top=3, keep="d_band_centre<-100")

    def test_a_model_of_compositions_bounds_what_compositions_tell(self, designer: Designer) -> None:
        from dosmith.element_facts import Supply

        paper = Designer(model="paper")
        cheap = paper.design("Pt3Ni", top=5, keep="price<100")
        assert all((Supply.of(each.composition).price or np.inf) < 100 for each in cheap.candidates)
        assert len(cheap.candidates) == 5
        with pytest.raises(OptionError, match="cannot honour gap>1; it can bound price"):
            paper.design("Pt3Ni", keep="gap>1")
        with pytest.raises(ConstraintError, match=r"price<0\.01 leaves none of the 10,000 nearest compositions"):
            paper.design("Pt3Ni", keep="price<0.01")
