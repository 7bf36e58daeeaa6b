"""The engine against all-electron calculations: python benchmarks/equations_of_state.py [--count 20]

Equations of state of elements in their ground states, the cheapest first, against WIEN2k's PBE ones as ASE ships them (K. Lejaeghere et
al., Crit. Rev. Solid State 39, 1 (2014)): volume, bulk modulus and the Delta gauge between the two. Interrupted, it goes on with what
`equations_of_state.json` lacks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from ase.collections import dcdft
from ase.eos import birchmurnaghan
from numpy.typing import NDArray
from pymatgen.io.ase import AseAtomsAdaptor
from scipy.optimize import curve_fit

from dosmith import symmetry
from dosmith.atomic import write_text
from dosmith.dft.engines import engine_for
from dosmith.dft.order import cost
from dosmith.dft.plan import Entry
from dosmith.errors import DosmithError

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "equations-of-state.md"
VOLUMES = (0.94, 0.97, 1.0, 1.03, 1.06)
"""In units of WIEN2k's."""
GIGAPASCAL = 160.21766208
"""In one eV per cubic Angstrom."""
NOT_ASKED = ("He", "Ne", "Ar", "Kr", "Xe", "Rn")
"""Hardly bound: their minimum is too shallow to be found so."""
FloatArray = NDArray[np.float64]


def elements() -> list[Entry]:
    """Without magnets and molecules, the cheapest first."""
    found = []
    for symbol in dcdft.names:
        atoms = dcdft[symbol]
        if symbol in (*NOT_ASKED, "H", "N", "O", "F", "Cl", "Br", "I") or np.any(atoms.get_initial_magnetic_moments()):
            continue
        structure = symmetry.primitive(AseAtomsAdaptor.get_structure(atoms).copy(site_properties={}))
        found.append(Entry.of(structure, "A1"))
    return sorted(found, key=cost)


def equation_of_state(entry: Entry) -> dict[str, Any]:
    """Volume (Angstrom^3/atom), bulk modulus (GPa) and what WIEN2k has."""
    symbol = entry.species[0]
    reference = dcdft.data[symbol]
    structure = entry.structure
    engine = engine_for()
    energies = []
    for factor in VOLUMES:
        scaled = structure.copy()
        scaled.scale_lattice(reference["wien2k_volume"] * len(structure) * factor)
        energies.append(engine.compute(scaled).energy / len(structure))
    volumes = reference["wien2k_volume"] * np.array(VOLUMES)
    start = (min(energies), reference["wien2k_B"] / GIGAPASCAL, 4.0, reference["wien2k_volume"])
    fitted, _ = curve_fit(birchmurnaghan, volumes, energies, p0=start)
    _, modulus, slope, volume = (float(value) for value in fitted)
    theirs = (0.0, reference["wien2k_B"] / GIGAPASCAL, reference["wien2k_Bp"], reference["wien2k_volume"])
    return {
        "volume": volume,
        "bulk modulus": modulus * GIGAPASCAL,
        "slope": slope,
        "WIEN2k volume": reference["wien2k_volume"],
        "WIEN2k bulk modulus": reference["wien2k_B"],
        "delta": delta((0.0, modulus, slope, volume), theirs),
    }


def delta(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """The root mean square difference of two equations of state within 6 % of their mean volume, meV/atom."""
    middle = (first[3] + second[3]) / 2
    volumes = np.linspace(0.94, 1.06, 241) * middle
    difference = birchmurnaghan(volumes, *first) - birchmurnaghan(volumes, *second)
    return float(1000 * np.sqrt(np.mean((difference - difference.mean()) ** 2)))


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    rows = {symbol: each for symbol, each in sorted(results.items()) if "volume" in each}
    lines = []
    for symbol, each in rows.items():
        off = each["volume"] / each["WIEN2k volume"] - 1
        lines.append(
            f"| {symbol} | {each['volume']:.2f} | {each['WIEN2k volume']:.2f} | {100 * off:+.1f} | {each['bulk modulus']:.0f} |"
            f" {each['WIEN2k bulk modulus']:.0f} | {each['delta']:.1f} |"
        )
    offs = np.array([each["volume"] / each["WIEN2k volume"] - 1 for each in rows.values()])
    deltas = np.array([each["delta"] for each in rows.values()])
    failed = "".join(f"\n{symbol} failed: {each['failed']}.\n" for symbol, each in results.items() if "failed" in each)
    return f"""# Against all-electron calculations

Written by `python benchmarks/equations_of_state.py` into `benchmarks/equations_of_state.json`. It compares equations of state of {len(rows)} elements in their ground states, those that cost least to compute, by
the set's protocol (five volumes, Birch and Murnaghan's form) with those by WIEN2k (PBE, K. Lejaeghere et al., Crit. Rev. Solid State 39, 1 (2014)). Volumes differ by {100 * np.abs(offs).mean():.1f} % on average
({100 * offs.mean():+.1f} % with their sign). The Delta gauge, here the root mean square difference within 6 % of the volume, is {deltas.mean():.1f} meV/atom on average; its median is {np.median(deltas):.1f}.

| | volume, Å³/atom | WIEN2k | % | bulk modulus, GPa | WIEN2k | Delta, meV/atom |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}
{failed}"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.is_file() else {}
    for entry in elements()[: options.count]:
        symbol = entry.species[0]
        if symbol in results:
            continue
        try:
            results[symbol] = equation_of_state(entry)
        except (DosmithError, RuntimeError) as error:
            results[symbol] = {"failed": str(error)}
        print(symbol, results[symbol], flush=True)
        write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
        write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
