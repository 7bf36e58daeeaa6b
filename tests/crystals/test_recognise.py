"""Symmetry and prototype of crystals, as any program may write them."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.crystals.prototypes import PROTOTYPES, Prototype
from dosmith.crystals.recognise import Symmetry, recognise
from dosmith.dft.molecular import PROTOTYPE as MOLECULAR
from dosmith.library import ParquetLibrary


def of(structure: Structure) -> Symmetry | None:
    return recognise(np.array(structure.lattice.matrix), [site.specie.symbol for site in structure], structure.frac_coords)


@pytest.mark.parametrize("kind", PROTOTYPES.values(), ids=list(PROTOTYPES))
@pytest.mark.parametrize("stretch", [0.7, 1.0, 1.3])
def test_every_prototype_is_known_in_any_cell(kind: Prototype, stretch: float) -> None:
    cubic = kind.crystal_system == "cubic"
    if cubic and stretch != 1.0:
        return
    ideal = kind if cubic else kind.stretched(stretch)
    crystal = ideal.structure(("Al", "Ni", "Pt")[: len(kind.counts)], 15.0)
    crystal.make_supercell([[2, 1, 0], [0, 1, 0], [0, 0, 1]])
    crystal.translate_sites(range(len(crystal)), [0.13, 0.21, 0.37])
    found = of(crystal)
    assert found is not None
    if (kind.name, stretch) != ("P4/mmm AB2C", 1.0):  # whose cell is then nearly that of a cubic one
        assert (found.prototype, found.crystal_system) == (kind.name, kind.crystal_system)


def test_what_has_no_prototype_has_a_symmetry() -> None:
    bent = PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 15.0)
    bent.translate_sites([1], [0.05, 0.0, 0.0])
    found = of(bent)
    assert found is not None and found.prototype is None
    assert found.crystal_system != "cubic"


def test_atoms_upon_each_other_have_none() -> None:
    assert recognise(np.eye(3) * 4, ["Pt", "Pt"], np.zeros((2, 3))) is None


def test_the_open_set_is_named_as_it_was_made(open_set: ParquetLibrary) -> None:
    rows = range(0, len(open_set), 16)
    for table in open_set.tables(list(rows)):
        for row in (
            row for row in table.to_pylist() if row["prototype"] != MOLECULAR and row["space_group"] != "P1"
        ):  # what was measured or relaxed is symmetric in part only
            lattice, places = np.array(row["lattice"]).reshape(3, 3), np.array(row["frac_coords"]).reshape(-1, 3)
            name = row["prototype"] if row["prototype"] in PROTOTYPES else None  # AFLOW labels are no names
            assert recognise(lattice, row["species"], places) == Symmetry(row["space_group"], row["crystal_system"], name)
