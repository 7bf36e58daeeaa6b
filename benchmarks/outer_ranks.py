"""From spectra that nobody here computed back to their crystals: benchmarks/outer_ranks.json, docs/outer-ranks.md.

    python benchmarks/outer_ranks.py mp-50.json.gz [--model NAME|DIR]     (needs `pip install sevenn`)

Each VASP density of states of the file (see `outer.py`) is a target. Where does its crystal stand among all crystals that are ranked: with the atlas
alone, which may hold its composition or not, and with the crystals of the file added to it? Who asks whose DOS that of a real material is may say so: the
probability that a crystal exists then counts, for those of the file by SevenNet's heights, as for those of the atlas. Nothing is trained or tuned on them,
and nothing of them is kept but ranks.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from outer import expected_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from energies import formation, of_elements

from dosmith import formulas, symmetry
from dosmith.atlas.expecting import forward_model
from dosmith.atomic import write_text
from dosmith.comparison import Comparison
from dosmith.compositions import Compositions
from dosmith.crystals.existence import shipped_existence
from dosmith.crystals.hull import potential_hull
from dosmith.crystals.plausible import balance
from dosmith.crystals.sevennet import SevenNet
from dosmith.crystals.survey import SurveyedCrystals, SurveyIndex
from dosmith.designer import Designer, open_dos_set
from dosmith.errors import DosmithError
from dosmith.formulas import Composition
from dosmith.library import MemoryLibrary
from dosmith.models.identity import Identity
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.ranking import penalised
from dosmith.spectra.count import counted
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import Curves
from dosmith.targets import resolve_target

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "outer-ranks.md"
ORDERS = ("real", "counted", "identity", "similarity")
AMONG = (1, 10, 100)
"""Ranks up to which a share is told."""
LEFT_OUT = 10**9
"""The rank of what a constraint leaves out."""
FloatArray = NDArray[np.float64]

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


def measure(path: Path, opened: TightBindingModel) -> dict[str, Any]:
    """All results as plain values."""
    from pymatgen.core.structure import Structure

    with gzip.open(path, "rt", encoding="utf-8") as file:
        content = json.load(file)
    energies, grid = np.array(content["energies_ev"]), opened.recipe.grid
    structures = [symmetry.primitive(Structure.from_str(each["cif"], fmt="cif")) for each in content["materials"]]
    compositions = [formulas.reduce((site.specie.symbol, 1) for site in structure) for structure in structures]
    known = [{symbol for symbol, _ in composition} <= set(opened.elements) for composition in compositions]
    added = [place for place, fine in enumerate(known) if fine]
    atlas = opened.atlas
    expected, names = atlas.candidates.expected, atlas.entries.compositions
    listed = set(names)
    more = expected_of(opened, path, [structures[place] for place in added])
    formed, chances = _judged(opened, [structures[place] for place in added], [compositions[place] for place in added])
    chances = np.concatenate([atlas.heights.chances, chances])
    groups: dict[Composition, int] = {}
    numbers = np.array([groups.setdefault(each, len(groups)) for each in [*names, *(compositions[place] for place in added)]])
    spectra = np.concatenate([expected, more]).astype(np.float32)
    norms = np.linalg.norm(spectra, axis=1)
    shapes = Curves(spectra / norms[:, None])
    electrons = Designer(model=opened).electrons()
    sites = np.append(atlas.crystals.sites, [len(structures[place]) for place in added])
    table = Compositions.of([*names, *(compositions[place] for place in added)])
    states = electrons.states(table, spectra) * sites
    likely = lru_cache(maxsize=8)(partial(_errors_within, opened, spectra))
    penalty = penalised(np.zeros(len(spectra)), np.append(atlas.formation_energies, formed), opened.settings.height_penalty)
    empty, rows = MemoryLibrary([], "nothing"), []
    for place, (each, composition) in enumerate(zip(content["materials"], compositions, strict=True)):
        row: dict[str, Any] = {"id": each["id"], "formula": formulas.write(composition), "known_elements": known[place]}
        rows.append(row)
        try:
            target = resolve_target((energies, np.maximum(each["dos"], 0.0)), empty, opened.recipe)
        except DosmithError as error:
            row["refused"] = str(error)[:120]
            continue
        count = counted(None, None, target.standard.values, electrons, target.standard.area)
        comparison = Comparison(target.standard.values, grid, covered=target.standard.covered, count=count)
        shape = replace(comparison, count=None)
        errors, sizes, squares = likely(target.standard.covered)
        row["listed"] = composition in listed
        likelihoods = errors.log_likelihoods(comparison.target, spectra, squares, sizes)
        apart = comparison.apart(spectra, states)
        for by, scores in (
            ("real", errors.evidence(likelihoods, apart, chances)),
            ("counted", errors.evidence(likelihoods, apart)),
            ("identity", likelihoods),
            ("similarity", shape(shapes) * norms + penalty),
        ):
            told = row[by] = {}
            alone = scores[: len(expected)], numbers[: len(expected)]
            told["alone"] = _rank_of(*alone, groups[composition]) if row["listed"] else None
            if known[place]:
                own = scores[len(expected) + added.index(place)]
                told["crystal"] = int((scores > own).sum()) + 1 if np.isfinite(own) else LEFT_OUT
                told["composition"] = _rank_of(scores, numbers, groups[composition])
    return {
        "model": {"name": opened.name, "spectra": opened.spec["library"]["count"]},
        "atlas": {
            "crystals": len(expected),
            "compositions": len(listed),
        },
        "added": {"crystals": len(added)},
        "targets": rows,
    }


def _errors_within(
    opened: TightBindingModel, spectra: NDArray[np.float32], window: Window | None
) -> tuple[Identity, FloatArray, FloatArray]:
    """What errors are like at the energies that are known, the crystals' norms there, and what likelihoods need of them."""
    assert opened.identity is not None
    grid = opened.recipe.grid
    errors = opened.identity if window is None else opened.identity.within(window.mask(grid))
    norms = np.maximum(errors.norms(spectra), 1e-6)
    return errors, norms, errors.quadratics(spectra) / norms**2


