"""Calculations in the background: bounded, stoppable, remembered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith import Designer, Settings, processes
from dosmith.crystals.prototypes import crystal_id
from dosmith.errors import DosmithError, EngineError, NotFoundError
from dosmith.library import ParquetLibrary
from dosmith.shipped import shipped_folder
from dosmith.spectra.standard import standardise
from dosmith.web.jobs import Jobs, missing
from dosmith.web.lanes import BusyError
from dosmith.web.materials import Materials
from dosmith.web.messages import Job, JobRequest
from fake_cp2k import script, tight_binding

Board = Callable[..., Jobs]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is first on PATH; what lies in it as `cp2k.psmp` is CP2K."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def place(folder: Path, text: str) -> None:
    Path(script(folder, f"#!{sys.executable}\n{text}")).rename(folder / "cp2k.psmp")


@pytest.fixture
def board(designer: Designer, tmp_path: Path) -> Iterator[Board]:
    opened: list[Jobs] = []

    def new(**limits: int) -> Jobs:
        opened.append(Jobs(tmp_path / "jobs", Materials(designer), Settings.model_validate({"web": limits})))
        return opened[-1]

    yield new
    for jobs in opened:
        jobs.close()


def verify(identifier: str) -> JobRequest:
    return JobRequest(task="verify", kind="known", id=identifier)


def until(jobs: Jobs, identifier: str, *states: str) -> Job:
    for _ in range(1200):
        job = jobs.get(identifier)
        if job.state in states:
            return job
        time.sleep(0.05)
    raise AssertionError(f"{job.state}: {job.progress}")


def test_a_calculation_runs_and_leaves_its_results(program: Path, board: Board, designer: Designer) -> None:
    Path(tight_binding(program, electrons=3)).rename(program / "cp2k.psmp")
    jobs = board()
    job = until(jobs, jobs.start(verify("Al-A1")).id, "done", "failed")
    assert job.state == "done", job.progress
    facts, calculation = dict(job.facts), json.loads(jobs.file(job.id, "calculation.json"))
    assert float(facts["Total energy"].split()[0]) == pytest.approx(calculation["energy_per_atom_ev"], abs=1e-4)
    reference = ParquetLibrary(shipped_folder("open-dos")).material("Al-A1").provenance
    expected = calculation["energy_per_atom_ev"] - reference.get("dft_energy_per_atom", reference["energy_per_atom"])
    assert float(facts["Formation energy"].split()[0]) == pytest.approx(expected, abs=2e-3)
    assert job.values is not None and np.sum(job.values) * 0.1 == pytest.approx(1, abs=1e-3)
    assert set(job.files) == {"structure.cif", "POSCAR", "dos.csv", "calculation.json"}
    assert json.loads(jobs.file(job.id, "calculation.json"))["formula"] == "Al"
    with pytest.raises(NotFoundError):
        jobs.file(job.id, "request.json")
    # A later board finds it where this one left it.
    jobs.close()
    later = board()
    assert later.get(job.id).facts == job.facts
    later.stop(job.id)
    assert later.all() == []


def test_a_computed_crystal_is_a_material(program: Path, board: Board, designer: Designer) -> None:
    Path(tight_binding(program, electrons=4)).rename(program / "cp2k.psmp")
    jobs, atlas = board(), designer.model.atlas
    assert atlas is not None
    names = {crystal_id(c, each.prototype): each for c, each in zip(atlas.entries.compositions, atlas.crystals, strict=True)}
    identifier = next(name for name, each in names.items() if set(each.elements) == {"Na", "Al"})
    assert jobs.computed() == []
    job = until(jobs, jobs.start(JobRequest(task="verify", kind="new", id=identifier)).id, "done", "failed")
    assert job.state == "done", job.progress
    material = jobs.computed()[0]
    assert (material.id, material.prototype) == (identifier, names[identifier].prototype)
    assert material.composition == names[identifier].composition
    assert material.provenance["source"] == "verified"
    standard = standardise(material.spectrum, designer.model.recipe)
    assert job.values == pytest.approx(standard.values, abs=1e-5)
    told = dict(job.facts)["Formation energy"].split()[0]
    assert float(told) == pytest.approx(material.provenance["formation_energy"], abs=1e-3)
    jobs.stop(job.id)
    assert jobs.computed() == []


def test_a_folder_belongs_to_one_board_at_a_time(board: Board) -> None:
    first = board()
    with pytest.raises(DosmithError, match="--jobs"):
        board()
    first.close()
    board()


def test_they_are_bounded_and_can_be_stopped(program: Path, board: Board) -> None:
    place(program, "import time\ntime.sleep(600)\n")
    jobs = board(jobs=1, waiting=1)
    first = jobs.start(verify("Al-A1"))
    until(jobs, first.id, "running")
    second = jobs.start(verify("Pt-A1"))
    assert second.state == "waiting"
    assert jobs.start(verify("Pt-A1")).id == second.id  # asked twice, done once
    with pytest.raises(BusyError, match="2 calculations"):
        jobs.start(verify("Ni-A1"))
    jobs.stop(first.id)
    until(jobs, second.id, "running")
    assert jobs.get(first.id).state == "stopped"
    start = time.monotonic()
    jobs.close()
    assert time.monotonic() - start < 30
    assert {job.state for job in jobs.all()} == {"stopped"}


def test_a_failure_says_why(program: Path, board: Board) -> None:
    place(program, "import sys\nprint(' * the cell is far too small *')\nsys.exit(1)\n")
    jobs = board()
    job = until(jobs, jobs.start(verify("Al-A1")).id, "failed", "done")
    assert job.state == "failed" and "CP2K stopped" in job.progress and not job.files


def test_too_long_is_ended(program: Path, board: Board) -> None:
    place(program, "import time\ntime.sleep(600)\n")
    jobs = board(job_hours=1e-4)
    job = until(jobs, jobs.start(verify("Al-A1")).id, "failed")
    assert "web.job_hours" in job.progress


def test_only_the_newest_are_kept(program: Path, board: Board) -> None:
    place(program, "import sys\nsys.exit(1)\n")
    jobs = board(kept=2)
    last = ""
    for identifier in ("Al-A1", "Pt-A1", "Ni-A1"):
        last = jobs.start(verify(identifier)).id
        until(jobs, last, "failed")
    assert len(jobs.all()) == 2 and last in {job.id for job in jobs.all()}


def test_what_a_closed_board_left_running_is_ended_and_told(board: Board, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as left, subprocess.Popen(["sleep", "600"]) as another:
        for number, worker in enumerate(([left.pid, processes.started(left.pid)], [another.pid, "another time"], None)):
            folder = tmp_path / "jobs" / f"20260101-000000-aaaaaaa{number}"
            folder.mkdir(parents=True)
            (folder / "request.json").write_text(json.dumps(verify("Al-A1").model_dump() | {"formula": "Al"}))
            state = {"state": "running", "asked": 0, "started": 0} | ({"worker": worker} if worker else {})
            (folder / "state.json").write_text(json.dumps(state))
        for job in board().all():
            assert job.state == "stopped" and "closed" in job.progress
        assert left.wait(30) == -9
        assert another.poll() is None  # its number alone was remembered
        another.kill()


def test_a_killed_board_leaves_nothing_running(program: Path, tmp_path: Path) -> None:
    number = str(tmp_path / "number")
    place(
        program,
        f"import os, time\nwith open({number!r}, 'w') as file:\n    file.write(str(os.getpid()))\n"
        f"os.rename({number!r}, {str(tmp_path / 'cp2k')!r})\ntime.sleep(600)\n",
    )
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom dosmith import Designer, Settings\nfrom dosmith.web.jobs import Jobs\n"
        "from dosmith.web.materials import Materials\nfrom dosmith.web.messages import JobRequest\n"
        "jobs = Jobs(Path(sys.argv[1]), Materials(Designer(model='dosmith')), Settings())\n"
        "jobs.start(JobRequest(task='verify', kind='known', id='Al-A1'))\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", script, tmp_path / "jobs"]) as process:
        try:
            limit = time.monotonic() + 300
            while not (tmp_path / "cp2k").exists() and time.monotonic() < limit:
                time.sleep(0.05)
            worker = json.loads(next((tmp_path / "jobs").glob("*/state.json")).read_text())["worker"][0]
            cp2k = int((tmp_path / "cp2k").read_text())
            assert processes.started(worker) and processes.started(cp2k)
        finally:
            process.kill()
    while (processes.started(worker) or processes.started(cp2k)) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not processes.started(worker) and not processes.started(cp2k)


def test_a_calculation_that_crashes_says_of_what(program: Path, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    place(program, "")
    monkeypatch.setattr("dosmith.processes.python", lambda module: [sys.executable, "-P", "-c", "raise ValueError('odd')"])
    jobs = board()
    job = until(jobs, jobs.start(verify("Al-A1")).id, "failed")
    assert "ValueError: odd" in job.progress and "log.txt" in job.progress


def test_what_cannot_be_done_is_refused(board: Board, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    jobs = board()
    for identifier in ("../jobs", "nothing", ""):
        with pytest.raises(NotFoundError):
            jobs.get(identifier)
        with pytest.raises(NotFoundError):
            jobs.start(JobRequest(task="relax", kind="new", id=identifier))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing()["verify"]
    with pytest.raises(EngineError, match="CP2K"):
        jobs.start(verify("Al-A1"))
    assert jobs.all() == []


@pytest.mark.training
def test_a_crystal_relaxes(board: Board) -> None:
    jobs = board()
    job = until(jobs, jobs.start(JobRequest(task="relax", kind="new", id="Pt3Pd-L1_2")).id, "done", "failed")
    assert job.state == "done", job.progress
    facts = dict(job.facts)
    assert "as before" in facts["Space group"] and float(facts["Energy gained"].split()[0]) >= -0.1
    relaxed = Structure.from_str(jobs.file(job.id, "structure.cif").decode(), fmt="cif")
    assert relaxed.composition.reduced_formula == "PdPt3"
    assert job.values is not None and len(job.values) == 151
