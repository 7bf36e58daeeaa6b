from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from atlas_samples import make_crystals, peaks
from dosmith import formulas
from dosmith.atlas import Atlas, best_of_each, search, similarities
from dosmith.constraints import Constraints
from dosmith.element_facts import Supply
from dosmith.spectra.shape import band_centres


@pytest.fixture(scope="module")
def atlas(tmp_path_factory, basis):
    made = Atlas.at(tmp_path_factory.mktemp("atlas"), "mine", lambda: basis)
    made.add(make_crystals(3000))
    return made


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000), top=st.integers(1, 200), share=st.sampled_from([1.0, 0.5, 0.01, 0.0]), with_bonus=st.booleans()
)
def test_the_answer_is_that_of_a_scan_over_all_codes(atlas, seed, top, share, with_bonus):
    generator = np.random.default_rng(seed)
    target = peaks(generator, 1)[0]
    fits = generator.random(len(atlas)) < share
    bonus = (-0.2 * generator.random(len(atlas))).astype(np.float32) if with_bonus else None
    scores = similarities(atlas.index, atlas.basis, target)
    if bonus is not None:
        scores = scores + bonus
    scores[~fits] = -np.inf
    expected = np.argsort(-scores, kind="stable")[: min(top, int(fits.sum()))]
    found = search(atlas.index, atlas.basis, target, top, fits, bonus)
    np.testing.assert_array_equal(found.rows, expected)
    np.testing.assert_allclose(found.scores, scores[expected])


def test_similarities_are_those_of_the_spectra(atlas, crystals):
    target = peaks(np.random.default_rng(3), 1)[0]
    whole = np.array([each.expected for each in crystals(3000)]) @ (target / np.linalg.norm(target))
    np.testing.assert_allclose(similarities(atlas.index, atlas.basis, target), whole, atol=2e-3)


def test_most_codes_are_not_read_whole(atlas):
    target = peaks(np.random.default_rng(3), 1)[0]
    assert search(atlas.index, atlas.basis, target, 10).read < len(atlas) / 3


def test_each_formula_comes_once_as_its_best_crystal(atlas):
    target = peaks(np.random.default_rng(4), 1)[0]
    found = best_of_each(atlas.index, atlas.basis, target, 400)
    names = atlas.index.words("formula", range(len(atlas)))
    scores = similarities(atlas.index, atlas.basis, target)
    best: dict[str, int] = {}
    for row in np.argsort(-scores, kind="stable"):
        best.setdefault(names[row], int(row))
    assert found.rows.tolist() == list(best.values())[:400]


MASKS = [
    {"elements": "Ni,Pt,Al,Fe,Ti,Zr"},
    {"require": "Pt"},
    {"require": "U", "exclude": "Li"},
    {"ratio": "3:1"},
    {"n_elements": 2, "exclude": "Pt,Au,U"},
    {"n_elements": 3},
]


@pytest.mark.parametrize("asked", MASKS)
def test_constraints_are_those_of_compositions(atlas, crystals, asked):
    constraints = Constraints.of(**asked)
    expected = [constraints.admit(each.composition) for each in crystals(3000)]
    assert atlas.index.fits(constraints).tolist() == expected


def test_constraints_are_those_of_crystals_too(atlas, crystals):
    made = crystals(3000)
    wanted = Constraints.of(prototype="L12", space_group="Pm-3m", require="Pt")
    fits = atlas.index.fits(wanted)
    assert fits.tolist() == [each.prototype == "L1_2" and wanted.admit(each.composition) for each in made] and fits.any()
    assert not atlas.index.fits(Constraints.of(prototype="L1_2", space_group=225)).any()
    formula = made[7].formula
    assert atlas.index.fits(Constraints.of(formula=formula)).tolist() == [each.formula == formula for each in made]
    assert not atlas.index.fits(Constraints.of(formula="HoLu")).any()


def test_an_atlas_knows_whether_it_holds_a_crystal(atlas, crystals):
    made = crystals(3000)[:40]
    written, groups = [each.formula for each in made], np.array([each.space_group for each in made])
    assert atlas.index.holds(written, groups).all()
    assert atlas.index.holds(written, np.zeros(40, dtype=int)).all()  # a space group that nobody knows
    assert not atlas.index.holds(written, np.full(40, 194)).any()
    assert atlas.index.holds(["HoLu", written[0]], groups[:2] * 0).tolist() == [False, True]


def test_merits_that_can_be_bounded_are_those_of_the_crystals(atlas, crystals):
    made = crystals(3000)
    curves, energies = atlas.expected(np.arange(40)), atlas.recipe.grid.energies
    assert np.allclose(atlas.merit("band_centre")[:40], band_centres(energies, curves))
    for place, each in enumerate(made[:40]):
        told = {name: atlas.merit(name)[place] for name in ("gap", "above_hull", "abundance", "supply_risk")}
        supply = Supply.of(each.composition)
        expected = {
            "gap": each.gap,
            "above_hull": each.above_hull,
            "abundance": supply.abundance,
            "supply_risk": supply.supply_risk,
        }
        for name, value in expected.items():
            assert np.isnan(told[name]) if value is None else told[name] == pytest.approx(value, rel=1e-6), name


def test_masks_of_facts_leave_out_what_is_unknown(atlas, crystals):
    made = crystals(3000)
    fits = atlas.index.fits(gap=(1.0, 2.0), above_hull=0.1, price=50.0, crystal_system="cubic", space_group=225, prototype="B1")
    for each, passed in zip(made, fits, strict=True):
        price = Supply.of(each.composition).price
        assert passed == (
            each.gap == 1.2
            and each.above_hull is not None
            and each.above_hull <= 0.1
            and price is not None
            and price <= 50.0
            and each.prototype == "B1"
        )
    assert not atlas.index.fits(crystal_system="hexagonal").any()
    assert not atlas.index.fits(prototype="E2_1").any()


def test_an_atlas_without_crystals_answers_nothing(tmp_path, basis):
    empty = Atlas.at(tmp_path, "empty", lambda: basis)
    target = peaks(np.random.default_rng(4), 1)[0]
    assert len(search(empty.index, empty.basis, target, 5).rows) == 0
    assert len(best_of_each(empty.index, empty.basis, target, 5).rows) == 0


def test_the_price_is_by_mass(atlas):
    row = 17
    composition = formulas.parse(atlas.index.words("formula", [row])[0])
    assert atlas.index.numbers("price")[row] == pytest.approx(Supply.of(composition).price, rel=1e-5)
