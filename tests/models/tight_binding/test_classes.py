"""Classes of crystals, held against what is known of some."""

from __future__ import annotations

import numpy as np

from dosmith.models.calibration import accuracies
from dosmith.models.tight_binding.classes import classes_of


def test_well_known_crystals_are_in_their_classes(open_set) -> None:
    ids = ["NaCl-B1", "Fe-A2", "Pt3Ni-L1_2", "BaTiO3-E2_1", "ErSb-B1"]
    ids.sort(key=open_set.row_of)
    found = classes_of(open_set, np.array([open_set.row_of(each) for each in ids]))
    of = {name: {each for each, inside in zip(ids, members, strict=True) if inside} for name, members in found.items()}
    assert of["gapped"] == {"NaCl-B1", "BaTiO3-E2_1"} and of["metal"] == {"Fe-A2", "Pt3Ni-L1_2", "ErSb-B1"}
    assert {"Fe-A2", "Pt3Ni-L1_2"} >= of["magnetic"] >= {"Fe-A2"}
    assert of["with a lanthanide"] == {"ErSb-B1"} and of["an element"] == {"Fe-A2"}
    assert of["of three elements or more"] == {"BaTiO3-E2_1"} and of["5 to 8 atoms in the cell"] == {"BaTiO3-E2_1"}


def test_each_crystal_is_of_one_size_and_a_metal_or_not(open_set) -> None:
    found = classes_of(open_set, np.arange(0, len(open_set), 7))
    assert (found["metal"] ^ found["gapped"]).all()
    assert (sum(members.astype(int) for name, members in found.items() if "atoms" in name) == 1).all()


def test_accuracies_count_members_alone() -> None:
    told = accuracies(np.array([0.8, 1.0, 0.95]), {"a": np.array([True, True, False]), "none": np.zeros(3, dtype=bool)})
    assert told == {"a": [2, 0.9, 0.5]}
