"""Candidates of several origins in one order."""

from __future__ import annotations

import numpy as np

from dosmith.atlas import Atlas, AtlasCrystal
from dosmith.atlas.expecting import basis_for, forward_model
from dosmith.atlas.proposing import together
from dosmith.crystals.surveyed import Surveyed
from dosmith.designer import Designer
from dosmith.models.interface import Proposal

NI_PT, AL_NI, CU_PT = ((("Ni", 1), ("Pt", 3)), (("Al", 1), ("Ni", 1)), (("Cu", 1), ("Pt", 3)))


def predicted(elements: tuple[str, str], prototype: str, similarity: float, formation_energy: float = -0.1) -> Proposal:
    crystal = Surveyed(prototype, elements, 14.0, 1.0, -5.0, formation_energy)
    return Proposal(crystal.composition, similarity, crystal=crystal)


def test_what_is_known_stands_where_its_similarity_puts_it() -> None:
    known = {NI_PT: 0.99, AL_NI: 0.5}
    own = [Proposal(NI_PT), predicted(("Pt", "Cu"), "L1_2", 0.9), Proposal(AL_NI)]
    found = together([[predicted(("Pt", "Ni"), "L1_2", 0.97)], own], known, 0.2, 10)
    assert [each.composition for each in found] == [NI_PT, CU_PT, AL_NI]
    assert found[0].crystal is None  # known, so not that of the atlas
    assert len(together([own], known, 0.2, 2)) == 2


def test_a_crystal_above_its_elements_comes_later() -> None:
    high, low = predicted(("Ni", "Al"), "B2", 0.95, 0.5), predicted(("Pt", "Cu"), "L1_2", 0.9)
    assert together([[high], [low]], {}, 0.2, 2) == [low, high]
    assert together([[high], [low]], {}, 0.0, 2) == [high, low]


def test_whose_a_dos_is_is_told_among_crystals_of_ones_own_too(tmp_path) -> None:
    model = forward_model("dosmith")
    places = np.flatnonzero(model.atlas.crystals.compositions.sizes == 3)[::400][:50].tolist()
    crystals, spectra = model.atlas.crystals, model.atlas.candidates.expected
    kept = Atlas.at(tmp_path / "mine", "mine", lambda: basis_for(model))
    kept.add([AtlasCrystal.of_survey(crystals[place], spectra[place], "mine") for place in places])
    alone, both = (Designer(model="dosmith", atlases=[kept], shipped=shipped) for shipped in (False, True))
    grid = model.recipe.grid
    for place in places[::12]:
        curve = grid.energies, spectra[place]
        mine, among = (each.design(curve, rank_by="identity", zero=0.0, broadening=0.15, top=3) for each in (alone, both))
        assert mine.candidates[0].composition == among.candidates[0].composition == crystals[place].composition
        assert mine.candidates[0].crystal_from is not None
        assert mine.candidates[0].identity > among.candidates[0].identity > 0.02  # there are fewer others
        known = (grid.energies >= -5) & (grid.energies <= 5)
        short = alone.design((grid.energies[known], spectra[place][known]), rank_by="identity", zero=0.0, broadening=0.15, top=5)
        assert crystals[place].composition in [each.composition for each in short.candidates]
