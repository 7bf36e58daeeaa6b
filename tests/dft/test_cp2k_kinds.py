"""Kinds of sites: moments of their own, electrons counted as the pseudopotentials do, lanthanides with 4f in the core."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.structure import Structure

from dosmith.dft.cp2k_kinds import Kinds, data_folder
from dosmith.dft.engine import STARTING_MOMENTS
from dosmith.errors import EngineError

VALENCE = {"H": 1, "He": 2, "O": 6, "Al": 3, "Si": 4, "Cr": 14, "Mn": 15, "Fe": 16, "Co": 17, "Ni": 18, "Cu": 11, "Xe": 8}
VALENCE |= {"La": 11, "Ce": 12, "Nd": 11, "Gd": 11, "Dy": 11, "Lu": 11}
"""Electrons outside the cores of the pseudopotentials."""


def crystal(symbols: list[str], moments: list[float] | None = None) -> Structure:
    places = [[index / len(symbols), 0, 0] for index in range(len(symbols))]
    return Structure(8 * np.eye(3), symbols, places, site_properties=None if moments is None else {"magmom": moments})


@given(st.lists(st.sampled_from(sorted(VALENCE)), min_size=1, max_size=6))
def test_unpaired_electrons_have_the_parity_of_all(symbols: list[str]) -> None:
    unpaired = Kinds.of(crystal(symbols), True).multiplicity - 1
    moment = sum(STARTING_MOMENTS.get(symbol, 0) for symbol in symbols)
    assert (unpaired - sum(VALENCE[symbol] for symbol in symbols)) % 2 == 0
    assert moment <= unpaired <= moment + 1


def test_each_element_starts_with_its_own_moment() -> None:
    kinds = Kinds.of(crystal(["Fe", "Ni", "O"]), True)
    assert kinds.labels == ("Fe", "Ni", "O")
    starts = {text.split()[1]: re.findall(r"MAGNETIZATION (\S+)", text) for text in kinds.sections(True)}
    assert starts == {"Fe": ["3"], "Ni": ["1"], "O": ["0"]}
    assert kinds.multiplicity == 5


def test_sites_of_one_element_with_different_moments_are_different_kinds() -> None:
    kinds = Kinds.of(crystal(["Cr", "O", "Cr", "Cr"], [2.0, 0.0, -2.0, 2.0]), True)
    assert kinds.labels == ("Cr1", "O", "Cr2", "Cr1")
    assert kinds.numbers[0] == kinds.numbers[3] != kinds.numbers[2]
    starts = {text.split()[1]: re.findall(r"MAGNETIZATION (\S+)", text) for text in kinds.sections(True)}
    assert starts == {"Cr1": ["2"], "Cr2": ["-2"], "O": ["0"]}
    assert all(re.search(r"ELEMENT (\S+)", text)[1] in ("Cr", "O") for text in kinds.sections(True))  # type: ignore[index]
    assert Kinds.of(crystal(["Cr", "Cr"], [2.0, -2.0]), True).multiplicity == 1
    plain = Kinds.of(crystal(["Cr", "Cr"], [2.0, -2.0]), False)
    assert plain.labels == ("Cr", "Cr")
    assert "MAGNETIZATION" not in "".join(plain.sections(False))


def test_a_lanthanide_gives_its_own_numbers_under_the_name_of_lutetium(tmp_path: Path) -> None:
    (tmp_path / "LnPP2_POTENTIALS").write_text("# title\nDy GTH-PBE-q11\n 3 6 2 0\n 0.6 2 21.1 0.7\n\nHo GTH-PBE-q11\n 9 9 9 9\n")
    (tmp_path / "BASIS_MOLOPT_LnPP2").write_text(
        "Tb DZVP-MOLOPT-GTH-q11\n 1\nDy DZVP-MOLOPT-GTH-q11\n 1\n 2 0 3 6 3 2 2 1\n 4.9 -3.1E-01 -1.0E01 -9.3E02\n\n"
    )
    (text,) = Kinds(("Dy",), (0.0,), tmp_path).sections(False)
    assert "ELEMENT Lu" in text and "KIND Dy" in text
    assert "0.6 2 21.1 0.7" in text and "9 9 9 9" not in text
    assert "4.9 -3.1E-01 -1.0E-01 -9.3E-02" in text  # minus signs that cp2k-data of 2023 lost


def test_the_basis_of_lanthanum_is_in_another_file() -> None:
    assert Kinds.of(crystal(["La", "N"]), False).basis_files == ("BASIS_MOLOPT", "BASIS_MOLOPT_UCL")
    assert Kinds.of(crystal(["Y", "N"]), False).basis_files == ("BASIS_MOLOPT",)


def test_a_missing_data_folder_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_file", lambda path: False)
    with pytest.raises(EngineError, match="set CP2K_DATA_DIR"):
        data_folder(str(tmp_path / "bin" / "cp2k"))


def test_the_data_folder_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "LnPP2_POTENTIALS").touch()
    monkeypatch.setenv("CP2K_DATA_DIR", str(tmp_path))
    assert data_folder(None) == tmp_path
