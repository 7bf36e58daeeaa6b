"""Calculations that were written as JSON lines, one each, by the engine of protocol "converged 1": read as outcomes for a ledger."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dosmith.dft.campaign import material_of
from dosmith.dft.cp2k_kinds import FROZEN_4F
from dosmith.dft.engine import Calculation, is_magnetic
from dosmith.dft.plan import Entry
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.library.ledger import Outcome
from dosmith.records import Spectrum
from dosmith.settings import DftSettings
from dosmith.sources.open_set import FIRST_BASIS

ANTIFERROMAGNETIC = frozenset({"O"})
"""Elements that are so in their ground state, beside those that are magnetic anyway."""


def read_calculations(path: str | Path, purpose: str, finished: str) -> Iterator[Outcome]:
    """The outcomes of a file that are right: what has magnetic elements and was computed without spin is left out.

    Args:
        path: JSON lines, plain or gzipped.
        purpose: of the plan they would have been in.
        finished: when, UTC, ISO 8601.

    Raises:
        NotFoundError: there is no such file.
        FileFormatError: a line is not a calculation; it is named by number.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 1
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if row["ok"] and not _lacks_spin(row):
                    yield _outcome(row, purpose, finished)
                number += 1
    except (DosmithError, KeyError, ValueError, TypeError, EOFError, OSError, zlib.error, RecursionError) as error:
        raise FileFormatError(f"{path}, line {number}: not a calculation ({error})") from None


def _lacks_spin(row: dict[str, Any]) -> bool:
    elements = set(row["species"])
    return not row["spin_polarized"] and (is_magnetic(elements) or elements == ANTIFERROMAGNETIC)


def _outcome(row: dict[str, Any], purpose: str, finished: str) -> Outcome:
    from pymatgen.core.structure import Structure

    structure = Structure(row["lattice"], row["species"], row["frac"])
    entry = Entry.of(structure, volume_from=row["info"]["structure_from"], purpose=purpose)
    total = np.array(row["dos_total"])
    energies = row["energy_first"] + row["energy_step"] * np.arange(len(total))
    gap = float(row["gap_ev"])
    spectrum = Spectrum(energies, total, 0.0, broadening=row["broadening"], gap=gap, valence_top=-gap / 2 if gap > 0 else None)
    facts = {key: value for key, value in row["provenance"].items() if key != "lanthanide_4f_in_core"}
    result = Calculation(row["energy_ev"], spectrum, row["fermi_ev"], row["moment"], row["electrons"], row["seconds"], facts)
    material = material_of(entry, result, DftSettings())
    damaged = bool(FROZEN_4F & set(row["species"]))
    label = {"settings": FIRST_BASIS} if damaged else {"protocol": "converged 1"}
    provenance = {key: value for key, value in material.provenance.items() if not (damaged and key == "protocol")} | label
    return Outcome(entry.id, replace(material, provenance=provenance), None, float(row["seconds"]), finished)
