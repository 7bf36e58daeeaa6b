"""What probabilities are worth when a curve is not like the training spectra, and what the model has to take back.

    python benchmarks/doubt.py [MODEL]     writes doubt.safetensors beside its checkpoint.json, benchmarks/doubt.json and docs/doubt.md

Held-out predictions (`held_out.py`) are asked for with computed curves that are disturbed. What a broad or a strange curve costs is learned from
one half of the chemical systems and shown on the other, and the other way round; the model gets what is learned from all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from held_out import FloatArray, HeldOut, amend, held_out, opened_forward
from numpy.typing import NDArray

from dosmith.atomic import write_text
from dosmith.benchmark.metrics import calibration
from dosmith.models.doubt import FILE, Doubt, learned_cost, usual
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.similarity import MATCH, unit

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "doubt.md"
TARGETS, PICKS, SEED = 700, 10, 0
Disturb = Callable[[FloatArray, FloatArray], FloatArray]
"""(vectors (M, points), energies) -> the same shape."""


def moved(energy: float) -> Disturb:
    return lambda vectors, energies: np.array([np.interp(energies - energy, energies, each, left=0, right=0) for each in vectors])


def stretched(factor: float) -> Disturb:
    return lambda vectors, energies: np.array([np.interp(energies / factor, energies, each, left=0, right=0) for each in vectors])


def broadened(sigma: float) -> Disturb:
    from scipy.ndimage import gaussian_filter1d

    return lambda vectors, energies: np.asarray(
        gaussian_filter1d(vectors, sigma / (energies[1] - energies[0]), axis=1, mode="constant")
    )


def noisy(share: float) -> Disturb:
    def disturb(vectors: FloatArray, energies: FloatArray) -> FloatArray:
        noise = np.random.default_rng(SEED).standard_normal(vectors.shape)
        return np.maximum(vectors + share * vectors.mean(axis=1, keepdims=True) * noise, 0.0)

    return disturb


SHOWN: Mapping[str, Disturb] = {
    "as it is": lambda vectors, energies: vectors,
    "shifted by 0.5 eV": moved(0.5),
    "shifted by -0.5 eV": moved(-0.5),
    "stretched by 8 %": stretched(1.08),
    "compressed by 8 %": stretched(1 / 1.08),
    "broadened by 0.3 eV": broadened(0.3),
    "broadened by 0.5 eV": broadened(0.5),
    "noise of 50 %": noisy(0.5),
    "mirrored": lambda vectors, energies: vectors[:, ::-1],
}
BROAD = (broadened(0.2), broadened(0.3), broadened(0.4), broadened(0.5))
STRANGE = (noisy(0.2), noisy(0.5), SHOWN["mirrored"], stretched(1.3), moved(2.0))
"""What the two costs are learned from."""


class Asked:
    """Held-out predictions as candidates of disturbed curves."""

    def __init__(self, opened: TightBindingModel, found: HeldOut) -> None:
        self.opened, self.expected, self.vectors = opened, found.expected, found.vectors
        self.norms = np.linalg.norm(found.expected, axis=1)
        names = np.unique(np.array(found.systems), return_inverse=True)[1]
        generator = np.random.default_rng(SEED)
        self.half = generator.integers(0, 2, names.max() + 1)[names].astype(bool)
        self.rows = np.sort(generator.permutation(len(names))[:TARGETS])
        self.same = names[self.rows][:, None] == names[None, :]
        true = unit(found.vectors)
        self.match = true[self.rows] @ true.T > MATCH
        self.gapped = found.gapped[self.rows]

    def __call__(self, disturb: Disturb, doubt: Doubt) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
        """Probabilities of the best candidates of each target, undoubted, whether they match, and the excess of each target."""
        curves = disturb(self.vectors[self.rows], self.opened.recipe.grid.energies)
        similarity = np.where(self.same, -np.inf, unit(curves) @ self.expected.T)
        picks = np.argsort(-similarity, axis=1)[:, :PICKS]
        chance = self.opened.calibration.probability(np.take_along_axis(similarity, picks, axis=1), self.norms[picks])
        excess = np.array([doubt.excess(each, self.opened.recipe) for each in curves])
        return chance, np.take_along_axis(self.match, picks, axis=1), excess

    def learned(self, doubt: Doubt, inside: NDArray[np.bool_]) -> Doubt:
        """With what excess costs, by the targets inside."""
        for name, disturbances, column in (("blur", BROAD, 0), ("distance", STRANGE, 1)):
            chances, matches, excess = [], [], []
            for disturb in disturbances:
                chance, match, more = self(disturb, doubt)
                for place in np.flatnonzero(inside & (more[:, column] > 0)):
                    other = (more[place, 0], 0.0) if column else (0.0, 0.0)
                    chances.append(doubt.widened(chance[place], other))
                    matches.append(match[place].astype(np.float64))
                    excess.append(more[place, column])
            if excess:
                doubt = replace(doubt, **{name: learned_cost(chances, matches, np.array(excess))})
        return doubt


def measured(asked: Asked, plain: Doubt) -> list[dict[str, Any]]:
    """Calibration of each disturbance without and with doubt, by targets that nothing was learned from."""
    halves = asked.half[asked.rows]
    doubts = {side: asked.learned(plain, halves == side) for side in (True, False)}
    rows = []
    for name, disturb in SHOWN.items():
        chance, match, excess = asked(disturb, plain)
        after = np.array(
            [doubts[not side].widened(each, tuple(more)) for each, more, side in zip(chance, excess, halves, strict=True)]
        )
        row: dict[str, Any] = {"curve": name, "doubted": round(float((excess > 0).any(axis=1).mean()), 4)}
        for group, inside in (("all", np.ones(len(halves), dtype=bool)), ("metals", ~asked.gapped), ("gapped", asked.gapped)):
            for when, values in (("before", chance), ("after", after)):
                found = calibration([{"probability": values[inside].ravel().tolist(), "match": match[inside].ravel() * 1.0}])
                row[f"{group} {when}"] = {key: round(found[key], 4) for key in ("error", "probability", "share")}
        rows.append(row)
    return rows


def page(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = [
        f"| {row['curve']} | {row['doubted']:.0%} | {row['all before']['probability']:.2f} | {row['all after']['probability']:.2f} | {row['all before']['share']:.2f} | "
        + " | ".join(
            f"{row[f'{group} before']['error']:.3f} -> {row[f'{group} after']['error']:.3f}"
            for group in ("all", "metals", "gapped")
        )
        + " |"
        for row in results["curves"]
    ]
    usual_ = results["usual"]
    return f"""# Curves unlike the training spectra

