"""The catalysis case by the d band of platinum: written to benchmarks/d_band.json and docs/d-band.md.

    python benchmarks/d_band.py --predict    (what the JSON lacks)
    python benchmarks/d_band.py              (the page alone, from the JSON)

Predicted d bands of elements against published centres, and platinum's d band in Pt3Ni against that in every other Pt3X of the L1_2 type.
"""

from __future__ import annotations

import argparse
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.atomic import write_text
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.crystals.surveyed import Surveyed
from dosmith.models.registry import open_model
from dosmith.shipped import shipped_folder
from dosmith.spectra.descriptors import Band

FloatArray = NDArray[np.float64]
Results = dict[str, Any]

OUTPUT = Path(__file__).with_name("d_band.json")
PAGE = Path(__file__).parents[1] / "docs" / "d-band.md"
MODEL = "dosmith"
PUBLISHED = {
    "Fe": -0.92, "Co": -1.17, "Ni": -1.29, "Cu": -2.67, "Ru": -1.41, "Rh": -1.73, "Pd": -1.83, "Ag": -4.30, "Ir": -2.11, "Pt": -2.25, "Au": -3.56,
}  # fmt: skip
"""Centres of the d bands of close-packed surfaces, eV from the Fermi level: A. Ruban et al., J. Mol. Catal. A 115, 421 (1997)."""
GROUND = {"Fe": "A2", "Co": "A3", "Ru": "A3"}
"""Crystals of elements that are not face-centred cubic."""
ORDER = ("Pt", "Pt3Ni", "Pt3Co", "Pt3Fe", "Pt3Ti")
"""From the highest to the lowest, by photoemission and theory of their surfaces: V. Stamenkovic et al., Angew. Chem. Int. Ed. 45, 2897 (2006)."""


def alloys() -> list[Surveyed]:
    """Crystals Pt3X and Pd3Fe of the L1_2 type."""
    from dosmith.crystals.survey import read_survey

    found = []
    for each in read_survey(shipped_folder("survey") / "crystals.parquet"):
        counts = dict(each.composition)
        if each.prototype == "L1_2" and (counts.get("Pt") == 3 or (counts.get("Pd") == 3 and "Fe" in counts)):
            found.append(each)
    return found


