"""The forward model: trained, saved, opened, asked."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dosmith.errors import ModelError, NotFoundError
from dosmith.models.paper.model import PaperModel
from dosmith.spectra.standard import standardise_library

pytestmark = pytest.mark.training


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)


def test_a_short_training_already_learns(trained, alloys) -> None:
    """Better than the mean spectrum on what it has seen, even after a few epochs."""
    model, _, told = trained
    rows, vectors = standardise_library(alloys, model.recipe)
    found = model.predict([alloys.material(alloys.ids[row]).structure for row in rows])
    mean = np.tile(vectors.mean(axis=0), (len(vectors), 1))
    assert cosines(found.vectors, vectors).mean() > cosines(mean, vectors).mean() + 0.05
    assert {name for name, *_ in told} == {
        "crystals",
        "candidates",
        *(f"{kind} {number} of 2" for kind in ("tight binding", "plain network") for number in (1, 2)),
    }


def test_predictions_are_standard_vectors_with_bands(trained, alloys) -> None:
    model, _, _ = trained
    found = model.predict([alloys.material(identifier).structure for identifier in alloys.ids[:5]])
    np.testing.assert_allclose(found.vectors.sum(axis=1) * model.recipe.grid.step, 1)
    assert (found.vectors >= 0).all() and (found.half_widths > 0).all()
    lengths = np.linalg.norm(found.expected, axis=1)
    assert (lengths <= 1 + 1e-6).all() and (lengths > 0.5).all()


def test_what_calibrates_it_was_predicted_by_members_that_had_not_seen_it(trained, alloys) -> None:
    """The model tells which member has not seen a chemical system; asked alone, these are as good as the calibration says."""
    from dosmith import formulas
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    _, folder, _ = trained
    model = open_ensemble(folder)
    systems = {formulas.chemical_system(formulas.parse(formula)) for formula in alloys.formulas}
    assert set(model.unseen) == systems and set(model.unseen.values()) == {0, 1}
    rows, vectors = standardise_library(alloys, model.recipe)
    found = [
        model.without(material.composition).predict([material.structure]).vectors[0]
        for material in alloys.materials(rows.tolist())
    ]
    assert cosines(np.array(found), vectors).mean() == pytest.approx(
        model.calibration.cosine, abs=1e-3
    )  # spins are taken as computed there
    assert model.without(formulas.parse("CsI")) is model


def test_saved_and_opened_it_predicts_the_same(trained, alloys) -> None:
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    model, folder, _ = trained
    opened = open_ensemble(folder)
    structure = alloys.material(alloys.ids[3]).structure
    np.testing.assert_array_equal(opened.predict([structure]).vectors, model.predict([structure]).vectors)
    assert opened.calibration == model.calibration and opened.symbols == model.symbols
    card = (folder / "card.md").read_text()
    assert f"{model.calibration.cosine:.3f}" in card and "held-out chemical systems" in card.lower()
    kinds = model.calibration.kinds
    assert sum(count for count, _, _ in kinds.values()) == model.calibration.count and len(kinds) > 3


def test_a_training_learns_what_gaps_and_heights_are_worth(trained) -> None:
    """All that a design ranks by comes with the model; no further command has to be run."""
    from dosmith.models.tight_binding.model import TightBindingModel

    model, folder, _ = trained
    scale, candidates = model.calibration.gaps, TightBindingModel.open(folder).atlas.candidates
    assert (
        scale is not None and scale.count[0] == model.calibration.count and set(model.calibration.matches) == {"metal", "gapped"}
    )
    assert candidates.gaps is not None and candidates.heights is not None and candidates.rivals is not None
    assert (candidates.heights >= 0).all() and (candidates.heights == 0).any() and candidates.rivals.max() > 1


def test_neither_order_nor_company_changes_a_prediction(trained, alloys) -> None:
    model, _, _ = trained
    structures = [alloys.material(identifier).structure for identifier in alloys.ids[:6]]
    together = model.predict(structures).vectors
    backwards = model.predict(structures[::-1]).vectors[::-1]
    alone = np.concatenate([model.predict([each]).vectors for each in structures])
    np.testing.assert_allclose(together, backwards, atol=3e-4)  # single precision
    np.testing.assert_allclose(together, alone, atol=3e-4)


def test_an_element_it_has_not_seen_is_named(trained) -> None:
    from pymatgen.core.structure import Structure

    model, _, _ = trained
    with pytest.raises(ModelError, match="does not know W"):
        model.predict([Structure(np.eye(3) * 3, ["W", "Ni"], [[0, 0, 0], [0.5, 0.5, 0.5]])])


def test_lone_atoms_are_refused_in_a_line(trained) -> None:
    from pymatgen.core.structure import Structure

    model, _, _ = trained
    with pytest.raises(NotFoundError, match="too far apart"):
        model.predict([Structure(np.eye(3) * 30, ["Cu"], [[0, 0, 0]])])


def test_kinds_of_model_are_not_confused(trained) -> None:
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    _, folder, _ = trained
    with pytest.raises(ModelError, match="does not predict a DOS"):
        open_ensemble("paper")
    with pytest.raises(ModelError, match="does not name compositions for a DOS; it is of kind 'forward'"):
        PaperModel.open(folder)


@pytest.mark.parametrize("damage", ["truncate", "change", "remove", "spec", "newer"])
def test_damage_is_told_in_a_line(trained, tmp_path, damage: str) -> None:
    import shutil

    from dosmith.models.tight_binding.checkpoint import open_ensemble

    _, folder, _ = trained
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    weights, spec = copy / "weights.safetensors", json.loads((copy / "checkpoint.json").read_text())
    content = weights.read_bytes()
    if damage == "truncate":
        weights.write_bytes(content[: len(content) // 2])
    elif damage == "change":
        weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "remove":
        weights.unlink()
    elif damage == "spec":
        del spec["calibration"]["slope"]
    else:
        spec["format_version"] = 99
    (copy / "checkpoint.json").write_text(json.dumps(spec))
    with pytest.raises(ModelError) as raised:
        open_ensemble(copy)
    assert "\n" not in str(raised.value) and ("damaged" in str(raised.value) or "newer" in str(raised.value))


def test_too_small_a_library_is_refused(alloys, quick, tmp_path) -> None:
    from dosmith.library import MemoryLibrary
    from dosmith.models.tight_binding.train import train_forward

    few = MemoryLibrary([alloys.material(alloys.ids[0])], "one crystal")
    with pytest.raises(ModelError, match="training needs 4 or more"):
        train_forward(few, tmp_path / "model", quick)
    assert not (tmp_path / "model").exists()


def test_the_shipped_model_is_as_good_as_its_card_says() -> None:
    """On what it was trained on it must be better than its own held-out numbers, and the card must hold those."""
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.designer import open_dos_set
    from dosmith.models.tight_binding.checkpoint import open_ensemble
    from dosmith.spectra.standard import standardise

    model, library = open_ensemble("dosmith"), open_dos_set()
    ids = ["Cu-A1", "Al-A1", "Pt3Ni-L1_2", "Al3Zr-L1_2", "NaCl-B1", "BaTiO3-E2_1"]
    materials = [library.material(identifier) for identifier in ids if identifier in library]
    assert len(materials) >= 5
    computed = np.array([standardise(material.spectrum, model.recipe).values for material in materials])
    assert (
        cosines(model.predict([material.structure for material in materials]).vectors, computed).mean() > model.calibration.cosine
    )
    assert model.calibration.count > 1500 and model.calibration.cosine > 0.9
