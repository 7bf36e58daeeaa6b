"""Formation energies and hulls of materials whose answers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith import formulas
from dosmith.library.stability import elemental_energies, stabilities
from dosmith.records import Material, Spectrum

SPECTRUM = Spectrum(np.linspace(-1, 1, 21), np.ones(21), 0.0)


def material(identifier: str, energy: float) -> Material:
    composition = formulas.parse(identifier.split("-")[0])
    return Material(identifier, composition, SPECTRUM, prototype=identifier.split("-")[1], provenance={"energy_per_atom": energy})


def test_elements_are_their_own_references() -> None:
    found = stabilities([material("Pt-A1", -5.0), material("Pt-A3", -4.9)])
    assert (found["Pt-A1"].formation_energy, found["Pt-A1"].above_hull) == pytest.approx((0.0, 0.0))
    assert (found["Pt-A3"].formation_energy, found["Pt-A3"].above_hull) == pytest.approx((0.1, 0.1))


def test_a_hull_between_compounds() -> None:
    # Formation energies -0.3 at PtNi; on the line to Pt, Pt3Ni would have -0.15.
    found = stabilities(
        [material("Pt-A1", -5.0), material("Ni-A1", -3.0), material("PtNi-B2", -4.3), material("Pt3Ni-L1_2", -4.6)]
    )
    assert found["PtNi-B2"].above_hull == pytest.approx(0.0, abs=1e-9)
    assert found["Pt3Ni-L1_2"].formation_energy == pytest.approx(-0.1)
    assert found["Pt3Ni-L1_2"].above_hull == pytest.approx(0.05)


def test_a_polymorph_lies_above_the_lowest_of_its_composition() -> None:
    found = stabilities([material("Pt-A1", -5.0), material("Ni-A1", -3.0), material("PtNi-B2", -4.3), material("PtNi-B1", -4.1)])
    assert found["PtNi-B1"].above_hull == pytest.approx(0.2)


def test_what_decomposes_into_elements_is_above_them() -> None:
    found = stabilities([material("Pt-A1", -5.0), material("Ni-A1", -3.0), material("PtNi-B2", -3.5)])
    assert (found["PtNi-B2"].formation_energy, found["PtNi-B2"].above_hull) == pytest.approx((0.5, 0.5))


def test_a_ternary_may_decompose_into_binaries() -> None:
    elements = [material("Ba-A2", -2.0), material("Ti-A3", -7.0), material("O-molecule", -4.0)]
    binaries = [material("BaO-B1", -5.0), material("TiO2-C1", -7.0)]
    # BaTiO3 as BaO + TiO2: (2 * -5 + 3 * -7) / 5 = -6.2 eV/atom
    found = stabilities([*elements, *binaries, material("BaTiO3-E2_1", -6.0)])
    assert found["BaTiO3-E2_1"].above_hull == pytest.approx(0.2)


def test_without_an_element_nothing_is_said() -> None:
    assert stabilities([material("Pt-A1", -5.0), material("PtNi-B2", -4.3)]).keys() == {"Pt-A1"}


def test_an_element_counts_by_its_ground_state_alone() -> None:
    wrong = [material("B-A4", -5.0), material("Mg-A3", -1.5), material("MgB2-C32", -4.6)]
    assert stabilities(wrong).keys() == {"Mg-A3"}
    found = stabilities([*wrong, material("B-A_hR12_166_2h", -6.0)])
    assert found["MgB2-C32"].formation_energy == pytest.approx(-4.6 + (1.5 + 2 * 6.0) / 3)
    assert found["B-A4"].above_hull == pytest.approx(1.0)


def test_a_lower_crystal_than_the_reference_is_not_below_the_hull() -> None:
    found = stabilities([material("Pt-A1", -5.0), material("Pt-A3", -5.1)])
    assert (found["Pt-A3"].above_hull, found["Pt-A1"].above_hull) == pytest.approx((0.0, 0.1))


def test_a_hull_without_rivals_is_unknown() -> None:
    elements = [material("Pt-A1", -5.0), material("Ni-A1", -3.0), material("Al-A1", -3.0)]
    found = stabilities([*elements, material("PtNi-B2", -4.3)])
    assert (found["PtNi-B2"].above_hull, found["PtNi-B2"].far) == (None, False)
    assert found["PtNi-B2"].formation_energy == pytest.approx(-0.3)
    found = stabilities([*elements, material("PtNi-B2", -4.3), material("PtNi-B1", -4.0)])
    assert found["PtNi-B2"].above_hull == pytest.approx(0.0)
    found = stabilities([*elements, material("PtNi-B2", -4.3), material("Al2NiPt-L2_1", -3.8)])
    assert found["Al2NiPt-L2_1"].above_hull is not None  # PtNi could compete
    assert found["PtNi-B2"].above_hull is None  # but nothing with it


def test_what_is_far_above_everything_is_marked() -> None:
    found = stabilities([material("Pt-A1", -5.0), material("Ni-A1", -3.0), material("PtNi-B2", -3.4), material("PtNi-B1", -3.6)])
    assert (found["PtNi-B2"].far, found["PtNi-B1"].far) == (True, False)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(-1, 1))
def test_shifting_an_element_shifts_no_stability(pt: float, ni: float, energy: float) -> None:
    def found(first: float, second: float) -> float:
        mean = (3 * first + second) / 4
        return stabilities([material("Pt-A1", first), material("Ni-A1", second), material("Pt3Ni-L1_2", mean + energy)])[
            "Pt3Ni-L1_2"
        ].formation_energy

    assert found(pt, ni) == pytest.approx(found(0.0, 0.0), abs=1e-6)
    assert found(pt, ni) == pytest.approx(energy, abs=1e-6)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4), st.floats(-3, 3)), min_size=3, max_size=30))
def test_the_energies_of_the_elements_come_back_from_crystals_of_them(made: list[tuple[int, int, float]]) -> None:
    energies = {"Pt": -6.0, "Ni": -5.5, "O": -4.9}
    known = []
    for first, second, formation in made:
        composition = formulas.reduce({"Pt": first, "Ni": second, "O": 1})
        share = sum(count * energies[symbol] for symbol, count in composition) / sum(count for _, count in composition)
        known.append((composition, share + formation, formation))
    known += [(((symbol, 1),), energy, 0.0) for symbol, energy in energies.items()]
    found = elemental_energies(known)
    assert found.keys() == energies.keys() and all(found[each] == pytest.approx(energies[each], abs=1e-8) for each in energies)
    assert elemental_energies([]) == {}