def crystals(alloys: list[Surveyed]) -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Prototype, elements, and the element whose d band it is, by name."""
    found = {symbol: (GROUND.get(symbol, "A1"), (symbol,), symbol) for symbol in PUBLISHED}
    for each in alloys:
        major = "Pt" if dict(each.composition).get("Pt") == 3 else "Pd"
        found[f"{major}3{_other(each.elements, major)}"] = ("L1_2", each.elements, major)
    return found


def _other(elements: tuple[str, ...], major: str) -> str:
    return next((symbol for symbol in elements if symbol != major), "")


def predict(results: Results) -> None:
    """What is missing, a few at a time."""
    from dosmith.designer import open_dos_set
    from dosmith.models.tight_binding.projected import expected_parts

    model, library = open_model(MODEL), open_dos_set()
    if results.get("weights") != model.spec["sha256"]:
        results |= {"weights": model.spec["sha256"], "model": model.name, "crystals": {}}
    listed = alloys()
    surveyed = {(each.prototype, each.elements): each for each in listed}
    energies = model.recipe.grid.energies
    for name, (prototype, elements, symbol) in crystals(listed).items():
        if name in results["crystals"] or not set(elements) <= set(model.elements):
            continue
        if len(elements) == 1:
            structure = library.material(f"{symbol}-{prototype}").structure
        else:
            one = surveyed[prototype, elements]
            structure = PROTOTYPES[prototype].stretched(one.stretch).structure(elements, one.volume)
        curve, certainty = expected_parts(model.ensemble, [model.ensemble.prepare(structure)])[0][symbol, "d"]
        band = Band.of(energies, curve)
        results["crystals"][name] = {
            "element": symbol,
            "centre": None if band is None else round(band.centre, 3),
            "width": None if band is None else round(band.width, 3),
            "certainty": round(certainty, 3),
            "curve": [float(f"{value:.4g}") for value in curve / curve.max()],
        }
        write_text(OUTPUT, json.dumps(results, sort_keys=True) + "\n")
        print(name, results["crystals"][name]["centre"], flush=True)


def page(results: Results) -> str:
    """The results in Markdown."""
    found = results["crystals"]
    elements = [symbol for symbol in PUBLISHED if symbol in found]
    ours, theirs = (np.array(column) for column in ([found[s]["centre"] for s in elements], [PUBLISHED[s] for s in elements]))
    rows = "".join(
        f"| {symbol} | {found[symbol]['centre']:.2f} | {PUBLISHED[symbol]:.2f} | {found[symbol]['centre'] - PUBLISHED[symbol]:+.2f} |\n"
        for symbol in elements
    )
    target = np.array(found["Pt3Ni"]["curve"])
    alike = {
        name: float(target @ (curve := np.array(row["curve"])) / np.sqrt((target @ target) * (curve @ curve)))
        for name, row in found.items()
        if row["element"] == "Pt" and name.startswith("Pt3")
    }
    ranked = sorted(alike, key=lambda name: -alike[name])
    listed = "".join(
        f"| {place} | {name} | {alike[name]:.3f} | {found[name]['centre']:.2f} | {found[name]['width']:.2f} | {found[name]['certainty']:.2f} |\n"
        for place, name in enumerate(ranked[:16], 1)
    )
    known = [name for name in (*ORDER, "Pd3Fe") if name in found]
    trend = "".join(f"| {name} | {found[name]['element']} d | {found[name]['centre']:.2f} |\n" for name in known)
    series = [found[name]["centre"] for name in ORDER if name in found]
    falls = sum(later < earlier for earlier, later in pairwise(series))
    return f"""# The d band of platinum

Written by `python benchmarks/d_band.py`, from predictions of the model `{results["model"]}`: nothing here was computed by density-functional theory. A centre is that of the projected d states from -7.5 to
7.5 eV, counted from the Fermi level ([definitions](projections.md)). Many of these crystals were in the training set, some with their projections.

## Elements

The table compares predicted centres of the bulk with centres of close-packed surfaces by A. Ruban et al., [J. Mol. Catal. A 115, 421 (1997)](https://doi.org/10.1016/S1381-1169(96)00348-2). The band of a surface is narrower
than that of the bulk, and when a partly filled band narrows, its centre rises. Only the order can therefore be compared. Correlation: {np.corrcoef(ours, theirs)[0, 1]:.2f}; mean difference
{np.mean(ours - theirs):+.2f} eV, spread {np.std(ours - theirs):.2f} eV.

| metal | predicted, bulk, eV | published, surface, eV | difference |
|---|---|---|---|
{rows}
## The alloys of the oxygen reduction

At the surfaces of these alloys, the centre falls from Pt to Pt3Ni, Pt3Co, Pt3Fe and Pt3Ti, by photoemission and by theory (V. Stamenkovic et al.,
[Angew. Chem. Int. Ed. 45, 2897 (2006)](https://doi.org/10.1002/anie.200504386)). In our predictions for the bulk, without spin, it falls in {falls} of these {len(series) - 1} steps. We found no published bulk values
to check this.

| crystal | band | predicted centre, eV |
|---|---|---|
{trend}
## Which alloys have platinum like that in Pt3Ni?

The paper used the whole DOS of Pt3Ni as its target. Here the target is its platinum d states alone. The {len(ranked)} crystals Pt3X of the L1_2 type in the survey are ranked by the cosine of their predicted d states:

| | crystal | cosine | centre, eV | width, eV | certainty |
|---|---|---|---|---|---|
{listed}"""


def main() -> None:
    """Predict what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", action="store_true", help="predict what the JSON lacks")
    arguments = parser.parse_args()
    results: Results = json.loads(OUTPUT.read_text(encoding="utf-8")) if OUTPUT.exists() else {}
    if arguments.predict:
        predict(results)
    write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
