"""The engine against VASP: python benchmarks/external.py mp-50.json.gz [--count 10] [--workers 1]

Computes the smallest crystals without magnetic elements of a file of Materials Project spectra (energies from the Fermi level or the
valence-band top, PBE, VASP) and compares densities of states. Spectra of others only validate: nothing here is kept but cosines.
Interrupted, it goes on with what `external.json` lacks.
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import symmetry
from dosmith.atomic import write_text
from dosmith.dft.cp2k_kinds import FROZEN_4F, UCL
from dosmith.dft.engine import Calculation, is_magnetic
from dosmith.dft.engines import engine_for
from dosmith.errors import DosmithError

OUTPUT = Path(__file__).with_name("external.json")
PAGE = Path(__file__).parents[1] / "docs" / "external.md"
SIGMA = 0.15
REACH = 3.8
"""eV to either side of the zero."""
FARTHEST = 1.0
"""eV by which energies are shifted at most."""
ODD = 0.1
"""Electrons from which a shifted zero is no matter of broadening."""
FloatArray = NDArray[np.float64]


def crystals(path: Path, count: int) -> list[dict[str, Any]]:
    """The cheapest of the file."""
    from pymatgen.core.periodic_table import Element
    from pymatgen.core.structure import Structure

    with gzip.open(path, "rt", encoding="utf-8") as file:
        content = json.load(file)
    found = []
    for row in content["materials"]:
        structure = symmetry.primitive(Structure.from_str(row["cif"], fmt="cif"))
        elements = {site.specie.symbol for site in structure}
        if is_magnetic(elements) or any(Element(symbol).Z > 83 for symbol in elements) or elements & {"Eu", "Yb"}:
            continue
        size = sum(26 if Element(symbol).is_transition_metal or symbol in FROZEN_4F | UCL else 13 for symbol in elements)
        found.append(row | {"structure": structure, "energies": content["energies_ev"], "size": size * len(structure)})
    return sorted(found, key=lambda row: row["size"])[:count]


def compared(row: dict[str, Any], calculation: Calculation) -> dict[str, Any]:
    """Cosine of the two curves at the same broadening, as they are and at the best rigid shift."""
    theirs = smoothed(np.array(row["energies"]), np.maximum(np.array(row["dos"]), 0.0), SIGMA)
    spectrum = calculation.spectrum
    energies = np.array(row["energies"])
    inside = np.abs(energies) <= REACH
    mine = smoothed(spectrum.energies, spectrum.total, (SIGMA**2 - spectrum.broadening**2) ** 0.5)
    zero = spectrum.valence_top or 0.0

    def cosine(shift: float) -> float:
        curve = np.interp(energies[inside], spectrum.energies - zero + shift, mine)
        return float(curve @ theirs[inside] / np.linalg.norm(curve) / np.linalg.norm(theirs[inside]))

    shifts = np.linspace(-FARTHEST, FARTHEST, round(200 * FARTHEST) + 1)
    best = max(shifts, key=cosine)
    between = np.linspace(zero, zero - best, 501)
    moved = float(np.trapezoid(np.interp(between, spectrum.energies, spectrum.total), between))
    return {
        "formula": row["structure"].composition.reduced_formula,
        "atoms": len(row["structure"]),
        "gap": round(calculation.gap, 3),
        "cosine": round(cosine(0.0), 4),
        "shift": round(float(best), 2),
        "shifted": round(cosine(best), 4),
        "electrons": round(moved, 2),
        "seconds": round(calculation.seconds),
    }


def smoothed(energies: FloatArray, curve: FloatArray, sigma: float) -> FloatArray:
    """A curve on even energies with more Gaussian broadening, eV."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(curve, sigma / (energies[1] - energies[0]), mode="constant"))


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    rows = [each for each in results.values() if "cosine" in each]
    lines = [
        f"| {each['formula']} | {each['atoms']} | {each['gap']:.2f} | {each['cosine']:.3f} | {each['shifted']:.3f} | {each['shift']:+.2f} |"
        for each in rows
    ]
    odd = "".join(
        f"\n{each['formula']}: at the best shift the two curves are alike ({each['shifted']:.3f}). Up to VASP's Fermi level, CP2K's curve holds {abs(each['electrons']):.2f} electrons"
        f" {'more' if each['electrons'] > 0 else 'fewer'} than the crystal has. So the levels agree, but the stated Fermi levels do not.\n"
        for each in rows
        if abs(each.get("electrons", 0.0)) > ODD and each["gap"] == 0
    )
    failed = "".join(f"\n{each['formula']} failed: {each['failed']}.\n" for each in results.values() if "failed" in each)
    cosines, shifted = (np.array([each[key] for each in rows]) for key in ("cosine", "shifted"))
    return f"""# Against the Materials Project

Written by `python benchmarks/external.py` into `benchmarks/external.json`. Of fifty crystals of the Materials Project, the {len(rows)} non-magnetic ones that cost least to compute were computed in its cells with
the set's protocol. Their densities of states by VASP (PBE, CC-BY-4.0, A. Jain et al., APL Mater. 1, 011002 (2013)) are used only for validation. Cosine between the two curves from {-REACH:g} to {REACH:g} eV around the Fermi
level, or around the valence-band top of gapped crystals, both at sigma {SIGMA:g} eV: mean {cosines.mean():.3f}, lowest {cosines.min():.3f}; at the best rigid shift of the energies mean {shifted.mean():.3f}.

| crystal | atoms | gap, eV | cosine | at the best shift | shift, eV |
|---|---|---|---|---|---|
{chr(10).join(lines)}
{odd}{failed}"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--again", nargs="*", default=[], help="ids to compute though they are there")
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.is_file() else {}
    engine = engine_for()
    for row in crystals(options.file, options.count):
        if row["id"] in results and row["id"] not in options.again:
            continue
        try:
            results[row["id"]] = compared(row, engine.compute(row["structure"]))
        except DosmithError as error:
            results[row["id"]] = {"formula": row["structure"].composition.reduced_formula, "failed": str(error)}
        print(row["id"], results[row["id"]], flush=True)
        write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
        write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
