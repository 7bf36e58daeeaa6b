from __future__ import annotations

import json

import numpy as np
import pytest

from atlas_samples import RECIPE
from dosmith import formulas, symmetry
from dosmith.atlas import Atlas, AtlasCrystal, Cell
from dosmith.atlas.adding import RECORD, Addition, Record
from dosmith.atlas.expecting import basis_for, forward_model
from dosmith.crystals.named import Named
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.designer import Designer
from dosmith.errors import FormulaError, ModelError, NotFoundError
from dosmith.formulas import parse
from dosmith.library import MemoryLibrary
from dosmith.predicted import crystal_named, known_id, predicted_target


@pytest.fixture(scope="module")
def model():
    return forward_model("dosmith")


@pytest.fixture(scope="module")
def atlas(tmp_path_factory, model):
    """Three crystals, one of which is expected to be a single peak at -2 eV."""
    made = Atlas.at(tmp_path_factory.mktemp("atlas"), "mine", lambda: basis_for(model))
    energies = RECIPE.grid.energies
    crystals = []
    for identifier, name, elements, centre, height in (
        ("mp-149", "A4", ("Si",), -2.0, 0.0),
        ("JVASP-7", "B3", ("Ga", "As"), 1.0, -0.2),
        ("mp-8883", "B4", ("Ga", "As"), 2.0, -0.1),
    ):
        curve = np.exp(-0.5 * ((energies - centre) / 0.4) ** 2)
        structure = symmetry.primitive(PROTOTYPES[name].structure(elements, 22.0))
        group = symmetry.space_group(structure)[1]
        spectrum = (0.99 * curve / np.linalg.norm(curve)).astype(np.float32)
        source = "materials-project" if identifier.startswith("mp") else "jarvis"
        crystals.append(
            AtlasCrystal(identifier, source, Cell.of(structure), group, name, spectrum, "dosmith-x", formation_energy=height)
        )
    made.add(crystals)
    Record(made.folder).write([Addition("k", "a.cif", "the same as", "mp-149", "JVASP-1002")])
    assert (made.folder / RECORD).exists()
    return made


@pytest.mark.parametrize(
    ("text", "prototype", "group"),
    [
        ("GaAs", None, None),
        ("gaas", None, None),
        ("GaAs:B3", "B3", None),
        ("GaAs-b3", "B3", None),
        ("AsGa:216", None, 216),
        ("gaas:F-43m", None, 216),
        ("GaAs:f-43m", None, 216),
        ("GaAs:zincblende", "B3", None),
        ("GaAs:AB_cF8_216_c_a", "B3", None),
        ("gaas:ab_oi4_44_a_b", "AB_oI4_44_a_b", None),
    ],
)
def test_crystals_are_named_by_formula_prototype_and_space_group(text, prototype, group):
    assert Named.parse(text) == Named(parse("GaAs"), prototype, group)


def test_what_is_no_prototype_is_told():
    with pytest.raises(NotFoundError, match="did you mean"):
        Named.parse("GaAs:B33")
    with pytest.raises(FormulaError):
        Named.parse("nothing-at-all")


def test_ids_of_an_atlas_are_targets_in_any_letters(atlas, model):
    for text in ("mp-149", "MP-149", "jvasp-1002"):
        found = predicted_target(text, model, [atlas])
        assert found.name == "mp-149" and found.predicted and found.composition == parse("Si")
        assert "in mine (Materials Project)" in found.source and "is predicted" in found.source
        energies = model.recipe.grid.energies
        assert energies[np.argmax(found.standard.values)] == pytest.approx(-2.0, abs=0.1)
        assert found.standard.values.sum() * model.recipe.grid.step == pytest.approx(1)
    with pytest.raises(NotFoundError, match="no mp-7 in the library or an atlas"):
        predicted_target("mp-7", model, [atlas])


def test_a_formula_is_the_lowest_crystal_of_an_atlas_or_the_one_that_is_asked_for(atlas, model):
    assert predicted_target("GaAs", model, [atlas]).name == "JVASP-7"
    assert predicted_target("GaAs:186", model, [atlas]).name == "mp-8883"
    assert predicted_target("GaAs:B4", model, [atlas]).name == "mp-8883"
    assert predicted_target("GaAs", model, [atlas], "hexagonal").name == "mp-8883"


def test_a_formula_that_nobody_computed_is_answered_by_the_models_own_crystals(model, monkeypatch):
    from dosmith.crystals import filling

    monkeypatch.setattr(filling, "originals", lambda composition: [])
    found = predicted_target("GaAs:B3", model)
    assert found.predicted and found.source == "GaAs as B3; the DOS is predicted by the model 'dosmith', not computed"
    assert found.standard.gap >= 0


