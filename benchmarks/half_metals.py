"""Known half-metals: found or not, when a gap in one spin alone is asked for. Written to benchmarks/half_metals.json and docs/half-metals.md.

    python benchmarks/half_metals.py --predict    (asks the model)
    python benchmarks/half_metals.py              (the page alone, from the JSON)

Every crystal with two spins in the open DOS set by the one member of the model that has not seen its chemical system, and
the answer of `dosmith design --gap metal --keep 'half_metallic_gap>=0.3'`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from held_out import held_out, opened_forward

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.choosing import descriptors_of
from dosmith.designer import Designer
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.descriptors import describe

Results = dict[str, Any]

OUTPUT = Path(__file__).with_name("half_metals.json")
PAGE = Path(__file__).parents[1] / "docs" / "half-metals.md"
MODEL = "dosmith"
WIDE = 0.3
"""eV; a gap of one spin that is narrower is not asked for."""
ORDERED = 0.5
"""Bohr magnetons of a cell from which on a crystal counts as magnetic here."""
TOP = 20
HEUSLER = "I. Galanakis et al., Phys. Rev. B 66, 174429 (2002)"
HALF_HEUSLER = "I. Galanakis et al., Phys. Rev. B 66, 134428 (2002)"
KNOWN = {
    "NiMnSb": ("C1_b", "R. A. de Groot et al., Phys. Rev. Lett. 50, 2024 (1983)"),
    "PtMnSb": ("C1_b", "R. A. de Groot et al., Phys. Rev. Lett. 50, 2024 (1983)"),
    "CoMnSb": ("C1_b", HALF_HEUSLER),
    "FeMnSb": ("C1_b", HALF_HEUSLER),
    "Co2MnSi": ("L2_1", HEUSLER),
    "Co2MnGe": ("L2_1", HEUSLER),
    "Co2CrAl": ("L2_1", HEUSLER),
    "CrO2": ("AB2_tP6_136_a_f", "K. Schwarz, J. Phys. F 16, L211 (1986)"),
    "CrAs": ("B3", "H. Akinaga et al., Jpn. J. Appl. Phys. 39, L1118 (2000)"),
    "MnAs": ("B3", "S. Sanvito and N. A. Hill, Phys. Rev. B 62, 15553 (2000)"),
    "CrSb": ("B3", "I. Galanakis and P. Mavropoulos, Phys. Rev. B 67, 104417 (2003)"),
    "CrTe": ("B3", "I. Galanakis and P. Mavropoulos, Phys. Rev. B 67, 104417 (2003)"),
}
"""Half-metals by calculations of others: crystal, and who said so first or in detail; some at a lattice constant that is not their own."""


def measure() -> Results:
    """What the model makes of them."""
    model = opened_forward(MODEL)
    atlas = model.atlas
    crystals = zip(atlas.entries.compositions, atlas.crystals, atlas.half_metallic_gaps.tolist(), strict=True)
    gaps = {(composition, crystal.prototype): gap for composition, crystal, gap in crystals}
    answer = Designer(model=MODEL).design(gap="metal", keep=f"half_metallic_gap>={WIDE}", top=TOP)
    return {
        "weights": model.spec["sha256"]["weights.safetensors"],
        "computed": computed(model),
        "candidates": {"all": len(atlas), "with": int((atlas.half_metallic_gaps >= WIDE).sum())},
        "known": {formula: _rounded(gaps.get((formulas.parse(formula), prototype))) for formula, (prototype, _) in KNOWN.items()},
        "answer": [
            {
                "formula": each.formula,
                "prototype": each.prototype,
                "known_dos": each.known_dos,
                "half_metallic_gap": _rounded(descriptors_of(answer, each).half_metallic_gap),
                "p_exists": _rounded(each.p_exists),
            }
            for each in answer.candidates
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def computed(model: TightBindingModel) -> list[dict[str, Any]]:
    """Of each crystal with two spins and a moment: its gap of one spin as computed, and as predicted by the member that has not seen it."""
    from dosmith.models.tight_binding.train import prepare_library

    seen, ensemble = held_out(model), model.ensemble
    magnets = {
        row: (material, moment)
        for row, material in zip(seen.rows.tolist(), seen.library.materials(seen.rows.tolist()), strict=True)
        if material.spectrum.spin_polarized and (moment := abs(material.provenance.get("magnetic_moment") or 0.0)) >= ORDERED
    }
    found = []
    for row, atoms in prepare_library(seen.library, np.array(list(magnets), dtype=np.intp), model.settings).items():
        material, moment = magnets[row]
        (member,) = ensemble.without(material.composition).members
        gap = float(member.answers([atoms], ensemble.symbols, model.recipe).half_gaps[0])
        told = describe(material, model.recipe).half_metallic_gap or 0.0
        facts = {"formula": material.formula, "prototype": material.prototype, "moment": round(moment, 2)}
        found.append({"id": material.id, **facts, "computed": round(told, 3), "predicted": round(gap, 3)})
    return found


def page(results: Results) -> str:
    """The results in Markdown."""
    rows = results["computed"]
    true = [row for row in rows if row["computed"] >= WIDE]
    said = [row for row in rows if row["predicted"] >= WIDE]
    both = [row for row in true if row in said]
    near = [abs(row["computed"] - row["predicted"]) for row in both]
    error = f"their gaps are off by {np.mean(near):.2f} eV on average" if near else "so there are no gaps to compare"
    here = {(formulas.parse(row["formula"]), row["prototype"]): row for row in rows}

    def number(value: float | None, digits: int = 2) -> str:
        return "-" if value is None else "none" if value == 0 else f"{value:.{digits}f}"

    lines = []
    for formula, (prototype, source) in KNOWN.items():
        row: Mapping[str, Any] = here.get((formulas.parse(formula), prototype), {})
        cells = [number(row.get("computed")), number(row.get("predicted")), number(results["known"][formula])]
        lines.append(f"| {formula} | {prototype} | {row.get('moment', '-')} | {' | '.join(cells)} | {source} |")
    return f"""# A gap in one spin: known half-metals

