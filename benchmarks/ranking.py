"""Other ways to go from a target to compositions with the same forward model, on held-out chemical systems: benchmarks/ranking.json, docs/ranking.md.

    python benchmarks/ranking.py [--folds N]

For each fold one forward model is trained as the benchmark does; what it expects of the survey's pairs is kept in build/ranking, and so are
its errors on chemistry that its members had not seen. All ways are judged by compositions, also in blind screening.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ablation import data_of, scores, table
from numpy.typing import NDArray
from torch import Tensor, nn

from dosmith.atomic import replacing, write_text
from dosmith.benchmark.baselines import BASELINES, Scores, best_over_links, by_similarity, standing
from dosmith.benchmark.data import IntArray, Space, Spectra, survey_file, surveyed_pairs
from dosmith.benchmark.fingerprint import fingerprint
from dosmith.benchmark.metrics import TITLES
from dosmith.benchmark.outcomes import outcomes
from dosmith.designer import open_dos_set
from dosmith.library import ParquetLibrary
from dosmith.models.splits import SPLITS, Split, held_out_system
from dosmith.models.tight_binding.candidates import lowest, predict, prepare
from dosmith.models.tight_binding.ensemble import train
from dosmith.models.tight_binding.train import prepare_library
from dosmith.settings import ForwardSettings, Settings
from dosmith.spectra.similarity import unit

OUTPUT = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).parents[1] / "docs" / "ranking.md"
KEPT = Path(__file__).parents[1] / "build" / "ranking"
SHOWN = ("top_5", "top_50", "mrr", "design_09", "screen_closed", "screen_09")
FloatArray = NDArray[np.float32]

STEPS, BATCH, REAL = 3000, 256, 0.1
"""Of the networks; the last is the share of real spectra in a batch."""
WIDTH, JOINT = 512, 64
SHRUNK = 0.1
"""Share of the errors' covariance that is taken as the same for all points and uncorrelated."""


@dataclass(frozen=True, eq=False)
class Fold:
    """What a forward model trained on a fold expects.

    Attributes:
        split: the fold.
        expected: spectra of C crystals of the survey, of norm 1 or less, shape (C, points).
        places: of their compositions in the space, shape (C,).
        heights: their positive formation energies, eV/atom, shape (C,).
        errors: true less expected spectra of training crystals that a member had not seen, shape (T, points).
    """

    split: Split
    expected: FloatArray
    places: IntArray
    heights: FloatArray
    errors: FloatArray


def folds_of(library: ParquetLibrary, spectra: Spectra, splits: Sequence[Split], settings: ForwardSettings) -> list[Fold]:
    """Trained, or as they were kept: of the same data, survey, settings and code."""
    mark = fingerprint(library, Settings(forward=settings))[:8]
    files = [KEPT / f"{mark}-{split.fold}.npz" for split in splits]
    KEPT.mkdir(parents=True, exist_ok=True)
    if not all(file.is_file() for file in files):
        rows = np.array([library.row_of(identifier) for identifier in spectra.ids], dtype=np.intp)
        seen = prepare_library(library, rows, settings)
        crystals = [seen[int(row)] for row in rows]
        symbols = {symbol for composition in spectra.compositions for symbol, _ in composition}
        survey = prepare(lowest(surveyed_pairs(survey_file()), symbols), settings)
        for file, split in zip(files, splits, strict=True):
            if not file.is_file():
                training = [crystals[row] for row in split.train]
                compositions = [spectra.compositions[row] for row in split.train]
                model = train(training, compositions, spectra.vectors[split.train], spectra.recipe, settings)
                candidates = predict(model, survey)
                errors = np.zeros((len(training), spectra.vectors.shape[1]), dtype=np.float32)
                inner = held_out_system(compositions, np.ones(len(training), dtype=bool), settings.members, settings.seed)
                for member, part in zip(model.members, inner, strict=True):
                    guess = unit(member.answers([training[row] for row in part.test], model.symbols, spectra.recipe).spectra)
                    errors[part.test] = spectra.unit[split.train[part.test]] - guess
                places, heights = standing(spectra, candidates.crystals)
                with replacing(file) as opened:
                    np.savez(opened, expected=candidates.expected, places=places, heights=heights, errors=errors)
                print("trained", split.fold, flush=True)
    found = []
    for file, split in zip(files, splits, strict=True):
        with np.load(file) as kept:
            possible = kept["places"] >= 0
            parts = (kept[name][possible] for name in ("expected", "places", "heights"))
            found.append(Fold(split, *parts, kept["errors"]))
    return found


