"""What a similarity within a part of the curve is worth: the calibration of a shipped forward model for targets of narrow windows.

    python benchmarks/windows.py [MODEL [COUNT]]        writes calibration.windows into its checkpoint.json

Every crystal of the open DOS set, or COUNT of them drawn at random (seed 0), is predicted by the one member of the ensemble that did not see its chemical system, as when
the model was trained; `models/calibration.py` learns from these predictions. A model that is trained anew has the table already.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dosmith import formulas
from dosmith.atomic import write_text
from dosmith.designer import open_dos_set
from dosmith.models.calibration import FloatArray, calibrate_windows, pairs_in_window
from dosmith.models.registry import open_model
from dosmith.models.splits import held_out_system
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.models.tight_binding.train import prepare_library
from dosmith.spectra.grid import Window
from dosmith.spectra.similarity import MATCH
from dosmith.spectra.standard import standardise_library

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


def main(name: str, count: int | None) -> None:
    """Predict, learn, write."""
    import torch

    opened, library = open_model(name), open_dos_set()
    if not isinstance(opened, TightBindingModel):
        sys.exit(f"{name} is no forward model")
    ensemble, settings = opened.ensemble, opened.settings
    rows, vectors = standardise_library(library, opened.recipe)
    fold = np.zeros(len(rows), dtype=np.intp)  # of all spectra, as the training divided them
    whole = [library.compositions[row] for row in rows.tolist()]
    for number, split in enumerate(held_out_system(whole, np.ones(len(rows), dtype=bool), settings.members, settings.seed)):
        fold[split.test] = number
    if count is not None:
        drawn = np.sort(np.random.default_rng(0).permutation(len(rows))[:count])
        rows, vectors, fold = rows[drawn], vectors[drawn], fold[drawn]
    torch.set_num_threads(1)  # matrices this small gain nothing from more
    crystals = prepare_library(library, rows, settings, lambda what, done, count, _: print(f"\r{what} {done}/{count}", end=""))
    chosen = [place for place, row in enumerate(rows) if int(row) in crystals]
    seen = [crystals[int(rows[place])] for place in chosen]
    compositions = [formulas.parse(library.formulas[rows[place]]) for place in chosen]
    vectors, fold = vectors[chosen], fold[chosen]
    unseen = np.zeros_like(vectors)
    for number, member in enumerate(ensemble.members):
        places = np.flatnonzero(fold == number)
        unseen[places] = member.predict([seen[place] for place in places], ensemble.symbols, opened.recipe, settings)
    cosines = (unseen * vectors).sum(axis=1) / np.linalg.norm(unseen, axis=1) / np.linalg.norm(vectors, axis=1)
    print(f"\nheld-out mean cosine {cosines.mean():.4f}, above {MATCH:g}: {(cosines > MATCH).mean():.4f};", end=" ")
    print(f"the checkpoint says {opened.calibration.cosine:.4f} and {opened.calibration.above:.4f}")
    systems = [formulas.chemical_system(each) for each in compositions]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    table = "\n".join(_reliability(unseen, vectors, systems, opened))
    write_text(PAGE, f"{before}{BEGIN}\n{table}\n{END}{rest.split(END, 1)[1]}")
    found = calibrate_windows(unseen, vectors, systems, opened.recipe)
    path = Path(opened.folder) / "checkpoint.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    spec["calibration"]["windows"] = {key: [round(value, 4) for value in values] for key, values in found.items()}
    write_text(path, json.dumps(spec, indent=1))
    print(f"{len(found)} windows written to {path}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "dosmith", int(sys.argv[2]) if len(sys.argv) > 2 else None)
