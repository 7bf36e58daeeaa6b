"""What a height above a hull is worth: how often a crystal lies near the hull of all that is computed.

    python benchmarks/existence.py        writes data/survey/existence.json, and its table into docs/crystals.md

Truth is the convex hull of the open DOS set's own calculations, where a chemical system has two rivals or more. Heights in the survey's
potential are compared with it as they are. What a height in a small hull of calculations is worth is found by hiding rivals:
of those that a crystal has, none to three are kept, drawn at random (seed 0), and the crystal's height among these is held against that among all.
Both are tested on chemical systems that were left out of the fit, in five folds.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.crystals.existence import FILE, WITHIN, FloatArray, dft_factors, potential_factors
from dosmith.crystals.hull import Hull, potential_hull
from dosmith.crystals.plausible import balance
from dosmith.crystals.survey import shipped_survey
from dosmith.designer import open_dos_set
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.logistic import calibration_error, chance, learned

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "crystals.md"
BEGIN, END = "<!-- written by benchmarks/existence.py -->", "<!-- end -->"
LEAST, KEPT, FOLDS = 2, (0, 1, 2, 3), 5
EDGES = (0.0, 0.001, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, np.inf)


def _rivals(library: Library) -> Callable[[Composition], dict[Composition, float]]:
    """The lowest computed formation energy of each composition that could compete with one, itself among them."""
    lowest: dict[frozenset[str], dict[Composition, float]] = {}
    for composition, facts in zip(library.compositions, library.provenances, strict=True):
        energy = facts.get("formation_energy")
        if energy is not None and len(composition) > 1:
            known = lowest.setdefault(frozenset(symbol for symbol, _ in composition), {})
            known[composition] = min(energy, known.get(composition, np.inf))

    def of(composition: Composition) -> dict[Composition, float]:
        symbols = [symbol for symbol, _ in composition]
        found: dict[Composition, float] = {}
        for size in range(2, len(symbols) + 1):
            for part in itertools.combinations(symbols, size):
                found |= lowest.get(frozenset(part), {})
        return found

    return of


def _tested(factors: FloatArray, happened: FloatArray, systems: np.ndarray) -> tuple[tuple[float, ...], FloatArray]:
    """Coefficients from all, and the probabilities that those without a fold give to it."""
    folds = np.random.default_rng(0).integers(0, FOLDS, systems.max() + 1)[systems]
    said = np.zeros(len(happened))
    for fold in range(FOLDS):
        rest = folds != fold
        said[~rest] = chance(factors[~rest] @ np.array(learned(factors[rest], happened[rest])))
    return learned(factors, happened), said


def main() -> None:
    """Measure, learn, write."""
    library, survey = open_dos_set(), shipped_survey()
    hull, rivals, generator = potential_hull(survey, library), _rivals(library), np.random.default_rng(0)
    # Height in the potential, in the set, elements, balance of charges, chemical system.
    whole: list[tuple[float, float, int, int, str]] = []
    # Height among some, among all, rivals kept, height in the potential, balance, chemical system.
    parts: list[tuple[float, float, int, float, int, str]] = []
    for composition, facts in zip(library.compositions, library.provenances, strict=True):
        formation, potential = facts.get("formation_energy"), facts.get("potential_energy")
        if formation is None or len(composition) < 2:
            continue
        theirs = None if potential is None else survey.formation_energy(composition, potential)
        above = np.nan if theirs is None else max(hull.above(composition, theirs), 0.0)
        others, system, charges = rivals(composition), formulas.chemical_system(composition), balance(composition)
        own = others.pop(composition)
        true = Hull([*others.items(), (composition, own)]).above(composition, formation)
        if len(others) >= LEAST and np.isfinite(above):
            whole.append((above, true, len(composition), charges, system))
        if len(others) >= max(KEPT) + 1:
            every = list(others.items())
            for count in KEPT:
                kept = [every[place] for place in generator.permutation(len(every))[:count]]
                seen = Hull([*kept, (composition, own)]).above(composition, formation)
                parts.append((max(seen, 0.0), true, count, above, charges, system))
    names = {system: number for number, system in enumerate(sorted({row[-1] for row in (*whole, *parts)}))}

    above, true, sizes, charged = (np.array([row[place] for row in whole], dtype=np.float64) for place in range(4))
    happened = (true <= WITHIN).astype(np.float64)
    potential, said = _tested(
        potential_factors(above, sizes.astype(np.intp), charged.astype(np.intp)),
        happened,
        np.array([names[row[-1]] for row in whole]),
    )
    among, all_, held, theirs_, charged_ = (np.array([row[place] for row in parts], dtype=np.float64) for place in range(5))
    near = (all_ <= WITHIN).astype(np.float64)
    dft, told = _tested(
        dft_factors(among, held.astype(np.intp), theirs_, charged_.astype(np.intp)),
        near,
        np.array([names[row[-1]] for row in parts]),
    )

    facts = {
        "within": WITHIN,
        "library": {"name": library.name, "count": len(library)},
        "potential": {
            "crystals": len(whole),
            "share": round(float(happened.mean()), 4),
            "error": round(calibration_error(said, happened), 4),
        },
        "dft": {
            "crystals": len(parts) // len(KEPT),
            "cases": len(parts),
            "share": round(float(near.mean()), 4),
            "error": round(calibration_error(told, near), 4),
        },
    }
    found = {"potential": [round(x, 4) for x in potential], "dft": [round(x, 4) for x in dft], "facts": facts}
    write_text(ROOT / "data" / "survey" / FILE, json.dumps(found, indent=1) + "\n")
    rows = [
        f"Of {len(whole):,} crystals of the open DOS set with {LEAST} rivals or more, {happened.mean():.0%} lie within {WITHIN:g} eV/atom of the set's own hull. By their height in the potential:",
        "",
        "| height in the potential, eV/atom | crystals | within 0.1 eV/atom of the DFT hull | probability stated |",
        "|---|---|---|---|",
    ]
    for low, high in itertools.pairwise(EDGES):
        inside = (above >= low) & (above < high)
        if inside.any():
            label = f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high:g}" if low else "0"
            rows.append(f"| {label} | {inside.sum():,} | {happened[inside].mean():.2f} | {said[inside].mean():.2f} |")
    rows += [
        "",
        "The same on the potential's hull (up to 0.02 eV/atom), by charges:",
        "",
        "| charges | crystals | within 0.1 eV/atom |",
        "|---|---|---|",
    ]
    for sign, label in ((1, "balance"), (-1, "do not"), (0, "no anion")):
        inside = (charged == sign) & (above <= 0.02)
        if inside.any():
            rows.append(f"| {label} | {inside.sum():,} | {happened[inside].mean():.2f} |")
    rows += [
        "",
        f"Calibration error on chemical systems that were left out: {facts['potential']['error']:.3f} by the potential,"  # type: ignore[index]
        f" {facts['dft']['error']:.3f} by the set's own calculations when all but none to three rivals are hidden ({len(parts):,} cases).",  # type: ignore[index]
    ]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    write_text(PAGE, f"{before}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{rest.split(END, 1)[1]}")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
