"""One crystal computed for a user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dosmith.dft import volume
from dosmith.dft.engine import Calculation, Engine, Report, is_magnetic
from dosmith.outputs import refuse_foreign, write_texts
from dosmith.sources.own import own_csv
from dosmith.symmetry import cif

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


FILES = ("dos.csv", "structure.cif", "calculation.json")
"""That a calculation leaves in its folder."""


def compute(
    structure: Structure,
    engine: Engine,
    folder: Path,
    spin: bool | None = None,
    report: Report | None = None,
    relax_volume: bool = False,
) -> Calculation:
    """Compute a crystal and write `dos.csv`, `structure.cif` and `calculation.json`.

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
        result = engine.compute(structure, spin=spin, report=report)
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
    texts = (own_csv(result.spectrum), cif(structure), json.dumps(facts, indent=1) + "\n")
    write_texts(folder, dict(zip(FILES, texts, strict=True)))
    return result
