"""Candidates of several origins in one order."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith import symmetry
from dosmith.atlas import Atlas, AtlasCrystal, Cell
from dosmith.atlas.expecting import basis_for, forward_model
from dosmith.atlas.proposing import together
from dosmith.compositions import Compositions
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.surveyed import Surveyed
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, OptionError
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


@pytest.fixture(scope="module")
def held(tmp_path_factory) -> Atlas:
    """An atlas of three crystals, of which the open DOS set knows one in this crystal and one in another crystal."""
    made = Atlas.at(tmp_path_factory.mktemp("held"), "mine", lambda: basis_for(forward_model("dosmith")))
    energies = made.recipe.grid.energies
    crystals = []
    for identifier, elements, prototype, centre, gap in (
        ("mp-1", ("Mg", "O"), "B1", -2.0, 4.0),
        ("mp-2", ("Ca", "S"), "B3", -1.0, 5.0),
        ("JVASP-3", ("Tl", "Lu"), "B2", 1.0, 0.0),
    ):
        curve = np.exp(-0.5 * ((energies - centre) / 0.5) ** 2)
        spectrum = (0.98 * curve / np.linalg.norm(curve)).astype(np.float32)
        structure = PROTOTYPES[prototype].structure(elements, 20.0)
        group = symmetry.space_group(structure)[1]
        source = "jarvis" if identifier.startswith("J") else "materials-project"
        facts = {"gap": gap, "signed_gap": gap or -1.0, "gap_spread": 0.5, "formation_energy": -0.5}
        crystals.append(AtlasCrystal(identifier, source, Cell.of(structure), group, prototype, spectrum, "dosmith-x", **facts))
    made.add(crystals)
    return made


def test_an_atlas_alone_proposes_its_crystals_alone_and_what_is_known_of_them(held) -> None:
    alone = Designer(model="dosmith", atlases=[held], shipped=False)
    found = {each.formula: each for each in alone.design("MgO", top=10).candidates}
    assert set(found) == {"MgO", "CaS", "LuTl"}
    known, predicted = found["MgO"], found["CaS"]
    assert (known.known_dos, known.structure_id, known.similarity) == (True, "MgO-B1", pytest.approx(1))
    assert (known.crystal_id, known.crystal_from) == ("mp-1", "Materials Project")
    assert (predicted.known_dos, predicted.crystal_id) == (False, "mp-2")  # known in rock salt, not in zincblende
    assert (predicted.gap, predicted.gap_spread) == (5.0, 0.5)
    assert found["LuTl"].p_match < 1e-3  # a metal is no match of an insulator
    both = Designer(model="dosmith", atlases=[held]).design("MgO", top=10)
    assert (both.candidates[0].structure_id, both.candidates[0].crystal_id) == ("MgO-B1", "mp-1")


def test_what_is_asked_of_crystals_holds_for_those_of_an_atlas(held) -> None:
    alone = Designer(model="dosmith", atlases=[held], shipped=False)

    def formulas_of(**asked) -> set[str]:
        return {each.formula for each in alone.design("MgO", top=10, **asked).candidates}

    assert formulas_of(prototype="B2") == formulas_of(space_group=221) == formulas_of(gap="metal") == {"LuTl"}
    assert formulas_of(gap="3:6") == {"MgO", "CaS"}
    assert formulas_of(formula="CaS") == {"CaS"}
    assert formulas_of(keep="band_centre<-1.5") == {"MgO"}
    assert formulas_of(keep="similarity>0.9") == {"MgO"}
    assert formulas_of(price=5) == {"MgO", "CaS"}
    with pytest.raises(ConstraintError, match="leave none of the 3 crystals of mine"):
        alone.design("MgO", gap="9:12")
    with pytest.raises(OptionError, match="does not tell d_band_centre of its crystals"):
        alone.design("MgO", keep="d_band_centre<-2")


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
        states = alone.electrons().states(Compositions.of([crystals[place].composition]), spectra[place][None].astype(np.float64))
        assert kept.sites[places.index(place)] == crystals.sites[place]
        scale = float(states[0]) * crystals.sites[place] / (spectra[place].sum() * grid.step)
        options = {"rank_by": "identity", "zero": 0.0, "broadening": 0.15, "top": 3}
        right, wrong = (both.design((grid.energies, f * scale * spectra[place]), count=True, **options) for f in (1.0, 1.6))
        assert right.candidates[0].composition == crystals[place].composition
        assert right.candidates[0].identity > among.candidates[0].identity
        of_it = [each.identity for each in wrong.candidates if each.composition == crystals[place].composition]
        assert max(of_it, default=0.0) < right.candidates[0].identity
    real = alone.design((grid.energies, spectra[places[0]]), rank_by="identity", real=True, zero=0.0, broadening=0.15, top=3)
    assert real.candidates[0].composition == crystals[places[0]].composition
    assert any("P(exists)" in each for each in real.caveats) and not any("P(exists)" in each for each in among.caveats)
