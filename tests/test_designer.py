"""The one call: right answers on real data, constraints obeyed, the answer complete and stable."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

import dosmith
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, DosmithError, ModelError, OptionError
from dosmith.library import MemoryLibrary
from dosmith.spectra.grid import Window

FIXTURE = Path(__file__).parent / "fixtures" / "vasprun-AlN.xml.gz"

CANDIDATE_KEYS = [
    "rank",
    "formula",
    "composition",
    "chemical_system",
    "distance",
    "in_training",
    "known_dos",
    "similarity",
    "similarity_kind",
    "metric",
    "structure_id",
    "structure_ids",
    "prototype",
    "crystal_system",
    "probability",
    "formation_energy",
    "gap_ev",
    "gap_spread_ev",
    "above_hull_ev",
    "hull_from",
    "hull_rivals",
    "p_match",
    "p_exists",
    "identity",
    "crystal_id",
    "crystal_from",
]


@pytest.fixture(scope="module")
def designer(open_set):
    return Designer(open_set, "paper", dosmith.Settings())


@pytest.mark.parametrize("formula", ["Pt3Ni", "Al3Zr", "Sn3Bi"])
def test_the_papers_examples_find_themselves(designer, formula):
    answer = designer.design(formula)
    assert formula in [candidate.formula for candidate in answer.candidates]
    own = next(c for c in answer.candidates if c.formula == formula)
    assert own.similarity == pytest.approx(1.0)
    assert own.in_training
    assert own.known_dos
    assert answer.similar[0].is_target


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"gap": "1:4"}, lambda each: 1 <= each.gap < 4),
        ({"gap": "1:4", "above_hull": 0.1}, lambda each: 1 <= each.gap < 4 and each.above_hull <= 0.1),
        ({"prototype": "C1"}, lambda each: each.prototype == "C1"),
        ({"prototype": "B1", "gap": "2:9"}, lambda each: each.prototype == "B1" and 2 <= each.gap < 9),
    ],
)
def test_what_is_shown_of_a_known_composition_is_the_crystal_that_was_asked_for(open_set, asked, holds) -> None:
    """MgCl2 is known as a layered crystal with a gap of 5 eV, and predicted as a fluorite with one of 3."""
    answer = Designer(open_set, "dosmith", dosmith.Settings()).design("Pt3Ni", top=30, **asked)
    assert all(holds(each) for each in answer.candidates)
    assert {each.known_dos for each in answer.candidates} == {True, False}


def test_a_unary_target_gets_binaries_like_it(designer):
    answer = designer.design("Pd", top=30)
    assert [len(candidate.composition) for candidate in answer.candidates] == [2] * 30
    assert max(c.similarity or 0 for c in answer.candidates) > 0.9
    assert any("Pd itself cannot be a candidate" in caveat for caveat in answer.caveats)


def test_ternaries_are_proposed_like_binaries(open_set):
    answer = Designer(open_set, "dosmith", dosmith.Settings()).design("BaTiO3", top=30, n_elements=3)
    assert all(len(candidate.composition) == 3 for candidate in answer.candidates)
    assert answer.candidates[0].formula == "BaTiO3"
    predicted = [candidate for candidate in answer.candidates if not candidate.known_dos]
    assert predicted and all(0 < candidate.probability < 1 for candidate in predicted)


def test_a_file_of_another_code_finds_its_material_among_the_known(designer):
    # VASP, wurtzite, another functional: the nearest known DOS is that of CP2K for the same crystal.
    answer = designer.design(FIXTURE)
    assert answer.similar[0].id == "AlN-B4"
    assert answer.similar[0].similarity > 0.95
    formulas = [candidate.formula for candidate in answer.candidates]
    words = " ".join(answer.caveats)
    assert ("is in-sample" in words) == ("AlN" in formulas)
    assert ("yet it is not among the candidates" in words) == ("AlN" not in formulas)


def test_similarity_of_a_candidate_is_that_of_its_best_structure(designer, open_set):
    answer = designer.design("Pt3Ni", top=200)
    known = [candidate for candidate in answer.candidates if candidate.known_dos]
    assert 5 < len(known) < 200
    for candidate in known:
        curve = answer.curves[candidate.structure_id]
        target = answer.target.standard.values
        assert candidate.similarity == pytest.approx(target @ curve / np.linalg.norm(target) / np.linalg.norm(curve))
        assert open_set.material(candidate.structure_id).composition == candidate.composition
        assert candidate.structure_id == candidate.structure_ids[0]
        assert candidate.similarity_kind == "computed"
    for candidate in answer.candidates:
        if not candidate.known_dos:
            assert candidate.similarity is candidate.similarity_kind is candidate.structure_id is None
    distances = [candidate.distance for candidate in answer.candidates]
    assert distances == sorted(distances)
    assert [candidate.rank for candidate in answer.candidates] == list(range(1, 201))


def test_constraints_are_obeyed_and_fill_the_answer(designer):
    answer = designer.design(
        "Pt3Ni", top=25, elements=["Pt", "Ni", "Co", "Fe", "Pd", "Rh", "Cu"], require=["Co"], exclude=["Pt"], ratio="3:1"
    )
    formulas = {candidate.formula for candidate in answer.candidates}
    assert formulas == {f"{a}3{b}" for x in ("Ni", "Fe", "Pd", "Rh", "Cu") for a, b in (("Co", x), (x, "Co"))}
    assert answer.settings["ratio"] == "3:1"


def test_crystal_system_selects_network_and_structures(designer):
    answer = designer.design("Pt3Ni", top=2000, crystal_system="hexagonal")
    assert answer.model["network"] == "hexagonal"
    systems = {candidate.crystal_system for candidate in answer.candidates if candidate.known_dos}
    assert systems == {"hexagonal"}
    assert {neighbour.crystal_system for neighbour in answer.similar} == {"hexagonal"}
    cubic = designer.design("Pt3Ni", crystal_system="Cubic")
    assert [c.formula for c in cubic.candidates] != [c.formula for c in answer.candidates[:5]]


def test_window_and_metric_change_the_similarity_only(designer):
    plain = designer.design("Pt3Ni", top=50)
    windowed = designer.design("Pt3Ni", top=50, window="-2:2")
    other = designer.design("Pt3Ni", top=50, metric="wasserstein")
    for answer in (windowed, other):
        assert [c.formula for c in answer.candidates] == [c.formula for c in plain.candidates]
        assert [c.similarity for c in answer.candidates] != [c.similarity for c in plain.candidates]
    assert windowed.settings["window"] == [-2.0, 2.0]
    assert designer.design("Pt3Ni", top=50, window=(-2, 2)).candidates == windowed.candidates
    weights = Window(-2, 2).mask(designer.model.recipe.grid).astype(float)
    alike = [designer.design("Pt3Ni", top=50, rank_by="similarity", **how) for how in ({"weights": weights}, {"window": (-2, 2)})]
    assert [c.similarity for c in alike[0].candidates] == pytest.approx([c.similarity for c in alike[1].candidates])


def test_similar_is_sorted_and_filtered(designer):
    neighbours = designer.similar("Pt3Ni", top=30, crystal_system="hexagonal")
    assert [n.rank for n in neighbours] == list(range(1, 31))
    assert {n.crystal_system for n in neighbours} == {"hexagonal"}
    values = [n.similarity for n in neighbours]
    assert values == sorted(values, reverse=True)
    everything = designer.similar("Pt3Ni", top=10_000)
    assert len(everything) == len(designer.library)
    assert everything[0].id == "Pt3Ni-L1_2"


def test_a_strange_target_is_called_strange(designer):
    energies = np.linspace(-9, 9, 721)
    strange = sum(np.exp(-((energies - centre) ** 2) / 0.02) for centre in (-6.0, 0.0, 6.0)) + 1e-3
    caveats = " ".join(designer.design((energies, strange)).caveats)
    assert "unlike what the model was trained on" in caveats
    assert "unlike" not in " ".join(designer.design("Pt3Ni").caveats)


def test_json_is_the_documented_layout(designer):
    design = designer.design("Pt3Ni")
    answer = json.loads(design.to_json())
    assert list(answer) == ["target", "settings", "model", "candidates", "similar", "caveats"]
    assert [list(candidate) for candidate in answer["candidates"]] == [CANDIDATE_KEYS] * 5
    assert answer["target"]["formula"] == "Pt3Ni"
    assert answer["model"]["name"] == "paper"
    assert {"Ni": 1, "Pt": 3} in [candidate["composition"] for candidate in answer["candidates"]]
    assert answer["candidates"][0]["composition"] == dict(design.candidates[0].composition)
    documented = (Path(__file__).parents[1] / "docs" / "json.md").read_text(encoding="utf-8")
    for key in {*answer, *CANDIDATE_KEYS, *answer["target"], *answer["settings"], *answer["similar"][0], *answer["model"]}:
        assert f"`{key}`" in documented, f"docs/json.md does not explain {key}"


def test_csv_has_one_row_a_candidate(designer):
    design = designer.design("Pt3Ni", top=7)
    rows = list(csv.DictReader(io.StringIO(design.to_csv())))
    assert [int(row["rank"]) for row in rows] == list(range(1, 8))
    assert [row["formula"] for row in rows] == [candidate.formula for candidate in design.candidates]


def test_notebook_table_escapes(designer):
    spectrum = designer.target("Pt3Ni").standard
    from dosmith.targets import Target

    page = designer.design(Target("<b>x</b>", "test", spectrum))._repr_html_()
    assert "<b>x</b>" not in page
    assert "Pt3Ni" in page


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_elements": 3}, ConstraintError),
        ({"elements": ["Pt"]}, ConstraintError),
        ({"require": ["U"]}, ConstraintError),
        ({"crystal_system": "squarish"}, ModelError),
        ({"crystal_system": "tetragonal"}, ModelError),
        ({"metric": "euclid"}, DosmithError),
        ({"window": "2:-2"}, DosmithError),
        ({"window": "20:30"}, DosmithError),
        ({"weights": np.ones(3)}, DosmithError),
        ({"top": 0}, DosmithError),
        ({"top": "5"}, DosmithError),
        ({"ratio": 3}, DosmithError),
        ({"weights": "heavy"}, DosmithError),
        ({"window": (2, -2)}, DosmithError),
        ({"window": "nan:1"}, DosmithError),
        ({"broadening": -1.0}, DosmithError),
    ],
)
def test_impossible_options_are_one_line(designer, options, error):
    with pytest.raises(error) as caught:
        designer.design("Pt3Ni", **options)
    assert "\n" not in str(caught.value)


def test_public_names_are_there_and_documented():
    assert dosmith.design is dosmith.designer.design  # the function, not a module
    for name in dosmith.__all__:
        assert getattr(dosmith, name).__doc__, name
    assert set(dosmith.__all__) == set(dosmith._HOMES)
    with pytest.raises(AttributeError):
        _ = dosmith.nothing_of_this_name


def test_module_level_functions_answer():
    answer = dosmith.design("Pt3Ni", top=3, exclude=["Rh"], rank_by="similarity")
    assert answer.candidates[0].formula == "Pt3Ni"
    assert all("Rh" not in candidate.formula for candidate in answer.candidates)
    assert dosmith.similar("Pt3Ni", top=1)[0].id == "Pt3Ni-L1_2"
    assert dosmith.load_dos(FIXTURE).fermi == pytest.approx(5.8757, abs=1e-3)


def test_a_library_of_ones_own_is_used_even_when_it_holds_nothing_fitting():
    empty = Designer(dosmith.MemoryLibrary([]), "paper", dosmith.Settings())
    energies = np.linspace(-10, 10, 401)
    answer = empty.design((energies, np.exp(-(energies**2))))
    assert answer.similar == ()
    assert not any(candidate.known_dos for candidate in answer.candidates)
    narrow = dosmith.Spectrum(np.linspace(-1.9, 1.9, 100), np.ones(100), 0.0)
    library = dosmith.MemoryLibrary([dosmith.Material("x", (("Ni", 1), ("Pt", 3)), narrow)])
    assert Designer(library, "paper", dosmith.Settings()).design((energies, np.exp(-(energies**2)))).similar == ()


def test_the_report_of_a_python_answer_says_how_to_ask_again(designer, tmp_path):
    answer = designer.design("Pt3Ni", top=3, exclude="Rh", crystal_system="cubic")
    page = (dosmith.write_design(answer, tmp_path)[0]).read_text(encoding="utf-8")
    assert "dosmith.design(target, top=3, crystal_system=&#x27;cubic&#x27;, exclude=[&#x27;Rh&#x27;]" in page


def test_elements_may_be_those_of_pymatgen(designer):
    from pymatgen.core import Element

    found = designer.design("Pt3Ni", top=3, exclude=[Element("Rh")])
    assert [each.formula for each in found.candidates] == [
        each.formula for each in designer.design("Pt3Ni", top=3, exclude="Rh").candidates
    ]


def test_ranked_by_identity_a_known_curve_is_its_own_compositions() -> None:
    answer = dosmith.design("Pt3Ni", top=5, rank_by="identity")
    chances = [each.identity for each in answer.candidates]
    assert answer.candidates[0].formula == "Pt3Ni" and chances == sorted(chances, reverse=True) and sum(chances) <= 1
    assert answer.candidates[0].as_dict()["identity"] == chances[0]
    some = dosmith.design("Pt3Ni", top=3, rank_by="identity", exclude=["Pt"], ratio="3:1")
    assert all("Pt" not in dict(each.composition) and len(each.composition) == 2 for each in some.candidates)
    assert all(each.identity is None for each in dosmith.design("Pt3Ni", top=2).candidates)


def test_whose_a_dos_is_can_be_told_of_the_energies_that_are_known() -> None:
    designer = Designer(model="dosmith")
    energies, values = designer.model.recipe.grid.energies, designer.known.vector("Pt3Ni-L1_2")
    inside = (energies >= -4) & (energies <= 4)
    short = designer.design((energies[inside], values[inside]), broadening=0.15, zero=0.0, rank_by="identity", top=5)
    assert short.candidates[0].formula == "Pt3Ni" and short.target.standard.covered is not None
    windowed = designer.design("Pt3Ni", window="-4:4", rank_by="identity", top=5)
    whole = designer.design("Pt3Ni", rank_by="identity", top=5)
    assert windowed.candidates[0].formula == "Pt3Ni"
    assert windowed.candidates[0].identity < whole.candidates[0].identity  # less is known


def test_whose_a_dos_is_cannot_be_told_by_another_measure_or_by_every_model() -> None:
    with pytest.raises(OptionError, match="leave --metric and weights out"):
        dosmith.design("Pt3Ni", rank_by="identity", metric="tanimoto")
    with pytest.raises(OptionError, match="leave --rank-by identity out"):
        dosmith.design("Pt3Ni", rank_by="identity", model="paper")


def test_what_was_verified_counts_as_known_at_once(open_set):
    held = MemoryLibrary([open_set.material(name) for name in ("Pt3Ni-L1_2", "Pt3Rh-L1_2", "Pt-A1")])
    designer = Designer(held, "dosmith")
    before = designer.design("Pt3Ni", formula="Pt3Pd").candidates[0]
    assert not before.known_dos and before.similarity_kind == "predicted"
    held.add([open_set.material("Pt3Pd-L1_2")])
    after = designer.design("Pt3Ni", formula="Pt3Pd").candidates[0]
    assert (after.known_dos, after.similarity_kind, after.structure_id) == (True, "computed", "Pt3Pd-L1_2")
    assert after.similarity == pytest.approx(before.similarity, abs=0.1)
    assert "electron count is not compared" in " ".join(designer.design("Pt3Ni").caveats)