The probabilities were learned from curves computed in the same way as the training spectra. dosmith recognises two kinds of unusual curves by their shape alone, corrects the probabilities of their candidates, and says so. One kind is
broadened by more than {usual_["broadest"]:.2f} eV (read off the Fourier transform, see `spectra/blur.py`). The other is farther than {usual_["farthest"]:.2f} from the space spanned by predicted spectra. One held-out spectrum in a hundred is called unusual in either way.

Written by `benchmarks/doubt.py`. The test disturbs {results["targets"]} computed curves of held-out chemical systems, and takes the {results["picks"]} best candidates of each among predictions by members that had not seen them. The corrections are learned
from the other half of the chemical systems. *Promised* is the mean probability before and after the correction; *true* is the share of candidates whose cosine to the undisturbed DOS is above {MATCH:g}. The last columns give the expected calibration error before and after.

| curve | called unusual | promised | after | true | all | metals | gapped |
|---|---|---|---|---|---|---|---|
{chr(10).join(lines)}

If the Fermi level of a metal is wrong, or its bands are some percent too wide, the curve might be that of another material. Its shape does not show the error, and the probabilities stay too high. Give `--fermi` or `--electrons` if a
file may be wrong, and compute a candidate before you believe in it.
"""


def main(name: str) -> None:
    """Learn, measure, write."""
    opened = opened_forward(name)
    found = held_out(opened)
    plain = usual(opened.atlas.candidates.expected, found.vectors, opened.recipe)
    asked = Asked(opened, found)
    results = {
        "model": opened.name,
        "targets": TARGETS,
        "picks": PICKS,
        "usual": {"broadest": plain.broadest, "farthest": plain.farthest},
        "curves": measured(asked, plain),
    }
    write_text(OUTPUT, json.dumps(results, indent=1) + "\n")
    write_text(PAGE, page(results))
    learned = asked.learned(plain, np.ones(len(asked.rows), dtype=bool))
    amend(opened, {"doubt": learned.as_dict()}, {FILE: learned.as_bytes()})
    print(learned.as_dict())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dosmith")
