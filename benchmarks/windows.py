"""What a similarity within a part of the curve is worth: the calibration of a shipped forward model for targets of narrow windows.

    python benchmarks/windows.py [MODEL]        writes calibration.windows into its checkpoint.json

Every crystal of the open DOS set is predicted by the one member of the ensemble that did not see its chemical system, as when
the model was trained (`held_out.py`); `models/calibration.py` learns from these predictions. A model that is trained anew has the table already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from held_out import amend, held_out, opened_forward

from dosmith.atomic import write_text
from dosmith.models.calibration import FloatArray, calibrate_windows, pairs_in_window
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import MATCH

PAGE = Path(__file__).parents[1] / "docs" / "spectra.md"
BEGIN, END = "<!-- written by benchmarks/windows.py -->", "<!-- end -->"
SHOWN = (Window(-6.0, 6.0), Window(-4.0, 4.0), Window(-5.0, 2.0), Window(-2.0, 2.0))
"""Windows whose reliability the page shows."""


def _reliability(expected: FloatArray, vectors: FloatArray, systems: Sequence[str], opened: TightBindingModel) -> Iterator[str]:
    """Rows of a table: what was promised of the ten best candidates of each target, and what came true; learned from one half of
    the chemical systems, tested on the other, and the other way round."""
    names = np.unique(np.array(systems, dtype=str), return_inverse=True)[1]
    halves = np.random.default_rng(0).integers(0, 2, names.max() + 1)[names].astype(bool)
    yield "| window, eV | candidates | mean probability | share that matched | calibration error |"
    yield "|---|---|---|---|---|"
    for window in SHOWN:
        chances, true = [], []
        for half in (halves, ~halves):
            learned = calibrate_windows(
                expected[half], vectors[half], [s for s, h in zip(systems, half, strict=True) if h], opened.recipe, (window,)
            )
            calibration = replace(opened.calibration, windows=learned)
            similarity, match, norms, same = pairs_in_window(expected[~half], vectors[~half], names[~half], window, opened.recipe)
            similarity = np.where(same, -np.inf, similarity)
            best = np.argsort(-similarity, axis=1)[:, :10]
            chances.append(calibration.probability(np.take_along_axis(similarity, best, axis=1), norms[best], window).ravel())
            true.append(np.take_along_axis(match, best, axis=1).ravel())
        chance, happened = np.concatenate(chances), np.concatenate(true)
        bins = np.minimum((chance * 10).astype(int), 9)
        error = sum(abs(chance[bins == b].sum() - happened[bins == b].sum()) for b in range(10)) / len(chance)
        yield f"| {window.lower:g} ... {window.upper:g} | {len(chance):,} | {chance.mean():.3f} | {happened.mean():.3f} | {error:.3f} |"


def main(name: str) -> None:
    """Predict, learn, write."""
    opened = opened_forward(name)
    found = held_out(opened)
    print(f"held-out mean cosine {found.cosines.mean():.4f}, above {MATCH:g}: {(found.cosines > MATCH).mean():.4f};", end=" ")
    print(f"the checkpoint says {opened.calibration.cosine:.4f} and {opened.calibration.above:.4f}")
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    table = "\n".join(_reliability(found.expected, found.vectors, found.systems, opened))
    write_text(PAGE, f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}")
    windows = calibrate_windows(found.expected, found.vectors, found.systems, opened.recipe)
    rounded = {key: [round(value, 4) for value in values] for key, values in windows.items()}
    amend(opened, {"calibration": {**opened.spec["calibration"], "windows": rounded}})
    print(f"{len(windows)} windows written to {opened.folder}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dosmith")
