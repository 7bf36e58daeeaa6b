"""Well-known solids against published PBE results: python benchmarks/known_solids.py [--compute COUNT]

`known_solids.csv` holds published lattice constants, gaps, moments and formation energies with their sources. What stands against them
is from the ledgers of data/campaign; `--compute` adds, the cheapest first, what those cannot hold: lattice constants by the engine's own
energies, gaps and moments at the published lattice constant, in `known_solids.json`. Electron counts of all ledgers are checked too.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.eos import birchmurnaghan
from scipy.optimize import curve_fit

from dosmith.atomic import write_text
from dosmith.crystals.prototypes import PROTOTYPES, crystal_id
from dosmith.dft.engines import engine_for
from dosmith.dft.order import cost
from dosmith.dft.plan import Entry
from dosmith.errors import DosmithError
from dosmith.formulas import parse
from dosmith.library.ledger import Ledger
from dosmith.library.stability import stabilities
from dosmith.records import Material

PUBLISHED = Path(__file__).with_suffix(".csv")
OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "known-solids.md"
CAMPAIGN = Path(__file__).parents[1] / "data" / "campaign"
LEDGERS = ("ledger", "ready", "crystals")
"""Later ones stand in place of earlier ones."""
EQUATIONS, VOLUMES = Path(__file__).with_name("equations_of_state.json"), Path(__file__).with_name("volumes.json")
"""Volumes of lowest energy that are known already."""
FACTORS = (0.94, 0.97, 1.0, 1.03, 1.06)
"""Volumes of an equation of state, in units of the published one."""
CELL = {"A1": 4, "A2": 2, "A4": 8, "B1": 8, "B2": 2, "B3": 8, "E2_1": 5, "L1_2": 4}
"""Atoms of the cubic cell."""
WITHIN = 0.1
"""Electrons by which a count may be off."""
CLOSED = 1e-3
"""States/eV/electron below which a density counts as none."""

Results = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """A published result.

    Attributes:
        identifier: of the crystal.
        symbols: its elements, in the order of the prototype's sites.
        prototype: Strukturbericht symbol.
        quantity: `edge`, `gap`, `ferromagnetic moment` or `formation energy`.
        value: Angstrom, eV, Bohr magnetons or eV/atom.
        at_edge: of the cubic cell at which it holds, Angstrom; None where it is the one of lowest energy.
        source: a name that the file explains.
    """

    identifier: str
    symbols: tuple[str, ...]
    prototype: str
    quantity: str
    value: float
    at_edge: float | None
    source: str

    def entry(self, edge: float) -> Entry:
        """The crystal with a cubic cell of this edge, Angstrom."""
        structure = PROTOTYPES[self.prototype].structure(self.symbols, edge**3 / CELL[self.prototype])
        return Entry.of(structure, self.prototype)


def published() -> Iterator[Published]:
    """The rows of the file."""
    lines = [line for line in PUBLISHED.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        composition, name = parse(row["formula"]), row["prototype"]
        written = tuple(re.findall("[A-Z][a-z]?", row["formula"]))  # perovskites: by site
        symbols = written if name == "E2_1" else PROTOTYPES[name].assignments(composition)[0]
        edge = float(row["at_edge"]) if row["at_edge"] else None
        yield Published(crystal_id(composition, name), symbols, name, row["quantity"], float(row["value"]), edge, row["source"])


def computed() -> dict[str, Material]:
    """What the ledgers hold, by id."""
    return {
        outcome.entry: outcome.material
        for name in LEDGERS
        for outcome in Ledger(CAMPAIGN / name).outcomes()
        if outcome.material is not None and outcome.material.provenance["settings"] == "converged"
    }


def edge_of(volume: float, prototype: str) -> float:
    """The edge of a cubic cell, Angstrom, of a volume per atom, Angstrom^3."""
    return float((volume * CELL[prototype]) ** (1 / 3))


def add(row: Published) -> float:
    """The engine's own result: a lattice constant, or a gap or moment at the published one."""
    if row.quantity != "edge":
        assert row.at_edge is not None
        entry = row.entry(row.at_edge)
        found = engine_for().compute(entry.structure, spin=row.quantity == "ferromagnetic moment")
        return found.gap if row.quantity == "gap" else abs(found.moment) / sum(symbol == "O" for symbol in entry.species)
    volumes = row.value**3 / CELL[row.prototype] * np.array(FACTORS)
    structures = [row.entry(edge_of(volume, row.prototype)).structure for volume in volumes]
    energies = [engine_for().compute(structure).energy / len(structure) for structure in structures]
    start = (min(energies), 0.5, 4.0, volumes[2])  # eV/atom, eV/Angstrom^3, Angstrom^3
    fitted, _ = curve_fit(birchmurnaghan, volumes, energies, p0=start)
    return edge_of(float(fitted[3]), row.prototype)