def _judged(
    opened: TightBindingModel, structures: Sequence[Structure], compositions: Sequence[Composition]
) -> tuple[FloatArray, FloatArray]:
    """Formation energies of crystals in SevenNet, eV/atom, 0 where unknown, and the probabilities that they exist, by their heights above the hull of atlas and open DOS set."""
    hull = potential_hull(SurveyIndex(SurveyedCrystals(opened.atlas.crystals)), open_dos_set())
    energies = formation(compositions, SevenNet().energies(structures), of_elements())
    formed = np.array([0.0 if each is None else each for each in energies])
    above = [hull.above(composition, energy) for composition, energy in zip(compositions, formed.tolist(), strict=True)]
    existence = shipped_existence(opened.atlas.crystals.potential)
    assert existence is not None
    sizes, balances = np.array([len(each) for each in compositions]), np.array([balance(each) for each in compositions])
    return formed, existence.by_potential(np.array(above), sizes, balances)


def _rank_of(scores: FloatArray, numbers: NDArray[np.intp], wanted: int) -> int:
    """The rank of a composition when each counts as its best crystal; `LEFT_OUT` where all of these are left out."""
    best = np.full(int(numbers.max()) + 1, -np.inf)
    np.maximum.at(best, numbers, scores)
    return int((best > best[wanted]).sum()) + 1 if np.isfinite(best[wanted]) else LEFT_OUT


def _shares(ranks: Sequence[int], of: int) -> str:
    return " | ".join(f"{sum(rank <= most for rank in ranks) / of:.0%}" if of else "" for most in AMONG)


