"""Predicted projections against computed ones: written to benchmarks/projections.json and docs/projections-measured.md.

    python benchmarks/projections.py --predict    (asks the model)
    python benchmarks/projections.py              (the page alone, from the JSON)

Each crystal of the open DOS set that has projections is predicted by the one member of the model that has not seen its chemical system. Shares of
orbitals and centres of bands in a tenth of the chemical systems are corrected by what was learned from the other nine; the model gets what is learned from all.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from held_out import amend, held_out, opened_forward
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.models.tight_binding.band_centres import FILE as CENTRES
from dosmith.models.tight_binding.band_centres import BandCentres, learn_corrections
from dosmith.models.tight_binding.orbital_shares import FILE as SHARES
from dosmith.models.tight_binding.orbital_shares import OrbitalShares
from dosmith.records import Material
from dosmith.spectra.descriptors import ANIONS, Band, standard_parts
from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]
Label = tuple[str, str]
Results = dict[str, Any]

OUTPUT = Path(__file__).with_name("projections.json")
PAGE = Path(__file__).parents[1] / "docs" / "projections-measured.md"
MODEL = "dosmith"
LEAST = 0.05
"""Of the states in the window: parts with fewer are left out."""
RESAMPLES, SEED = 2000, 0
PARTS = 10
"""Of the chemical systems; each is corrected by what the others teach."""
WANTED = {"crystals": 800, "d_band_centre": 0.20}
"""What is aimed at."""


def kind_of(label: Label, elements: Sequence[str]) -> str | None:
    """Whether a part is the d band of a transition metal, the one of Zn, Cd or Hg below it, or an anion's p band."""
    from pymatgen.core.periodic_table import Element

    symbol, orbital = label
    if orbital == "d" and Element(symbol).is_transition_metal:
        return "element d" if Element(symbol).group < 12 else "zinc group d"
    if orbital == "p" and len(elements) > 1 and symbol == next((each for each in ANIONS if each in elements), None):
        return "anion p"
    return None


def cosine(first: FloatArray, second: FloatArray) -> float:
    """Between two curves."""
    return float(first @ second / max(float(np.sqrt((first @ first) * (second @ second))), 1e-30))


def compared(
    material: Material, computed: Mapping[Label, FloatArray], parts: Mapping[Label, FloatArray], energies: FloatArray
) -> dict[str, Any]:
    """What the model makes of one crystal, beside what was computed."""
    whole, theirs = np.sum(list(parts.values()), axis=0), np.sum(list(computed.values()), axis=0)
    elements = [symbol for symbol, _ in material.composition]
    rows = {}
    for label, curve in computed.items():
        kind, share = kind_of(label, elements), float(curve.sum() / theirs.sum())
        if kind is None or share < LEAST or label not in parts:
            continue
        bands = [Band.of(energies, each) for each in (curve, parts[label], whole)]
        centres = [None if band is None else round(band.centre, 4) for band in bands]
        rows[":".join(label)] = {
            "kind": kind,
            "share": round(share, 4),
            "predicted_share": round(float(parts[label].sum() / whole.sum()), 4),
            "cosine": round(cosine(parts[label], curve), 4),
            "by_total": round(cosine(whole, curve), 4),
            "centre": centres[0],
            "predicted_centre": centres[1],
            "total_centre": centres[2],
        }
    return {
        "system": formulas.chemical_system(material.composition),
        "metal": not material.spectrum.gap,
        "alloy": not material.spectrum.gap and len(elements) > 1 and not set(elements) & {"H", "C", "B", "Si", *ANIONS},
        "spins": len(material.spectrum.densities),
        "total": round(cosine(whole, theirs), 4),
        "parts": rows,
    }


def add_means(results: Results, curves: Mapping[str, Mapping[Label, FloatArray]], recipe: Recipe) -> None:
    """The baseline of an element: the mean of its part in crystals of other chemical systems, where there are any."""
    energies = recipe.grid.energies
    for name, row in results["crystals"].items():
        for text, part in row["parts"].items():
            symbol, orbital = text.split(":")
            part["kind"] = kind_of((symbol, orbital), re.findall("[A-Z][a-z]?", row["system"]))
            others = [
                parts[symbol, orbital] / np.linalg.norm(parts[symbol, orbital])
                for other, parts in curves.items()
                if results["crystals"].get(other, row)["system"] != row["system"]
                and parts.get((symbol, orbital), np.zeros(1)).any()
            ]
            part["others"] = len(others)
            part["by_mean"] = part["mean_centre"] = None
            if others and name in curves:
                mean = np.mean(others, axis=0)
                band = Band.of(energies, mean)
                part["by_mean"] = round(cosine(mean, curves[name][symbol, orbital]), 4)
                part["mean_centre"] = None if band is None else round(band.centre, 4)


