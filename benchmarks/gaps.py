"""What the gaps of a shipped forward model are worth, and those of its candidates, from its members as they are.

    python benchmarks/gaps.py [MODEL]        writes checkpoint.json and candidates.parquet of the model, and tables into docs/forward.md

Every crystal of the open DOS set is asked for its gap by the one member of the ensemble that did not see its chemical system
(`held_out.py`); `models/calibration.py` learns from these what gaps are worth, and the probability that DOS and gap match. The candidates get their
height above the hull of the survey; their gaps they have from the training.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from held_out import HeldOut, amend, held_out, opened_forward

from dosmith.atomic import write_text
from dosmith.comparison import Judged
from dosmith.crystals.existence import WITHIN, rivals_of, shipped_existence
from dosmith.crystals.hull import potential_hull
from dosmith.crystals.plausible import balance
from dosmith.crystals.survey import SurveyedCrystals, SurveyIndex
from dosmith.library.stability import FORMATION
from dosmith.logistic import calibration_error
from dosmith.models.calibration import FloatArray, accuracies, calibrate_gaps
from dosmith.models.gaps import GapScale
from dosmith.models.tight_binding.atlas import Atlas
from dosmith.models.tight_binding.candidates import FILE, with_heights
from dosmith.models.tight_binding.classes import classes_of
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.match import GAPPED, Gaps, matches
from dosmith.spectra.similarity import unit

PAGE = Path(__file__).parents[1] / "docs" / "forward.md"
BEGIN, END = "<!-- written by benchmarks/gaps.py -->", "<!-- end -->"
TOP = 10
RIVALS = 2
"""A height in the set's own hull counts with so many rivals, as when it was learned what heights are worth."""


