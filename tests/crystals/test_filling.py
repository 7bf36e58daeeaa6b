from __future__ import annotations

from pathlib import Path

import pytest

from dosmith import symmetry
from dosmith.crystals.aflow import aflow_prototypes
from dosmith.crystals.filling import fillings, originals, patterns, volume_of
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.formulas import parse, reduce

MEASURED = [
    ("B1", ("Na", "Cl"), 22.4),
    ("B1", ("Mg", "O"), 9.3),
    ("B3", ("Ga", "As"), 22.6),
    ("B3", ("Zn", "S"), 19.7),
    ("L1_2", ("Pt", "Ni"), 14.2),
    ("L1_2", ("Al", "Ni"), 13.0),
    ("B2", ("Ni", "Al"), 12.0),
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


@pytest.mark.parametrize(("prototype", "elements", "measured"), MEASURED)
def test_volumes_are_told_within_a_fourth(prototype, elements, measured):
    assert volume_of(PROTOTYPES[prototype].structure(elements, 30.0)) == pytest.approx(measured, rel=1 / 4)


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


COMMON = Path(__file__).parents[1] / "fixtures" / "common-compounds.txt"
BEYOND = {"Fe4N", "Ni4N", "Mn4N", "Co3O4", "Fe3O4"}
"""One element on two kinds of sites: not filled yet."""


def common() -> list[tuple[str, int]]:
    """Formulas and space groups."""
    found = []
    for line in COMMON.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, _, formulas = line.partition(": ")
            found += [(formula, int(kind.split()[0])) for formula in formulas.split()]
    return found


def test_compounds_that_chemists_know_have_their_own_crystal_among_the_fillings():
    assert len(common()) > 800
    for formula, group in common():
        labels = (PROTOTYPES[each.name].aflow if each.name in PROTOTYPES else each.name for each, _ in fillings(parse(formula)))
        assert formula in BEYOND or group in {int(label.split("_")[2]) for label in labels}, formula