def by_likelihood(spectra: Spectra, fold: Fold) -> Scores:
    """By the likelihood of the error that a composition would mean, errors being Gaussian and correlated as on unseen chemistry."""
    covariance = fold.errors.T @ fold.errors / len(fold.errors)
    points = len(covariance)
    covariance = (1 - SHRUNK) * covariance + SHRUNK * np.eye(points) * covariance.trace() / points
    whiten = np.linalg.cholesky(np.linalg.inv(covariance.astype(np.float64))).astype(np.float32)
    size = len(spectra.space)
    train = spectra.places[fold.split.train] >= 0
    known = spectra.unit[fold.split.train[train]].astype(np.float32) @ whiten
    known_places = spectra.places[fold.split.train[train]]
    guesses = unit(fold.expected).astype(np.float32) @ whiten

    def of(targets: FloatArray, others: FloatArray, places: IntArray) -> FloatArray:
        likelihood = targets @ others.T - 0.5 * (others**2).sum(axis=1)
        return best_over_links(likelihood, np.arange(len(places)), places, np.zeros(len(places), dtype=np.float32), size)

    def scores(rows: IntArray, vectors: NDArray[np.float64]) -> FloatArray:
        targets = unit(vectors).astype(np.float32) @ whiten
        seen = of(targets, known, known_places)  # the targets are of other chemical systems: none is among these
        return np.where(np.isfinite(seen), seen, of(targets, guesses, fold.places))

    return scores


class ElementsAndCounts(nn.Module):
    """A number for each element with each count; a composition's is the sum: any k best of such can be found exactly."""

    def __init__(self, spectra: Spectra) -> None:
        super().__init__()
        space = spectra.space
        self.kinds = _kinds(space)
        self.body = _body(spectra.vectors.shape[1], 3 * len(space.symbols))

    def forward(self, targets: Tensor) -> Tensor:
        """Logits of all compositions, shape (len(targets), C)."""
        found: Tensor = self.body(targets)[:, self.kinds].sum(dim=2)
        return found


class JointSpace(nn.Module):
    """Spectra and compositions as points of one space, told apart by their inner product."""

    def __init__(self, spectra: Spectra) -> None:
        super().__init__()
        space = spectra.space
        self.kinds = _kinds(space)
        self.table = nn.Embedding(3 * len(space.symbols), JOINT)
        self.mixed = nn.Sequential(nn.GELU(), nn.Linear(JOINT, 2 * JOINT), nn.GELU(), nn.Linear(2 * JOINT, JOINT))
        self.body = _body(spectra.vectors.shape[1], JOINT)

    def forward(self, targets: Tensor) -> Tensor:
        """Logits of all compositions, shape (len(targets), C)."""
        compositions = self.mixed(self.table(self.kinds).sum(dim=1))
        found: Tensor = self.body(targets) @ compositions.T
        return found


def _kinds(space: Space) -> Tensor:
    """A number for each element with its count in each composition, shape (C, 2)."""
    return torch.tensor(3 * space.members + space.counts - 1)


def _body(points: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(points, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, out))