def _halves(names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = np.random.default_rng(0).integers(0, 2, names.max() + 1)[names].astype(bool)
    return half, ~half


WAYS = {"similarity": "similarity", "match": "P(match)", "both": "P(match) P(exists), as a design"}


def _matches(found: HeldOut, opened: TightBindingModel, atlas: Atlas) -> Iterator[str]:
    """What became of ten materials picked blindly for each target, by similarity, by the probability that they match, and as a design ranks.

    Probabilities are learned from one half of the chemical systems and tested on the other, and the other way round. Whether a pick exists is told
    by the set's own calculations, which `P(exists)` has not seen: it goes by the potential.
    """
    names = np.unique(np.array(found.systems, dtype=str), return_inverse=True)[1]
    expected, vectors, signed, gaps = found.expected, found.vectors, found.signed, found.gaps
    heights, exist = _existing(found, atlas)
    told: dict[tuple[str, str], list[FloatArray]] = {}
    for half in _halves(names):
        rest = np.flatnonzero(~half)
        systems = [found.systems[place] for place in np.flatnonzero(half).tolist()]
        scale, learned = calibrate_gaps(expected[half], vectors[half], systems, gaps[half], signed[half])
        calibration = replace(opened.calibration, gaps=scale, matches=learned)
        gapped_chances = scale.hold(signed[rest], Gaps(GAPPED, np.inf))
        true, norms, gapped = unit(vectors[rest]), np.linalg.norm(expected[rest], axis=1), gaps[rest] >= GAPPED
        for row in range(len(rest)):
            wanted = Gaps.like(float(gaps[rest[row]]))
            others = names[rest] != names[rest[row]]
            similarity, cosine = expected[rest] @ true[row], true @ true[row]
            chance = calibration.match(similarity, norms, scale.hold(signed[rest], wanted), wanted)
            match = matches(cosine, gaps[rest], wanted)
            of_class = gapped_chances if gapped[row] else 1 - gapped_chances
            design = Judged(similarity, similarity, chance, exist[rest], of_class).scores("probability")
            orders = {"similarity": similarity, "match": chance, "both": design}
            for way, order in orders.items():
                best = np.argsort(-np.where(others, order, -np.inf))[:TOP]
                kept = (
                    chance,
                    match,
                    gapped == gapped[row],
                    cosine,
                    exist[rest],
                    heights[rest] <= WITHIN,
                    np.isfinite(heights[rest]),
                )
                told.setdefault(("gapped" if gapped[row] else "metals", way), []).append(
                    np.stack([each[best].astype(np.float64) for each in kept])
                )
    yield "| targets | ten picks by | picks | match | same kind (metal or gapped) as the target | mean cosine | within 0.1 eV/atom of the hull | match and exist | mean P(match) | its calibration error | mean P(exists) | its calibration error |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|---|"
    for kind in ("metals", "gapped"):
        for way, label in WAYS.items():
            chance, match, alike, cosine, exists, low, known = np.concatenate(told[kind, way], axis=1)
            seen = known > 0
            cells = [kind, label, f"{len(chance):,}", f"{match.mean():.3f}", f"{alike.mean():.1%}", f"{cosine.mean():.3f}"]
            cells += [f"{low[seen].mean():.3f}", f"{(match * low)[seen].mean():.3f}"]
            cells += [f"{chance.mean():.3f}", f"{calibration_error(chance, match):.3f}"]
            cells += [f"{exists[seen].mean():.3f}", f"{calibration_error(exists[seen], low[seen]):.3f}"]
            yield f"| {' | '.join(cells)} |"


def _existing(found: HeldOut, atlas: Atlas) -> tuple[FloatArray, FloatArray]:
    """Heights in the set's own hull where it has rivals, eV/atom, else NaN, and the probabilities to exist by the potential, shapes (M,)."""
    library, rows = found.library, found.rows
    rivals = np.array(rivals_of(library.compositions, np.flatnonzero(~np.isnan(library.stated("formation_energy"))).tolist()))[
        rows
    ]
    heights = library.stated("energy_above_hull")[rows]
    hull = atlas.hull_energies(found.compositions)
    potential = library.stated(FORMATION[hull.potential])[rows] - hull.energies
    sizes, balances = (np.array([measure(c) for c in found.compositions]) for measure in (len, balance))
    existence = shipped_existence(hull.potential)
    assert existence is not None
    chances = existence.by_potential(potential, sizes, balances)
    return np.where(rivals >= RIVALS, heights, np.nan), np.where(np.isnan(chances), 0.5, chances)


def _gaps(scale: GapScale) -> Iterator[str]:
    """What gaps are worth, in words."""
    metals = scale.count[0] - scale.count[1]
    yield (
        f"{scale.count[0]:,} crystals of chemical systems that the member had not seen, {scale.count[1]:,} of them with a gap of {GAPPED:g} eV or more and"
        f" {metals:,} without: the model says correctly for {scale.right:.1%} whether they have a gap, and for those with a gap its mean absolute error is"
        f" {scale.error:.2f} eV."
    )
    yield ""


def main(name: str) -> None:
    """Ask, learn, write."""
    import torch

    opened = opened_forward(name)
    torch.set_num_threads(1)  # matrices this small gain nothing from more
    found = held_out(opened)
    known = opened.atlas.candidates
    candidates = with_heights(known, potential_hull(SurveyIndex(SurveyedCrystals(known.crystals)), found.library))
    scale, matches = calibrate_gaps(found.expected, found.vectors, found.systems, found.gaps, found.signed)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN, 1)
    table = "\n".join([*_gaps(scale), *_matches(found, opened, replace(opened.atlas, candidates=candidates))])
    write_text(PAGE, f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}")
    print(table)
    classes = accuracies(found.cosines, classes_of(found.library, found.rows))
    learned = {"gaps": asdict(scale), "matches": matches, "classes": classes}
    rounded = json.loads(json.dumps(learned), parse_float=lambda text: round(float(text), 5))
    amend(opened, {"calibration": {**opened.spec["calibration"], **rounded}}, {FILE: candidates.coded(opened.recipe).as_bytes()})
    print(f"written to {opened.folder}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dosmith")