def measure() -> Results:
    """What each member makes of the crystals that it has not seen."""
    from dosmith.models.tight_binding.train import prepare_library

    model = opened_forward(MODEL)
    ensemble, seen, recipe = model.ensemble, held_out(model), model.recipe
    folds = dict(zip(seen.rows.tolist(), seen.fold.tolist(), strict=True))
    rows = np.array([row for row in folds if seen.library.material(seen.library.ids[row]).projections is not None], dtype=np.intp)
    atoms = prepare_library(seen.library, rows, model.settings)
    curves: dict[str, dict[Label, FloatArray]] = {}
    expected: dict[str, dict[Label, FloatArray]] = {}
    materials = {}
    for count, (row, material) in enumerate(zip(rows.tolist(), seen.library.materials(rows.tolist()), strict=True), 1):
        assert material.projections is not None
        curves[material.id] = standard_parts(material.spectrum, material.projections, recipe)
        materials[material.id] = material
        (expected[material.id],) = ensemble.members[folds[row]].parts([atoms[row]], ensemble.symbols, recipe)
        print(f"\r{count} of {len(rows)}", end="", flush=True)
    systems = {name: formulas.chemical_system(each.composition) for name, each in materials.items()}
    drawn = np.random.default_rng(SEED).permutation(len(set(systems.values()))) % PARTS
    part = dict(zip(sorted(set(systems.values())), drawn.tolist(), strict=True))
    species = {name: tuple(each.species) for name, each in materials.items()}

    def learned(names: Sequence[str]) -> tuple[OrbitalShares, BandCentres]:
        each = [[one[name] for name in names] for one in (expected, curves, species)]
        return learn_corrections(*each, energies=recipe.grid.energies)  # type: ignore[arg-type]

    corrections = [learned([name for name in curves if part[systems[name]] != one]) for one in range(PARTS)]
    crystals, others = {}, list[tuple[float, float]]()
    for name, material in materials.items():
        shares, centres = corrections[part[systems[name]]]
        corrected = centres.corrected(shares.corrected(expected[name]), species[name], recipe.grid.energies)
        crystals[name] = compared(material, curves[name], corrected, recipe.grid.energies)
        bare = compared(material, curves[name], expected[name], recipe.grid.energies)
        least = LEAST * sum(float(curve.sum()) for curve in curves[name].values())
        others += [
            (cosine(corrected[label], curve), cosine(expected[name][label], curve))
            for label, curve in curves[name].items()
            if label in corrected and curve.sum() >= least and ":".join(label) not in crystals[name]["parts"]
        ]
        for label, row in crystals[name]["parts"].items():
            row |= {"bare": bare["parts"][label]["cosine"], "bare_centre": bare["parts"][label]["predicted_centre"]}
    shares, centres = learned(list(curves))
    amend(model, {}, {SHARES: shares.as_bytes(), CENTRES: centres.as_bytes()})
    results: Results = {"weights": model.spec["sha256"]["weights.safetensors"], "model": model.name, "crystals": crystals}
    with_corrections, without = np.mean(others, axis=0).tolist()
    results["others"] = {"parts": len(others), "cosine": round(with_corrections, 4), "bare": round(without, 4)}
    add_means(results, curves, recipe)
    return results


def parts(results: Results, kind: str, chosen: Callable[[Mapping[str, Any]], bool]) -> list[tuple[str, dict[str, Any]]]:
    """Chemical system and numbers of each part of a kind in the chosen crystals."""
    return [
        (row["system"], part)
        for row in results["crystals"].values()
        if chosen(row)
        for part in row["parts"].values()
        if part["kind"] == kind
    ]


def interval(rows: Sequence[tuple[str, float]]) -> str:
    """Mean with a 95 % interval from a bootstrap over chemical systems."""
    if not rows:
        return "-"
    systems = sorted({system for system, _ in rows})
    sums = np.array([[sum(v for s, v in rows if s == system), sum(s == system for s, _ in rows)] for system in systems])
    mean = sums[:, 0].sum() / sums[:, 1].sum()
    if len(systems) < 5:
        return f"{mean:.3f}"
    picks = np.random.default_rng(SEED).integers(0, len(systems), (RESAMPLES, len(systems)))
    means = sums[picks, 0].sum(axis=1) / sums[picks, 1].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{mean:.3f} ({low:.3f} ... {high:.3f})"