def test_the_gap_of_a_predicted_target_is_the_one_that_is_expected(model):
    place = next(n for n, each in enumerate(model.atlas.crystals) if each.formation_energy < 0 and model.atlas.gaps[n] > 3)
    crystal = model.atlas.crystals[place]
    named = formulas.write(crystal.composition)
    found = predicted_target(f"{named}:{crystal.prototype}" if crystal.prototype in PROTOTYPES else named, model)
    assert found.standard.gap > 2  # read off the curve, which several members fill up, it would be 0


def test_what_a_model_cannot_predict_is_no_target(model):
    with pytest.raises(NotFoundError, match="no DOS of PuO2 is known, and the model 'dosmith' does not know Pu"):
        predicted_target("PuO2", model)
    assert predicted_target("no formula!", model) is None


def test_known_crystals_in_other_words(open_set):
    assert known_id("pt3ni-l1_2", open_set) == "Pt3Ni-L1_2"
    assert known_id("NiPt3:L12", open_set) == "Pt3Ni-L1_2"
    assert known_id("Pt3Ni:pm-3m", open_set) == "Pt3Ni-L1_2"
    assert known_id("Pt3Ni:B1", open_set) is None
    assert known_id("GaAs:B4", open_set) is None
    # Its label there has the kinds of sites in another order.
    assert known_id("TiO2:anatase", open_set) == known_id("TiO2:A2B_tI12_141_e_a", open_set) == "TiO2-AB2_tI12_141_a_e"


def test_a_crystal_is_named_for_commands_as_designs_name_it(open_set, atlas, model):
    def found(text):
        return crystal_named(text, open_set, model=lambda: model, atlases=lambda: [atlas])

    proposed = next(
        each for each in model.atlas.crystals if each.prototype == "AB_tP2_123_a_d" and not open_set.rows_of(each.composition)
    )
    assert found(f"{formulas.write(proposed.composition)}-{proposed.prototype}") == proposed.structure
    assert found("TiO2:rutile") == open_set.material("TiO2-AB2_tP6_136_a_f").structure
    assert symmetry.space_group(found("mp-149"))[1] == symmetry.space_group(found("jvasp-1002"))[1] == 227
    with pytest.raises(NotFoundError, match="no mp-7 in the library or an atlas"):
        found("mp-7")
    with pytest.raises(NotFoundError, match="'B77' is no prototype"):
        found("Pt3Ni-B77")
    with pytest.raises(NotFoundError, match=r"no file my-file\.cif"):
        found("my-file.cif")


def test_a_design_of_a_predicted_target_proposes_from_the_atlas_and_says_whence(atlas, model):
    designer = Designer(model=model, atlases=[atlas])
    answer = designer.design("mp-149", top=5)
    assert answer.target.predicted and "is predicted" in answer.target.as_dict()["source"]
    only = Designer(MemoryLibrary([]), model, atlases=[atlas], shipped=False).design("JVASP-7", top=4, elements="Ga,As")
    assert [(each.formula, each.crystal_id, each.crystal_from) for each in only.candidates if not each.known_dos] == [
        ("GaAs", "JVASP-7", "JARVIS")
    ]
    assert only.candidates[0].similarity == pytest.approx(0.99, abs=0.01)
    assert json.loads(only.to_json())["candidates"][0]["crystal_id"] == "JVASP-7"


def test_an_atlas_narrows_and_ranks_in_a_window_too(atlas, model):
    only = Designer(MemoryLibrary([]), model, atlases=[atlas], shipped=False)
    answer = only.design("JVASP-7", top=3, elements="Ga,As", window="-1:3")
    assert answer.candidates[0].crystal_id == "JVASP-7"


def test_ids_are_looked_up_in_the_other_atlases_of_a_user_too(atlas, model):
    designer = Designer(model=model, elsewhere=lambda: [atlas])
    assert designer.target("mp-149").name == "mp-149"
    assert not any(each.crystal_id for each in designer.design("jvasp-7", top=3).candidates)  # but nothing is proposed from them


def test_small_letters_mean_what_the_model_proposes_where_nobody_computed_it(model):
    assert predicted_target("lani5", model).composition == parse("LaNi5")


def test_models_without_crystals_take_no_atlas(atlas):
    with pytest.raises(ModelError, match="predicts no crystals"):
        Designer(model="paper", atlases=[atlas])
