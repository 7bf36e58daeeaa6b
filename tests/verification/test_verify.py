"""A design computed: what is computed, what comes of it, and going on after a kill."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dosmith
from dask_worker import third_killed
from dosmith import formulas
from dosmith.crystals.survey import SurveyIndex, shipped_survey
from dosmith.designer import Designer
from dosmith.designs import Design
from dosmith.dft import campaign
from dosmith.dft.plan import Entry
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.library import ParquetLibrary
from dosmith.library.ledger import Ledger
from dosmith.records import Material
from dosmith.report.verification import page, write_verification
from dosmith.settings import DftSettings
from dosmith.verification import verify
from dosmith.verification.designed import DesignFolder, read_design
from dosmith.verification.verify import Task, add_to_library, check, compute, ledger_for, plan, references
from fake_cp2k import tight_binding

COARSE = DftSettings(scf_spacing=0.9, dos_refinement=2, interpolation=1)


@pytest.fixture(scope="module")
def answer() -> Design:
    return Designer(model="dosmith").design("Pt3Ni", top=5, crystal_system="cubic")


@pytest.fixture(scope="module")
def folder(answer: Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("design")
    dosmith.write_design(answer, place)
    return place


@pytest.fixture(scope="module")
def design(folder: Path) -> DesignFolder:
    return read_design(folder)


class TestDesign:
    def test_is_read_as_it_was_written(self, answer: Design, design: DesignFolder) -> None:
        assert design.name == "Pt3Ni"
        np.testing.assert_allclose(design.target, answer.target.standard.values, rtol=1e-4, atol=1e-8)
        assert [each.formula for each in design.candidates] == [each.formula for each in answer.candidates]
        assert design.recipe.grid == answer.target.standard.recipe.grid
        for each in design.candidates:
            assert each.curve is not None and each.structure is not None
            assert formulas.reduce((site.specie.symbol, 1) for site in each.structure) == each.composition
            cosine = each.curve @ design.target / np.linalg.norm(each.curve) / np.linalg.norm(design.target)
            assert cosine == pytest.approx(each.similarity, abs=0.03)

    def test_that_is_none_or_damaged_is_one_line(self, folder: Path, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="holds no design"):
            read_design(tmp_path)
        (tmp_path / "candidates.json").write_text("{}")
        with pytest.raises(FileFormatError, match=r"no curves\.csv"):
            read_design(tmp_path)
        (tmp_path / "curves.csv").write_text((folder / "curves.csv").read_text())
        with pytest.raises(FileFormatError, match="damaged"):
            read_design(tmp_path)


class TestPlan:
    def test_computes_what_nobody_has(self, design: DesignFolder, open_set: ParquetLibrary) -> None:
        task = plan(design, open_set, shipped_survey(), 5, own_elements=False)
        assert "Pt3Ni" in task.known
        lacking = {symbol for entry in task.entries.values() for symbol in entry.species} - set(references(open_set)[0])
        assert {entry.species[0] for entry in task.elements} == lacking
        wanted = (set(task.entries) - set(task.known)) | lacking
        assert {entry.id.split("-")[0] for entry in task.remaining} == wanted

    def test_an_element_that_the_library_lacks_is_computed_too(
        self, design: DesignFolder, open_set: ParquetLibrary, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held, hull = references(open_set)
        monkeypatch.setattr(verify, "references", lambda library: ({key: held[key] for key in held if key != "Pt"}, hull))
        task = plan(design, open_set, shipped_survey(), 5, own_elements=False)
        platinum = next(entry for entry in task.elements if entry.species[0] == "Pt")
        assert platinum.id == "Pt-A1" and platinum in task.remaining
        formula, entry = next(
            (f, e) for f, e in task.entries.items() if f not in task.known and "Pt" in e.species and set(e.species) <= set(held)
        )
        energies = {entry.id: -1.0 + sum(held[symbol] for symbol in entry.species) / len(entry.species), platinum.id: held["Pt"]}
        computed = {
            identifier: replace(
                open_set.material("Pt-A1"), id=identifier, composition=composition, provenance={"energy_per_atom": energy}
            )
            for (identifier, energy), composition in zip(energies.items(), (entry.composition, platinum.composition), strict=True)
        }
        (checked,) = (each for each in check(task, computed, {}, open_set, "CP2K", False) if each.candidate.formula == formula)
        assert checked.formation_energy == pytest.approx(-1.0, abs=1e-6)

    def test_with_other_settings_computes_all_and_the_elements(self, design: DesignFolder, open_set: ParquetLibrary) -> None:
        task = plan(design, open_set, shipped_survey(), 2, own_elements=True)
        assert not task.known
        symbols = {symbol for each in design.candidates[:2] for symbol, _ in each.composition}
        assert {entry.species[0] for entry in task.elements} == symbols
        alloys = [each for each in design.candidates[:2] if len(each.composition) > 1]  # an element is computed once
        assert len(task.remaining) == len(alloys) + len(symbols)

    def test_a_candidate_without_a_crystal_gets_one_of_the_survey(self, design: DesignFolder, open_set: ParquetLibrary) -> None:
        bare = replace(design, candidates=tuple(replace(each, structure=None, structure_id=None) for each in design.candidates))
        task = plan(bare, open_set, shipped_survey(), 5, own_elements=False)
        assert set(task.entries) == {each.formula for each in design.candidates}
        task = plan(bare, dosmith.MemoryLibrary([]), SurveyIndex.of(), 5, own_elements=False)
        assert set(task.missing) == {each.formula for each in design.candidates}


class TestCheck:
    def test_known_materials_are_judged_by_what_the_library_says(self, design: DesignFolder, open_set: ParquetLibrary) -> None:
        task = plan(design, open_set, shipped_survey(), 5, own_elements=False)
        found = {each.candidate.formula: each for each in check(task, {}, {}, open_set, "CP2K", False)}
        pt3ni, facts = found["Pt3Ni"], open_set.material("Pt3Ni-L1_2").provenance
        assert pt3ni.similarity == pytest.approx(1.0, abs=1e-4)
        assert pt3ni.formation_energy == pytest.approx(facts["formation_energy"], abs=2e-3)
        assert pt3ni.above_hull == pytest.approx(0.0, abs=2e-3)
        assert pt3ni.verdict == "has the target's DOS, stable"
        unknown = next(each for formula, each in found.items() if formula not in task.known)
        assert unknown.verdict == "not computed yet"

    def test_of_another_material_says_so(self, design: DesignFolder, open_set: ParquetLibrary) -> None:
        task = plan(design, open_set, shipped_survey(), 5, own_elements=False)
        formula, entry = next((f, e) for f, e in task.entries.items() if f not in task.known)
        other = replace(open_set.material("BaTiO3-E2_1"), id=entry.id)
        (checked,) = (each for each in check(task, {entry.id: other}, {}, open_set, "CP2K", False) if each.material is other)
        assert checked.candidate.formula == formula
        assert checked.similarity is not None and checked.similarity < 0.9
        assert checked.verdict.startswith("has another DOS")


class TestCompute:
    def test_from_nothing_to_a_page_and_a_library(
        self, design: DesignFolder, open_set: ParquetLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tight_binding(tmp_path, 3)
        monkeypatch.setenv("PATH", str(tmp_path))
        task = plan(design, open_set, shipped_survey(), 2, own_elements=True)
        ledger = ledger_for(tmp_path, COARSE, False)
        computed, reasons = compute(task, ledger, COARSE, relax_volume=False)
        assert set(computed) == {entry.id for entry in task.remaining} and not reasons
        calls = (tmp_path / "calls").read_text()
        again, _ = compute(task, ledger_for(tmp_path, COARSE, False), COARSE, relax_volume=False)
        assert set(again) == set(computed)
        assert (tmp_path / "calls").read_text() == calls  # nothing was computed twice
        assert ledger_for(tmp_path, DftSettings(), False).folder != ledger.folder
        found = check(task, computed, reasons, open_set, "CP2K", True)
        assert all(each.similarity is not None and each.formation_energy is not None for each in found)
        files = write_verification(design, found, tmp_path / "out", "dosmith verify")
        text = files[0].read_text(encoding="utf-8")
        assert text.count("<svg") == 2 and "http" not in text and "<script" not in text
        facts = json.loads((tmp_path / "out" / "verification.json").read_text())
        assert [each["formula"] for each in facts["candidates"]] == [each.formula for each in design.candidates[:2]]
        mine = ParquetLibrary.at(tmp_path / "mine", "mine")
        mine.add([open_set.material("Pd-A1")])
        ids = add_to_library(found, mine)
        assert set(ids) == {each.material.id for each in found if each.material}
        assert add_to_library(found, mine) == []  # not twice
        assert ParquetLibrary(tmp_path / "mine").ids == ["Pd-A1", *ids]

    def test_a_failure_is_told(self, design: DesignFolder, open_set: ParquetLibrary) -> None:
        task = plan(design, open_set, shipped_survey(), 5, own_elements=False)
        reasons = {entry.id: "no convergence <b>" for entry in task.remaining}
        found = check(task, {}, reasons, open_set, "CP2K", False)
        failed = [each for each in found if each.similarity is None]
        assert failed and all(each.verdict == "no convergence <b>" for each in failed)
        assert "no convergence &lt;b&gt;" in page(design, found, "")


def _entry(number: int) -> Entry:
    lattice = (4.0 + 0.01 * number) / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=float)
    return Entry(f"A1-{number}", ("Al",), lattice, np.zeros((1, 3)))


def test_a_dask_worker_killed_midway_costs_only_its_own_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    tight_binding(tmp_path, 3)
    (tmp_path / "cp2k").rename(tmp_path / "real")
    slow = (
        f"#!{sys.executable}\nimport os, time, runpy\n"
        "shell = open(f'/proc/{os.getppid()}/stat').read()\n"  # a worker starts what it runs below a shell
        f"open({str(tmp_path / 'workers')!r}, 'a').write(shell.rpartition(')')[2].split()[1] + '\\n')\n"
        f"time.sleep(0.5)\nrunpy.run_path({str(tmp_path / 'real')!r})\n"
    )
    (tmp_path / "cp2k.psmp").write_text(slow)
    (tmp_path / "cp2k.psmp").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    entries = [_entry(number) for number in range(6)]
    ledger = Ledger(tmp_path / "ledger")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        third_killed(tmp_path / "workers") as killed,
    ):
        campaign.run_entries(entries, ledger, COARSE, 2, cluster.scheduler_address)
    assert ledger.reasons() == {entry.id: None for entry in entries}
    workers = (tmp_path / "workers").read_text().split()
    assert killed and len(entries) < len(workers) <= len(entries) + 2  # the killed one again, and perhaps what it had finished
    assert len(set(workers)) >= 2


def test_ledgers_of_other_volumes_stay_apart(tmp_path: Path) -> None:
    assert ledger_for(tmp_path, COARSE, True).folder != ledger_for(tmp_path, COARSE, False).folder
    assert re.fullmatch(r"ledger-[0-9a-f]{8}", ledger_for(tmp_path, COARSE, True).folder.name)


def test_a_task_without_work_needs_no_program(
    design: DesignFolder, open_set: ParquetLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    material: Material = open_set.material("Pt3Ni-L1_2")
    task = Task(design, {}, {"Pt3Ni": material}, [], {})
    assert compute(task, Ledger(tmp_path / "ledger"), DftSettings()) == ({}, {})
