from __future__ import annotations

import pytest

from dosmith.errors import FileFormatError
from dosmith.sources.cif import structure_of_cif
from dosmith.sources.vasp import structure_of_poscar

SALT = """data_salt
_cell_length_a {a}
_cell_length_b 5.6
_cell_length_c 5.6
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M '{group}'
_chemical_formula_sum '{formula}'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na+ 0 0 0 {occupancy}
Cl1 {other} 0.5 0.5 0.5 1
"""
PLAIN = {"a": "5.6", "group": "F m -3 m", "formula": "Na Cl", "occupancy": "1", "other": "Cl-"}


@pytest.mark.parametrize("occupancy", ["1", "1.0", "?", ".", "1.000(2)"])
def test_an_occupancy_that_is_not_stated_is_one(occupancy):
    found = structure_of_cif(SALT.format(**PLAIN | {"occupancy": occupancy}))
    assert found.composition.reduced_formula == "NaCl" and len(found) == 8


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"formula": "Na Cl H2"}, "names H in its formula, but no place of it"),
        ({"other": "Wat"}, "water or hydroxyl without the places of its hydrogen"),
        ({"other": "Q1"}, "names an atom 'Q1', which is no element"),
        ({"group": "Q q q"}, "names a space group 'Q q q' that nobody knows"),
        ({"a": "5,6"}, "could not convert string to float: '5,6'"),
        ({"occupancy": "1.3"}, "Occupancy 1.3"),
    ],
)
def test_what_is_another_crystal_than_is_meant_is_refused(changed, why):
    with pytest.raises(FileFormatError, match=why) as error:
        structure_of_cif(SALT.format(**PLAIN | changed))
    assert "\n" not in str(error.value)


def test_more_operations_than_a_space_group_has_are_refused():
    operations = "loop_\n_symmetry_equiv_pos_as_xyz\n" + "'x, y, z'\n" * 3000
    with pytest.raises(FileFormatError, match=r"lists 3,000 symmetry operations; no space group has more than 192"):
        structure_of_cif(SALT.format(**PLAIN) + operations)


def test_deuterium_stands_for_hydrogen_in_the_formula_too():
    found = structure_of_cif(SALT.format(**PLAIN | {"formula": "Na H", "other": "D-"}))
    assert found.composition.get_el_amt_dict() == {"Na": 4, "H": 4}


POSCAR = "{first}\n3.6\n1 0 0\n0 1 0\n0 0 1\n{names}1 1\ndirect\n0 0 0\n.5 .5 .5\n"


def test_a_poscar_names_its_elements_before_their_counts_or_in_its_first_line():
    for text in (POSCAR.format(first="mine", names="Ni Al\n"), POSCAR.format(first="Ni Al", names="")):
        assert structure_of_poscar(text).composition.reduced_formula == "AlNi"
    for first in ("mine", "Ni", "Ni Xx"):
        with pytest.raises(FileFormatError, match="does not name its elements"):
            structure_of_poscar(POSCAR.format(first=first, names=""))
    with pytest.raises(FileFormatError, match="is no POSCAR: it has 1 lines"):
        structure_of_poscar("nothing")