Written by `python benchmarks/half_metals.py`. A half-metal conducts with one spin and has a gap in the other. All gaps here are those of that one spin, in eV; gaps of {WIDE:g} eV or more count.

## Computed here, and predicted by a model that had not seen them

The open DOS set holds {len(rows)} crystals with a moment of {ORDERED:g} Bohr magnetons or more and both spins. Each was predicted by the one member of the model that has seen no crystal of its chemical system.
By calculation {len(true)} are half-metals, by prediction {len(said)}; {len(both)} are both, and {error}.

{_table(row for row in rows if row["computed"] >= WIDE or row["predicted"] >= WIDE)}
## Known half-metals

Calculations by others say that these are half-metals. The table gives the gap computed here, the gap predicted by the member that has not seen the crystal, and the gap that the model states for it as a candidate, predicted by all members including those that have seen it. "-" means that the crystal is missing,
"none" that there is no such gap.

| crystal | type | moment, Bohr magnetons | computed | predicted unseen | as a candidate | source |
|---|---|---|---|---|---|---|
{chr(10).join(lines)}

## Asked for

`dosmith design --gap metal --keep 'half_metallic_gap>={WIDE:g}'` asks for any metal with such a gap in one spin, whatever its curve. Of the model's {results["candidates"]["all"]:,} candidates {results["candidates"]["with"]:,} are
expected to have one. These are the first {len(results["answer"])}, known and predicted, ranked by the probability that they match and exist:

| | crystal | type | DOS | gap of one spin | P(exists) |
|---|---|---|---|---|---|
{"".join(_answer(place, row) for place, row in enumerate(results["answer"], 1))}"""


def _answer(place: int, row: Mapping[str, Any]) -> str:
    gap, exists = (row[name] for name in ("half_metallic_gap", "p_exists"))
    cells = [
        str(place),
        row["formula"],
        row["prototype"] or "-",
        "computed" if row["known_dos"] else "predicted",
        "-" if gap is None else f"{gap:.2f}",
        "unknown" if exists is None else f"{exists:.2f}",
    ]
    return f"| {' | '.join(cells)} |\n"


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    lines = "".join(
        f"| {row['formula']} | {row['prototype']} | {row['moment']} | {row['computed']:.2f} | {row['predicted']:.2f} |\n"
        for row in sorted(rows, key=lambda row: -row["computed"])
    )
    return f"| crystal | type | moment, Bohr magnetons | computed | predicted |\n|---|---|---|---|---|\n{lines}"


def main() -> None:
    """Ask, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predict", action="store_true", help="ask the model")
    if parser.parse_args().predict:
        write_text(OUTPUT, json.dumps(measure(), indent=1) + "\n")
    write_text(PAGE, page(json.loads(OUTPUT.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
