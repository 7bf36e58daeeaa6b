"""The ranking while a curve is drawn: the same as a design's, only faster."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, SpectrumError
from dosmith.models.tight_binding.atlas import Atlas
from dosmith.models.tight_binding.candidate_parts import CandidateParts
from dosmith.models.tight_binding.candidates import Candidates
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.parts import Part
from dosmith.spectra.standard import standardise
from dosmith.web.live import Live
from dosmith.web.messages import Query, plain


@pytest.fixture(scope="module")
def live(designer: Designer) -> Live:
    return Live(designer)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"exclude": ["Pt"], "ratio": "3:1"},
        {"require": ["Co"], "crystal_system": "hexagonal"},
        {"elements": ["Pt", "Ni", "Co", "Fe", "Al"]},
        {"window": (-4.0, 1.0)},
        {"metric": "tanimoto"},
        {"gap": (1.0, 4.0), "above_hull": 0.05, "price": 500.0},
        {"gap": (None, 0.3)},
        {"gap": (2.0, None)},
    ],
)
def test_it_ranks_as_a_design_does(live: Live, designer: Designer, pt3ni: list[float], options: dict) -> None:
    query = Query(values=pt3ni, top=6, **options)
    answer = live.answer(query)
    design = designer.design(live.target(query), variety=0, **plain(query.model_dump()) | {"top": 400})
    predicted = [candidate for candidate in design.candidates if not candidate.known_dos][:6]
    assert [row.formula for row in answer.new] == [candidate.formula for candidate in predicted]
    for row, candidate in zip(answer.new, predicted, strict=True):
        assert row.similarity == pytest.approx(candidate.similarity, abs=1e-6)
        assert row.prototype == candidate.prototype
        assert (row.gap, row.gap_spread) == (candidate.gap, candidate.gap_spread)
        assert (row.probability is None) == (candidate.probability is None)
    if options.keys() <= {"window", "metric"}:
        similar = designer.similar(live.target(query), top=6, **options)
        assert [row.id for row in answer.known] == [neighbour.id for neighbour in similar]


@settings(max_examples=25)
@given(data=st.data())
def test_constraints_hold_in_both_lists(live: Live, pt3ni: list[float], data: st.DataObject) -> None:
    symbols = ["Pt", "Ni", "Co", "Al", "Ti", "O", "N", "Zr", "Cu", "H"]
    required = data.draw(st.lists(st.sampled_from(symbols), max_size=2, unique=True))
    barred = data.draw(st.lists(st.sampled_from([s for s in symbols if s not in required]), max_size=4, unique=True))
    count = data.draw(st.sampled_from([None, 1, 2, 3]))
    answer = live.answer(Query(values=pt3ni, require=required, exclude=barred, n_elements=count))
    for row in answer.known + answer.new:
        present = {symbol for symbol, _ in formulas.parse(row.formula)}
        assert set(required) <= present and not present & set(barred)
        assert count in (None, len(present))
    if count not in (None, *live.designer.model.sizes):
        assert not answer.new


@settings(max_examples=15)
@given(
    low=st.none() | st.floats(0, 4),
    wide=st.none() | st.floats(0.5, 4),
    height=st.none() | st.floats(0, 0.3),
    price=st.none() | st.floats(1, 1e5),
)
def test_bounds_hold_in_both_lists(
    live: Live, pt3ni: list[float], low: float | None, wide: float | None, height: float | None, price: float | None
) -> None:
    high = None if wide is None else (low or 0.0) + wide
    answer = live.answer(Query(values=pt3ni, gap=(low, high), above_hull=height, price=price))
    for row in answer.known + answer.new:
        if low:
            assert row.gap is not None and row.gap >= float(f"{low:g}")
        if high is not None:
            assert row.gap is not None and row.gap < float(f"{high:g}")
        assert height is None or (row.above_hull is not None and row.above_hull <= height)
        assert price is None or (row.price is not None and row.price <= price)
    assert answer.other_gaps <= len(answer.new)
    assert answer.new or any("predicted" in note for note in answer.notes)


def test_candidates_that_lack_the_wished_gap_are_counted(live: Live, designer: Designer) -> None:
    """An insulator's curve without a bound: what has its shape need not have its gap, and by the bound all are expected to."""
    values = designer.target("MgO").standard.values.tolist()
    free = live.answer(Query(values=values))
    low, high = free.alike
    assert low < free.gap < high and free.other_gaps > 0
    outside = sum(row.gap is not None and not low <= row.gap < high for row in free.new)
    assert abs(free.other_gaps - outside) <= 3  # by probability, not by the expected gap
    bound = live.answer(Query(values=values, gap=free.alike))
    assert all(row.gap is not None and low <= row.gap < high for row in bound.new)
    assert bound.other_gaps <= free.other_gaps
    metals = live.answer(Query(values=designer.target("Pt3Ni").standard.values.tolist()))
    assert metals.gap == 0 and metals.alike == (0, 0.3) and not metals.other_gaps


