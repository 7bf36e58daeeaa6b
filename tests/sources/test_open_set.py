"""The open DOS set: how batches are read, and whether the physics of the shipped set is sound."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spglib

from dosmith import formulas
from dosmith.crystals.prototypes import PROTOTYPES as ALL_PROTOTYPES
from dosmith.dft.molecular import PROTOTYPE as MOLECULAR
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.library import ParquetLibrary
from dosmith.records import Material
from dosmith.sources.open_set import PROTOTYPES, SETTINGS, read_batch

AFLOW = re.compile(r"([A-Z]\d*)+_[a-z][A-Z]\d+_\d+(_\w+)+")
DOS = np.random.default_rng(11).random((2, 401)).round(4)
ENTRY: dict[str, Any] = {
    "formula": "Ni3Pt",
    "prototype": "L12",
    "crystal_system": "cubic",
    "species": ["Pt", "Ni", "Ni", "Ni"],
    "lattice": [[3.65, 0.0, 0.0], [0.0, 3.65, 0.0], [0.0, 0.0, 3.65]],
    "frac": [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]],
    "volume_per_atom": 12.157,
    "chgnet_e": -5.75,
    "chgnet_ef": -0.06,
    "dos": DOS.tolist(),
    "fermi_ev": 8.25,
    "gap_ev": 0.0,
    "n_electrons": 72,
    "spin_polarized": True,
    "moment_window": 2.1,
    "kscf": [4, 4, 4],
    "kdos": [10, 10, 10],
    "settings": "fast",
    "energy_ev": -16500.5,
    "seconds": 120.5,
}


def write(file: Path, *lines: str | dict[str, Any]) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode()) if file.suffix == ".gz" else text.encode())
    return file


def assert_refused(file: Path, line: int) -> None:
    with pytest.raises(FileFormatError) as refusal:
        list(read_batch(file))
    assert f"{file}, line {line}: " in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", ["batch.jsonl", "batch.jsonl.gz"])
def test_an_entry_is_read_whole(tmp_path: Path, name: str) -> None:
    copper = ENTRY | {
        "formula": "Cu",
        "prototype": "A1",
        "species": ["Cu"],
        "lattice": [[0.0, 1.8, 1.8], [1.8, 0.0, 1.8], [1.8, 1.8, 0.0]],
        "frac": [[0.0, 0.0, 0.0]],
        "dos": DOS[:1].tolist(),
        "spin_polarized": False,
        "settings": "fine",
    }
    alloy, metal = read_batch(write(tmp_path / name, ENTRY, copper))
    assert (alloy.id, metal.id) == ("Ni3Pt-L1_2", "Cu-A1")
    assert alloy.composition == (("Ni", 3), ("Pt", 1))
    assert (alloy.crystal_system, alloy.prototype, alloy.space_group) == ("cubic", "L1_2", "Pm-3m")
    assert metal.space_group == "Fm-3m"
    np.testing.assert_allclose(alloy.spectrum.energies, np.arange(-200, 201) * 0.05, atol=1e-12)
    np.testing.assert_array_equal(alloy.spectrum.densities, DOS)
    assert (alloy.spectrum.fermi, alloy.spectrum.broadening, alloy.spectrum.gap) == (0.0, 0.1, 0.0)
    assert alloy.species == ("Pt", "Ni", "Ni", "Ni")
    np.testing.assert_array_equal(alloy.lattice, ENTRY["lattice"])
    np.testing.assert_array_equal(alloy.frac_coords, ENTRY["frac"])
    facts = alloy.provenance
    assert (facts["functional"], facts["energy_per_atom"], facts["aflow_label"]) == ("PBE", -5.75, "AB3_cP4_221_a_c")
    assert (facts["n_electrons"], facts["magnetic_moment"], facts["spin_treatment"]) == (72, 2.1, "collinear")
    assert (metal.provenance["spin_treatment"], metal.provenance["settings_text"]) == ("non-magnetic", SETTINGS["fine"])
    assert not metal.spectrum.spin_polarized


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.jsonl"):
        list(read_batch(tmp_path / "gone.jsonl"))


@pytest.mark.parametrize(
    "bad",
    [
        "not JSON",
        "[1, 2]",
        '"text"',
        "null",
        "",
        json.dumps({name: value for name, value in ENTRY.items() if name != "dos"}),
        ENTRY | {"prototype": "Z9"},
        ENTRY | {"settings": "slow"},
        ENTRY | {"dos": "abc"},
        ENTRY | {"lattice": [[0.0, 0.0, 0.0]] * 3},
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, bad: str | dict[str, Any]) -> None:
    assert_refused(write(tmp_path / "batch.jsonl", ENTRY, ENTRY | {"gap_ev": 0.1}, bad, ENTRY), 3)


@pytest.mark.parametrize(
    "change",
    [
        {"formula": "Xx"},
        {"species": ["Xx", "Ni", "Ni", "Ni"]},
        {"dos": [[float("nan")] * 401]},
        {"dos": [[1.0] * 400]},
        {"lattice": [[1.0, 2.0]]},
        {"species": ["Pt", "Ni"]},
    ],
)
def test_a_line_with_a_bad_formula_curve_or_crystal_is_named_too(tmp_path: Path, change: dict[str, Any]) -> None:
    assert_refused(write(tmp_path / "batch.jsonl", ENTRY, ENTRY | change), 2)


def test_lines_before_a_bad_one_are_read(tmp_path: Path) -> None:
    reader = read_batch(write(tmp_path / "batch.jsonl", ENTRY, "{"))
    assert next(reader).id == "Ni3Pt-L1_2"
    with pytest.raises(FileFormatError, match="line 2"):
        next(reader)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    lines = [ENTRY | {"dos": np.random.default_rng(seed).random((1, 401)).tolist()} for seed in range(20)]
    file = write(tmp_path / "batch.jsonl.gz", *lines)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(FileFormatError, match=r"batch\.jsonl\.gz, line") as refusal:
        list(read_batch(file))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"no archive at all", b"", b"\x1f\x8b\x08\x00garbage garbage garbage"])
def test_what_is_no_archive_is_refused_or_empty(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "batch.jsonl.gz"
    file.write_bytes(content)
    if content:
        with pytest.raises(FileFormatError, match=r"batch\.jsonl\.gz"):
            list(read_batch(file))
    else:
        assert list(read_batch(file)) == []


def test_the_shipped_set_is_what_its_card_says(open_set: ParquetLibrary) -> None:
    summary = open_set.summary()
    assert summary["count"] == len(open_set) >= 1204  # the first batch; campaigns add to it
    assert summary["by_n_elements"]["2"] >= 1083
    assert summary["by_crystal_system"]["cubic"] >= 937
    for group in ("by_n_elements", "by_crystal_system", "by_prototype", "energy_above_hull"):
        assert sum(summary[group].values()) == summary["count"]
    assert len(summary["by_element"]) >= 62
    assert {prototype for prototype, _ in PROTOTYPES.values()} <= set(summary["by_prototype"])
    assert all(name in ALL_PROTOTYPES or AFLOW.fullmatch(name) for name in {*summary["by_prototype"]} - {MOLECULAR})
    card = (open_set.folder / "README.md").read_text()
    assert f"densities of states of {summary['count']:,} crystals" in card


def test_the_aflow_label_of_each_prototype_names_the_space_group_of_its_crystals(open_set: ParquetLibrary) -> None:
    first = {prototype: open_set.ids[row] for row, prototype in reversed(list(enumerate(open_set.prototypes)))}
    labels = {name: prototype.aflow for name, prototype in ALL_PROTOTYPES.items()}
    assert dict(PROTOTYPES.values()).items() <= labels.items()
    del first[MOLECULAR]  # molecules as measured are symmetric in part only
    del first["A_cP1_221_a"]  # sulphur of one atom, almost simple cubic
    for prototype, identifier in first.items():
        material = open_set.material(str(identifier))
        numbers = [formulas.atomic_number(symbol) for symbol in material.species]
        symmetry = spglib.get_symmetry_dataset((material.lattice, material.frac_coords, numbers), symprec=1e-3)
        label = labels.get(str(prototype), str(prototype))
        stoichiometry, pearson, group, *_ = label.split("_")
        assert material.provenance["aflow_label"] == label
        if material.space_group == "P1":  # what a potential relaxed is symmetric to a hundredth of an Angstrom
            symmetry = spglib.get_symmetry_dataset((material.lattice, material.frac_coords, numbers), symprec=1e-2)
        else:
            assert symmetry.international == material.space_group
        assert symmetry.number == int(group), identifier
        system = str(material.crystal_system)
        assert pearson[0] == {"triclinic": "a", "trigonal": "h"}.get(system, system[0])
        counts = [int(digits or 1) for digits in re.findall(r"[A-Z](\d*)", stoichiometry)]
        assert sorted(counts) == sorted(count for _, count in material.composition), identifier


def electrons(material: Material) -> float:
    """Integral of the DOS up to the Fermi level."""
    spectrum = material.spectrum
    occupied = spectrum.energies <= spectrum.fermi + 1e-9
    return float(np.trapezoid(spectrum.total[occupied], spectrum.energies[occupied]))


@pytest.mark.parametrize(
    ("identifier", "valence"),
    [("Cu-A1", 11), ("Ag-A1", 11), ("Au-A1", 11), ("Hg-A2", 12), ("Cu-A3", 22), ("Ag-A3", 22), ("Hg-A3", 24)],
)
def test_the_dos_holds_all_valence_electrons_below_the_fermi_level(
    open_set: ParquetLibrary, identifier: str, valence: int
) -> None:
    material = open_set.material(identifier)
    assert material.spectrum.total[:5].max() < 1e-3  # the window covers the whole valence band
    assert material.provenance["n_electrons"] == valence
    assert electrons(material) == pytest.approx(valence, rel=0.02)


def test_aluminium_is_nearly_a_free_electron_metal(open_set: ParquetLibrary) -> None:
    material = open_set.material("Al-A1")
    assert material.structure is not None
    density = 3 / material.structure.volume  # electrons per cubic Angstrom
    fermi_energy = 3.80998 * (3 * np.pi**2 * density) ** (2 / 3)  # hbar^2 / 2m = 3.80998 eV Angstrom^2
    # The band bottom lies below the window: what is missing from three electrons is what free electrons have below -10 eV.
    missing = 3 * ((fermi_energy - 10) / fermi_energy) ** 1.5
    assert electrons(material) == pytest.approx(3 - missing, rel=0.03)
    at_fermi = material.spectrum.total[np.abs(material.spectrum.energies) < 0.5].mean()
    assert at_fermi == pytest.approx(1.5 * 3 / fermi_energy, rel=0.25)


def test_no_curve_of_the_set_is_negative_or_empty(open_set: ParquetLibrary) -> None:
    rows = []
    for block in open_set.spectra():
        rows.extend(block.rows.tolist())
        assert block.densities.shape[1] == 401
        assert np.isfinite(block.densities).all()
        assert block.densities.min() >= 0
        assert block.densities.sum(axis=1).min() > 0
        np.testing.assert_array_equal(block.fermi, 0.0)
        np.testing.assert_array_equal(block.broadening, 0.1)
    assert sorted(rows) == list(range(len(open_set)))
