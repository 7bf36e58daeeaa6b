"""What the included model proposes from: the world of crystals that a chemist would expect."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith import formulas
from dosmith.crystals.common import common_compounds
from dosmith.library.stability import SEVENNET
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.atlas import Atlas
from dosmith.models.tight_binding.candidates import FILE
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.code import SIZE, Coded


@pytest.fixture(scope="module")
def model() -> TightBindingModel:
    opened = open_model("dosmith")
    assert isinstance(opened, TightBindingModel)
    return opened


@pytest.fixture(scope="module")
def atlas(model: TightBindingModel) -> Atlas:
    return model.atlas


def test_there_are_150_000_crystals_of_one_kind_to_four_in_250_prototypes(model: TightBindingModel, atlas: Atlas) -> None:
    assert len(atlas) >= 150_000
    assert len(set(atlas.crystals.prototypes)) >= 250
    assert set(np.unique(atlas.crystals.compositions.sizes)) >= {2, 3, 4}
    held = {formulas.symbol_of(number) for number in np.unique(atlas.crystals.elements).tolist() if number}
    assert held == set(model.elements)
    assert {(5, 1), (3, 2), (4, 3), (3, 1, 1), (4, 2, 1)} <= set(model.ratios)


def test_what_a_chemist_knows_is_there_in_its_own_crystal(model: TightBindingModel, atlas: Atlas) -> None:
    compositions = atlas.entries.compositions
    there = set(zip(compositions, atlas.crystals.space_groups.tolist(), strict=True))
    wanted = {
        each for each in common_compounds() if {symbol for symbol, _ in each[0]} <= set(model.elements) and len(each[0]) > 1
    }
    missing = sorted(f"{formulas.write(composition)} {group}" for composition, group in wanted - there)
    assert len(wanted) > 800
    assert len(missing) <= 0.01 * len(wanted), missing


def test_spectra_are_short_codes_and_the_file_is_small(model: TightBindingModel, atlas: Atlas) -> None:
    assert isinstance(atlas.candidates.spectra, Coded) and atlas.candidates.spectra.basis.size == SIZE
    assert (model.folder / FILE).stat().st_size < 20_000_000
    assert atlas.certainties.min() > 0.5 and atlas.certainties.max() <= 1.01


def test_heights_are_those_of_the_better_potential(atlas: Atlas) -> None:
    assert atlas.crystals.potential == SEVENNET
    on_hull = float((atlas.heights.above < 1e-3).mean())
    assert 0.03 < on_hull < 0.5


def test_every_merit_that_a_search_needs_is_known(atlas: Atlas) -> None:
    for name in ("gap", "above_hull", "formation_energy", "half_metallic_gap"):
        values = atlas.entries.column(name)
        assert values is not None and np.isfinite(values).mean() > 0.99, name
    assert np.isfinite(atlas.heights.chances).mean() > 0.99
    assert 0.03 < (atlas.gaps > 0.3).mean() < 0.9
