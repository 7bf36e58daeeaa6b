"""A campaign: the entries of a plan, computed side by side, their outcomes written to a ledger as they come.

Killed at any instant it loses what was running; started again it goes on with what the ledger does not hold.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from pathlib import Path

import numpy as np

from dosmith import processes, symmetry
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.dft import volume
from dosmith.dft.engine import Calculation
from dosmith.dft.engines import engine_for, require_engine
from dosmith.dft.plan import Entry, read_plan
from dosmith.dft.protocol import OWN, protocol_of
from dosmith.dft.starts import lowest
from dosmith.errors import DosmithError
from dosmith.library.ledger import Ledger, Outcome
from dosmith.library.stability import FORMATION, MOLECULE
from dosmith.records import Material
from dosmith.settings import DftSettings

Progress = Callable[[Outcome, int, int], None]
"""Called after each outcome: it, how many are in the ledger by now, and how many the plan has."""


Task = Callable[[Entry, DftSettings], Outcome]
"""Computes one entry; a function of a module, for it travels to other processes."""


def remaining(entries: Sequence[Entry], ledger: Ledger, retry_failed: bool = False) -> list[Entry]:
    """The entries that the ledger does not hold, in order; with `retry_failed` also those that failed."""
    reasons = ledger.reasons()
    return [entry for entry in entries if entry.id not in reasons or (retry_failed and reasons[entry.id] is not None)]


def run(
    entries: Sequence[Entry],
    ledger: Ledger,
    executor: Executor,
    workers: int,
    settings: DftSettings,
    progress: Progress | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
    task: Task | None = None,
) -> None:
    """Compute what remains of a plan.

    Args:
        entries: the plan.
        ledger: where outcomes go.
        executor: runs the task: local processes, or a Dask client's executor.
        workers: entries computed side by side.
        settings: of the calculations.
        progress: called after each outcome.
        retry_failed: also compute again what failed before.
        limit: entries computed at most; `progress` then counts these alone.
        task: what is done with each; `outcome_of` when None.

    Raises:
        LibraryError: another program writes to the ledger.
    """
    with ledger.lock():
        waiting = remaining(entries, ledger, retry_failed)[:limit]
        earlier = ledger.finished() if retry_failed else {}
        total = len(entries) if limit is None else len(waiting)
        done = total - len(waiting)
        waiting.reverse()
        running: set[Future[Outcome]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    running.add(executor.submit(task or outcome_of, waiting.pop(), settings))
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(finished, key=lambda future: future.exception() is not None):  # what is done first
                    outcome = _after(future.result(), earlier)
                    ledger.append(outcome)
                    done += 1
                    if progress:
                        progress(outcome, done, total)
        finally:
            for future in running:
                future.cancel()
            ledger.pack()


def _after(outcome: Outcome, earlier: Mapping[str, str]) -> Outcome:
    """The outcome, finished after an earlier one of its entry, wherever the clock stands: the latest counts."""
    before = earlier.get(outcome.entry, "")
    if outcome.finished > before:
        return outcome
    later = datetime.datetime.fromisoformat(before) + datetime.timedelta(microseconds=1)
    return replace(outcome, finished=later.isoformat(timespec="microseconds"))


def run_plan(
    plan: Path,
    ledger: Path,
    settings: DftSettings,
    workers: int = 1,
    cluster: str | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> None:
    """Compute a plan file, on this machine or on a cluster.

    Args:
        plan: file of the plan.
        ledger: folder of the outcomes, made when missing.
        settings: of the calculations.
        workers: entries side by side; with Slurm, jobs.
        cluster: address of a Dask scheduler, `slurm`, or None for local processes.
        limit: entries computed at most.
        retry_failed: also compute again what failed before.
        progress: called after each outcome.

    Raises:
        NotFoundError, FileFormatError: the plan.
        EngineError: no CP2K here (local processes only).
        MissingExtraError: a cluster is named and Dask is not installed.
        LibraryError: another program writes to the ledger.
    """
    run_entries(read_plan(plan), Ledger(ledger), settings, workers, cluster, limit, retry_failed, progress)


def run_entries(
    entries: Sequence[Entry],
    ledger: Ledger,
    settings: DftSettings,
    workers: int = 1,
    cluster: str | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    task: Task | None = None,
) -> None:
    """Compute entries, on this machine or on a cluster; see `run_plan` and `run`."""
    if cluster is None:
        require_engine()
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of the workers: one core each
        with processes.workers(workers) as executor:
            run(entries, ledger, executor, workers, settings, progress, retry_failed, limit, task)
        return
    with processes.cluster(cluster, workers) as client:
        run(entries, ledger, client.get_executor(), workers, settings, progress, retry_failed, limit, task)


def outcome_of(entry: Entry, settings: DftSettings) -> Outcome:
    """Compute one entry; a calculation that fails is an outcome too."""
    return _outcome(entry, settings, False)


def outcome_at_lowest_volume(entry: Entry, settings: DftSettings) -> Outcome:
    """The same at the volume of lowest energy; molecules stay as they are."""
    return _outcome(entry, settings, entry.prototype != MOLECULE)


def _outcome(entry: Entry, settings: DftSettings, relax_volume: bool) -> Outcome:
    started = time.monotonic()
    material, reason = None, None
    try:
        engine = engine_for(settings)
        if relax_volume:
            structure, result = volume.relaxed(entry.structure, engine, entry.spin)
            entry = replace(entry, lattice=np.array(structure.lattice.matrix), volume_from="lowest energy")
        else:
            result = lowest(entry.structure, engine, entry.spin)
        material = material_of(entry, result, settings)
    except DosmithError as error:
        reason = str(error)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
    return Outcome(entry.id, material, reason, time.monotonic() - started, now)


def material_of(entry: Entry, result: Calculation, settings: DftSettings) -> Material:
    """The computed crystal as it goes into the open DOS set."""
    structure, protocol = entry.structure, protocol_of(settings)
    return Material(
        id=entry.id,
        composition=entry.composition,
        spectrum=result.spectrum,
        crystal_system=entry.crystal_system,
        prototype=entry.prototype,
        space_group=symmetry.space_group(structure, symmetry.WRITTEN)[0],
        lattice=entry.lattice,
        species=entry.species,
        frac_coords=entry.frac_coords,
        projections=result.projections,
        provenance=result.provenance
        | {
            "source": "open-dos",
            "energy_per_atom": result.energy / len(structure),
            "energy_per_atom_from": "DFT, extrapolated to zero smearing",
            "settings": OWN if protocol is None else protocol.name,
            "protocol": None if protocol is None else protocol.label,
            "settings_values": result.provenance.get("settings", settings.model_dump()),
            "aflow_label": _aflow_label(entry),
            "magnetic_moment": result.moment,
            "fermi_ev": result.fermi,
            "n_electrons": result.electrons,
            "volume_per_atom": structure.volume / len(structure),
            "volume_from": entry.volume_from,
            "purpose": entry.purpose,
            "potential_energy": entry.potential_energy,
            **{name: getattr(entry, name) for name in FORMATION.values()},
            "seconds": round(result.seconds, 1),
        },
    )


def _aflow_label(entry: Entry) -> str | None:
    if entry.prototype in PROTOTYPES:
        return PROTOTYPES[entry.prototype].aflow
    return None if entry.prototype == MOLECULE else entry.prototype
