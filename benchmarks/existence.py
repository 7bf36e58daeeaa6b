"""What a height above a hull is worth: how often a crystal lies near the hull of all that is computed.

    python benchmarks/existence.py        writes data/survey/existence.json, and its table into docs/crystals.md

Truth is the convex hull of the open DOS set's own calculations, where a chemical system has two rivals or more. Heights in CHGNet, which
crystals of yours have, and in SevenNet, which those have that come with dosmith, are compared with it as they are. What a height in a small hull of calculations is worth is found by hiding rivals:
of those that a crystal has, none to three are kept, drawn at random (seed 0), and the crystal's height among these is held against that among all.
Both are tested on chemical systems that were left out of the fit, in five folds.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.crystals.existence import FILE, WITHIN, FloatArray, dft_factors, potential_factors
from dosmith.crystals.hull import Hull, formation_energies, potential_hull
from dosmith.crystals.plausible import balance
from dosmith.crystals.survey import SurveyIndex, expected_crystals, shipped_survey
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


@dataclass(frozen=True, eq=False)
class Measured:
    """What heights are worth where one potential is there to help.

    Attributes:
        above: heights in the potential, eV/atom, shape (N,).
        charged: balances of charges, shape (N,).
        happened: whether the crystals lie near the set's own hull, shape (N,).
        said: probabilities of that by the potential, from other chemical systems, shape (N,).
        gapped: whether they have a gap, shape (N,).
        near, told: the same of the cases with hidden rivals, by the set's own calculations, shapes (P,).
        potential, dft: coefficients.
    """

    above: FloatArray
    charged: FloatArray
    happened: FloatArray
    said: FloatArray
    gapped: FloatArray
    near: FloatArray
    told: FloatArray
    potential: tuple[float, ...]
    dft: tuple[float, ...]

    def ranked(self, of: FloatArray) -> float:
        """How often, of a crystal near the hull and one that is not, the first has the higher probability; of some of them."""
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(self.happened[of > 0], self.said[of > 0]))

    def as_dict(self, library: Library) -> dict[str, Any]:
        """What is kept."""
        facts = {
            "within": WITHIN,
            "library": {"name": library.name, "count": len(library)},
            "potential": {
                "crystals": len(self.above),
                "share": round(float(self.happened.mean()), 4),
                "error": round(calibration_error(self.said, self.happened), 4),
            },
            "dft": {
                "crystals": len(self.near) // len(KEPT),
                "cases": len(self.near),
                "share": round(float(self.near.mean()), 4),
                "error": round(calibration_error(self.told, self.near), 4),
            },
        }
        return {"potential": [round(x, 4) for x in self.potential], "dft": [round(x, 4) for x in self.dft], "facts": facts}


def measured(library: Library, survey: SurveyIndex) -> Measured:
    """Hold heights in a potential, and heights in the set's own calculations when rivals are hidden, against the set's own hull."""
    hull, rivals, generator = potential_hull(survey, library), _rivals(library), np.random.default_rng(0)
    # Height in the potential, in the set, elements, balance of charges, whether it has a gap, chemical system.
    whole: list[tuple[float, float, int, int, bool, str]] = []
    # Height among some, among all, rivals kept, height in the potential, balance, chemical system.
    parts: list[tuple[float, float, int, float, int, str]] = []
    energies = formation_energies(library, survey)
    for composition, facts, theirs, gap in zip(library.compositions, library.provenances, energies, library.gaps, strict=True):
        formation = facts.get("formation_energy")
        if formation is None or len(composition) < 2:
            continue
        above = np.nan if theirs is None else max(hull.above(composition, theirs), 0.0)
        others, system, charges = rivals(composition), formulas.chemical_system(composition), balance(composition)
        own = others.pop(composition)
        true = Hull([*others.items(), (composition, own)]).above(composition, formation)
        if len(others) >= LEAST and np.isfinite(above):
            whole.append((above, true, len(composition), charges, bool(gap), system))
        if len(others) >= max(KEPT) + 1:
            every = list(others.items())
            for count in KEPT:
                kept = [every[place] for place in generator.permutation(len(every))[:count]]
                seen = Hull([*kept, (composition, own)]).above(composition, formation)
                parts.append((max(seen, 0.0), true, count, above, charges, system))
    names = {system: number for number, system in enumerate(sorted({row[-1] for row in (*whole, *parts)}))}
    above_, true_, sizes, charged, gapped = (np.array([row[place] for row in whole], dtype=np.float64) for place in range(5))
    happened = (true_ <= WITHIN).astype(np.float64)
    potential, said = _tested(
        potential_factors(above_, sizes.astype(np.intp), charged.astype(np.intp)),
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
    return Measured(above_, charged, happened, said, gapped, near, told, potential, dft)


def table(found: Mapping[str, Measured], used: str) -> list[str]:
    """The page's lines."""
    best = found[used]
    rows = [
        f"Of {len(best.above):,} crystals of the open DOS set with {LEAST} rivals or more, {best.happened.mean():.0%} lie within {WITHIN:g} eV/atom of the set's own hull."
        f" The share depends on their height in {used}:",
        "",
        "| height in the potential, eV/atom | crystals | within 0.1 eV/atom of the DFT hull | probability stated |",
        "|---|---|---|---|",
    ]
    for low, high in itertools.pairwise(EDGES):
        inside = (best.above >= low) & (best.above < high)
        if inside.any():
            label = f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high:g}" if low else "0"
            rows.append(f"| {label} | {inside.sum():,} | {best.happened[inside].mean():.2f} | {best.said[inside].mean():.2f} |")
    rows += [
        "",
        "The same for crystals on the potential's hull (up to 0.02 eV/atom), by whether the charges of their ions balance:",
        "",
        "| charges | crystals | within 0.1 eV/atom |",
        "|---|---|---|",
    ]
    for sign, label in ((1, "balance"), (-1, "do not"), (0, "no anion")):
        inside = (best.charged == sign) & (best.above <= 0.02)
        if inside.any():
            rows.append(f"| {label} | {inside.sum():,} | {best.happened[inside].mean():.2f} |")
    rows += [
        "",
        "On chemical systems left out of the fit. The first three numbers say how often a crystal near the hull gets a higher probability than one that is not near it; the last three are calibration errors.",
        "",
        "| height from | crystals | right order, all | metals | gapped | calibration error, all | metals | gapped |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        kinds = [np.ones(len(each.above)), 1 - each.gapped, each.gapped]
        right = " | ".join(f"{each.ranked(kind):.3f}" for kind in kinds)
        errors = " | ".join(f"{calibration_error(each.said[kind > 0], each.happened[kind > 0]):.3f}" for kind in kinds)
        rows.append(f"| {name} | {len(each.above):,} | {right} | {errors} |")
    rows += [
        "",
        f"With heights from the set's own calculations, and at most three rivals left visible ({len(best.near):,} cases), the calibration error is {calibration_error(best.told, best.near):.3f}.",
    ]
    return rows


def main() -> None:
    """Measure, learn, write."""
    library = open_dos_set()
    surveys = {each.rivals.rows.potential: each for each in (shipped_survey(), SurveyIndex(expected_crystals()))}
    found = {name: measured(library, survey) for name, survey in surveys.items()}
    kept = {name: each.as_dict(library) for name, each in found.items()}
    write_text(ROOT / "data" / "survey" / FILE, json.dumps(kept, indent=1) + "\n")
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    rows = table(found, list(found)[-1])
    write_text(PAGE, f"{before}{BEGIN}\n" + "\n".join(rows) + f"\n{END}{rest.split(END, 1)[1]}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
