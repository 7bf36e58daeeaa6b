"""Projections of the open DOS set against an independent code; written to benchmarks/independent_parts.json and docs/independent-parts.md.

    python benchmarks/independent_parts.py --gpaw PYTHON [--ledger DIR]   (a Python that has GPAW; what is in the JSON is not computed again)
    python benchmarks/independent_parts.py [--ledger DIR]                 (the page alone, from the JSON)

The same crystals and k-points. Here a state is divided among Loewdin-orthogonalised atomic orbitals, which hold all of it; GPAW projects on the bound partial
waves inside the augmentation spheres, which hold less of it the wider an orbital is. So shapes and centres are compared, and how much of the states each method sees.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from independent import BANDS_PER_ATOM, CUTOFF, PROGRAM, REACH
from numpy.typing import NDArray
from projections import LEAST, cosine, kind_of

from dosmith.atomic import write_text
from dosmith.constants import BOLTZMANN
from dosmith.designer import open_dos_set
from dosmith.dft import kpoints
from dosmith.dft.engine import STARTING_MOMENTS
from dosmith.library.ledger import Ledger
from dosmith.records import Material
from dosmith.settings import DftSettings
from dosmith.spectra.descriptors import Band
from dosmith.spectra.zero import energy_zeros

FloatArray = NDArray[np.float64]
OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "independent-parts.md"
CRYSTALS = ("Ni-A1", "Pt3Ni-L1_2", "TiO2-AB2_tP6_136_a_f", "NaCl-B1")
"""A ferromagnet, an alloy, an oxide with empty d states, a salt."""
BAND_ENDS = 2.5
"""eV above the energy zero; what is higher is hardly of the band that is filled, but of the next shell."""
MOST = 0.01
"""Of the total: by how much the sum of projections may differ from it."""


def compute(material: Material, python: str) -> dict[str, Any]:
    """By GPAW the parts of the density of states, on the energies of the material, from GPAW's Fermi level."""
    settings, structure = DftSettings(), material.structure
    assert structure is not None
    mesh = kpoints.mesh(structure, settings.scf_spacing)
    first, second, third = (2 * divisions for divisions in mesh)
    fine = kpoints.IrreducibleMesh.of(structure, (first, second, third))
    symbols = [site.specie.symbol for site in structure]
    moments = [STARTING_MOMENTS.get(symbol, 0) for symbol in symbols] if material.spectrum.spin_polarized else None
    wanted = {
        "cell": structure.lattice.matrix.tolist(),
        "scaled": structure.frac_coords.tolist(),
        "symbols": symbols,
        "moments": moments,
        "mesh": mesh,
        "points": fine.points.tolist(),
        "cutoff": CUTOFF,
        "smearing": settings.smearing * BOLTZMANN,
        "bands": BANDS_PER_ATOM * len(symbols) + 4,
        "projections": True,
    }
    started = time.monotonic()
    done = subprocess.run([python, str(PROGRAM)], input=json.dumps(wanted), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout[done.stdout.index('{"bands"') :])
    levels, weights = np.array(found["bands"]) - found["fermi"], np.array(found["weights"])
    counts = fine.counts / fine.counts.sum() * (1 if moments else 2)
    energies, sigma = material.spectrum.energies, settings.sigma
    parts = np.zeros((len(found["labels"]) + 1, len(energies)))
    for spin in range(len(levels)):
        for point, count in enumerate(counts):
            peaks = np.exp(-0.5 * ((energies[:, None] - levels[spin, point]) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
            parts[0] += count * peaks.sum(axis=1)
            parts[1:] += count * (peaks @ weights[spin, point]).T
    return {
        "version": found["version"],
        "k-points": [mesh, fine.divisions],
        "seconds": round(time.monotonic() - started, 1),
        "total": _short(parts[0]),
        "parts": {":".join(label): _short(part) for label, part in zip(found["labels"], parts[1:], strict=True)},
    }


def _short(curve: FloatArray) -> list[float]:
    return [float(f"{value:.4g}") for value in curve]


def compared(material: Material, other: Mapping[str, Any]) -> tuple[list[list[Any]], float]:
    """For each d band and anion's p band: label, cosine, share of the states here and there, centres here and there, eV, and of what lies
    below `BAND_ENDS`; and the most by which the sum of the parts differs from the total, of its highest density."""
    stored, projections = material.spectrum, material.projections
    assert projections is not None
    grid = np.arange(-REACH, REACH + 1e-9, DftSettings().step)
    totals = np.stack([stored.total, np.array(other["total"])])
    zeros, _ = energy_zeros(stored.energies, totals, np.zeros(2), np.full(2, DftSettings().sigma))

    def seen(curve: FloatArray, side: int) -> FloatArray:
        return np.interp(grid + zeros[side], stored.energies, curve)

    own = dict(zip(projections.labels, projections.densities.sum(axis=0), strict=True))
    elements = [symbol for symbol, _ in material.composition]
    wholes = [seen(totals[side], side).sum() for side in (0, 1)]
    rows: list[list[Any]] = []
    for label, density in own.items():
        here, name = seen(density, 0), ":".join(label)
        if kind_of(label, elements) is None or here.sum() < LEAST * wholes[0] or name not in other["parts"]:
            continue
        there = seen(np.array(other["parts"][name]), 1)
        band = grid <= BAND_ENDS
        bands = [Band.of(grid[inside], each[inside]) for inside in (band | True, band) for each in (here, there)]
        centres = [None if band is None else round(band.centre, 3) for band in bands]
        shares = [round(float(each.sum() / whole), 3) for each, whole in zip((here, there), wholes, strict=True)]
        rows.append([name, round(cosine(here, there), 4), *shares, *centres])
    missing = np.abs(np.sum(list(own.values()), axis=0) - stored.total).max() / stored.total.max()
    return rows, float(missing)


def page(results: Mapping[str, Any], materials: Mapping[str, Material]) -> str:
    """The results in Markdown."""
    lines, sums, cosines, apart = [], [], [], []
    for name in CRYSTALS:
        if name not in results or name not in materials:
            continue
        rows, missing = compared(materials[name], results[name])
        sums.append(f"{name} {missing:.2%}")
        for label, alike, here, there, *centres in rows:
            cosines.append(alike)
            apart.append(abs(centres[2] - centres[3]))
            cells = " | ".join(f"{centre:+.2f}" for centre in centres)
            lines.append(f"| {name} | {label} | {alike:.3f} | {here:.1%} | {there:.1%} | {cells} |")
    versions = ", ".join(sorted({each["version"] for each in results.values()}))
    table = "\n".join(lines)
    return f"""# Projections against an independent code

Written by `python benchmarks/independent_parts.py`, which reads and extends `benchmarks/independent_parts.json`.

Mean cosine of {len(cosines)} parts: {np.mean(cosines):.3f}. Mean difference of their centres below {BAND_ENDS:g} eV: {np.mean(apart):.2f} eV. The sum of all parts is the total within {MOST:.0%} (largest
difference, as a share of the highest density: {", ".join(sums)}).

The same crystals were computed with {versions}: plane waves up to {CUTOFF:g} eV, PBE, from {-REACH:g} to {REACH:g} eV, each from its own energy zero. The set's method divides each state among Löwdin-orthogonalised
atomic orbitals, which together hold all of it. GPAW projects on the bound partial waves inside its augmentation spheres. These hold less of a state the wider its orbital is, and nothing of the density between
the atoms. Shapes and centres can therefore be compared, while the shares show how much of the states each method covers. The set's atomic orbitals have a second d shell, which puts some d states a few eV above the Fermi
level where GPAW's one shell has none. The table therefore gives centres over all energies and over those below {BAND_ENDS:g} eV. It shows d bands of metals and p bands of anions with at least {LEAST:.0%} of the states.

| crystal | part | cosine | share here | share in GPAW | centre here, eV | in GPAW | below {BAND_ENDS:g} eV, here | in GPAW |
|---|---|---|---|---|---|---|---|---|
{table}
"""


def main() -> None:
    """Compute what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpaw", metavar="PYTHON", help="a Python that has GPAW: compute what is missing")
    parser.add_argument("--ledger", type=Path, help="computed crystals; the included set when left out")
    arguments = parser.parse_args()
    if arguments.ledger is None:
        library = open_dos_set()
        materials = {name: library.material(name) for name in CRYSTALS if name in library}
    else:
        outcomes = Ledger(arguments.ledger).outcomes()
        materials = {each.entry: each.material for each in outcomes if each.entry in CRYSTALS and each.material is not None}
    materials = {name: each for name, each in materials.items() if each.projections is not None}
    results: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    for name in CRYSTALS if arguments.gpaw else ():
        if name in materials and name not in results:
            results[name] = compute(materials[name], arguments.gpaw)
            print(name, *compared(materials[name], results[name]), results[name]["seconds"], flush=True)
            text = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in results.items())
            write_text(OUTPUT, f"{{\n{text}\n}}\n")
    write_text(PAGE, page(results, materials))


if __name__ == "__main__":
    main()
