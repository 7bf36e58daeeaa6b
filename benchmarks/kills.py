"""What is left of compute, fetch, add, atlas add, train and verify when they are killed at random moments; counted into benchmarks/kills.json and docs/reliability.md.

    python benchmarks/kills.py [KILLS] [JOB...] [--crystals N] [--every SECONDS]

Each job runs in a process of its own, on something small: CP2K is a stand-in that answers at once, the Materials Project a server on this
machine. It gets kill -9 at a random moment of its run, what it left is compared with what it had told, and it is started again on the same
folder; when it comes to its end, all must be there once, and the next run begins with an empty folder.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import reliability

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from dosmith.adding import add_files
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.designer import open_dos_set
from dosmith.dft import campaign
from dosmith.dft.engine import Calculation
from dosmith.dft.plan import Entry
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.library.ledger import Ledger
from dosmith.models.registry import open_model
from dosmith.records import Spectrum
from dosmith.settings import DftSettings, ForwardSettings, Settings
from mp_server import MaterialsProject, serving, summaries, write_table

RESULTS = Path(__file__).with_name("kills.json")
KILLS = 50
CRYSTALS = 50_000
"""Of the list that is added to an atlas."""
ENERGIES = np.linspace(-10.0, 10.0, 401)
SETTINGS = DftSettings()
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """A command's work, started anew on a folder as often as need be.

    Attributes:
        name: of the command.
        work: does what remains to be done in a folder, telling what is done for good.
        found: ids that are in the folder, each as often as it is there; raises when one is not what it should be.
        whole: ids at the end.
        outcome: in words.
    """

    name: str
    work: Callable[[Path, Tell], None]
    found: Callable[[Path], list[str]]
    whole: Callable[[], set[str]]
    outcome: str


def _calculation(structure: Any, **_: Any) -> Calculation:
    """What the stand-in for CP2K answers, after a moment: the same for the same crystal."""
    time.sleep(0.01)
    curve = 1 + np.cos(ENERGIES * structure.volume / 30) / 2
    spectrum = Spectrum(ENERGIES, curve[None], 0.0, broadening=0.1, gap=0.0)
    return Calculation(-3.0 * len(structure), spectrum, 7.5, 0.0, 11, 1.0, {"code": "a stand-in"})


@contextmanager
def _engine() -> Iterator[None]:
    stand_in = SimpleNamespace(compute=_calculation)
    with (
        mock.patch.object(campaign, "engine_for", return_value=stand_in),
        mock.patch.object(campaign, "require_engine"),
        mock.patch.object(campaign.processes, "workers", ThreadPoolExecutor),
    ):
        yield


@cache
def _plan() -> list[Entry]:
    made = []
    for name, elements in (
        ("A1", "Al Cu Au Ag Pt Pd Ni Rh Ir Pb"),
        ("A2", "Fe Cr W Mo Nb Ta V Na K Li"),
        ("A3", "Mg Zn Ti Zr Co Ru"),
    ):
        for symbol in elements.split():
            structure = PROTOTYPES[name].structure((symbol,), 15.0)
            made.append(Entry(name, (symbol,) * len(structure), structure.lattice.matrix, structure.frac_coords))
    return made


def compute(folder: Path, tell: Tell) -> None:
    """dosmith compute --plan."""
    with _engine():
        campaign.run_entries(
            _plan(), Ledger(folder / "ledger"), SETTINGS, workers=2, progress=lambda outcome, *_: tell(outcome.entry)
        )


def _computed(folder: Path) -> list[str]:
    ids = []
    for outcome in Ledger(folder / "ledger").outcomes():
        assert outcome.material is not None and outcome.reason is None
        assert outcome.material.structure is not None
        expected = _calculation(outcome.material.structure).spectrum.densities
        np.testing.assert_allclose(outcome.material.spectrum.densities, expected, rtol=1e-5)
        ids.append(outcome.entry)
    return ids


@cache
def _project() -> tuple[MaterialsProject, Path]:
    import mp_api.client  # noqa: F401  so that a run is not spent on this import

    documents = summaries(60)
    tasks = {entry["material_id"]: f"mp-{70_000 + number}" for number, entry in enumerate(documents)}
    table = Path(tempfile.mkdtemp(prefix="dosmith-kills-table-"))
    process = os.fork()  # what writes the table must not be used on both sides of a fork
    if process == 0:
        write_table(table, list(tasks.values()))
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
    return MaterialsProject(documents, tasks), table


def fetch(folder: Path, tell: Tell) -> None:
    """dosmith data fetch mp."""
    from dosmith.sources import fetching
    from dosmith.sources.fetching import Ledger as Refusals
    from dosmith.sources.fetching import Query
    from dosmith.sources.materials_project import fetch as fill
    from dosmith.sources.mp_client import Client

    served, table = _project()
    fetching.BATCH = 3
    library = ParquetLibrary.at(folder / "library", "killed")
    add = library.add

    def add_and_tell(materials: Any) -> list[str]:
        done = add(materials)
        for identifier in done:
            tell(identifier)
        return done

    client = Client("k" * 32, endpoint=served.url, table=str(table), options={}, sleep=lambda seconds: None)
    with mock.patch.object(library, "add", add_and_tell):
        fill(client, Query(None, 2, None, deprecated=True), library, Refusals(folder / "fetch.jsonl"))


def _library(folder: Path) -> list[str]:
    if not (folder / "library" / "manifest.json").exists():
        return []
    library = ParquetLibrary(folder / "library")
    assert not library.damaged
    for identifier in library.ids:
        library.material(identifier)
    return list(library.ids)


@cache
def _files() -> tuple[Path, set[str]]:
    """Tables to add, and the ids that they get."""
    folder = Path(tempfile.mkdtemp(prefix="dosmith-kills-files-"))
    library = open_dos_set()
    for identifier in library.ids[:300]:
        one = library.material(identifier)
        rows = zip(one.spectrum.energies, one.spectrum.total, strict=True)
        (folder / f"{one.formula}.{identifier}.csv").write_text(
            "E-Ef (eV),DOS\n" + "".join(f"{e:.4f},{d:.5g}\n" for e, d in rows)
        )
    added = {addition.id for addition in add_files(MemoryLibrary([], "all"), [folder], named=True) if addition.id}
    return folder, added


def add(folder: Path, tell: Tell) -> None:
    """dosmith data add."""
    library = ParquetLibrary.at(folder / "library", "killed")
    for addition in add_files(library, [_files()[0]], named=True):
        if addition.id:
            tell(addition.id)


class _Potential:
    """Stands for CHGNet while a list is made: every crystal is lowest at 15 cubic Angstrom per atom, every third could not be."""

    def energies(self, structures: Any) -> list[float | None]:
        """eV/atom of crystals."""
        sizes = [np.log(each.volume / len(each) / 15.0) for each in structures]
        impossible = [sum(each.atomic_numbers) % 3 == 0 for each in structures]
        return [5 * size**2 + (10.0 if never else -9.0) for size, never in zip(sizes, impossible, strict=True)]


@cache
def _crystals() -> tuple[Path, set[str]]:
    """A list of crystals as `dosmith data generate` makes it, and the ids that they get in an atlas when nothing disturbs."""
    import pyarrow.parquet as pq

    from dosmith.atlas.generating import generate

    folder, elements = Path(tempfile.mkdtemp(prefix="dosmith-kills-crystals-")), open_model("dosmith").elements
    symbols = elements if CRYSTALS > 5000 else ["Li", "O", "Na", "Mg", "Al", "S", "Cl", "Ti", "Ni", "Cu", "Zn", "Zr", "Pt"]
    generate(folder / "list.parquet", symbols, 2 * CRYSTALS, potential=_Potential())  # type: ignore[arg-type]
    table = pq.read_table(folder / "list.parquet")
    chosen = np.sort(np.random.default_rng(3).permutation(len(table))[:CRYSTALS])
    assert len(chosen) == CRYSTALS, f"the generator's list has {len(chosen):,} crystals only"
    pq.write_table(table.take(chosen), folder / "crystals.parquet")
    told: list[str] = []
    atlas(folder, told.append, folder / "crystals.parquet")
    assert len(set(told)) > 0.9 * CRYSTALS  # some are the same crystal under two names
    return folder / "crystals.parquet", set(told)


def _expectations(cells: Any, model: str) -> list[Any]:
    """What the stand-in for the forward model expects: the same of the same crystal."""
    from dosmith.atlas.expecting import Expectation

    volumes = [abs(np.linalg.det(cell.lattice)) for cell in cells]
    spectra = [1 + np.cos(open_model(model).recipe.grid.energies * volume / 300) / 2 for volume in volumes]
    return [Expectation((each / np.linalg.norm(each)).astype(np.float32), 0.0, -3.0, 0.0) for each in spectra]


def atlas(folder: Path, tell: Tell, crystals: Path | None = None) -> None:
    """dosmith atlas add."""
    from dosmith.atlas import Atlas
    from dosmith.atlas.adding import add
    from dosmith.atlas.reading import items
    from dosmith.spectra.code import Basis

    recipe = open_model("dosmith").recipe
    opened = Atlas.at(folder / "atlas", "killed", lambda: Basis.of(np.empty((0, recipe.grid.points)), recipe))
    for addition in add(opened, items([crystals or _crystals()[0]]), "dosmith", predict=_expectations):
        if addition.id:
            tell(addition.id)


def _in_atlas(folder: Path) -> list[str]:
    from dosmith import symmetry
    from dosmith.atlas import Atlas
    from dosmith.atlas.crystal import Cell

    if not (folder / "atlas" / "manifest.json").exists():
        return []
    opened = Atlas(folder / "atlas")
    assert not opened.damaged
    crystals = list(opened)
    assert [each.id for each in crystals] == opened.index.words("id", range(len(crystals)))
    for crystal in crystals[::20]:
        (expectation,) = _expectations([Cell.of(symmetry.primitive(crystal.structure))], "dosmith")
        np.testing.assert_allclose(crystal.expected, expectation.spectrum, atol=0.01)
    return [each.id for each in crystals]


def train(folder: Path, tell: Tell) -> None:
    """dosmith train."""
    from dosmith.models.tight_binding.train import train_forward
    from dosmith.models.tight_binding.unfinished import Unfinished

    store = Unfinished.store

    def store_and_tell(self: Unfinished, number: int, member: Any) -> None:
        store(self, number, member)
        tell(f"member {number}")

    settings = Settings(forward=ForwardSettings(members=2, epochs=1, plain_epochs=1, density=3))
    with mock.patch.object(Unfinished, "store", store_and_tell):
        train_forward(_alloys(), folder / "model", settings)


@cache
def _alloys() -> MemoryLibrary:
    library = open_dos_set()
    chosen = {"Pt", "Pd", "Ni", "Al", "Cu"}
    few = [
        library.material(each)
        for each in library.ids
        if set(each.split("-")[0].translate(str.maketrans("", "", "0123456789"))) <= set("".join(chosen))
    ]
    return MemoryLibrary([one for one in few if {symbol for symbol, _ in one.composition} <= chosen][:10], "few")


def _members(folder: Path) -> list[str]:
    """Members kept, or all of a model that is whole and predicts as one that nothing interrupted."""
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    if (folder / "model").exists():
        found = open_ensemble(folder / "model").predict([_alloys().material(_alloys().ids[0]).structure]).vectors
        np.testing.assert_allclose(found, _undisturbed(), atol=1e-5)
        return ["member 0", "member 1"]
    kept = folder / ".model-unfinished"
    return [f"member {path.stem[-1]}" for path in kept.glob("member-?.safetensors")] if kept.is_dir() else []


@cache
def _undisturbed() -> Any:
    from dosmith.models.tight_binding.checkpoint import open_ensemble

    with tempfile.TemporaryDirectory() as folder:
        train(Path(folder), lambda what: None)
        return open_ensemble(Path(folder) / "model").predict([_alloys().material(_alloys().ids[0]).structure]).vectors


@cache
def _design() -> Any:
    from dosmith import design
    from dosmith.crystals.survey import shipped_survey
    from dosmith.report.output import write_design
    from dosmith.verification.designed import read_design
    from dosmith.verification.verify import plan

    with tempfile.TemporaryDirectory() as folder:
        write_design(design("Pt3Ni", top=6), folder)
        designed = read_design(folder)
    return designed, plan(designed, open_dos_set(), shipped_survey(), 6, own_elements=True)


def verify(folder: Path, tell: Tell) -> None:
    """dosmith verify --add-to."""
    from dosmith.report.verification import write_verification
    from dosmith.verification.verify import add_to_library, check, compute, ledger_for

    designed, task = _design()
    with _engine():
        done, reasons = compute(
            task,
            ledger_for(folder, SETTINGS, False),
            SETTINGS,
            relax_volume=False,
            progress=lambda outcome, *_: tell(outcome.entry),
        )
    found = check(task, done, reasons, open_dos_set(), "CP2K", True)
    write_verification(designed, found, folder, "dosmith verify")
    add_to_library(found, ParquetLibrary.at(folder / "library", "killed"))


def _verified(folder: Path) -> list[str]:
    from dosmith.verification.verify import ledger_for

    ids = [outcome.entry for outcome in ledger_for(folder, SETTINGS, False).outcomes() if outcome.material]
    if (folder / "verification.json").exists():
        json.loads((folder / "verification.json").read_text())
    if (folder / "verification.html").exists():
        assert (folder / "verification.html").read_text().rstrip().endswith("</html>")
    library = _library(folder)
    assert len(library) in (0, len(_design()[1].entries)) and len(set(library)) == len(library)
    return ids


JOBS = (
    Job(
        "compute",
        compute,
        _computed,
        lambda: {entry.id for entry in _plan()},
        "goes on with the crystals that are not in the ledger",
    ),
    Job("fetch", fetch, _library, lambda: set(_project()[0].tasks), "goes on with what is not in the library"),
    Job("add", add, _library, lambda: _files()[1], "curves that were added are recognised, the rest is added"),
    Job("atlas", atlas, _in_atlas, lambda: _crystals()[1], "goes on with the crystals that the atlas does not hold"),
    Job(
        "train",
        train,
        _members,
        lambda: {"member 0", "member 1"},
        "goes on after the last whole member; the old model stays until the new one is whole",
    ),
    Job(
        "verify",
        verify,
        _verified,
        lambda: {entry.id for entry in _design()[1].remaining},
        "computes what is missing, then writes pages and library whole",
    ),
)


def child(job: Job, folder: Path) -> tuple[int, int]:
    """Start the job in a process of its own; its number, and the end of a pipe that it tells through."""
    hear, tell = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.setsid()
            os.close(hear)
            warnings.simplefilter("ignore")
            job.work(folder, lambda what: (os.write(tell, f"{what}\n".encode()), None)[1])
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(tell)
    return process, hear


def heard(pipe: int) -> set[str]:
    """All that was told."""
    with open(pipe, encoding="utf-8") as file:
        return {line[:-1] for line in file if line.endswith("\n")}


def run(job: Job, kills: int, every: float | None = None, seed: int = 0) -> dict[str, Any]:
    """Kill the job that often; raises when something is lost, doubled or left half-done.

    Args:
        job: what is killed.
        kills: how often.
        every: seconds within which each kill comes after a start; None for those that an undisturbed run takes, which is made first.
        seed: of the moments.
    """
    random = np.random.default_rng(seed)
    home = Path(tempfile.mkdtemp(prefix="dosmith-kills-"))
    killed = completed = lost = doubled = 0
    try:
        whole = job.whole()
        told, lasts = set[str](), undisturbed(job, home / "undisturbed", whole) if every is None else every
        folder, under_way = home / "killed", False
        while killed < kills or under_way:
            folder.mkdir(exist_ok=True)
            anew, start, under_way = not under_way, time.monotonic(), True
            process, pipe = child(job, folder)
            news = set[str]()
            # All the time, since a full pipe would stop the job.
            listener = Thread(target=lambda pipe=pipe, news=news: news.update(heard(pipe)))
            listener.start()
            status = None if killed < kills else os.waitpid(process, 0)[1]
            end = time.monotonic() + random.uniform(0.0, lasts)
            while status is None and time.monotonic() < end:
                time.sleep(0.002)
                over, code = os.waitpid(process, os.WNOHANG)
                status = code if over else None
            if status is None:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                status = os.waitpid(process, 0)[1]
            listener.join()
            told |= news
            found = job.found(folder)
            doubled += len(found) - len(set(found))
            lost += len(told - set(found))
            if os.WIFSIGNALED(status):
                killed += 1
                continue
            assert os.waitstatus_to_exitcode(status) == 0, "a run after a kill fails"
            if anew and every is None:
                lasts = min(lasts, time.monotonic() - start)  # the first one also warms up the disk
            assert set(found) == whole, f"incomplete: {sorted(whole - set(found))}"
            completed, under_way, told = completed + 1, False, set()
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {"job": job.name, "killed": killed, "completed": completed, "lost": lost, "doubled": doubled, "outcome": job.outcome}


def undisturbed(job: Job, folder: Path, whole: set[str]) -> float:
    """The seconds that a run takes which nobody kills."""
    folder.mkdir()
    start = time.monotonic()
    process, pipe = child(job, folder)
    heard(pipe)
    assert os.waitpid(process, 0)[1] == 0
    assert set(job.found(folder)) == whole, "incomplete without a kill"
    return time.monotonic() - start


def main(arguments: list[str]) -> None:
    every = None
    for name in ("--crystals", "--every"):
        if name in arguments:
            place = arguments.index(name)
            number = int(arguments.pop(place + 1))
            arguments.pop(place)
            if name == "--crystals":
                globals()["CRYSTALS"] = number
            else:
                every = number
    kills = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else KILLS
    results = {row["job"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.is_file() else {}
    with serving(_project()[0]):
        for job in JOBS:
            if not arguments or job.name in arguments:
                results[job.name] = run(job, kills, every)
                if job.name == "atlas":
                    results[job.name]["outcome"] += f" (a list of {CRYSTALS:,}, of the atlas's own generator)"
                print(results[job.name], flush=True)
                RESULTS.write_text(json.dumps([results[each.name] for each in JOBS if each.name in results], indent=1) + "\n")
    reliability.write()


if __name__ == "__main__":
    main(sys.argv[1:])
