"""Candidates of several origins in one order."""

from __future__ import annotations

from dosmith.atlas.proposing import together
from dosmith.crystals.surveyed import Surveyed
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
