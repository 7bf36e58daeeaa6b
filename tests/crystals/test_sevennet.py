from __future__ import annotations

import sys

import pytest

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.sevennet import SevenNet
from dosmith.errors import DosmithError

SALT, EINSTEINIUM = PROTOTYPES["B1"].structure(("Na", "Cl"), 22.4), PROTOTYPES["A1"].structure(("Es",), 25.0)


def test_energies_of_many_are_those_of_its_own_calculator():
    pytest.importorskip("sevenn", reason="needs sevenn")
    from pymatgen.io.ase import AseAtomsAdaptor
    from sevenn.calculator import SevenNetCalculator

    crystals = [SALT, EINSTEINIUM, *(PROTOTYPES["L1_2"].structure(("Ni", "Pt"), 12.0 + number / 5) for number in range(9))]
    found = SevenNet().energies(crystals)
    assert found[1] is None
    for place in (0, 2, 10):
        atoms = AseAtomsAdaptor.get_atoms(crystals[place])
        atoms.calc = SevenNetCalculator("7net-0", device="cpu")
        assert found[place] == pytest.approx(atoms.get_potential_energy() / len(atoms), abs=1e-4)


def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sevenn", None)
    monkeypatch.setitem(sys.modules, "sevenn.calculator", None)
    with pytest.raises(DosmithError, match="pip install sevenn"):
        SevenNet().energies([SALT])
