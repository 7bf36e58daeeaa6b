"""Campaigns with an engine that answers at once: what is computed, when, how often, and what an interrupt costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymatgen.core.structure import Structure

from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft import campaign
from dosmith.dft.engine import Calculation
from dosmith.dft.plan import Entry, write_plan
from dosmith.errors import DosmithError, EngineError, LibraryError, SpectrumError
from dosmith.library.ledger import Ledger, Outcome
from dosmith.records import Spectrum
from dosmith.settings import DftSettings
from fake_cp2k import tight_binding

ENERGIES = np.linspace(-10.0, 10.0, 401)


def make_entry(name: str, *elements: str, volume: float = 15.0, **facts: Any) -> Entry:
    structure = PROTOTYPES[name].structure(elements, volume)
    species = tuple(site.species_string for site in structure)
    return Entry(name, species, structure.lattice.matrix, structure.frac_coords, **facts)


def make_calculation(structure: Structure, spin: bool, moment: float = 0.5) -> Calculation:
    curve = 1 + np.cos(ENERGIES) / 2
    return Calculation(
        energy=-3.0 * len(structure),
        spectrum=Spectrum(ENERGIES, np.array([curve, curve]) if spin else curve[None], 0.0, broadening=0.1, gap=0.0),
        fermi=7.5,
        moment=moment if spin else 0.0,
        electrons=11 * len(structure),
        seconds=12.345,
        provenance={"code": "CP2K 2023.1", "functional": "PBE", "k_points_scf": [5, 5, 5]},
    )


class Engine:
    """Stands in for CP2K: knows what was computed, what shall fail, and how many run side by side."""

    def __init__(self) -> None:
        self.computed: Counter[str] = Counter()
        self.polarised: set[str] = set()
        self.order: list[str] = []
        self.errors: dict[str, DosmithError] = {}
        self.settings: DftSettings | None = None
        self.most = 0
        self.meanwhile: Callable[[], object] = lambda: None
        self._running = 0
        self._guard = threading.Lock()

    def __call__(self, settings: DftSettings) -> SimpleNamespace:
        self.settings = settings
        return SimpleNamespace(compute=self.compute)

    def compute(self, structure: Structure, *, spin: bool = False, report: object = None) -> Calculation:
        formula = structure.composition.reduced_formula
        with self._guard:
            self.computed[formula] += 1
            self.order.append(formula)
            self._running += 1
            self.most = max(self.most, self._running)
            if spin:
                self.polarised.add(formula)
        self.meanwhile()
        with self._guard:
            self._running -= 1
        if formula in self.errors:
            raise self.errors[formula]
        return make_calculation(structure, spin, moment=0.0)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(campaign, "engine_for", fake)
    return fake


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


Compute = Callable[..., list[tuple[Outcome, int, int]]]


@pytest.fixture
def compute(ledger: Ledger, threads: ThreadPoolExecutor) -> Compute:
    """Runs the plan; what progress was told."""

    def run(workers: int = 2, entries: list[Entry] = PLAN, settings: DftSettings | None = None, **options: Any) -> Any:
        told: list[tuple[Outcome, int, int]] = []
        campaign.run(
            entries,
            ledger,
            threads,
            workers,
            settings or DftSettings(),
            lambda outcome, done, count: told.append((outcome, done, count)),
            **options,
        )
        return told

    return run


METALS = ("Al", "Ni", "Pd", "Pt", "Cu", "Ag", "Au", "Fe", "Rh", "Ir", "Ca", "Sr")
PLAN = [make_entry("A1", symbol) for symbol in METALS]
IDS = [entry.id for entry in PLAN]


@pytest.mark.parametrize("workers", [1, 3, 8, 40])
def test_everything_is_computed_once_and_told(engine: Engine, ledger: Ledger, compute: Compute, workers: int) -> None:
    told = compute(workers)
    assert engine.computed == Counter(METALS)
    assert engine.polarised == {"Ni", "Fe"}
    assert sorted(outcome.entry for outcome, _, _ in told) == sorted(IDS)
    assert [(done, count) for _, done, count in told] == [(number, 12) for number in range(1, 13)]
    assert ledger.reasons() == dict.fromkeys(IDS)
    found = list(ledger.outcomes())
    assert [outcome.entry for outcome in found] == sorted(IDS)
    for outcome in found:
        assert outcome.material is not None
        assert outcome.material.id == outcome.entry
        assert outcome.material.spectrum.spin_polarized == (outcome.entry in ("Ni-A1", "Fe-A1"))
        assert outcome.seconds >= 0


def test_one_worker_keeps_the_order_of_the_plan(engine: Engine, compute: Compute) -> None:
    compute(1)
    assert engine.order == list(METALS)


def test_settings_reach_the_engine(engine: Engine, compute: Compute) -> None:
    compute(settings=DftSettings(cutoff=123))
    assert engine.settings == DftSettings(cutoff=123)


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 6])
def test_as_many_run_side_by_side_as_there_are_workers(engine: Engine, compute: Compute, workers: int) -> None:
    barrier = threading.Barrier(workers)  # nobody ends before all others run
    engine.meanwhile = lambda: barrier.wait(60)
    compute(workers)
    assert engine.most == workers
    assert engine.computed == Counter(METALS)


def test_outcomes_are_packed_at_the_end(engine: Engine, ledger: Ledger, compute: Compute) -> None:
    compute()
    assert [path.name for path in ledger.folder.glob("*.parquet")] == ["pack-0000.parquet"]


def test_an_outcome_is_in_the_ledger_when_it_is_told(engine: Engine, ledger: Ledger, threads: ThreadPoolExecutor) -> None:
    missing = []

    def progress(outcome: Outcome, done: int, count: int) -> None:
        reasons = ledger.reasons()
        if outcome.entry not in reasons or len(reasons) != done:
            missing.append(outcome.entry)

    campaign.run(PLAN, ledger, threads, 3, DftSettings(), progress)
    assert missing == []


def test_a_limit_counts_what_is_new(engine: Engine, ledger: Ledger, threads: ThreadPoolExecutor) -> None:
    told: list[tuple[int, int]] = []
    for _ in range(2):
        campaign.run(PLAN, ledger, threads, 1, DftSettings(), lambda _, done, total: told.append((done, total)), limit=2)
    assert told == [(1, 2), (2, 2)] * 2
    assert set(ledger.reasons()) == {entry.id for entry in PLAN[:4]}


def test_an_empty_plan_is_done(engine: Engine, ledger: Ledger, compute: Compute) -> None:
    assert compute(entries=[]) == []
    assert ledger.reasons() == {}


class TestFailure:
    @pytest.mark.parametrize("error", [EngineError("CP2K did not converge"), SpectrumError("the DOS is zero everywhere")])
    def test_is_an_outcome_with_its_reason(self, engine: Engine, ledger: Ledger, compute: Compute, error: DosmithError) -> None:
        engine.errors["Pt"] = error
        told = compute()
        assert len(told) == 12
        assert ledger.reasons() == dict.fromkeys(IDS) | {"Pt-A1": str(error)}
        (failed,) = [outcome for outcome in ledger.outcomes() if outcome.reason is not None]
        assert (failed.entry, failed.material) == ("Pt-A1", None)

    def test_is_not_computed_again_unless_asked(self, engine: Engine, compute: Compute) -> None:
        engine.errors["Pt"] = EngineError("no convergence")
        compute()
        assert compute() == []
        assert engine.computed == Counter(METALS)

    def test_is_alone_computed_again_when_asked(self, engine: Engine, ledger: Ledger, compute: Compute) -> None:
        engine.errors |= {symbol: EngineError("no convergence") for symbol in ("Pt", "Cu")}
        compute()
        del engine.errors["Pt"]
        told = compute(retry_failed=True)
        assert sorted((outcome.entry, outcome.reason) for outcome, _, _ in told) == [("Cu-A1", "no convergence"), ("Pt-A1", None)]
        assert [(done, count) for _, done, count in told] == [(11, 12), (12, 12)]
        assert engine.computed == Counter(METALS) + Counter(["Pt", "Cu"])
        assert ledger.reasons() == dict.fromkeys(IDS) | {"Cu-A1": "no convergence"}
        assert [outcome.entry for outcome in ledger.outcomes()] == sorted(IDS)

    def test_counts_though_the_clock_has_gone_back(self, engine: Engine, ledger: Ledger, compute: Compute) -> None:
        later = "2999-12-31T23:59:59.999999+00:00"
        ledger.append(Outcome("Pt-A1", None, "no convergence", 1.0, later))
        told = compute(retry_failed=True)
        assert len(told) == 12 and ledger.reasons() == dict.fromkeys(IDS)
        assert ledger.finished()["Pt-A1"] > later


class TestAgain:
    def test_a_finished_plan_computes_nothing(self, engine: Engine, compute: Compute) -> None:
        compute()
        assert compute() == []
        assert compute(retry_failed=True) == []
        assert engine.computed == Counter(METALS)

    def test_a_longer_plan_computes_what_is_new(self, engine: Engine, ledger: Ledger, compute: Compute) -> None:
        compute(entries=PLAN[:5])
        told = compute(entries=PLAN)
        assert sorted(outcome.entry for outcome, _, _ in told) == sorted(IDS[5:])
        assert [done for _, done, _ in told] == list(range(6, 13))
        assert engine.computed == Counter(METALS)

    def test_what_remains_is_in_order(self, engine: Engine, ledger: Ledger, compute: Compute) -> None:
        engine.errors["Al"] = EngineError("no convergence")
        compute(entries=[PLAN[0], PLAN[3], PLAN[7]])
        assert [entry.id for entry in campaign.remaining(PLAN, ledger)] == [
            id for id in IDS if id not in ("Al-A1", "Pt-A1", "Fe-A1")
        ]
        assert [entry.id for entry in campaign.remaining(PLAN, ledger, retry_failed=True)] == [
            id for id in IDS if id not in ("Pt-A1", "Fe-A1")
        ]


class TestInterrupt:
    @pytest.mark.parametrize("workers", [1, 3])
    @pytest.mark.parametrize("after", [1, 2, 5, 11, 12])
    def test_loses_nothing_that_was_told_and_the_next_run_completes(
        self, engine: Engine, ledger: Ledger, threads: ThreadPoolExecutor, compute: Compute, after: int, workers: int
    ) -> None:
        engine.errors["Cu"] = EngineError("no convergence")
        told: list[str] = []

        def progress(outcome: Outcome, done: int, count: int) -> None:
            told.append(outcome.entry)
            if len(told) == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            campaign.run(PLAN, ledger, threads, workers, DftSettings(), progress)
        assert len(told) == after
        kept = ledger.reasons()
        assert set(told) == set(kept)
        assert not list(ledger.folder.glob("entry-*"))
        compute(workers)
        assert ledger.reasons() == dict.fromkeys(IDS) | {"Cu-A1": "no convergence"}
        assert [outcome.entry for outcome in ledger.outcomes()] == sorted(IDS)
        assert all(engine.computed[entry.removesuffix("-A1")] == 1 for entry in kept)
        assert engine.computed.total() <= 12 + workers  # those that ran when it came

    def test_starts_nothing_new(self, engine: Engine, ledger: Ledger, threads: ThreadPoolExecutor) -> None:
        def progress(outcome: Outcome, done: int, count: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            campaign.run(PLAN, ledger, threads, 1, DftSettings(), progress)
        assert engine.order == ["Al"]

    def test_keeps_what_finished_beside_a_crash(self, engine: Engine, ledger: Ledger) -> None:
        class AtOnce(Executor):
            """Every second one crashes; all are finished when asked for."""

            def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
                future: Future[Any] = Future()
                if sum(engine.computed.values()) % 2:
                    engine.computed["crash"] += 1
                    future.set_exception(MemoryError())
                else:
                    future.set_result(fn(*args))
                return future

        with pytest.raises(MemoryError):
            campaign.run(PLAN, ledger, AtOnce(), 4, DftSettings())
        assert sorted(ledger.reasons()) == sorted([PLAN[0].id, PLAN[2].id])

    def test_takes_back_what_waits_for_the_executor(self, engine: Engine, ledger: Ledger) -> None:
        go_on = threading.Event()
        engine.meanwhile = lambda: len(engine.order) == 1 or go_on.wait(60)

        def progress(outcome: Outcome, done: int, count: int) -> None:
            raise KeyboardInterrupt

        with ThreadPoolExecutor(1) as executor:  # of one thread for twelve entries
            with pytest.raises(KeyboardInterrupt):
                campaign.run(PLAN, ledger, executor, 12, DftSettings(), progress)
            go_on.set()
        assert set(engine.order) <= {"Al", "Ni", "Pd"}  # the executor may hold one that it has not begun

    def test_leaves_the_ledger_unlocked(self, engine: Engine, ledger: Ledger, threads: ThreadPoolExecutor) -> None:
        def progress(outcome: Outcome, done: int, count: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            campaign.run(PLAN, ledger, threads, 3, DftSettings(), progress)
        with ledger.lock():
            pass


def test_a_campaign_killed_loses_what_was_running_and_no_more(tmp_path: Path) -> None:
    tight_binding(tmp_path, 3)
    plan = [make_entry(name, symbol) for name in ("A1", "A2", "A3") for symbol in ("Al", "Cu", "Au")]
    write_plan(plan, tmp_path / "plan.parquet")
    settings = {"SCF_SPACING": "0.9", "DOS_REFINEMENT": "2", "INTERPOLATION": "1"}
    command = [sys.executable, "-m", "dosmith", "compute", "--plan", str(tmp_path / "plan.parquet"), "--workers", "2"]
    environment = os.environ | {"PATH": f"{tmp_path}"} | {f"DOSMITH_DFT__{name}": value for name, value in settings.items()}
    ledger = Ledger(tmp_path / "ledger")
    kept = 0
    for wanted in (2, 5):
        with subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL) as process:
            while len(ledger.reasons()) < wanted:
                assert process.poll() is None
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGKILL)
        assert len(ledger.reasons()) >= max(kept, wanted)
        kept = len(ledger.reasons())
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert ledger.reasons() == {entry.id: None for entry in plan}
    assert sum(outcome.material is not None for outcome in ledger.outcomes()) == len(plan)
    calls = (tmp_path / "calls").read_text().split()
    assert len(calls) <= len(plan) + 2 * 2  # at most what two workers ran at two kills


def test_a_ledger_in_use_is_refused_before_anything_is_computed(engine: Engine, ledger: Ledger, compute: Compute) -> None:
    with ledger.lock(), pytest.raises(LibraryError, match="another dosmith is writing"):
        compute()
    assert engine.computed == Counter()
    compute()
    assert engine.computed == Counter(METALS)


class TestMaterial:
    def test_says_where_it_comes_from(self) -> None:
        entry = make_entry(
            "L1_2",
            "Pt",
            "Ni",
            volume=14.5,
            potential_energy=-5.9,
            potential_formation_energy=-0.08,
            volume_from="CHGNet equation of state",
        )
        result = make_calculation(entry.structure, spin=True)
        material = campaign.material_of(entry, result, DftSettings())
        assert (material.id, material.formula, material.prototype) == ("Pt3Ni-L1_2", "Pt3Ni", "L1_2")
        assert (material.crystal_system, material.space_group) == ("cubic", "Pm-3m")
        assert material.spectrum is result.spectrum
        assert material.species == entry.species
        assert material.structure == entry.structure
        assert material.provenance == {
            **result.provenance,
            "source": "open-dos",
            "energy_per_atom": pytest.approx(-3.0),
            "energy_per_atom_from": "DFT, extrapolated to zero smearing",
            "aflow_label": "AB3_cP4_221_a_c",
            "magnetic_moment": 0.5,
            "fermi_ev": 7.5,
            "n_electrons": 44,
            "volume_per_atom": pytest.approx(14.5),
            "volume_from": "CHGNet equation of state",
            "potential_energy": -5.9,
            "potential_formation_energy": -0.08,
            "sevennet_formation_energy": None,
            "seconds": 12.3,
            "purpose": "",
            "settings": "converged",
            "protocol": "converged 2",
            "settings_values": DftSettings().model_dump(),
        }
        assert campaign.material_of(entry, result, DftSettings(cutoff=200)).provenance["settings"] == "own"

    @pytest.mark.parametrize(
        ("entry", "space_group"),
        [
            (make_entry("A3", "Zr"), "P6_3/mmc"),
            (make_entry("E2_1", "Ba", "Ti", "O"), "Pm-3m"),
            (make_entry("P4/mmm AB2C", "Pt", "Fe", "Ni"), "P4/mmm"),
        ],
    )
    def test_comes_out_of_the_ledger_as_it_went_in(self, ledger: Ledger, entry: Entry, space_group: str) -> None:
        material = campaign.material_of(entry, make_calculation(entry.structure, entry.spin), DftSettings())
        ledger.append(Outcome(entry.id, material, None, 1.0, "2026-01-01"))
        (outcome,) = ledger.outcomes()
        found = outcome.material
        assert found is not None
        assert found.provenance == material.provenance
        assert (found.id, found.composition, found.species) == (entry.id, entry.composition, entry.species)
        assert (found.space_group, found.crystal_system) == (space_group, entry.crystal_system)
        assert found.lattice is not None and found.frac_coords is not None
        np.testing.assert_array_equal(found.lattice, entry.lattice)
        np.testing.assert_array_equal(found.frac_coords, entry.frac_coords)
        np.testing.assert_allclose(found.spectrum.densities, material.spectrum.densities, rtol=1e-6)

    def test_of_an_outcome_carries_time_and_id(self, engine: Engine) -> None:
        first, second = (campaign.outcome_of(entry, DftSettings()) for entry in PLAN[:2])
        assert (first.entry, first.reason) == ("Al-A1", None)
        assert first.finished <= second.finished
        assert first.finished.endswith("+00:00")