def by_network(kind: Callable[[Spectra], nn.Module], spectra: Spectra, fold: Fold) -> Scores:
    """By a network that has seen what is expected of every composition, with the errors of unseen chemistry added, and the real spectra."""
    torch.manual_seed(fold.split.fold)
    generator = np.random.default_rng(fold.split.fold)
    network = kind(spectra)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=STEPS, pct_start=0.1)
    guesses = unit(fold.expected).astype(np.float32)
    real = fold.split.train[spectra.places[fold.split.train] >= 0]
    count = round(REAL * BATCH)
    scale = np.float32(np.sqrt(spectra.vectors.shape[1]))
    for _ in range(STEPS):
        drawn, own = generator.integers(len(guesses), size=BATCH - count), generator.choice(real, count)
        errors = fold.errors[generator.integers(len(fold.errors), size=len(drawn))]
        shown = np.concatenate([guesses[drawn] + errors, spectra.unit[own].astype(np.float32)])
        labels = np.concatenate([fold.places[drawn], spectra.places[own]])
        loss = nn.functional.cross_entropy(network(torch.tensor(scale * unit(shown).astype(np.float32))), torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()

    def scores(rows: IntArray, vectors: NDArray[np.float64]) -> FloatArray:
        with torch.inference_mode():
            found = network(torch.tensor(scale * unit(vectors).astype(np.float32)))
        return np.asarray(found.log_softmax(dim=1).numpy())

    return scores


def fused(*parts: Scores) -> Scores:
    """By the sum of 1 / (60 + rank) over several ways (G. V. Cormack et al., SIGIR 2009)."""

    def scores(rows: IntArray, vectors: NDArray[np.float64]) -> FloatArray:
        total = 0.0
        for part in parts:
            order = np.argsort(-part(rows, vectors), axis=1, kind="stable")
            ranks = np.empty_like(order)
            np.put_along_axis(ranks, order, np.arange(1, order.shape[1] + 1)[None].repeat(len(order), axis=0), axis=1)
            total = total + 1 / (60 + ranks)
        return np.asarray(total, dtype=np.float32)

    return scores


def ways(spectra: Spectra, fold: Fold) -> Mapping[str, Scores]:
    """All of them by name."""
    expected = fold.expected, fold.places
    similar = by_similarity(spectra, fold.split, *expected, ForwardSettings().height_penalty * fold.heights)
    likely_ = by_likelihood(spectra, fold)
    substitution = BASELINES["substitution"](spectra, fold.split)
    separable = by_network(ElementsAndCounts, spectra, fold)
    joint = by_network(JointSpace, spectra, fold)
    return {
        "substitution": substitution,
        "expected similarity, as it is": similar,
        "without the penalty for what does not form": by_similarity(spectra, fold.split, *expected, 0 * fold.heights),
        "likelihood of correlated errors": likely_,
        "inverse network, elements and counts": separable,
        "inverse network, joint space": joint,
        "similarity and likelihood": fused(similar, likely_),
        "similarity and joint space": fused(similar, joint),
        "likelihood and joint space": fused(likely_, joint),
        "similarity and substitution": fused(similar, substitution),
        "similarity, likelihood, joint space": fused(similar, likely_, joint),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=2, help="of the five, how many are tested")
    torch.set_num_threads(1)
    library = open_dos_set()
    spectra = Spectra.of(library)
    splits = SPLITS["system"](spectra.compositions, spectra.wanted, 5, 0)[: parser.parse_args().folds]
    tables: dict[str, list[dict[str, NDArray[np.float64]]]] = {}
    for fold in folds_of(library, spectra, splits, ForwardSettings()):
        for name, way in ways(spectra, fold).items():
            tables.setdefault(name, []).append(outcomes(spectra, fold.split, way))
    found = {name: scores(parts, spectra, splits, SHOWN) for name, parts in tables.items()}
    facts = {"data": data_of(library), "folds": len(splits), "metrics": SHOWN, "scores": found}
    write_text(OUTPUT, json.dumps(facts, indent=1) + "\n")
    write_text(PAGE, page(found, splits))


def page(found: dict[str, list[list[float]]], splits: Sequence[Split]) -> str:
    """The results in Markdown."""
    count = sum(len(split.test) for split in splits)
    return f"""# Other ways to rank

Written by `benchmarks/ranking.py`. The test uses held-out chemical systems: {len(splits)} of the benchmark's five folds, {count} binaries. 95 % intervals come from a bootstrap over chemical
systems. All ways to rank use the same forward models, one for each fold. They rank compositions, also in blind screening (where the benchmark lets dosmith pick crystals).

{table(found, [TITLES[metric] for metric in SHOWN])}

*Likelihood* says how likely the target is for each composition, from the errors that the members make on chemistry they have not seen, taken as Gaussian. *Inverse networks*
learn to name the composition from {STEPS:,} batches of {BATCH} spectra: predicted ones of all the survey's pairs, each with such an error added, and {REAL:.0%} real ones. One network gives a
score to each element with each count; the other puts spectra and compositions in a joint space. Several ways are combined by the sum of 1 / (60 + rank).

Likelihood and the joint space find the target's own composition more often, but the other materials that they propose have the target's DOS less often (*design*, *picks*). dosmith is meant to find
materials that have a DOS, so it ranks by similarity. If you have a DOS and want to know which material it belongs to, rank
by likelihood: `dosmith design --rank-by identity`, see [whose DOS is it](identity.md).
"""


if __name__ == "__main__":
    main()
