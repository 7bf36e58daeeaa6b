"""Hydrogen in metals: energies by the potential, and what density-functional theory is asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dosmith.crystals.interstitials import interstitial_sites, with_atom
from dosmith.crystals.potential import Potential
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.designs import csv_text
from dosmith.dft.plan import Entry
from dosmith.records import Material, Spectrum
from dosmith.report.hydrogen import print_hydrogen, write_hydrogen
from dosmith.symmetry import conventional
from dosmith.verification.hydrogen import Hydrogen, by_potential, entries, with_computed


def computed(entry: Entry, energy: float) -> Material:
    spectrum = Spectrum(np.linspace(-10, 10, 41), np.ones((1, 41)), 0.0)
    facts = {"energy_per_atom": energy / len(entry.species)}
    return Material(entry.id, entry.composition, spectrum, species=entry.species, provenance=facts)


def test_energies_by_density_functional_theory_are_put_together() -> None:
    cell = conventional(PROTOTYPES["L1_2"].structure(["Mo", "Co"], 14.6))
    found = [Hydrogen(site, with_atom(cell, site, "H"), 0.1 * i, 0.0) for i, site in enumerate(interstitial_sites(cell))]
    wanted = entries(cell, found)
    gas, host, *filled = wanted
    assert sorted(gas.species) == ["H", "H"] and gas.prototype == "molecule"
    assert len(host.species) == 4 and all(len(entry.species) == 5 for entry in filled)
    assert len({entry.id for entry in wanted}) == len(wanted)
    energies = {gas.id: -32.0, host.id: -100.0} | {entry.id: -116.0 - i for i, entry in enumerate(filled)}
    results = with_computed(found, wanted, {entry.id: computed(entry, energies[entry.id]) for entry in wanted}, {})
    assert [each.computed for each in results] == pytest.approx([-2.0, -1.0, 0.0])  # most stable first
    assert [each.energy for each in results] == pytest.approx([0.2, 0.1, 0.0])
    partial = with_computed(found, wanted, {host.id: computed(host, -100.0)}, {gas.id: "no convergence"})
    assert all(each.computed is None and each.reason == "no convergence" for each in partial)


def test_results_are_written_as_csv() -> None:
    cell = conventional(PROTOTYPES["A2"].structure(["K"], 75.0))
    found = [Hydrogen(site, with_atom(cell, site, "H"), 0.1, 0.0) for site in interstitial_sites(cell)]
    rows = list(csv.DictReader(csv_text([each.as_dict() for each in found]).splitlines()))
    assert [row["environment"] for row in rows] == ["K6", "K4"]
    assert [float(x) for x in rows[0]["frac_coords"].split()] == pytest.approx(found[0].site.frac_coords)


def test_a_host_without_metal_gets_a_word_of_caution(tmp_path: Path) -> None:
    for name, elements, cautioned in (("A4", ["Si"], True), ("B3", ["As", "Ga"], False), ("A1", ["Pd"], False)):
        cell = conventional(PROTOTYPES[name].structure(elements, 18.0))
        console = Console(record=True, width=200)
        print_hydrogen(console, cell, [], 1)
        write_hydrogen(cell, [], 1, tmp_path / name)
        assert ("holds no metal" in console.export_text()) is cautioned
        assert ("note" in json.loads((tmp_path / name / "hydrogen.json").read_text())) is cautioned


def test_palladium_takes_hydrogen_in_its_octahedra(tmp_path: Path) -> None:
    pytest.importorskip("chgnet")
    told: list[str] = []
    cell, found = by_potential(PROTOTYPES["A1"].structure(["Pd"], 15.0), Potential(), progress=told.append)
    assert [each.site.name for each in found] == ["octahedral Pd6", "tetrahedral Pd4"]
    assert found[0].energy is not None and -0.5 < found[0].energy < 0  # experiment: -0.2 eV at small content
    assert told == ["the host", *(site.name for site in interstitial_sites(cell))]
    write_hydrogen(cell, found, 1, tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "hydrogen.json").read_text())
    assert facts["atoms"] == 4 and [site["environment"] for site in facts["sites"]] == ["Pd6", "Pd4"]
    assert len(list((tmp_path / "out").glob("*.cif"))) == 3
