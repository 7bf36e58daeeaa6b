"""A trained model gets the projections of its candidates, calibrated by computed ones, and answers by them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dosmith.designer import Designer
from dosmith.errors import ModelError
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.models.tight_binding.candidate_parts import FILE, SPIN_FILE
from dosmith.records import Material, Projections
from dosmith.spectra.parts import Part

pytestmark = pytest.mark.training
pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")

TINY = Path(__file__).parents[2] / "fixtures" / "models-2" / "tight_binding"


def projected(material: Material) -> Material:
    """As if a fixed share of each curve were on each element's s, p and d orbitals."""
    elements = [symbol for symbol, _ in material.composition]
    labels = tuple((symbol, orbital) for symbol in elements for orbital in "spd")
    shares = np.tile([0.1, 0.2, 0.7], len(elements)) / len(elements)
    return replace(material, projections=Projections(labels, shares[None, :, None] * material.spectrum.densities[:, None]))


@pytest.fixture(scope="module")
def alloys_with_projections(open_set: ParquetLibrary) -> MemoryLibrary:
    known = {"Mg", "Al", "Ni", "Cu", "Pd", "Ag", "Pt"}
    rows = [row for row in range(len(open_set)) if {symbol for symbol, _ in open_set.compositions[row]} <= known]
    found = [each for each in open_set.materials(rows) if len(each.composition) == 2 and len(each.species) <= 4][:7]
    return MemoryLibrary([projected(each) for each in found])


def test_candidates_get_projections_and_are_ranked_by_them(alloys_with_projections: MemoryLibrary, tmp_path: Path) -> None:
    from dosmith.models.tight_binding.projecting import project

    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    seen: list[str] = []
    model = project(folder, alloys_with_projections, lambda what, done, count, loss: seen.append(what))
    assert set(seen) == {"computed projections", "computed spins", "projections of candidates"}
    assert (folder / FILE).is_file() and not (folder / SPIN_FILE).exists()  # too few spins to calibrate any
    assert not (tmp_path / ".model-projecting").exists()
    parts = model.candidate_parts
    assert parts is not None
    assert parts.calibration.count >= 30
    for place in (0, len(model.atlas) - 1):  # together they are the whole
        whole = model.atlas.candidates.expected[place]
        found = sum(parts.of_crystal(place, whole).values())
        np.testing.assert_allclose(found, whole, atol=0.03 * whole.max())
    of_platinum = model.of_part(Part("Pt", "d"))
    assert of_platinum.atlas is not None
    assert all("Pt" in each.elements for each in of_platinum.atlas.crystals)
    target = next(name for name in alloys_with_projections.ids if "Pt" in name)
    answer = Designer(alloys_with_projections, model).design(target, project="Pt:d", top=10)
    predicted = [each for each in answer.candidates if each.similarity_kind == "predicted"]
    assert predicted
    assert all(each.p_match is not None and 0 <= each.p_match <= 1 for each in predicted)
    assert all(answer.predicted[each.formula].parts for each in predicted)


