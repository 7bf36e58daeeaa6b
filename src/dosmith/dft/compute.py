"""One crystal computed for a user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dosmith.dft import volume
from dosmith.dft.engine import Calculation, Engine, Report, is_magnetic
from dosmith.dft.starts import lowest
from dosmith.outputs import refuse_foreign, write_texts
from dosmith.records import Projections, Spectrum
from dosmith.sources.own import own_csv
from dosmith.symmetry import cif

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


FILES = ("dos.csv", "structure.cif", "calculation.json", "projections.csv")
"""That a calculation leaves in its folder."""


def compute(
    structure: Structure,
    engine: Engine,
    folder: Path,
    spin: bool | None = None,
    report: Report | None = None,
    relax_volume: bool = False,
) -> Calculation:
    """Compute a crystal and write `dos.csv`, `projections.csv`, `structure.cif` and `calculation.json`.

    Args:
        structure: ordered crystal.
        engine: density-functional program.
        folder: made when missing.
        spin: spin-polarised; None decides by the elements.
        report: called with each step of the progress, in words.
        relax_volume: first find the volume of lowest energy.

    Raises:
        EngineError: see `Engine.compute`.
        NotFoundError: there is no volume of lowest energy near the given one.
        DosmithError: the folder cannot be written.
    """
    refuse_foreign(folder, FILES)  # before hours of work
    if spin is None:
        spin = is_magnetic(site.specie.symbol for site in structure)
    if relax_volume:
        structure, result = volume.relaxed(structure, engine, spin, report)
    else:
        result = lowest(structure, engine, spin, report)
    facts = {
        "formula": structure.composition.reduced_formula,
        "atoms": len(structure),
        "energy_ev": result.energy,
        "energy_per_atom_ev": result.energy / len(structure),
        "gap_ev": result.gap,
        "fermi_ev": result.fermi,
        "magnetic_moment": result.moment,
        "electrons": result.electrons,
        "volume_per_atom": structure.volume / len(structure),
        "seconds": round(result.seconds, 1),
        **result.provenance,
    }
    texts = [own_csv(result.spectrum), cif(structure), json.dumps(facts, indent=1) + "\n"]
    if result.projections is not None:
        texts.append(_table(result.spectrum, result.projections))
    write_texts(folder, dict(zip(FILES, texts, strict=False)))
    return result


def _table(spectrum: Spectrum, projections: Projections) -> str:
    """The density by element, orbital and spin in columns, states/eV/cell, energies in eV from the Fermi level."""
    spins = ("_up", "_down") if spectrum.spin_polarized else ("",)
    names = [f"{symbol}_{orbital}{spin}" for spin in spins for symbol, orbital in projections.labels]
    columns = projections.densities.reshape(len(names), -1)
    rows = [
        f"{energy:.4f},{','.join(f'{density:.6g}' for density in densities)}"
        for energy, densities in zip(spectrum.energies - spectrum.fermi, columns.T, strict=True)
    ]
    return "\n".join([f"energy_ev,{','.join(names)}", *rows]) + "\n"
