"""The shipped forward model says what it said when it was shipped."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dosmith import formulas
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.ranking import Comparison
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
