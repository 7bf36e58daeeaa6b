"""The forward model against spectra that nobody here computed: benchmarks/outer.json, docs/outer.md.

    python benchmarks/outer.py mp-50.json.gz [--model NAME|DIR]

The file holds crystals with their VASP PBE density of states (energies from the Fermi level, or the valence-band top of gapped crystals).
Spectra of others only validate: nothing is trained or tuned on them, and nothing of them is kept but cosines.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.atomic import replacing, write_text
from dosmith.benchmark.metrics import calibration
from dosmith.designer import open_dos_set
from dosmith.models.registry import open_model
from dosmith.models.store import WEIGHTS
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import MATCH
from dosmith.spectra.zero import energy_zeros

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

OUTPUT, PUBLISHED = Path(__file__).with_suffix(".json"), Path(__file__).with_name("published.json")
PAGE = Path(__file__).parents[1] / "docs" / "outer.md"
KEPT = Path(__file__).parents[1] / "build" / "outer"
SIGMA, REACH = 0.15, 3.8
"""Gaussian broadening of both curves, and how far from the energy zero they are compared, eV."""
SHIFTS = np.linspace(-1.0, 1.0, 201)
"""Rigid shifts among which the best is sought, eV."""
PICKS = 5
FloatArray = NDArray[np.float64]


def smoothed(energies: FloatArray, curve: FloatArray, sigma: float) -> FloatArray:
    """A curve on even energies, broadened by a Gaussian; negative values count as zero."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(np.maximum(curve, 0.0), sigma / (energies[1] - energies[0]), mode="constant"))


def cosine(first: FloatArray, second: FloatArray) -> float:
    """Of two curves on the same points."""
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def compared(energies: FloatArray, theirs: FloatArray, axis: FloatArray, ours: FloatArray) -> dict[str, float]:
    """Cosine within `REACH` as it is, the best over rigid shifts of the prediction, and that shift, eV."""
    inside = np.abs(energies) <= REACH
    found = [cosine(np.interp(energies[inside] - shift, axis, ours), theirs[inside]) for shift in SHIFTS]
    best = int(np.argmax(found))
    plain = found[int(np.argmin(np.abs(SHIFTS)))]
    return {"cosine": round(plain, 4), "shifted": round(found[best], 4), "shift": round(float(SHIFTS[best]), 2)}


def measure(path: Path, opened: TightBindingModel) -> dict[str, Any]:
    """All results as plain values."""
    from pymatgen.core.structure import Structure

    with gzip.open(path, "rt", encoding="utf-8") as file:
        content = json.load(file)
    energies, axis = np.array(content["energies_ev"]), opened.recipe.grid.energies
    learned = {formulas.chemical_system(composition) for composition in open_dos_set().compositions}
    rows, structures, curves = [], [], []
    for each in content["materials"]:
        structure = symmetry.primitive(Structure.from_str(each["cif"], fmt="cif"))
        curve = np.array(each["dos"])
        gap = energy_zeros(energies, np.maximum(curve, 0)[None, :], np.zeros(1), np.zeros(1), "auto", how=opened.recipe.gap)[1][0]
        elements = {site.specie.symbol for site in structure}
        composition = formulas.reduce((site.specie.symbol, 1) for site in structure)
        row = {
            "id": each["id"],
            "formula": formulas.write(composition),
            "atoms": len(structure),
            "class": "gapped" if gap > 0 else "metal",
            "known_elements": sorted(elements - set(opened.elements)) == [],
            "system_learned": formulas.chemical_system(composition) in learned,
        }
        rows.append(row)
        curves.append(smoothed(energies, curve, SIGMA))
        structures.append(structure)
    possible = [place for place, row in enumerate(rows) if row["known_elements"]]
    expected = expected_of(opened, path, [structures[place] for place in possible])
    for place, ours in zip(possible, expected, strict=True):
        rows[place] |= compared(energies, curves[place], axis, ours)
    return {
        "model": {"name": opened.name, "library": opened.spec["library"]},
        "crystals": rows,
        "probability": probabilities(opened, energies, np.array(curves), possible, expected),
    }


def expected_of(opened: TightBindingModel, path: Path, structures: Sequence[Structure]) -> FloatArray:
    """What the model expects of the crystals, shape (M, points); kept in build/outer, since large cells take minutes."""
    mark = hashlib.sha256(path.read_bytes() + opened.spec["sha256"][WEIGHTS].encode()).hexdigest()[:16]
    file = KEPT / f"{mark}.npy"
    if not file.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        found = opened.ensemble.predict(structures).expected
        with replacing(file) as kept:
            np.save(kept, found)
    return np.asarray(np.load(file))


