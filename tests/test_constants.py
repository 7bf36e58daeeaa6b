"""Constants of nature are written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import constants as codata

import dosmith
from dosmith.constants import BOHR, BOLTZMANN, HARTREE, RYDBERG


def test_they_are_those_of_codata() -> None:
    electron_volt = codata.physical_constants["electron volt"][0]
    assert pytest.approx(codata.physical_constants["Hartree energy in eV"][0], rel=1e-9) == HARTREE
    assert pytest.approx(codata.physical_constants["Rydberg constant times hc in eV"][0], rel=1e-9) == RYDBERG
    assert pytest.approx(codata.physical_constants["Bohr radius"][0] * 1e10, rel=1e-8) == BOHR
    assert pytest.approx(codata.Boltzmann / electron_volt, rel=1e-9) == BOLTZMANN


@pytest.mark.parametrize("digits", ["27.211", "13.605", "0.5291", "8.617"])
def test_no_other_module_writes_them_again(digits: str) -> None:
    source = Path(dosmith.__file__).parent
    assert [path.name for path in source.rglob("*.py") if digits in path.read_text(encoding="utf-8")] in ([], ["constants.py"])
