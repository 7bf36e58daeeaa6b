"""Hydrogen in a metal: a table in the terminal, and files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dosmith import symmetry
from dosmith.outputs import write_texts
from dosmith.report.crystals import number
from dosmith.verification.hydrogen import Hydrogen, caution

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure
    from rich.console import Console


def print_hydrogen(console: Console, cell: Structure, found: Sequence[Hydrogen], repeats: int) -> None:
    """The sites, most stable first."""
    from rich.table import Table

    atoms = len(cell) * repeats**3
    formula = cell.composition.reduced_formula
    title = f"One hydrogen in {atoms} atoms of {formula} ({symmetry.space_group(cell)[0]}), most stable first"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("site")
    computed = any(each.computed is not None for each in found)
    for name in ("per cell", "CHGNet, eV/H", *(("CP2K, eV/H",) if computed else ()), "moved, Å"):
        table.add_column(name, justify="right")
    table.add_column("")
    for each in found:
        energies = (each.energy, *((each.computed,) if computed else ()))
        table.add_row(each.site.name, str(each.site.multiplicity), *map(number, energies), f"{each.moved:.2f}", each.reason)
    console.print(table)
    console.print(
        "E(host + H) - E(host) - E(H2)/2; below zero the metal takes up hydrogen. Atoms relax in the CHGNet potential in the host's cell; no zero-point energy.",
        style="dim",
        highlight=False,
    )
    if note := caution(cell):
        console.print(note, highlight=False)


def write_hydrogen(cell: Structure, found: Sequence[Hydrogen], repeats: int, folder: Path) -> list[Path]:
    """`hydrogen.json`, the host and a CIF of each filled site.

    Raises:
        DosmithError: the folder cannot be written.
    """
    facts = {
        "host": cell.composition.reduced_formula,
        "atoms": len(cell) * repeats**3,
        "volume_per_atom": cell.volume / len(cell),
        **({"note": note} if (note := caution(cell)) else {}),
        "sites": [each.as_dict() for each in found],
    }
    contents = {"hydrogen.json": json.dumps(facts, indent=1) + "\n", "host.cif": symmetry.cif(cell, symmetry.ALIKE)}
    for rank, each in enumerate(found, 1):
        name = f"{rank}-{each.site.kind}-{each.site.environment}.cif"
        contents[name] = str(each.structure.to(fmt="cif"))
    return write_texts(folder, contents)