def test_d_band_centres_come_from_projections(live: Live, designer: Designer, pt3ni: list[float]) -> None:
    """Where all states of a crystal are d states, the centre is that of its whole expected curve."""
    first = live.answer(Query(values=pt3ni)).new[0]
    search = copy(designer.model)
    assert isinstance(search, TightBindingModel)
    atlas = search.atlas
    place = next(
        i
        for i, each in enumerate(atlas.entries.compositions)
        if formulas.write(each) == first.formula and atlas.crystals[i].prototype == first.prototype
    )
    points = atlas.recipe.grid.points
    whole = np.full((1, -(-points // 3)), 255, dtype=np.uint8)
    parts = CandidateParts(np.array([place]), np.array(["Pt"]), np.array(["d"]), np.ones(1), whole, atlas.calibration)
    vars(search)["candidate_parts"] = parts
    told = Live(copy(designer))
    told.designer.model = search
    answer = told.answer(Query(values=pt3ni))
    energies, curve = atlas.recipe.grid.energies, atlas.candidates.expected[place]
    assert told.d_bands
    assert answer.new[0].d_band_centre == pytest.approx(np.trapezoid(energies * curve) / np.trapezoid(curve), abs=1e-3)
    assert answer.new[1].d_band_centre is None


def test_a_part_of_the_states_is_compared_with_that_part_of_each_material(designer: Designer) -> None:
    search = copy(designer.model)
    assert isinstance(search, TightBindingModel)
    atlas, points = search.atlas, search.recipe.grid.points
    places = np.flatnonzero([("O" in each.elements) for each in atlas.crystals])[:300]
    half = np.full((len(places), -(-points // 3)), 128, dtype=np.uint8)
    parts = CandidateParts(
        places, np.full(len(places), "O"), np.full(len(places), "p"), np.full(len(places), 0.9), half, atlas.calibration
    )
    vars(search)["candidate_parts"] = parts
    told = Live(Designer(model=search))
    known = designer.library.ids[designer.library.projected("O", "p")[0]]
    values = told.curve_of_part(Part("O", "p"), "known", known).values
    answer = told.answer(Query(values=values, part="O:p", top=20))
    assert answer.known[0].id == known and answer.known[0].similarity == pytest.approx(1, abs=1e-4)
    assert [row.id for row in answer.known[:6]] == [each.id for each in designer.similar(known, project="O:p", top=6)]
    assert len(answer.new) == 20 and all("O" in dict(formulas.parse(row.formula)) for row in answer.new)
    assert answer.band is not None and answer.gap == 0
    energies = told.recipe.grid.energies
    assert answer.band.centre == pytest.approx(np.average(energies, weights=values), abs=0.01)
    assert told.answer(Query(values=values)).band is None
    assert told.answer(Query(values=values, part="Pt:d")).notes[0] == "None of the model's candidates has Pt d states."


def test_a_model_without_projections_leaves_the_known_ones(live: Live, designer: Designer) -> None:
    known = designer.library.ids[designer.library.projected("O", "p")[0]]
    values = live.curve_of_part(Part("O", "p"), "known", known).values
    if isinstance(designer.model, TightBindingModel) and designer.model.candidate_parts is None:
        answer = live.answer(Query(values=values, part="O:p"))
        assert answer.new == [] and answer.notes == ["The model predicts no such states."] and answer.known[0].id == known
    spins = live.answer(Query(values=values, part="up"))
    predicted = isinstance(designer.model, TightBindingModel) and designer.model.candidate_spins is not None
    assert spins.known and bool(spins.new) == predicted
    assert ("The model predicts no such states." in spins.notes) != predicted
    with pytest.raises(SpectrumError, match="is no part of a density of states"):
        live.answer(Query(values=values, part="Xx:d"))


def test_nothing_known_is_called_new(live: Live, designer: Designer, pt3ni: list[float]) -> None:
    answer = live.answer(Query(values=pt3ni, top=100))
    assert len(answer.new) == 100
    assert not {row.formula for row in answer.new} & set(designer.library.formulas)
    assert len({row.formula for row in answer.new}) == 100


def test_an_element_is_as_promising_as_its_best_crystal(live: Live, pt3ni: list[float]) -> None:
    answer = live.answer(Query(values=pt3ni, top=100))
    assert answer.heat.kind == "probability"
    for row in answer.new:
        for symbol, _ in formulas.parse(row.formula):
            assert answer.heat.values[symbol] >= row.probability - 1e-4
    # It stays to be seen what a forbidden element would bring, and what goes with a required one.
    assert live.answer(Query(values=pt3ni, exclude=["Pt"])).heat == answer.heat
    with_nickel = live.answer(Query(values=pt3ni, require=["Ni"])).heat.values
    assert with_nickel["Ni"] == max(with_nickel.values())
    assert live.answer(Query(values=pt3ni, window=(-3.0, 1.0))).heat.kind == "probability"  # calibrated for windows, too
    assert live.answer(Query(values=pt3ni, window=(2.0, 7.0))).heat.kind == "similarity"  # but not for any
    assert live.answer(Query(values=pt3ni, metric="wasserstein")).heat.kind == "similarity"


@settings(max_examples=25)
@given(scale=st.floats(1e-3, 1e4))
def test_the_area_of_the_drawing_is_free(live: Live, pt3ni: list[float], scale: float) -> None:
    drawn = live.answer(Query(values=[scale * value for value in pt3ni]))
    assert [row.id for row in drawn.known] == [row.id for row in live.answer(Query(values=pt3ni)).known]
    assert drawn.known[0].id == "Pt3Ni-L1_2" and drawn.known[0].similarity == pytest.approx(1, abs=1e-5)


def test_heights_are_above_the_hull(live: Live, pt3ni: list[float]) -> None:
    for row in live.answer(Query(values=pt3ni, top=100)).new:
        assert row.above_hull is not None and row.above_hull >= -1e-9


def test_three_elements_fall_apart_into_pairs_too(designer: Designer) -> None:
    crystals = (
        Surveyed("B2", ("Pt", "Ni"), 12.0, 1.0, 0.0, -0.2),
        Surveyed("B2", ("Pt", "Co"), 12.0, 1.0, 0.0, -0.4),
        Surveyed("C1_b", ("Pt", "Ni", "Co"), 12.0, 1.0, 0.0, -0.25),  # 2/3 of PtCo and 1/3 of Ni are at -0.267
        Surveyed("L2_1", ("Ni", "Pt", "Co"), 12.0, 1.0, 0.0, 0.1),  # half of PtCo and half of Ni are at -0.2
        Surveyed("B1", ("Ni", "Pt"), 12.0, 1.0, 0.0, 0.0),
    )
    assert isinstance(designer.model, TightBindingModel)
    spec = {**designer.model.spec, "candidates": {"sizes": [2, 3]}}
    search = TightBindingModel(designer.model.folder, spec)
    expected = Candidates(SurveyedRows.of(crystals), np.ones((len(crystals), 151), dtype=np.float32))
    vars(search)["atlas"] = Atlas(expected, search.recipe, search.calibration, search.settings.height_penalty)
    live = Live(copy(designer))
    live.designer.model = search
    assert [live._height(place) for place in range(5)] == pytest.approx([0, 0, -0.25 + 0.8 / 3, 0.3, 0.2], abs=1e-9)


def test_a_gap_away_from_the_zero_is_noticed(live: Live, designer: Designer, pt3ni: list[float]) -> None:
    energies = designer.model.recipe.grid.energies
    gapped = np.where((energies > -0.2) & (energies < 2.5), 0.0, 1.0)
    answer = live.answer(Query(values=gapped.tolist()))
    assert 2 < answer.gap < 3.2 and answer.zero < 0.1
    assert live.answer(Query(values=pt3ni)).gap == 0


@pytest.mark.parametrize("formula", ["AlN", "MgO", "CaO", "NaCl"])
def test_the_gap_of_an_insulator_is_read_off_its_drawn_curve(live: Live, designer: Designer, formula: str) -> None:
    """To one grid point, as it is read off the whole curve."""
    spectrum = designer.library.material(designer.target(formula).material_id or "").spectrum
    target = standardise(replace(spectrum, gap=None, valence_top=None), designer.model.recipe)
    answer = live.answer(Query(values=target.values.tolist()))
    assert answer.gap == pytest.approx(target.gap, abs=0.15) and abs(answer.zero) < 0.1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"values": [0.0] * 151}, SpectrumError),
        ({"values": [1.0] * 150}, SpectrumError),
        ({"window": (2.0, 1.0)}, SpectrumError),
        ({"weights": [0.0] * 151}, SpectrumError),
        ({"weights": [1.0]}, SpectrumError),
        ({"require": ["Pt"], "exclude": ["Pt"]}, ConstraintError),
        ({"ratio": "a:b"}, ConstraintError),
        ({"gap": (3.0, 2.0)}, ConstraintError),
    ],
)
def test_the_unusable_is_told_in_a_line(live: Live, pt3ni: list[float], change: dict, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        live.answer(Query(**({"values": pt3ni} | change)))
    assert "\n" not in str(raised.value)


def test_the_paper_s_model_answers_too(pt3ni: list[float]) -> None:
    live = Live(Designer(model="paper"))
    answer = live.answer(Query(values=pt3ni, exclude=["Ni"]))
    assert answer.known and answer.new and not answer.heat.values
    assert all("Ni" not in dict(formulas.parse(row.formula)) for row in answer.new)
    bound = live.answer(Query(values=pt3ni, price=50.0))
    assert not bound.new and "cannot honour" in bound.notes[0] and all((row.price or 0) <= 50 for row in bound.known)
