"""Ternaries that chemistry lets one expect."""

from __future__ import annotations

from pymatgen.core.periodic_table import Element

from dosmith import formulas
from dosmith.crystals import plausible


def test_known_perovskites_are_expected() -> None:
    expected = set(plausible.perovskites())
    for formula in ("BaTiO3", "SrTiO3", "KNbO3", "CsPbI3", "CsSnI3", "KMgF3", "BaZrS3", "LiBaH3"):
        assert formulas.write(formulas.parse(formula)) in expected
    assert "MgSiO3" not in expected and "TiBaO3" not in expected


def test_known_half_heuslers_are_expected_and_count_8_or_18() -> None:
    expected = set(plausible.half_heuslers())
    for formula in ("TiNiSn", "ZrCoSb", "LiMgAs", "LiAlSi"):
        assert formulas.write(formulas.parse(formula)) in expected
    for formula in expected:
        groups = [int(Element(symbol).group) for symbol, _ in formulas.parse(formula)]
        assert sum(group if group <= 12 else group - 10 for group in groups) in (8, 18)


def test_known_heuslers_and_alloys_are_expected() -> None:
    assert formulas.write(formulas.parse("Cu2MnAl")) in set(plausible.full_heuslers())
    tetragonal = set(plausible.tetragonal_alloys())
    assert all(formulas.write(formulas.parse(formula)) in tetragonal for formula in ("CoRh2Pd", "ZrRh2Ir", "ScRh2Ir"))
