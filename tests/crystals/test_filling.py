from __future__ import annotations

import pytest

from dosmith import symmetry
from dosmith.crystals.aflow import aflow_prototypes
from dosmith.crystals.common import common_compounds
from dosmith.crystals.filling import fillings, originals, patterns, volume_of
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.formulas import parse, reduce, write

MEASURED = [
    ("B1", ("Na", "Cl"), 22.4, 0.05),  # in the survey
    ("B3", ("Ga", "As"), 22.6, 0.07),
    ("L1_2", ("Pt", "Ni"), 14.2, 0.05),
    ("B2", ("Ni", "Al"), 12.0, 0.1),
    ("B1", ("La", "N"), 18.6, 0.12),  # by what is like it there
    ("L1_2", ("Pb", "La"), 29.6, 0.12),
    ("A2B3_hR10_167_c_e", ("Al", "O"), 8.5, 0.12),  # by the prototype's own crystal
    ("A2B3_hR10_167_c_e", ("Cr", "O"), 9.6, 0.12),
    ("A2BC4_cF56_227_d_a_e", ("Mg", "Al", "O"), 9.4, 0.05),
    ("A2BC4_cF56_227_d_a_e", ("Cd", "Cr", "Se"), 22.2, 0.2),
]
"""Angstrom^3/atom, by X-rays."""


def test_there_are_more_than_250_prototypes():
    assert len({*PROTOTYPES, *aflow_prototypes()}) > 280
    assert len(patterns()) > 240


@pytest.mark.parametrize("name", list(aflow_prototypes())[::9])
def test_a_prototype_of_aflow_has_the_space_group_of_its_label(name):
    found = aflow_prototypes()[name]
    made = found.structure(found.symbols, found.original.volume / len(found.original))
    assert made.matches(found.original)
    assert symmetry.space_group(made)[1] == int(name.split("_")[2])


@pytest.mark.parametrize(("prototype", "elements", "measured", "tolerance"), MEASURED)
def test_volumes_are_told_as_measured(prototype, elements, measured, tolerance):
    (pattern,) = (each for each in patterns() if each.name == prototype)
    assert volume_of(pattern, elements) == pytest.approx(measured, rel=tolerance)


def test_fillings_have_the_composition_and_the_likeliest_come_first():
    for formula in ("Fe2O3", "LaNi5", "MoS2", "BaTiO3", "CuFeS2", "Ni"):
        found = fillings(parse(formula))
        assert found, formula
        for pattern, elements in found[:4]:
            assert reduce(zip(elements, pattern.counts, strict=True)) == parse(formula)
    assert fillings(parse("CrO2"), 8)[0][0].known  # some prototype whose own crystal is like it


@pytest.mark.parametrize(("formula", "group"), [("MoS2", 194), ("CaCu5", 191), ("SiO2", None), ("TiO2", None)])
def test_the_crystal_that_a_prototype_was_read_off_is_known(formula, group):
    found = originals(parse(formula))
    assert found
    assert group is None or group in {symmetry.space_group(structure)[1] for _, structure in found}


BEYOND = {"Fe4N", "Ni4N", "Mn4N", "Co3O4", "Fe3O4"}
"""One element on two kinds of sites: not filled yet."""


def test_compounds_that_chemists_know_have_their_own_crystal_among_the_fillings():
    assert len(common_compounds()) > 800
    for composition, group in common_compounds():
        groups = {pattern.space_group for pattern, _ in fillings(composition)}
        assert group in groups or write(composition) in BEYOND, write(composition)


@pytest.mark.parametrize(("symbol", "measured"), [("Ne", 22.2), ("Ar", 37.5), ("Kr", 45.0), ("Xe", 57.6)])
def test_noble_gases_are_as_large_as_their_crystals(symbol: str, measured: float) -> None:
    """In Angstrom^3/atom, of the face-centred cubic crystals near zero temperature (C. Kittel, Introduction to Solid State Physics)."""
    pattern = next(each for each in patterns() if each.name == "A_cP20_213_cd")  # which the survey lacks
    assert 0.4 * measured < volume_of(pattern, (symbol,)) < 1.6 * measured