def probabilities(
    opened: TightBindingModel, energies: FloatArray, curves: FloatArray, possible: Sequence[int], expected: FloatArray
) -> dict[str, Any]:
    """What the picks of each spectrum among the predicted crystals were promised, and what is true: `benchmark.metrics.calibration`.

    The spectra end at 4 eV, so the cosine and its probability are those of the window that is known.
    """
    grid = opened.recipe.grid
    window = Window(max(-REACH, grid.lower), min(REACH, grid.upper))
    inside, like = window.mask(grid), opened.calibration.window_like(window)
    true = np.array([np.interp(grid.energies[inside], energies, curve) for curve in curves])
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    norms = np.linalg.norm(expected, axis=1)
    shapes = expected[:, inside] / np.linalg.norm(expected[:, inside], axis=1, keepdims=True)
    similarity = (true @ shapes.T) * norms
    similarity[possible, np.arange(len(possible))] = -np.inf  # its own crystal is no pick
    picks = np.argsort(-similarity, axis=1)[:, :PICKS]
    chance = opened.calibration.probability(np.take_along_axis(similarity, picks, axis=1), norms[picks], like)
    match = np.take_along_axis(true @ true[possible].T > MATCH, picks, axis=1)
    found = calibration([{"probability": chance.ravel().tolist(), "match": match.ravel().astype(float).tolist()}])
    return {"window_ev": [window.lower, window.upper], "picks": PICKS} | found


def summary(rows: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Number, mean, median, share above 0.9, mean at the best shift; None without any."""
    told = [row for row in rows if "cosine" in row]
    if not told:
        return None
    plain, shifted = (np.array([row[key] for row in told]) for key in ("cosine", "shifted"))
    return [len(told), float(plain.mean()), float(np.median(plain)), float((plain > MATCH).mean()), float(shifted.mean())]


def page(results: Mapping[str, Any]) -> str:
    """The results in Markdown."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    rows = results["crystals"]
    groups = {"all that can be predicted": rows} | {
        name: [row for row in rows if row["class"] == name] for name in ("metal", "gapped")
    }
    groups["of chemical systems that the open set lacks"] = [row for row in rows if not row["system_learned"]]
    lines = [
        f"| {name} | {count} | {mean:.3f} | {median:.3f} | {above:.2f} | {shifted:.3f} | {shifted - mean:.3f} |"
        for name, found in groups.items()
        if (numbers := summary(found)) is not None
        for count, mean, median, above, shifted in [numbers]
    ]
    sets = list(next(iter(published["models"].values())))
    others = [f"| {name} | {' | '.join(f'{found[each]:.3f}' for each in sets)} |" for name, found in published["models"].items()]
    each = [
        f"| {row['formula']} | {row['atoms']} | {row['class']} | {row['cosine']:.3f} | {row['shifted']:.3f} | {row['shift']:+.2f} |"
        for row in sorted((row for row in rows if "cosine" in row), key=lambda row: row["cosine"])
    ]
    without = [row["formula"] for row in rows if "cosine" not in row]
    chance, model = results["probability"], results["model"]
    return f"""# Against spectra computed by others

Written by `python benchmarks/outer.py FILE` from `benchmarks/outer.json`. The file holds {len(rows)} crystals of the Materials Project with their densities of states by VASP
(PBE, CC-BY-4.0, A. Jain et al., APL Mater. 1, 011002 (2013)). It is used only for validation: no model is trained or tuned on it. The model *{model["name"]}* has learned from {model["library"]["count"]:,} spectra
of {model["library"]["name"]}, computed by another program, and predicts the crystals as they are given. The cosine is taken from {-REACH:g} to {REACH:g} eV around the Fermi level, or around the valence-band top of gapped crystals;
the VASP curves are broadened to sigma {SIGMA:g} eV. *At the best shift*, the prediction is moved along the energy axis by up to {SHIFTS[-1]:g} eV; the last column shows how much of the cosine is lost by a wrong energy zero.

| crystals | number | mean cosine | median | share above {MATCH:g} | at the best shift | worth of the shift |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

Published models on the same spectra, in the same window and with the same broadening ({published["source"]}):

| model | {" | ".join(sets)} |
|---|{"---|" * len(sets)}
{chr(10).join(others)}

## Do the probabilities hold?

For each spectrum the model picked the {chance["picks"]} crystals that should be most like it within {chance["window_ev"][0]:g} ... {chance["window_ev"][1]:g} eV, leaving out the crystal itself. The mean promised probability is {chance["probability"]:.2f}; the true share among {chance["n"]} picks is {chance["share"]:.2f}; expected calibration
error {chance["error"]:.3f}.

## Each crystal, worst first

| crystal | atoms | | cosine | at the best shift | shift, eV |
|---|---|---|---|---|---|
{chr(10).join(each)}

The model does not know one of the elements of these crystals, and did not predict them: {", ".join(without) or "none"}.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="dosmith")
    options = parser.parse_args()
    opened = open_model(options.model)
    if not isinstance(opened, TightBindingModel):
        raise SystemExit(f"{options.model} is no forward model")
    results = measure(options.file, opened)
    lines = ",\n  ".join(json.dumps(row) for row in results["crystals"])
    rest = json.dumps({name: value for name, value in results.items() if name != "crystals"}, indent=1)
    write_text(OUTPUT, f'{rest[:-2]},\n "crystals": [\n  {lines}\n ]\n}}\n')
    write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