def known_volumes() -> dict[str, float]:
    """Volumes per atom of lowest energy, Angstrom^3, by id, that other benchmarks found."""
    found = {f"{name}": each["lowest"] for name, each in json.loads(VOLUMES.read_text(encoding="utf-8")).items()}
    for symbol, each in json.loads(EQUATIONS.read_text(encoding="utf-8")).items():
        if "volume" in each:
            found |= {f"{symbol}-{name}": each["volume"] for name in ("A1", "A2", "A4")}
    return found


def counts(materials: Mapping[str, Material]) -> list[tuple[str, float]]:
    """How far the states below the Fermi level are from the electrons less closed deep shells, for curves that begin in a gap."""
    found = []
    for identifier, material in materials.items():
        spectrum, electrons = material.spectrum, int(material.provenance["n_electrons"])
        if spectrum.total[0] > CLOSED * electrons:
            continue
        below = spectrum.energies <= spectrum.fermi
        energies, density = spectrum.energies[below], spectrum.total[below]
        missing = electrons - float(np.trapezoid(density, energies))
        found.append((identifier, missing - 2 * round(missing / 2)))
    return sorted(found, key=lambda each: -abs(each[1]))


def page(results: Results) -> str:
    """The results in Markdown."""
    rows, own, held = list(published()), results["own"], results["set"]
    edges, others, missing = [], [], []
    off_own, off_set = [], []
    for row in rows:
        mine = own.get(f"{row.identifier} {row.quantity}")
        mine = mine if isinstance(mine, float) else None
        here = held.get(row.identifier, {})
        if row.quantity == "edge":
            cells = ["", "", "", "", ""]
            if mine is not None:
                off_own.append(100 * (mine / row.value - 1))
                cells[:2] = f"{mine:.3f}", f"{off_own[-1]:+.2f}"
            if here:
                off_set.append(100 * (here["edge"] / row.value - 1))
                cells[2:] = f"{here['edge']:.3f}", f"{off_set[-1]:+.2f}", here["volume from"]
            line = f"| {row.identifier} | {row.value:.3f} | {' | '.join(cells)} | {row.source} |"
            (edges if any(cells) else missing).append(line if any(cells) else f"{row.identifier} (lattice constant)")
            continue
        value = here.get("formation energy") if row.quantity == "formation energy" else mine
        if value is None:
            missing.append(f"{row.identifier} ({row.quantity})")
            continue
        at = f"{row.at_edge:.3f}" if row.at_edge else ""
        differs = f"{row.value:.2f} | {value:.2f} | {value - row.value:+.2f}"
        others.append(f"| {row.identifier} | {row.quantity} | {at} | {differs} | {row.source} |")
    counted = "; ".join(
        f"{each['right']:,} of {each['all']:,} {name} (furthest off: {each['worst'][0]} {each['worst'][1]:+.2f})"
        for name, each in results["counts"].items()
    )
    newline = "\n"
    return f"""# Against published PBE results

Written by `python benchmarks/known_solids.py` from `benchmarks/known_solids.csv` (published values) and `benchmarks/known_solids.json`
(results from the ledgers of `data/campaign`, and those that `--compute` adds): {len({row.identifier for row in rows})} well-known solids.

## Lattice constants, Å

*Own* is the constant at CP2K's own lowest energy. *Set* is that of the crystal in the ledgers, whose volume is CHGNet's, a measured one, or WIEN2k's.
Own against published: mean {np.mean(off_own):+.2f} %, mean absolute {np.mean(np.abs(off_own)):.2f} % ({len(off_own)} solids). Set against published: mean {np.mean(off_set):+.2f} %, mean
absolute {np.mean(np.abs(off_set)):.2f} % ({len(off_set)} solids).

| crystal | published | own | % | set | % | volume of the set by | source |
|---|---|---|---|---|---|---|---|
{newline.join(edges)}

## Gaps (eV), moments (Bohr magnetons) and formation energies (eV/atom)

| crystal | quantity | at the lattice constant, Å | published | computed | difference | source |
|---|---|---|---|---|---|---|
{newline.join(others)}

## Not computed yet

{", ".join(missing) or "Nothing."}

## Electron counts

The stored curves begin at -10 eV. If a curve begins in a gap, the number of states up to the Fermi level must equal the number of electrons, less an even number in closed shells below. Within {WITHIN:g} this holds for
{counted}. If the density of a metal is steep at the Fermi level, the broadening of 0.1 eV moves states across it.

## Sources

{newline.join(_sources())}
"""