def test_only_what_lies_low_is_projected_where_that_is_asked_and_nothing_is_done_twice(
    alloys_with_projections: MemoryLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dosmith.models.tight_binding import projecting

    monkeypatch.setattr(projecting, "_AT_ONCE", 8)
    asked: list[int] = []
    really = projecting.predicted

    def predicted(model, some, calibration, spins) -> bytes:
        if sum(asked) >= 16:
            raise KeyboardInterrupt
        asked.append(len(some))
        return really(model, some, calibration, spins)

    monkeypatch.setattr(projecting, "predicted", predicted)
    shutil.copytree(TINY, tmp_path / "model")
    with pytest.raises(KeyboardInterrupt):
        projecting.project(tmp_path / "model", alloys_with_projections, above_hull=0.1)
    monkeypatch.setattr(projecting, "predicted", lambda *given: asked.append(len(given[1])) or really(*given))
    model = projecting.project(tmp_path / "model", alloys_with_projections, above_hull=0.1)
    low = np.flatnonzero(model.atlas.heights.above <= 0.1)
    assert 16 < len(low) < len(model.atlas) and sum(asked) == len(low)
    assert model.candidate_parts is not None
    assert np.unique(model.candidate_parts.owners).tolist() == low.tolist()
    assert model.spec["projected"].items() >= {"crystals": len(low), "above_hull": 0.1}.items()
    projecting.project(tmp_path / "model", alloys_with_projections, above_hull=0.1)
    assert sum(asked) == len(low)  # nothing is told anew
    wider = projecting.project(tmp_path / "model", alloys_with_projections, above_hull=0.2)
    more = np.flatnonzero(wider.atlas.heights.above <= 0.2)
    assert sum(asked) == len(more) > len(low)
    assert wider.candidate_parts is not None and np.unique(wider.candidate_parts.owners).tolist() == more.tolist()
    for place in low[::5].tolist():
        one, other = (
            each.of_crystal(place, model.wholes_at(np.array([place]))[0])
            for each in (model.candidate_parts, wider.candidate_parts)
        )
        assert one.keys() == other.keys() and all(np.array_equal(one[label], other[label]) for label in one)
    model = projecting.project(tmp_path / "model", alloys_with_projections, above_hull=0.1)
    assert sum(asked) == len(more) and model.candidate_parts is not None
    assert np.unique(model.candidate_parts.owners).tolist() == low.tolist()
    target = next(name for name in alloys_with_projections.ids if "Pt" in name)
    answer = Designer(alloys_with_projections, model).design(target, project="Pt:d", top=3)
    assert any(f"of the {len(low):,} candidates up to 0.1 eV/atom above the hull" in each for each in answer.caveats)


def test_projections_stay_with_their_crystals_when_others_are_proposed(
    alloys_with_projections: MemoryLibrary, tmp_path: Path
) -> None:
    from dosmith.crystals.survey import write_survey
    from dosmith.models.tight_binding.projecting import project
    from dosmith.models.tight_binding.train import propose_from

    shutil.copytree(TINY, tmp_path / "model")
    before = project(tmp_path / "model", alloys_with_projections, above_hull=0.1)
    crystals = list(before.atlas.crystals)
    assert before.candidate_parts is not None  # read while it is there
    write_survey(tmp_path / "fewer.parquet", crystals[::-2], set())
    after = propose_from(tmp_path / "model", tmp_path / "fewer.parquet", alloys_with_projections)
    assert after.candidate_parts is not None
    assert len(after.atlas) == len(crystals[::-2]) and len(after.candidate_parts.owners) > 10
    for place, each in enumerate(after.atlas.crystals):
        old = before.candidate_parts.of_crystal(
            next(n for n, other in enumerate(crystals) if other.key == each.key), np.ones(before.recipe.grid.points)
        )
        new = after.candidate_parts.of_crystal(place, np.ones(before.recipe.grid.points))
        assert old.keys() == new.keys() and all(np.array_equal(old[label], new[label]) for label in old)


def test_too_few_computed_projections_are_told(alloys_with_projections: MemoryLibrary, tmp_path: Path) -> None:
    from dosmith.models.tight_binding.projecting import project

    shutil.copytree(TINY, tmp_path / "model")
    one = MemoryLibrary([alloys_with_projections.material(alloys_with_projections.ids[0])])
    with pytest.raises(ModelError, match="30 or more are needed to say how far its own may be trusted: join more libraries"):
        project(tmp_path / "model", one)
    assert not (tmp_path / "model" / FILE).exists()


def test_spins_are_calibrated_by_computed_ones_and_told_of_what_is_magnetic(open_set: ParquetLibrary) -> None:
    """Each computed magnet by the member of the shipped model that has not seen its chemical system."""
    from dosmith.crystals.surveyed import SurveyedRows
    from dosmith.models.registry import open_model
    from dosmith.models.tight_binding.candidate_parts import CandidateParts
    from dosmith.models.tight_binding.projecting import calibrated_spins, predicted

    opened = open_model("dosmith")
    rows = [row for row in open_set.polarised() if len(open_set.compositions[row]) < 3][:45]
    magnets = MemoryLibrary(list(open_set.materials(rows)))
    calibration = calibrated_spins(opened.ensemble, magnets)
    assert calibration is not None and calibration.count >= 30 and 0.6 < calibration.cosine < 1
    assert set(calibration.kinds) == {"up", "down"}
    assert calibrated_spins(opened.ensemble, MemoryLibrary(list(open_set.materials(rows[:3])))) is None
    crystals = opened.atlas.crystals
    some = [next(each for each in crystals if each.elements == names) for names in (("Fe",), ("Cu",))]
    found = CandidateParts.read(predicted(opened.ensemble, SurveyedRows.of(some), calibration, True))
    assert found.owners.tolist() == [0, 0] and found.orbitals.tolist() == ["up", "down"]
    assert np.abs(found.shares.astype(int).sum(axis=0) - 255)[5:-5].max() <= 1
