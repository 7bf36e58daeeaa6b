"""The open DOS set as a folder: its card is counted from the set itself and comes out the same every time."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dosmith import formulas
from dosmith.errors import FileFormatError, LibraryError, NotFoundError
from dosmith.library import ParquetLibrary
from dosmith.library.card import build_open_set, card
from dosmith.library.ledger import Ledger, Outcome
from dosmith.library.stability import FORMATION, SEVENNET
from dosmith.records import Material, Spectrum
from dosmith.sources.open_set import FIRST_BASIS

FCC = [[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]]
CUBE = [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]
CORNER, CENTRE = [0.0, 0.0, 0.0], [0.5, 0.5, 0.5]
FACES = [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]


def entry(
    formula: str, prototype: str, species: list[str], lattice: list, frac: list, seed: int, spins: int = 1, **more: Any
) -> dict:
    dos = np.random.default_rng(seed).random((spins, 401)).round(4)
    return {
        "formula": formula,
        "prototype": prototype,
        "crystal_system": "cubic",
        "species": species,
        "lattice": lattice,
        "frac": frac,
        "volume_per_atom": 16.0,
        "chgnet_e": -5.0 - seed / 10,
        "chgnet_ef": None if len(set(species)) == 1 else -0.1,
        "dos": dos.tolist(),
        "fermi_ev": 7.0,
        "gap_ev": 0.0,
        "n_electrons": 11,
        "spin_polarized": spins == 2,
        "moment_window": 0.6 * (spins - 1),
        "kscf": [5, 5, 5],
        "kdos": [14, 14, 14],
        "settings": "fast",
        "energy_ev": -1000.0,
        "seconds": 12.5,
    } | more


def entries() -> list[dict]:
    return [
        entry("Pt3Ni", "L12", ["Ni", "Pt", "Pt", "Pt"], CUBE, [CORNER, *FACES], 1),
        entry("Al3Zr", "L12", ["Zr", "Al", "Al", "Al"], CUBE, [CORNER, *FACES], 2),
        entry("Cu", "A1", ["Cu"], FCC, [CORNER], 3, settings="fine"),
        entry("Ni", "A1", ["Ni"], FCC, [CORNER], 4, spins=2),
        entry("AlNi", "B2", ["Ni", "Al"], CUBE, [CORNER, CENTRE], 5),
        entry("GaAs", "B3", ["Ga", "As"], FCC, [CORNER, [0.25, 0.25, 0.25]], 6, gap_ev=0.6),
        entry("NaCl", "B1", ["Na", "Cl"], FCC, [CORNER, CENTRE], 7, gap_ev=5.0),
        entry("Pt", "A1", ["Pt"], FCC, [CORNER], 8, settings="fine"),
    ]


def batch(file: Path, content: list[dict]) -> Path:
    text = "".join(json.dumps(line) + "\n" for line in content)
    file.write_bytes(gzip.compress(text.encode(), mtime=0) if file.suffix == ".gz" else text.encode())
    return file


@pytest.fixture
def batches(tmp_path: Path) -> list[Path]:
    return [batch(tmp_path / "one.jsonl", entries()[:5]), batch(tmp_path / "two.jsonl.gz", entries()[5:])]


def test_the_set_is_sorted_elements_first_whatever_the_order_of_batches(batches: list[Path], tmp_path: Path) -> None:
    library = build_open_set(batches, tmp_path / "set")
    assert library.ids == ["Cu-A1", "Ni-A1", "Pt-A1", "Al3Zr-L1_2", "GaAs-B3", "NaCl-B1", "NiAl-B2", "Pt3Ni-L1_2"]
    assert library.manifest["licence"] == "CC-BY-4.0"
    assert library.damaged == ()
    again = build_open_set(batches[::-1], tmp_path / "again")
    assert again.ids == library.ids


def test_the_card_holds_counts_and_checksums(batches: list[Path], tmp_path: Path) -> None:
    library = build_open_set(batches, tmp_path / "set")
    text = (tmp_path / "set" / "README.md").read_text(encoding="utf-8")
    assert text == card(library) == card(ParquetLibrary(tmp_path / "set"))
    for line in (
        "states of 8 crystals",
        "| by number of elements | 2 5, 1 3 |",
        "| by crystal system | cubic 8 |",
        "| by prototype | A1 3, L1_2 2, B1 1, B2 1, B3 1 |",
        "| spin-polarised | 1 |",
        "| by element (9) | Ni 3, Al 2, Pt 2, As 1, Cl 1, Cu 1, Ga 1, Na 1, Zr 1 |",
        "| fine | 2 |",
        "| fast | 6 |",
        "CC-BY-4.0",
    ):
        assert line in text, line
    for name, facts in library.manifest["shards"].items():
        assert f"| {name} | {facts['rows']:,} | {facts['bytes']:,} | `{facts['sha256']}` |" in text


def test_building_twice_gives_the_same_bytes(batches: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "set"
    build_open_set(batches, folder)
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    build_open_set(batches, folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == first
    assert [name[:9] for name in sorted(first)] == ["README.md", "manifest.", "part-0000"]


def test_the_shipped_card_is_that_of_the_shipped_set(open_set: ParquetLibrary) -> None:
    assert (open_set.folder / "README.md").read_text(encoding="utf-8") == card(open_set)


def test_the_readme_tells_the_size_of_the_shipped_set(open_set: ParquetLibrary) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    found = re.search(r"over ([\d,]+) densities of states of (\d+) elements", readme)
    assert found is not None
    stated = int(found.group(1).replace(",", ""))
    assert 0 <= len(open_set) - stated < 100  # rounded down to hundreds
    assert int(found.group(2)) == len(open_set.summary()["by_element"])


def test_the_same_crystal_twice_is_refused(batches: list[Path], tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="'Pt3Ni-L1_2' occurs twice"):
        build_open_set([*batches, batch(tmp_path / "three.jsonl", entries()[:1])], tmp_path / "set")
    assert not (tmp_path / "set" / "manifest.json").exists()


def test_a_bad_batch_leaves_the_old_set_alone(batches: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "set"
    build_open_set(batches, folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    for bad, error in (
        (tmp_path / "gone.jsonl", NotFoundError),
        (batch(tmp_path / "bad.jsonl", [{"formula": "Pd"}]), FileFormatError),
    ):
        with pytest.raises(error):
            build_open_set([*batches, bad], folder)
        assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def computed(identifier: str, energy: float, potential_energy: float) -> Outcome:
    composition = formulas.parse(identifier.split("-")[0])
    spectrum = Spectrum(np.linspace(-10, 10, 401), np.random.default_rng(1).random(401), 0.0, broadening=0.1, gap=0.0)
    facts = {"energy_per_atom": energy, "potential_energy": potential_energy, "settings": "converged", "source": "open-dos"}
    prototype = identifier.split("-")[1]
    material = Material(identifier, composition, spectrum, crystal_system="cubic", prototype=prototype, provenance=facts)
    return Outcome(identifier, material, None, 1.0, "2026-01-01T00:00:00")


def test_what_a_ledger_holds_stands_in_place_of_a_batch_and_has_its_stability(batches: list[Path], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for outcome in (
        computed("Pt-A1", -3000.0, -6.0),
        computed("Ni-A1", -4000.0, -5.0),
        computed("Pt3Ni-L1_2", -3250.1, -5.8),
        computed("Pt3Ni-D0_3", -3250.0, -5.7),
        Outcome("GaAs-B3", None, "no convergence", 1.0, "2026-01-01T00:00:00"),
    ):
        ledger.append(outcome)
    library = build_open_set(batches, tmp_path / "set", [tmp_path / "ledger"])
    assert len(library) == 9  # eight of the batches, one more polymorph
    best = library.material("Pt3Ni-L1_2").provenance
    assert best["formation_energy"] == pytest.approx(-0.1)
    assert best["energy_above_hull"] == pytest.approx(0.0, abs=1e-9)
    assert library.material("Pt3Ni-D0_3").provenance["energy_above_hull"] == pytest.approx(0.1)
    assert library.material("GaAs-B3").provenance["settings"] == "fast"  # a failure replaces nothing
    assert "energy_above_hull" not in library.material("GaAs-B3").provenance
    assert library.summary()["energy_above_hull"] == {
        "on the hull": 3,
        "up to 0.1 eV/atom": 1,
        "above 0.1 eV/atom": 0,
        "unknown": 5,
    }


def test_what_the_damaged_basis_of_lanthanides_gave_is_left_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    spoilt = computed("ErPd-B2", -10.0, -5.0)
    assert spoilt.material is not None
    ledger.append(
        replace(spoilt, material=replace(spoilt.material, provenance={**spoilt.material.provenance, "settings": FIRST_BASIS}))
    )
    ledger.append(computed("Pd-A1", -9.0, -4.0))
    assert build_open_set([], tmp_path / "set", [tmp_path / "ledger"]).ids == ["Pd-A1"]


def test_crystals_far_above_the_hull_are_marked_for_whoever_designs(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for outcome in (computed("Pt-A1", -10.0, -6.0), computed("Ni-A1", -10.0, -5.0), computed("PtNi-B2", -10.3, -6.0)):
        ledger.append(outcome)
    ledger.append(computed("PtNi-B1", -9.0, -5.0))
    library = build_open_set([], tmp_path / "set", [tmp_path / "ledger"])
    assert dict(zip(library.ids, library.far.tolist(), strict=True)) == {
        "Ni-A1": False,
        "Pt-A1": False,
        "PtNi-B1": True,
        "PtNi-B2": False,
    }
    assert library.summary()["far"] == 1


def test_molecules_count_in_formation_energies_and_are_no_part_of_the_set(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    for outcome in (
        computed("Pt-A1", -3000.0, -6.0),
        computed("O-A3", -428.0, -4.0),
        computed("O-molecule", -430.0, -5.0),
        computed("PtO2-C1", -1288.0, -5.0),
    ):
        ledger.append(outcome)
    library = build_open_set([], tmp_path / "set", [tmp_path / "ledger"])
    assert library.ids == ["O-A3", "Pt-A1", "PtO2-C1"]
    assert library.material("PtO2-C1").provenance["formation_energy"] == pytest.approx((-3 * 1288 + 3000 + 2 * 430) / 3)
    assert library.material("O-A3").provenance["formation_energy"] == pytest.approx(2.0)


def test_polymorphs_are_never_ordered_by_energies_of_two_kinds(batches: list[Path], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.append(computed("Pt-A3", -3000.0, -4.0))  # the batch has Pt-A1 with a CHGNet energy of -5.8
    ledger.append(computed("Pt3Ni-L1_2", -3250.0, -5.8))
    library = build_open_set(batches, tmp_path / "set", [tmp_path / "ledger"])
    assert [library.ids[row] for row in library.rows_of(formulas.parse("Pt"))] == ["Pt-A1", "Pt-A3"]
    facts = library.material("Pt-A3").provenance
    assert (facts["energy_per_atom"], facts["dft_energy_per_atom"]) == (-4.0, -3000.0)
    assert library.material("Pt3Ni-L1_2").provenance["energy_per_atom"] == -3250.0


def test_formation_energies_of_the_better_potential_stand_with_the_crystals_that_have_one(
    batches: list[Path], tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = tmp_path / "energies.parquet"
    pq.write_table(pa.table({"id": ["Pt-A1", "Unknown-A1"], FORMATION[SEVENNET]: [0.0, 1.0]}), file)
    library = build_open_set(batches, tmp_path / "set", energies=file)
    told = {
        identifier: facts.get(FORMATION[SEVENNET]) for identifier, facts in zip(library.ids, library.provenances, strict=True)
    }
    assert told.pop("Pt-A1") == 0.0 and set(told.values()) == {None}
    file.write_bytes(b"no table")
    with pytest.raises(FileFormatError, match="holds no formation energies"):
        build_open_set(batches, tmp_path / "set", energies=file)
    with pytest.raises(NotFoundError, match="there is no file"):
        build_open_set(batches, tmp_path / "set", energies=tmp_path / "none.parquet")
