"""Densities of states of the Materials Project as Materials.

Its Fermi levels can be wrong and its gaps are those of other calculations, so neither is taken over: the spectrum carries the level as
stated, and gap and energy zero are read off the curve (`spectra/zero.py`). What was stated stands in the provenance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from dosmith import formulas
from dosmith.errors import DosmithError, NotFoundError, SpectrumError
from dosmith.records import Material, Spectrum
from dosmith.sources.crystal import Crystal
from dosmith.sources.curve import Curve, spin_rows
from dosmith.sources.fetching import Found, Ledger, Progress, Query, Store, Tally, fill
from dosmith.sources.mp_client import Client, TaskDos, structure_of

_STATED = ("band_gap", "efermi", "is_metal", "total_magnetization", "energy_above_hull", "formation_energy_per_atom")


def fetch(
    client: Client, query: Query, store: Store, ledger: Ledger, progress: Progress = lambda what, done, whole: None
) -> Tally:
    """Fetch what the query asks for and the store does not have yet. Interrupted, it goes on where it was.

    Raises:
        DosmithError: the server refuses the key, or did not answer often enough; what was fetched is kept.
    """
    progress("searching", 0, None)
    entries = client.search(query)
    missing = [
        entry for entry in entries if entry["material_id"] not in store and str(entry["material_id"]) not in ledger.refused
    ]
    tally = fill(store, ledger, _found(client, missing), lambda done: progress("fetching", done, len(missing)))
    tally.present = sum(str(entry["material_id"]) in store for entry in entries) - tally.added
    return tally


def _found(client: Client, entries: list[dict[str, Any]]) -> Iterator[Found]:
    """The material of each entry, or why there is none."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        if (task := entry.get("dos_task")) is None:
            yield str(entry["material_id"]), NotFoundError("no task is named for its DOS")
        else:
            by_task.setdefault(task, []).append(entry)
    for task, dos in client.curves(list(by_task)):
        for entry in by_task.pop(task, ()):
            yield str(entry["material_id"]), _attempt(entry, dos)
    for task, left in by_task.items():
        for entry in left:
            yield str(entry["material_id"]), NotFoundError(f"task {task} is not in the table of densities of states")


def _attempt(entry: Mapping[str, Any], dos: TaskDos | DosmithError) -> Material | DosmithError:
    if isinstance(dos, DosmithError):
        return dos
    try:
        return material(entry, dos)
    except DosmithError as error:
        return error


def material(entry: Mapping[str, Any], dos: TaskDos) -> Material:
    """The Material of a summary and the DOS of its task.

    Raises:
        DosmithError: the curve is not a density of states, or the structure has shared sites.
    """
    crystal = structure_of(entry)
    if not crystal.is_ordered:
        raise SpectrumError("sites of the structure are shared by several elements")
    Crystal.of_pymatgen(crystal)
    symmetry = entry.get("symmetry") or {}
    symmetry = symmetry if isinstance(symmetry, Mapping) else symmetry.model_dump()
    system = symmetry.get("crystal_system")
    species = tuple(str(site.specie.symbol) for site in crystal)
    stated = {f"{name}_stated" if name in ("band_gap", "efermi") else name: entry.get(name) for name in _STATED}
    return Material(
        id=str(entry["material_id"]),
        composition=formulas.reduce((symbol, 1) for symbol in species),
        spectrum=_spectrum(dos, entry.get("efermi")),
        crystal_system=None if system is None else str(getattr(system, "value", system)).lower(),
        space_group=symmetry.get("symbol"),
        lattice=np.array(crystal.lattice.matrix),
        species=species,
        frac_coords=np.array(crystal.frac_coords),
        provenance={
            "source": "materials-project",
            "licence": "CC-BY-4.0",
            "code": "VASP",
            "functional": dos.run_type,
            "run_type": dos.run_type,
            "task_id": entry.get("dos_task"),
            "deprecated": entry.get("deprecated"),
            "energy_per_atom": entry.get("energy_per_atom"),
            **{name: value for name, value in stated.items() if value is not None},
        },
    )


def _spectrum(dos: TaskDos, summary_fermi: float | None) -> Spectrum:
    """The checked curve; a Fermi level that is missing or outside the energies gives way to the summary's."""
    try:
        energies = np.array(dos.energies, dtype=np.float64)
        densities = spin_rows(dos.densities)
        fermi = None if dos.efermi is None else float(dos.efermi)
    except (TypeError, ValueError, OverflowError) as error:
        raise SpectrumError(f"its curve is not made of numbers ({type(error).__name__})") from None
    notes = []
    inside = len(energies) > 1 and fermi is not None and math.isfinite(fermi) and energies[0] <= fermi <= energies[-1]
    if not inside and summary_fermi is not None:
        notes.append(f"the Fermi level of the task ({fermi}) is not within the curve; that of the summary is taken")
        fermi = summary_fermi
    return Curve("Materials Project", energies, densities, fermi, notes=notes).spectrum()
