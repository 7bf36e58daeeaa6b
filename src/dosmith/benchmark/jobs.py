"""The questions of the benchmark, each a job that can run alone, in any order, in another process."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from dosmith.benchmark.baselines import BASELINES, CHANCE, Predictor, Scores
from dosmith.benchmark.cases import CASES, OWN, PAPER, case
from dosmith.benchmark.chemistry import element_map, gap_classes
from dosmith.benchmark.data import Spectra, proposable, survey_file
from dosmith.benchmark.groups import groups
from dosmith.benchmark.networks import DOS_BASED, ONE_HOT, by_crystal_system, inverse_network, shipped
from dosmith.benchmark.outcomes import COLUMNS, matches, outcomes
from dosmith.benchmark.regression import REGRESSIONS
from dosmith.benchmark.sensitivity import DISTURBANCES, RECIPES
from dosmith.errors import SettingsError, did_you_mean
from dosmith.library import ParquetLibrary
from dosmith.models.paper.model import PaperModel
from dosmith.models.paper.published_vectors import PUBLISHED
from dosmith.models.splits import SPLITS, Split
from dosmith.settings import Settings
from dosmith.spectra.standard import Recipe

PLAIN = "plain"
"""The question as it is: neither disturbed nor with another recipe."""

TO_THE_END = "paper, to the end"
"""The paper's network as the paper trains it: for each crystal system apart, until it has learned all it can."""

BY_IDENTITY = "by identity"
"""The same model asked whose the spectrum is, which ranks by likelihood; a method of its own in the results."""

VARIED = "paper, varied"
"""The paper's network trained three times as long, on spectra that are varied, as the shipped model is."""

SHIPPED = "paper, as shipped"
"""The shipped model of the paper's kind; in-sample alone, and only where it was trained on the very library."""

NETWORKS = {
    "paper": DOS_BASED,
    VARIED: DOS_BASED,
    TO_THE_END: DOS_BASED,
    "paper, SkipAtom": PUBLISHED[0],
    "paper, mat2vec": PUBLISHED[1],
    "paper, one-hot": ONE_HOT,
}
"""The paper's network and its element vectors."""

KINDS = (DOS_BASED, *PUBLISHED, ONE_HOT)
"""Element vectors whose chemistry is examined."""

FORWARD = OWN
"""dosmith's own model."""

SIMPLE = (*(name for name in BASELINES if name != CHANCE), *REGRESSIONS)
"""Methods that need no network: a model that does not beat the strongest of these is not worth its training."""

TESTED = {
    "in-sample": (*BASELINES, *(name for name in NETWORKS if name != VARIED)),
    "formula": (*BASELINES, PAPER),
    "system": (*BASELINES, *REGRESSIONS, *NETWORKS, FORWARD),
    "element-relaxed": (*BASELINES, PAPER),
    "element-strict": (*BASELINES, PAPER),
}
"""Which methods face which split."""

TOLD = (FORWARD, "kernel ridge, crystal", "neighbours in prototype")
"""Methods that are told prototype and volume of the hidden materials in blind screening; all others pick by composition anyway."""

HEADLINE = (PAPER, FORWARD)
"""Methods that are trained several times on each fold of the held-out chemical systems, as `BenchmarkSettings.seeds` says."""

DISTURBED = ("mixed centroids", "substitution", PAPER, FORWARD)
"""Methods that are shown disturbed targets, on the held-out chemical systems."""

RETAUGHT = ("mixed centroids", "substitution", PAPER)
"""Methods that are taught, and shown, spectra of other recipes."""


@dataclass(frozen=True)
class Job:
    """One question.

    Attributes:
        kind: outcomes, map, gaps or case.
        subject: method, kind of element vectors, or case.
        split: of outcomes.
        fold: of the split.
        recipe: of `RECIPES`, or `PLAIN`.
        seed: which of several trainings on the same fold, from 0.
    """

    kind: str
    subject: str
    split: str = ""
    fold: int = 0
    recipe: str = PLAIN
    seed: int = 0

    @property
    def name(self) -> str:
        """Unique, and fit for a file."""
        parts = [self.kind, self.subject, self.split, str(self.fold), self.recipe, *([f"seed{self.seed}"] if self.seed else [])]
        return ".".join("".join(c if c.isalnum() or c == "-" else "_" for c in part) for part in parts)


def jobs(settings: Settings, library: ParquetLibrary, quick: bool = False, methods: Collection[str] = ()) -> list[Job]:
    """All questions, the longest first.

    Args:
        settings: how many folds.
        library: the data.
        quick: only what needs no network but the paper's on two folds of the headline split.
        methods: only what these are asked; all when empty.

    Raises:
        SettingsError: there is no such method.
    """
    known = list(dict.fromkeys(method for asked in TESTED.values() for method in asked))
    if unknown := [method for method in methods if method not in known]:
        raise SettingsError(f"there is no method '{unknown[0]}'; they are: {'; '.join(known)}{did_you_mean(unknown[0], known)}")
    asked = _all_jobs(settings, library, quick)
    return [job for job in asked if job.kind == "outcomes" and job.subject in methods] if methods else asked


