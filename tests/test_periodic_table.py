from __future__ import annotations

import subprocess
import sys

import pytest
from pymatgen.core.periodic_table import Element

from dosmith.errors import FormulaError
from dosmith.formulas import HEAVIEST, symbol_of
from dosmith.periodic_table import elements


@pytest.mark.filterwarnings("ignore")
def test_every_element_is_as_pymatgen_has_it():
    assert len(elements()) == HEAVIEST
    for number, (symbol, found) in enumerate(elements().items(), 1):
        theirs = Element.from_Z(number)
        assert (found.number, found.symbol, symbol) == (number, theirs.symbol, theirs.symbol)
        assert found.name == str(theirs.long_name).lower()
        assert (found.group, found.metal, found.radioactive) == (theirs.group, theirs.is_metal, theirs.is_radioactive)
        assert found.iupac == theirs.iupac_ordering
        assert found.mass == pytest.approx(float(theirs.atomic_mass), rel=1e-4)  # releases differ in the last digits
        assert set(theirs.common_oxidation_states) <= {*found.common, *found.icsd}


def test_there_is_no_element_before_hydrogen_and_none_behind_lawrencium():
    assert (symbol_of(1), symbol_of(103)) == ("H", "Lr")
    for number in (0, 104):
        with pytest.raises(FormulaError, match=f"no element up to Lr has the atomic number {number}"):
            symbol_of(number)


def test_reading_and_writing_formulas_loads_no_pymatgen():
    code = "import sys; from dosmith.formulas import parse, write; write(parse('Pt3Ni')); assert 'pymatgen' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
