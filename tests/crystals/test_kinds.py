"""Kinds of crystals by name: what the table says is what the crystals hold."""

from __future__ import annotations

import pytest

from dosmith import symmetry
from dosmith.crystals.aflow import aflow_prototypes
from dosmith.crystals.kinds import common_name, common_names, kind_of, kinds, label_of, named, near
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import NotFoundError


def test_a_prototype_is_named_in_many_ways() -> None:
    for text in ("L1_2", "l12", "Cu3Au", "AB3_cP4_221_a_c"):
        assert named(text) == "L1_2"
    assert [named(text) for text in ("MgCu2", "Laves-phase", "perovskite", "half Heusler")] == ["C15", None, "E2_1", "C1_b"]
    assert [named(text) for text in ("anatase", "aucu", "MoSi2", "CaCu5")] == [
        "A2B_tI12_141_e_a",
        "AB_tP2_123_a_d",
        "AB2_tI6_139_a_e",
        "AB5_hP6_191_a_cg",
    ]
    assert named("SiO2") is None  # eight of them
    assert near("perovskit") == "; did you mean 'perovskite'?" and near("xyz") == ""


def test_the_table_holds_all_prototypes_of_aflow_as_pymatgen_has_them() -> None:
    assert set(kinds()) == set(PROTOTYPES) | set(aflow_prototypes())
    for name, prototype in aflow_prototypes().items():
        own = [site.specie.symbol for site in prototype.original]
        assert kind_of(name).counts == tuple(map(own.count, prototype.symbols)), name
        assert common_names()[name] == prototype.called, name


@pytest.mark.parametrize(
    "name", ["C4", "B1", "L1_2", "A2B_oP12_62_2c_c", "A2B_oP12_62_2c_c-3", "A2B_tI12_141_e_a", "molecular", ""]
)
def test_a_name_that_is_one_stays(name: str) -> None:
    assert label_of(name) == name


def test_labels_with_their_sites_in_another_order_mean_the_same() -> None:
    assert label_of("AB2_tP6_136_a_f") == "A2B_tP6_136_f_a" and common_name("AB2_tP6_136_a_f") == "rutile"
    assert label_of("AB2_oP12_62_c_2c") == "AB2_oP12_62_c_2c"  # three of AFLOW's have these sites


@pytest.mark.parametrize("name", ["A2B_tP6_136_f_a", "ABCD_tP8_129_c_b_a_c", "A2B3_hR10_167_c_e", "C14", "L1_2"])
def test_group_and_system_are_those_of_its_crystal(name: str) -> None:
    kind = kind_of(name)
    crystal = kind.structure(("Mg", "O", "Ti", "K")[: len(kind.counts)], 14.0)
    assert symmetry.space_group(crystal)[1] == kind.space_group
    assert crystal.volume / len(crystal) == pytest.approx(14.0)
    system = symmetry.system_of(kind.space_group)
    assert kind.crystal_system == (system if name not in PROTOTYPES else system.replace("trigonal", "hexagonal"))


def test_stretching_a_prototype_keeps_its_volume() -> None:
    longer = kind_of("A3").structure(("Mg",), 23.0, 1.1)
    assert longer.volume / 2 == pytest.approx(23.0)
    assert longer.lattice.c / longer.lattice.a == pytest.approx(
        1.1 * kind_of("A3").structure(("Mg",), 23.0).lattice.c / kind_of("A3").structure(("Mg",), 23.0).lattice.a
    )


def test_an_unknown_name_is_one_line() -> None:
    with pytest.raises(NotFoundError, match=r"^no prototype is 'B77'"):
        kind_of("B77")