KINDS = ("element d", "zinc group d", "anion p")
CLASSES: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("all", lambda row: True),
    ("metals", lambda row: row["metal"]),
    ("gapped", lambda row: not row["metal"]),
    ("spin-polarised", lambda row: row["spins"] == 2),
)


def cosines(results: Results) -> str:
    """Rows of the table of cosines."""
    lines = []
    for kind in KINDS:
        for name, chosen in CLASSES:
            found = parts(results, kind, chosen)
            compared = [(system, part) for system, part in found if part.get("by_mean") is not None]
            cells = [
                interval([(system, part["cosine"]) for system, part in found]),
                interval([(system, part["bare"]) for system, part in found]),
                interval([(system, part["by_total"]) for system, part in found]),
                interval([(system, part["cosine"]) for system, part in compared]),
                interval([(system, part["by_mean"]) for system, part in compared]),
            ]
            lines.append(
                f"| {kind} | {name} | {len(found)} | {cells[0]} | {cells[1]} | {cells[2]} | {len(compared)} | {cells[3]} | {cells[4]} |\n"
            )
    return "".join(lines)


def centres(results: Results) -> str:
    """Rows of the table of band centres."""
    classes = (*CLASSES[:2], ("alloys", lambda row: row["alloy"]))
    lines = []
    for kind in KINDS:
        for name, chosen in classes:
            cells = []
            for key in ("predicted_centre", "bare_centre", "total_centre", "mean_centre"):
                found = [
                    (system, abs(part[key] - part["centre"]))
                    for system, part in parts(results, kind, chosen)
                    if part.get(key) is not None and part["centre"] is not None
                ]
                cells.append(f"{len(found)} | {interval(found)}")
            lines.append(f"| {kind} | {name} | {' | '.join(cells)} |\n")
    return "".join(lines)


def page(results: Results) -> str:
    """The results in Markdown."""
    rows = results["crystals"].values()
    alloys = [
        abs(part["predicted_centre"] - part["centre"])
        for _, part in parts(results, "element d", lambda row: row["alloy"])
        if part["predicted_centre"] is not None
    ]
    mean = f"{np.mean(alloys):.2f} eV on {len(alloys)} d bands of alloys" if alloys else "unknown: no alloys are among them"
    return f"""# Predicted projections, measured

Written by `python benchmarks/projections.py`.

The open DOS set holds {len(rows)} crystals with projections by CP2K (Löwdin). Each was predicted by the one member of the model `{results["model"]}` that has seen
neither it nor any crystal of its chemical system; this member learned projections of other crystals. The shares of orbitals are then corrected by block of the periodic table and energy
(`models/tight_binding/orbital_shares.py`), and the centres of d bands and anions' p bands by a regression on the element and its neighbours
(`models/tight_binding/band_centres.py`). Both corrections are cross-fitted: each tenth of the chemical systems is corrected by what was learned from the other nine. The test counts parts with at least {LEAST:.0%} of the states from
-7.5 to 7.5 eV: d bands of transition metals of groups 3 to 11; separately those of Zn, Cd and Hg, since the window cuts them off;
and the p band of the most electronegative element of a compound. 95 % intervals come from a bootstrap over chemical systems.

The goals were {WANTED["crystals"]} crystals and an error of the d-band centre of {WANTED["d_band_centre"]:.2f} eV on held-out alloys. The test has {len(rows)} crystals, and the error is
{mean}.

## Cosine to the computed part

The table compares three curves with the computed part: the predicted part; the predicted total used in its place; and, if the element also occurs in crystals of other chemical systems, the mean of its computed parts there. The last three columns count only such elements.

| part | crystals | parts | predicted | without the corrections | the total | such parts | predicted | the element's mean |
|---|---|---|---|---|---|---|---|---|
{cosines(results)}
The other {results["others"]["parts"]:,} parts with at least {LEAST:.0%} of the states (s bands, p and d bands of cations) make room for these: their mean cosine is {results["others"]["cosine"]:.3f}, without the corrections
{results["others"]["bare"]:.3f}.

## Error of the band centre, eV

Mean absolute error of the band centre from -7.5 to 7.5 eV, for the predicted part, for the predicted total, and for the element's mean part.

| part | crystals | parts | predicted | parts | without the corrections | parts | the total | parts | the element's mean |
|---|---|---|---|---|---|---|---|---|---|
{centres(results)}"""


def main() -> None:
    """Measure what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", action="store_true", help="ask the model")
    if parser.parse_args().predict:
        write_text(OUTPUT, json.dumps(measure(), indent=1, sort_keys=True) + "\n")
    results: Results = json.loads(OUTPUT.read_text(encoding="utf-8"))
    write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
