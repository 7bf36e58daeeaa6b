"""Textbook crystals and elements: each is the crystal that its name says."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.dft.known import elements, textbook
from dosmith.dft.plan import Entry
from dosmith.library.stability import GROUND_STATES


@pytest.fixture(scope="module")
def crystals() -> dict[str, Entry]:
    return {entry.id: entry for entry in textbook()}


@pytest.fixture(scope="module")
def ground() -> dict[str, list[Entry]]:
    pytest.importorskip("ase")
    found: dict[str, list[Entry]] = {}
    for entry in elements():
        found.setdefault(entry.species[0], []).append(entry)
    return found


def test_each_crystal_comes_once(crystals: dict[str, Entry]) -> None:
    assert len(crystals) == sum(1 for _ in textbook()) > 280


@pytest.mark.parametrize(
    ("identifier", "group", "distance"),
    [
        ("MgO-B1", "Fm-3m", 2.106),
        ("SnO2-AB2_tP6_136_a_f", "P4_2/mnm", 2.05),
        ("MgAl2O4-AB2C4_cF56_227_a_d_e", "Fd-3m", 1.92),
        ("CuInSe2-ABC2_tI16_122_a_b_d", "I-42d", 2.43),
        ("TiO2-AB2_tI12_141_a_e", "I4_1/amd", 1.93),
        ("CO2-AB2_cP12_205_a_c", "Pa-3", 1.15),
        ("NH3-AB3_cP16_198_a_b", "P2_13", 1.0),
        ("Ag2O-AB2_cP6_224_a_b", "Pn-3m", 2.04),
        ("LiNbO3-ABC3_hR10_161_a_a_b", "R3c", 1.88),
        ("NaNO3-ABC3_hR10_167_a_b_e", "R-3c", 1.24),
        ("K3Sb-AB3_hP8_194_c_bf", "P6_3/mmc", 3.48),
        ("Cs2AgBiBr6-ABC2D6_cF40_225_a_b_c_e", "Fm-3m", 2.80),
    ],
)
def test_crystals_are_those_of_the_book(crystals: dict[str, Entry], identifier: str, group: str, distance: float) -> None:
    structure = crystals[identifier].structure
    assert structure.copy(site_properties={}).get_space_group_info(symprec=1e-2)[0] == group
    between = structure.get_neighbor_list(4.0, exclude_self=True)[3]
    assert between.min() == pytest.approx(distance, abs=0.05)


def test_no_two_atoms_are_too_near(crystals: dict[str, Entry]) -> None:
    for entry in crystals.values():
        structure = entry.structure
        radii = np.array([float(site.specie.atomic_radius or 1.0) for site in structure])
        one, other, _, distance = structure.get_neighbor_list(4.0, exclude_self=True)
        assert (distance > 0.55 * (radii[one] + radii[other])).all(), entry.id


def test_antiferromagnets_begin_so(crystals: dict[str, Entry]) -> None:
    for formula in ("NiO", "MnO", "CoO", "FeO"):
        entry = crystals[f"{formula}-B1"]
        assert entry.spin
        assert entry.moments is not None
        assert sum(entry.moments) == 0 and max(entry.moments) >= 2
        assert entry.structure.copy(site_properties={}).get_space_group_info(symprec=1e-2)[0] == "Fm-3m"


def test_elements_are_in_the_ground_states_that_energies_refer_to(
    ground: dict[str, list[Entry]], crystals: dict[str, Entry]
) -> None:
    for symbol, prototype in GROUND_STATES.items():
        found = [entry.prototype for entry in ground.get(symbol, [])]
        found += [entry.prototype for entry in crystals.values() if set(entry.species) == {symbol}]
        assert prototype in found, symbol


@pytest.mark.parametrize("symbol", ["Cr", "Mn", "O"])
def test_antiferromagnetic_elements_begin_so(ground: dict[str, list[Entry]], symbol: str) -> None:
    (entry,) = ground[symbol]
    assert entry.moments is not None
    assert sum(entry.moments) == 0 and max(entry.moments) > 0


@pytest.mark.parametrize("symbol", ["Fe", "Co", "Ni"])
def test_ferromagnetic_elements_begin_so(ground: dict[str, list[Entry]], symbol: str) -> None:
    (entry,) = ground[symbol]
    assert entry.moments is not None and min(entry.moments) > 0
