"""What a shipped forward model expects of the open DOS set, each crystal by the one member that did not see its chemical system.

Calibrations of a model that is already trained are learned from these; kept in build/held-out until data or model change.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing, write_text
from dosmith.designer import Designer, open_dos_set
from dosmith.formulas import Composition
from dosmith.known import KnownSpectra
from dosmith.library import ParquetLibrary
from dosmith.models.registry import open_model
from dosmith.models.store import WEIGHTS
from dosmith.models.tight_binding.card import text
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.models.tight_binding.train import prepare_library
from dosmith.spectra.standard import standardise_library

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
KEPT = Path(__file__).parents[1] / "build" / "held-out"
BENCHMARK = "<!-- written by benchmarks/readme.py -->"
"""Where the card's rows of the benchmark begin."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """M crystals of a library, predicted without having been seen.

    Attributes:
        library: that holds them.
        rows: theirs in the library, shape (M,).
        vectors: computed standard vectors, 1/eV, shape (M, points).
        expected: as in `ensemble.Prediction.expected`, of one member, shape (M, points).
        fold: of each, the number of that member, shape (M,).
        signed: gaps by that member's eigenvalues, eV, below zero where bands overlap, shape (M,).
    """

    library: ParquetLibrary
    rows: IntArray
    vectors: FloatArray
    expected: FloatArray
    fold: IntArray
    signed: FloatArray

    @cached_property
    def compositions(self) -> list[Composition]:
        """Of the crystals."""
        return [formulas.parse(self.library.formulas[row]) for row in self.rows]

    @cached_property
    def systems(self) -> list[str]:
        """Their chemical systems."""
        return [formulas.chemical_system(each) for each in self.compositions]

    @cached_property
    def cosines(self) -> FloatArray:
        """Of expected and computed spectra, shape (M,)."""
        products = (self.expected * self.vectors).sum(axis=1)
        return np.asarray(products / np.linalg.norm(self.expected, axis=1) / np.linalg.norm(self.vectors, axis=1))

    @cached_property
    def gaps(self) -> FloatArray:
        """Computed gaps, eV, 0 for metals, shape (M,)."""
        return np.array([self.library.gaps[row] or 0.0 for row in self.rows])

    @cached_property
    def states(self) -> FloatArray:
        """Computed states per atom within the window, NaN where unknown, shape (M,)."""
        return self._known.states[self._places]

    @cached_property
    def chances(self) -> FloatArray:
        """The probabilities that the crystals exist, shape (M,), by their heights above the hulls."""
        return self._known.heights.chances[self._places]

    @cached_property
    def _known(self) -> KnownSpectra:
        return Designer(self.library).known

    @cached_property
    def _places(self) -> list[int]:
        """Of the crystals among the known spectra."""
        return [self._known.places[row] for row in self.rows.tolist()]

    @cached_property
    def gapped(self) -> NDArray[np.bool_]:
        """Which have a gap as their source states it, shape (M,)."""
        return np.asarray(self.gaps > 0)


def opened_forward(name: str | Path) -> TightBindingModel:
    """A forward model by name or folder."""
    opened = open_model(name)
    if not isinstance(opened, TightBindingModel):
        raise SystemExit(f"{name} is no forward model")
    return opened


def held_out(opened: TightBindingModel) -> HeldOut:
    """All crystals of the open DOS set that the model can be asked for; minutes the first time."""
    library, recipe = open_dos_set(), opened.recipe
    rows, vectors = standardise_library(library, recipe)
    shards = sorted(shard["sha256"] for shard in library.manifest["shards"].values())
    mark = hashlib.sha256(
        json.dumps([shards, opened.spec["sha256"][WEIGHTS], recipe.as_dict(), "with gaps"]).encode()
    ).hexdigest()[:16]
    file = KEPT / f"{mark}.npz"
    if not file.is_file():
        KEPT.mkdir(parents=True, exist_ok=True)
        chosen, expected, fold, signed = _predicted(opened, library, rows)
        with replacing(file) as opened_file:
            np.savez(opened_file, chosen=chosen, expected=expected, fold=fold, signed=signed)
    with np.load(file) as kept:
        chosen = kept["chosen"]
        return HeldOut(library, rows[chosen], vectors[chosen], kept["expected"], kept["fold"], kept["signed"])


def _predicted(
    opened: TightBindingModel, library: ParquetLibrary, rows: IntArray
) -> tuple[IntArray, FloatArray, IntArray, FloatArray]:
    import torch

    torch.set_num_threads(1)  # matrices this small gain nothing from more
    ensemble, settings = opened.ensemble, opened.settings
    crystals = prepare_library(library, rows, settings, lambda what, done, count, _: print(f"\r{what} {done}/{count}", end=""))
    chosen = np.array([place for place, row in enumerate(rows) if int(row) in crystals])
    fold = np.array([ensemble.unseen[formulas.chemical_system(library.compositions[row])] for row in rows[chosen].tolist()])
    expected, signed = np.zeros((len(chosen), opened.recipe.grid.points)), np.zeros(len(chosen))
    for number, member in enumerate(ensemble.members):
        places = np.flatnonzero(fold == number)
        seen = [crystals[int(rows[chosen[place]])] for place in places]
        found = member.answers(seen, ensemble.symbols, opened.recipe)
        expected[places], signed[places] = found.spectra, found.gaps
        print(f"\rmember {number + 1} of {settings.members}    ", end="", flush=True)
    print()
    return chosen, expected, fold, signed


def amend(opened: TightBindingModel, changes: dict[str, object], files: dict[str, bytes] | None = None) -> None:
    """Write what was learned into a model's checkpoint.json and card, and files beside it with their checksums."""
    path = opened.folder / "checkpoint.json"
    spec = json.loads(path.read_text(encoding="utf-8")) | changes
    for name, content in (files or {}).items():
        with replacing(opened.folder / name) as file:
            file.write(content)
        spec["sha256"][name] = hashlib.sha256(content).hexdigest()
    write_text(path, json.dumps(spec, indent=1) + "\n")
    page = opened.folder / "card.md"
    _, mark, rows = page.read_text(encoding="utf-8").partition(BENCHMARK)
    write_text(page, f"{text(spec).rstrip()}\n" + (f"\n{mark}{rows}" if mark else ""))