def _sources() -> list[str]:
    lines = PUBLISHED.read_text(encoding="utf-8").splitlines()
    return [f"- {line[2:]}" for line in lines if re.match(r"# \w+ \d{4}: ", line)]


def collected(rows: list[Published], results: Results) -> Results:
    """What the ledgers and the other benchmarks hold, beside the engine's own results of before."""
    materials, volumes = computed(), known_volumes()
    stable = stabilities(list(materials.values()))
    own, held = dict(results.get("own", {})), {}
    for row in rows:
        if row.quantity == "edge" and row.identifier in volumes:
            own[f"{row.identifier} edge"] = edge_of(volumes[row.identifier], row.prototype)
        if row.identifier in materials:
            material = materials[row.identifier]
            edge = edge_of(float(material.provenance["volume_per_atom"]), row.prototype)
            held[row.identifier] = {"edge": edge, "volume from": _origin(material)}
            if row.identifier in stable:
                held[row.identifier]["formation energy"] = stable[row.identifier].formation_energy
    tallies: dict[str, list[tuple[str, float]]] = {"insulators": [], "metals": []}
    for each in counts(materials):
        tallies["insulators" if materials[each[0]].spectrum.gap else "metals"].append(each)
    summary = {
        name: {"right": sum(abs(off) <= WITHIN for _, off in each), "all": len(each), "worst": each[0]}
        for name, each in tallies.items()
    }
    return {"own": own, "set": held, "counts": summary}


def _origin(material: Material) -> str:
    text = str(material.provenance.get("volume_from") or "")
    return "CHGNet" if "CHGNet" in text else "WIEN2k" if "dcdft" in text else "measured"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--compute", type=int, default=0)
    options = parser.parse_args()
    rows = list(published())
    results = collected(rows, json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.is_file() else {})
    write(results)
    own = results["own"]
    waiting = [row for row in rows if row.quantity != "formation energy" and f"{row.identifier} {row.quantity}" not in own]
    waiting.sort(key=lambda row: cost(row.entry(row.at_edge or row.value)) * (len(FACTORS) if row.quantity == "edge" else 1))
    for row in waiting[: options.compute]:
        key = f"{row.identifier} {row.quantity}"
        try:
            own[key] = add(row)
        except (DosmithError, RuntimeError) as error:
            own[key] = str(error)
        print(key, row.value, own[key], flush=True)
        write(results)


def write(results: Results) -> None:
    """The results, and the page of them."""
    write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(json.loads(json.dumps(results))))


if __name__ == "__main__":
    main()
