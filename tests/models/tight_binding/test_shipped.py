"""The shipped forward model says what it said when it was shipped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dosmith import formulas
from dosmith.comparison import Comparison
from dosmith.models.tight_binding.model import TightBindingModel
from gold import GOLD, crystal, curve


@pytest.fixture(scope="module")
def gold() -> dict:
    return json.loads(GOLD.read_text(encoding="utf-8"))


def test_gold_proposals(gold) -> None:
    search = TightBindingModel.open("dosmith")
    target = curve(search.recipe.grid.energies)
    found = search.propose(target, 5, comparison=Comparison(target, search.recipe.grid, by="similarity"))
    assert [formulas.write(each.composition) for each in found] == [formula for formula, _, _ in gold["proposals"]]
    numbers = [(each.similarity, each.p_match) for each in found]
    np.testing.assert_allclose(numbers, [each[1:] for each in gold["proposals"]], atol=1e-4)


@pytest.mark.training
def test_gold_prediction(gold) -> None:
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    np.testing.assert_allclose(open_ensemble("dosmith").predict([crystal()]).vectors[0], gold["predicted"], atol=1e-4)


def test_spins_of_candidates_are_shipped_and_half_metals_are_found_by_their_gapped_spin() -> None:
    """The minority spin of NiMnSb, computed here, has a gap where the majority conducts: what is proposed for it should be such a magnet."""
    from dosmith import Designer
    from dosmith.spectra.parts import Part

    search = TightBindingModel.open("dosmith")
    spins = search.candidate_spins
    assert spins is not None and len(np.unique(spins.owners)) == search.spec["spins"]["crystals"] > 1000
    magnetic = {"V", "Cr", "Mn", "Fe", "Co", "Ni", "Ce", "Eu", "Gd"}
    assert np.mean([bool(magnetic & set(search.atlas.crystals[place].elements)) for place in np.unique(spins.owners)[::20]]) > 0.8
    up, down = (search.of_part(Part(spin=spin)) for spin in ("up", "down"))
    assert up.atlas is not None and down.atlas is not None and len(up.atlas) == len(down.atlas)
    answer = Designer(model=search).design("NiMnSb", spin="down", top=10)
    predicted = [each for each in answer.candidates if each.similarity_kind == "predicted"]
    assert len(predicted) >= 5 and all(each.p_match is not None for each in predicted)
    assert any("Spins are predicted of the" in each for each in answer.caveats)
    gaps = [found.half_metallic_gap or 0.0 for found in answer.predicted.values() if found is not None]
    usual = np.mean(search.atlas.half_metallic_gaps[np.unique(spins.owners)] > 0)
    assert np.mean(np.array(gaps) > 0) > 1.5 * usual > 0.1
    assert Designer(model=search).target("Co2FeSi", spin="down").part == Part(spin="down")  # that nobody computed here


@pytest.mark.training
def test_spins_add_up_and_what_is_not_magnetic_has_none() -> None:
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    from dosmith.crystals.prototypes import PROTOTYPES
    from dosmith.models.tight_binding.checkpoint import open_ensemble
    from dosmith.models.tight_binding.projected import DOWN, UP

    model = open_ensemble("dosmith")
    iron, copper = PROTOTYPES["A2"].structure(("Fe",), 11.4), PROTOTYPES["A1"].structure(("Cu",), 11.8)
    found, magnetism = model.spins(iron), model.magnetism(model.prepare(iron))
    assert set(found) == {UP, DOWN} and magnetism is not None
    share = found[UP] / (found[UP] + found[DOWN])
    dense = model.predict([iron]).expected[0] > 0.02
    np.testing.assert_allclose(2 * share[dense] - 1, magnetism.polarisation[dense], atol=0.1)
    filled = model.recipe.grid.energies < 0
    assert found[UP][filled].sum() > 1.3 * found[DOWN][filled].sum()
    assert model.spins(copper) == {}
