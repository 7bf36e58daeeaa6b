"""Entries of the open DOS set against an independent code; written to benchmarks/independent.json and docs/independent.md.

    python benchmarks/independent.py --gpaw PYTHON        (a Python that has GPAW; what is in the JSON is not computed again)
    python benchmarks/independent.py                      (the page alone, from the JSON and the shipped set)

The same crystals, k-points and treatment of the eigenvalues; basis, core electrons and program are others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import BOLTZMANN
from dosmith.designer import open_dos_set
from dosmith.dft import kpoints
from dosmith.dft.eigenvalues import MeshEigenvalues
from dosmith.dft.engine import STARTING_MOMENTS
from dosmith.library import Library
from dosmith.records import Material
from dosmith.settings import DftSettings
from dosmith.spectra.zero import energy_zeros

FloatArray = NDArray[np.float64]

OUTPUT = Path(__file__).with_name("independent.json")
PAGE = Path(__file__).parents[1] / "docs" / "independent.md"
PROGRAM = Path(__file__).with_name("gpaw_bands.py")

CRYSTALS = (
    "Al-A1",
    "Si-A4",
    "MgO-B1",
    "NaBr-B1",
    "Sn3Bi-L1_2",
    "Cu-A1",
    "Ti-A3",
    "ReAl-B2",
    "PdH-B1",
    "SrTiO3-E2_1",
    "Pt3Rh-L1_2",
    "Ni-A1",
)
"""Across the table: s, p and d metals, a hydride, semiconductor and insulators, a ferromagnet."""

CUTOFF = 500.0
"""eV, of the plane waves."""
BANDS_PER_ATOM = 16
"""Enough to reach `REACH` above the Fermi level in these crystals; what they give is checked."""
REACH = 7.5
"""Curves are compared this far to either side of the energy zero, eV."""
TARGET = 0.98

Results = dict[str, dict[str, Any]]


def compute(material: Material, python: str) -> dict[str, Any]:
    """The density of states by GPAW, on the energies of the settings, from its own Fermi level."""
    settings, structure = DftSettings(), material.structure
    assert structure is not None
    mesh = kpoints.mesh(structure, settings.scf_spacing)
    first, second, third = (settings.dos_refinement * divisions for divisions in mesh)
    fine = kpoints.IrreducibleMesh.of(structure, (first, second, third))
    symbols = [site.specie.symbol for site in structure]
    spin = material.spectrum.spin_polarized
    wanted = {
        "cell": structure.lattice.matrix.tolist(),
        "scaled": structure.frac_coords.tolist(),
        "symbols": symbols,
        "moments": [STARTING_MOMENTS.get(symbol, 0) for symbol in symbols] if spin else None,
        "mesh": mesh,
        "points": fine.points.tolist(),
        "cutoff": CUTOFF,
        "smearing": settings.smearing * BOLTZMANN,
        "bands": BANDS_PER_ATOM * len(symbols) + 4,
    }
    started = time.monotonic()
    done = subprocess.run([python, str(PROGRAM)], input=json.dumps(wanted), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout[done.stdout.index('{"bands"') :])
    bands = np.array(found["bands"])
    levels = MeshEigenvalues(fine.interpolate(bands, settings.interpolation), found["electrons"])
    reached = bands[:, :, -1].min() - levels.fermi - levels.gap
    if reached < REACH:
        raise SystemExit(f"{material.id}: the bands end {reached:.1f} eV above the Fermi level; BANDS_PER_ATOM must be higher")
    energies = material.spectrum.energies
    density = levels.density(energies + levels.fermi, settings.sigma).sum(axis=0)
    return {
        "version": found["version"],
        "k-points": [mesh, fine.divisions],
        "gap": levels.gap,
        "moment": levels.moment,
        "seconds": round(time.monotonic() - started, 1),
        "density": [float(f"{value:.4g}") for value in density],
    }


def compared(material: Material, density: FloatArray) -> tuple[float, float]:
    """Cosine of the stored and the other curve, each from its own energy zero, and the other's states over the stored ones."""
    stored = material.spectrum
    grid = np.arange(-REACH, REACH + 1e-9, DftSettings().step)
    curves = np.stack([stored.total, density])
    zeros, _ = energy_zeros(stored.energies, curves, np.zeros(2), np.full(2, DftSettings().sigma))
    first, second = (np.interp(grid + zero, stored.energies, curve) for zero, curve in zip(zeros, curves, strict=True))
    return float(first @ second / np.sqrt((first @ first) * (second @ second))), float(second.sum() / first.sum())


def page(results: Results, library: Library) -> str:
    """The results in Markdown."""
    rows, cosines, codes = "", [], set()
    for name in CRYSTALS:
        if name not in results:
            continue
        material, other = library.material(name), results[name]
        cosine, states = compared(material, np.array(other["density"]))
        cosines.append(cosine)
        codes.add(other["version"])
        facts = material.provenance
        mesh = " in ".join(" x ".join(map(str, divisions)) for divisions in other["k-points"])
        moments = f"{facts['magnetic_moment']:.2f} | {other['moment']:.2f}" if material.spectrum.spin_polarized else " | "
        rows += (
            f"| {name} | {facts['settings']} | {mesh} | {cosine:.4f} | {states:.3f} | {material.spectrum.gap or 0:.2f} | {other['gap']:.2f}"
            f" | {moments} |\n"
        )
    reached = sum(cosine >= TARGET for cosine in cosines)
    return f"""# Against an independent code

Written by `python benchmarks/independent.py`, which reads and extends `benchmarks/independent.json`.

Crystals of the open DOS set were computed again with {", ".join(sorted(codes))}: plane waves up to {CUTOFF:g} eV, projector augmented waves, PBE. Its eigenvalues are
interpolated and broadened like those of the set. The table compares these curves with the stored ones, from {-REACH:g} to {REACH:g} eV, each from its own energy zero as dosmith finds it: the
valence-band top of a gapped material, else the Fermi level. `states` is the area under the other code's curve divided by that under the set's.

| crystal | settings | k-points | cosine | states | gap, eV | GPAW's gap, eV | moment of the cell | GPAW's moment |
|---|---|---|---|---|---|---|---|---|
{rows}
Cosine of at least {TARGET}: {reached} of {len(cosines)}; lowest {min(cosines, default=0.0):.4f}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpaw", metavar="PYTHON", help="a Python that has GPAW: compute what is missing")
    arguments = parser.parse_args()
    library = open_dos_set()
    results: Results = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    for name in CRYSTALS if arguments.gpaw else ():
        if name in results or name not in library:
            continue
        results[name] = compute(library.material(name), arguments.gpaw)
        print(name, *compared(library.material(name), np.array(results[name]["density"])), results[name]["seconds"], flush=True)
        text = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in results.items())
        OUTPUT.write_text(f"{{\n{text}\n}}\n", encoding="utf-8")
    PAGE.write_text(page(results, library), encoding="utf-8")


if __name__ == "__main__":
    main()