def page(results: Mapping[str, Any]) -> str:
    """The results in Markdown."""
    rows, atlas, model = results["targets"], results["atlas"], results["model"]
    answerable = [row for row in rows if row["known_elements"] and "refused" not in row]
    listed = [row for row in rows if row.get("listed")]
    tables = {by: _table(by, rows, answerable, listed) for by in ORDERS}
    shown = (
        ("real", "crystal"),
        ("counted", "crystal"),
        ("counted", "composition"),
        ("counted", "alone"),
        ("identity", "crystal"),
        ("similarity", "crystal"),
    )
    each = [
        " | ".join([f"| {row['formula']}", *(_said(row, by, name) for by, name in shown)]) + " |"
        for row in sorted(rows, key=lambda row: (row.get("counted", {}).get("crystal") or 10**9, row["formula"]))
    ]
    return f"""# From spectra computed by others back to the crystal

Written by `python benchmarks/outer_ranks.py FILE` from `benchmarks/outer_ranks.json`. The targets are the {len(rows)} VASP spectra of [the forward test](outer.md), known from -4 to 4 eV and used only for
validation. For each of them the model *{model["name"]}*, trained on {model["spectra"]:,} spectra of another program, ranks {atlas["crystals"]:,} crystals of {atlas["compositions"]:,} compositions (the atlas) and the targets' own crystals, which are added. The atlas alone
holds the composition of {len(listed)} of the {len(rows)}. *Crystal* is the rank among all crystals; *composition* is the rank among compositions, each represented by its best crystal.
The list of the atlas was made longer when it was known to hold 24 of the 50: by small ternary cells filled with more elements, a rule that knows nothing of these crystals, but was not chosen blindly.

## Whose DOS is it?

Ranked by `--rank-by identity --count --real`, which uses [correlated errors](identity.md) at the energies where the curve is known; the number of states, since a VASP curve is in states/eV of a primitive cell; and the probability that a crystal exists, since
those of the Materials Project that were asked for do. That probability follows from heights above the hull in [SevenNet-0](potentials.md), for the added crystals as for the atlas:

{tables["real"]}

The same without it (`--rank-by identity --count`), as for a material of which nobody knows whether it exists:

{tables["counted"]}

The same by the shape of the curve alone (`--rank-by identity`):

{tables["identity"]}

## What is like it?

Ranked by `--rank-by similarity`, which looks for all materials with such a DOS. The true material is then only one of many:

{tables["similarity"]}

## Each target

| crystal | its rank | if nobody knows that it exists | its composition's rank then | the same in the atlas alone | its rank by shape alone | its rank by similarity |
|---|---|---|---|---|---|---|
{chr(10).join(each)}
"""


def _table(by: str, rows: Sequence[Any], answerable: Sequence[Any], listed: Sequence[Any]) -> str:
    crystal, composition = ([row[by][name] for row in answerable] for name in ("crystal", "composition"))
    alone = [row[by]["alone"] for row in listed]
    heads = " | ".join("first" if most == 1 else f"within {most}" for most in AMONG)
    return f"""| what is looked for | {heads} | median rank |
|---|{"---|" * len(AMONG)}---|
| the crystal, with {len(answerable)} added to the atlas: share of all {len(rows)} | {_shares(crystal, len(rows))} | {np.median(crystal):.0f} |
| the same: share of the {len(answerable)} whose elements the model knows | {_shares(crystal, len(answerable))} | {np.median(crystal):.0f} |
| the composition, with the crystals added: share of these {len(answerable)} | {_shares(composition, len(answerable))} | {np.median(composition):.0f} |
| the composition, in the atlas alone: share of the {len(listed)} that it holds | {_shares(alone, len(listed))} | {np.median(alone):.0f} |"""


def _said(row: Mapping[str, Any], by: str, name: str) -> str:
    if "refused" in row:
        return "refused"
    if name == "alone":
        return f"{row[by]['alone']:,}" if row["listed"] else "not in it"
    if name not in row[by]:
        return "an element is unknown"
    return "left out" if row[by][name] == LEFT_OUT else f"{row[by][name]:,}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="dosmith")
    given = parser.parse_args()
    results = measure(given.file, forward_model(given.model))
    write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(results))


if __name__ == "__main__":
    main()
