"""Compose the plan of crystals: python tools/plan_crystals.py PLAN [--tries N]

Elements in their ground states, textbook crystals, molecules, the paper's own, magnets that the set holds without moments, lanthanides that were
computed with a damaged basis, and real prototypes by ion substitution (as many as `--tries` says are tried anew; those of the plan
stay). What the set or the ledger of calculations from before holds right is left out.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from dosmith.dft import known, molecular, substitution
from dosmith.dft.engine import is_magnetic
from dosmith.dft.order import interleaved
from dosmith.dft.plan import Entry, read_plan, write_plan
from dosmith.formulas import parse
from dosmith.library.ledger import Ledger
from dosmith.library.store import ParquetLibrary
from dosmith.records import Material
from dosmith.sources.open_set import FIRST_BASIS

DATA = Path(__file__).parents[1] / "data"
PAPER = ("Pt3Co-L1_2", "Mo3Co-L1_2", "Mo3Ni-L1_2", "BaMnO3-E2_1", "Co2Au-C14", "Mn2Pt-C14", "Fe2Pt-C14")
"""Crystals of the method's paper that the set lacks."""


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=Path)
    parser.add_argument("--tries", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    library = ParquetLibrary(DATA / "open-dos")
    settled = {
        identifier for identifier, facts in zip(library.ids, library.provenances, strict=True) if facts["settings"] == "converged"
    }
    ready = {
        outcome.entry: outcome.material
        for outcome in Ledger(DATA / "campaign" / "ready").outcomes()
        if outcome.material is not None
    }
    right = {identifier for identifier, material in ready.items() if material.provenance["settings"] != FIRST_BASIS}
    if options.tries:
        substitution.extend(
            options.plan, options.tries, known=settled | right, progress=lambda text, count: print(count, text, flush=True)
        )
    entries = [
        *(replace(entry, purpose="again") if entry.id in right else entry for entry in known.elements()),
        *(entry for entry in known.textbook() if entry.id not in settled | right),
        *(entry for entry in molecular.molecular() if entry.id not in settled),
        *_paper(),
        *_magnets(library),
        *(_again(material, "lanthanide") for identifier, material in ready.items() if identifier not in right),
        *(entry for entry in read_plan(options.plan) if entry.purpose == "real"),
    ]
    computable = [entry for entry in entries if "He" not in entry.species and entry.species != ("S",)]
    write_plan(interleaved(computable), options.plan)
    print(f"{len(read_plan(options.plan)):,} crystals in {options.plan}")


def _paper() -> Iterator[Entry]:
    wanted = dict.fromkeys(PAPER, False)
    names = {(parse(identifier.split("-")[0]), identifier.split("-")[1]) for identifier in wanted}
    for entry in read_plan(DATA / "campaign" / "plan.parquet"):
        if (entry.composition, entry.prototype) in names:
            yield replace(entry, purpose="paper")


def _magnets(library: ParquetLibrary) -> Iterator[Entry]:
    """Crystals with magnetic elements that the set holds without spin."""
    rows = [
        row
        for row, facts in enumerate(library.provenances)
        if facts["spin_treatment"] == "non-magnetic" and is_magnetic(symbol for symbol, _ in library.compositions[row])
    ]
    for material in library.materials(rows):
        yield _again(material, "magnet")


def _again(material: Material, purpose: str) -> Entry:
    facts = material.provenance
    assert material.prototype is not None
    return Entry(
        material.prototype,
        material.species,
        np.asarray(material.lattice),
        np.asarray(material.frac_coords),
        volume_from=str(facts.get("volume_from") or facts.get("energy_per_atom_from") or ""),
        purpose=purpose,
    )


if __name__ == "__main__":
    main()
