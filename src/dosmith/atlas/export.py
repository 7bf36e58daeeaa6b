"""An atlas as one file for other programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np

from dosmith.atlas.crystal import AtlasCrystal
from dosmith.atlas.store import Atlas
from dosmith.atomic import replacing
from dosmith.errors import OptionError

_AT_ONCE = 1024


def export(atlas: Atlas, path: Path) -> int:
    """Write all crystals; how many there were.

    Args:
        atlas: whose crystals.
        path: ends in .extxyz (crystals, facts in the comment lines), .jsonl (pymatgen's structures, facts and expected spectra) or .csv (facts).

    Raises:
        OptionError: it ends in something else.
        OSError: it cannot be written.
    """
    form = path.suffix
    if form not in (".extxyz", ".jsonl", ".csv"):
        raise OptionError(f"'{path.name}' ends in no form that an atlas is written in; end it in .extxyz, .jsonl or .csv")
    energies = atlas.recipe.grid.energies.round(6).tolist()
    with replacing(path) as file:
        for start in range(0, len(atlas), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(atlas)))
            facts = atlas.facts(np.arange(rows.start, rows.stop))
            if form == ".csv":
                text = io.StringIO()
                writer = csv.DictWriter(text, list(atlas.FACTS), lineterminator="\n")
                if start == 0:
                    writer.writeheader()
                writer.writerows(facts)
                file.write(text.getvalue().encode())
                continue
            for crystal, known in zip(atlas.crystals(rows), facts, strict=True):
                if form == ".extxyz":
                    file.write(_xyz(crystal, known).encode())
                else:
                    structure = crystal.structure.as_dict()
                    spectrum = {"energies_ev": energies, "expected": crystal.expected.round(5).tolist()}
                    file.write(
                        (json.dumps(known | {"material_id": crystal.id, "structure": structure} | spectrum) + "\n").encode()
                    )
    return len(atlas)


def _xyz(crystal: AtlasCrystal, facts: dict[str, object]) -> str:
    structure = crystal.structure
    lattice = " ".join(f"{x:.8f}" for x in structure.lattice.matrix.ravel())
    said = " ".join(f'{name}="{value}"' for name, value in facts.items() if value is not None and name != "id")
    head = f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 material_id="{crystal.id}" {said} pbc="T T T"'
    sites = [f"{site.specie.symbol} " + " ".join(f"{x:.8f}" for x in site.coords) for site in structure]
    return "\n".join([str(len(structure)), head, *sites]) + "\n"