def _all_jobs(settings: Settings, library: ParquetLibrary, quick: bool) -> list[Job]:
    folds = range(settings.benchmark.folds)
    if quick:
        asked = [Job("outcomes", method, "system", fold) for method in (PAPER, *BASELINES) for fold in folds[:2]]
        asked.append(Job("outcomes", next(iter(REGRESSIONS)), "system", 0))  # one of them on one fold: they take longest
        return [*asked, Job("map", DOS_BASED), *(Job("case", each.key) for each in CASES if each.n_elements == 2)]
    asked = [Job("outcomes", method, split, fold) for split, methods in TESTED.items() for method in methods for fold in folds]
    asked += [
        Job("outcomes", method, "system", fold, seed=seed)
        for method in HEADLINE
        for fold in folds
        for seed in range(1, settings.benchmark.seeds)
    ]
    asked += [Job("outcomes", method, "system", fold, recipe) for recipe in RECIPES for method in RETAUGHT for fold in folds]
    if PaperModel.open(PAPER).spec["library"] == {"name": library.name, "count": len(library)}:
        asked.append(Job("outcomes", SHIPPED, "in-sample"))
    asked += [Job("gaps", kind) for kind in KINDS]
    asked += [Job("map", kind) for kind in KINDS if kind != ONE_HOT]
    asked += [Job("case", each.key) for each in CASES]
    return sorted(asked, key=lambda job: (job.subject != FORWARD, job.subject not in NETWORKS))


def answer(job: Job, library: str, settings: str) -> str:
    """Do a job.

    Args:
        job: which.
        library: folder of the library.
        settings: as JSON.

    Returns:
        what was found, as JSON; see `outcomes_of` and the modules that answer the other kinds.
    """
    options, store = Settings.model_validate_json(settings), _library(library)
    if job.kind == "outcomes":
        return json.dumps(outcomes_of(job, store, options))
    if job.kind == "case":
        return json.dumps(case(next(each for each in CASES if each.key == job.subject), store, options))
    ask = {"map": element_map, "gaps": gap_classes}[job.kind]
    return json.dumps(ask(_spectra(library, Recipe.from_settings(options.spectra)), options, job.subject))


def outcomes_of(job: Job, library: ParquetLibrary, settings: Settings) -> dict[str, Any]:
    """Outcomes of a method on one fold: for `PLAIN` and each disturbance the columns of `outcomes.COLUMNS`, and ids and systems.

    With another recipe the method learns from, and is shown, spectra of that recipe; what it finds is judged by the usual ones.
    """
    usual = Recipe.from_settings(settings.spectra)
    spectra = _spectra(str(library.folder), usual)
    options = settings.benchmark
    split = SPLITS[job.split](spectra.compositions, spectra.wanted, options.folds, options.seed)[job.fold]
    seen = spectra
    if job.recipe != PLAIN:
        other = _spectra(str(library.folder), RECIPES[job.recipe](usual))
        seen = other.like(spectra)
    scores = fit(job.subject, seen, split, settings, library, job.seed)
    shown = {PLAIN: seen.vectors[split.test]}
    if job.split == "system" and job.subject in DISTURBED and job.recipe == PLAIN and job.seed == 0:
        for number, (name, disturbance) in enumerate(DISTURBANCES.items()):
            generator = np.random.default_rng([options.seed, job.fold, number])
            shown[name] = disturbance.apply(seen.vectors[split.test], usual.grid, generator)
    tables = {name: outcomes(spectra, split, scores, vectors) for name, vectors in shown.items()}
    if isinstance(scores, Predictor) and scores.identity is not None and job.recipe == PLAIN:
        tables[BY_IDENTITY] = outcomes(spectra, split, scores.identity)
    found = {}
    if isinstance(scores, Predictor) and scores.probability is not None:
        found["matches"] = matches(spectra, split, scores)
    return found | {
        "ids": [spectra.ids[row] for row in split.test],
        "systems": [spectra.systems[row] for row in split.test],
        "groups": groups(spectra, split.test, proposable()),
        "left_out": list(split.left_out),
        "spectra": len(split.train),
        "columns": {
            variant: {name: [_plain(value) for value in table[name]] for name in COLUMNS} for variant, table in tables.items()
        },
    }


def fit(method: str, spectra: Spectra, split: Split, settings: Settings, library: ParquetLibrary, seed: int = 0) -> Scores:
    """A method, ready to be asked; another seed is another training on the same fold."""
    if (simple := BASELINES.get(method) or REGRESSIONS.get(method)) is not None:
        return simple(spectra, split)
    import torch

    torch.set_num_threads(1)  # processes stand side by side instead
    options = settings.benchmark
    if method == FORWARD:
        from dosmith.benchmark.forward import forward

        again = settings.forward.model_copy(update={"seed": settings.forward.seed + seed})
        return forward(spectra, split, library, survey_file(), again)
    if method == SHIPPED:
        return shipped(spectra, PaperModel.open(PAPER))
    split = replace(split, fold=split.fold + seed * options.folds)  # which is the seed of networks
    plain = settings.paper.model_copy(update={"plain_share": 1.0})  # the paper does not vary its spectra
    remembering = plain.model_copy(update={"batch": options.in_sample_batch})
    if method == TO_THE_END:
        return by_crystal_system(spectra, split, remembering, options.end_steps)
    if split.name == "in-sample":
        return inverse_network(spectra, split, remembering, NETWORKS[method], options.in_sample_steps)
    if method == VARIED:
        return inverse_network(spectra, split, settings.paper, NETWORKS[method], 3 * options.held_out_steps)
    return inverse_network(spectra, split, plain, NETWORKS[method], options.held_out_steps)


def _plain(value: np.float64) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


@lru_cache(maxsize=1)
def _library(folder: str) -> ParquetLibrary:
    return ParquetLibrary(folder)


@lru_cache(maxsize=8)
def _spectra(folder: str, recipe: Recipe) -> Spectra:
    return Spectra.of(_library(folder), recipe)
