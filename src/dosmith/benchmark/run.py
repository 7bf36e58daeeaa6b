"""Run the benchmark: jobs side by side, each answer kept as it comes, all of them brought together in one file.

Interrupted, it goes on where it was, as long as data, settings and model are the same.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from dosmith.atomic import write_text
from dosmith.benchmark.baselines import BASELINES, CHANCE
from dosmith.benchmark.data import FloatArray, Spectra
from dosmith.benchmark.fingerprint import fingerprint
from dosmith.benchmark.groups import GROUPS
from dosmith.benchmark.intervals import METHOD
from dosmith.benchmark.jobs import BY_IDENTITY, FORWARD, NETWORKS, PLAIN, SHIPPED, Job, answer, jobs
from dosmith.benchmark.metrics import BY_GROUP, METRICS, ORACLE, Metric, calibration, mean_of, summarise
from dosmith.benchmark.outcomes import COLUMNS
from dosmith.benchmark.regression import REGRESSIONS
from dosmith.errors import DosmithError, MissingExtraError
from dosmith.library import ParquetLibrary
from dosmith.models.splits import SPLITS
from dosmith.processes import workers
from dosmith.settings import Settings
from dosmith.spectra.standard import Recipe

_NEEDED = ("torch", "onnx", "chgnet", "sklearn", "matplotlib", "elementembeddings")
FORMAT = 1
"""Version of the layout of `benchmark.json`."""

PARTS, RESULTS = "parts", "benchmark.json"
SAMPLE = 100
"""Spectra drawn at random for the paper's own protocol."""

Progress = Callable[[Job, int, int], None]
"""Called after each job: the job, how many are done, and how many there are."""


def run(
    library: ParquetLibrary,
    folder: Path,
    settings: Settings,
    quick: bool = False,
    progress: Progress | None = None,
    methods: Collection[str] = (),
) -> dict[str, Any]:
    """Answer every question that the folder does not hold, and write its `benchmark.json`.

    Args:
        library: the data.
        folder: of the results; answers of single jobs are kept in its `parts`.
        settings: the benchmark's section, and those of spectra, the paper's model and design.
        quick: a small part, in about a minute.
        progress: called after each job.
        methods: ask only these, and keep what the folder's `benchmark.json` says of others; all when empty.

    Returns:
        what `benchmark.json` holds; see docs/json.md.

    Raises:
        MissingExtraError: something that the benchmark needs is not installed.
        SettingsError: there is no such method.
        DosmithError: a method is to be added to results of another library.
    """
    lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise MissingExtraError(f"the benchmark ({', '.join(lacking)})", "benchmark,relax,train")
    before = open_results(folder) if methods and (folder / RESULTS).is_file() else None
    asked = jobs(settings, library, quick, methods)
    marks = {shipped: fingerprint(library, settings, shipped) for shipped in (False, True)}
    mark = {job: marks[job.kind == "case" or job.subject == SHIPPED] for job in asked}
    parts = folder / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    answers = {job: kept for job in asked if (kept := _kept(parts, job, mark[job])) is not None}
    for job, text in _answers([job for job in asked if job not in answers], library, settings):
        answers[job] = json.loads(text)
        write_text(parts / f"{job.name}.json", json.dumps({"fingerprint": mark[job], "answer": answers[job]}))
        if progress is not None:
            progress(job, len(answers), len(asked))
    results = collate({job: answers[job] for job in asked}, library, settings)
    if before is not None:
        results = added(before, results)
    write_text(folder / RESULTS, as_text(results))
    return results


def added(before: Mapping[str, Any], results: Mapping[str, Any]) -> dict[str, Any]:
    """Results with those of other methods as they were before.

    Raises:
        DosmithError: those are of another library.
    """
    if before["library"] != results["library"]:
        raise DosmithError(
            f"the results are of {before['library']['name']} with {before['library']['count']:,} spectra, the library now holds"
            f" {results['library']['count']:,}: ask all methods again (without --method)"
        )
    asked = {each["model"] for each in results["results"]}

    def both(name: str) -> list[dict[str, Any]]:
        return [*(each for each in before.get(name, ()) if each["model"] not in asked), *results[name]]

    joined = {"results": both("results"), "groups": both("groups")}
    kept = {name: before[name] for name in ("left_out", "calibration", "gaps", "maps", "cases", "settings")}
    calibrated = {"calibration": {**kept["calibration"], **results["calibration"]}}
    return {**results, **kept, **calibrated, **joined}


def as_text(results: Mapping[str, Any]) -> str:
    """Results as JSON with one entry of a list or table to a line, so that changes can be read."""
    lines = []
    for name, value in results.items():
        if isinstance(value, list):
            inner = ",\n  ".join(json.dumps(each) for each in value)
            lines.append(f" {json.dumps(name)}: [\n  {inner}\n ]")
        elif isinstance(value, dict):
            inner = ",\n  ".join(f"{json.dumps(key)}: {json.dumps(each)}" for key, each in value.items())
            lines.append(f" {json.dumps(name)}: {{\n  {inner}\n }}")
        else:
            lines.append(f" {json.dumps(name)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _kept(parts: Path, job: Job, mark: str) -> Any | None:
    try:
        part = json.loads((parts / f"{job.name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return part["answer"] if part.get("fingerprint") == mark else None


def _answers(remaining: Sequence[Job], library: ParquetLibrary, settings: Settings) -> Iterator[tuple[Job, str]]:
    """Answers as they come, from processes side by side, or from this one when one is enough."""
    options = settings.model_dump_json()
    count = min(settings.benchmark.processes, len(remaining))
    if count <= 1:
        yield from ((job, answer(job, str(library.folder), options)) for job in remaining)
        return
    # Spawned, not forked: PyTorch's threads do not survive a fork.
    with workers(count) as pool:
        running = {pool.submit(answer, job, str(library.folder), options): job for job in remaining}
        for future in as_completed(running):
            yield running[future], future.result()


def collate(answers: dict[Job, Any], library: ParquetLibrary, settings: Settings) -> dict[str, Any]:
    """All answers as one object of plain values."""
    from dosmith.version import __version__

    spectra = Spectra.of(library, Recipe.from_settings(settings.spectra))
    return {
        "format": FORMAT,
        "dosmith_version": __version__,
        "library": {
            "name": library.name,
            "count": len(library),
            "asked": int(spectra.wanted.sum()),
            "systems": len({system for system, wanted in zip(spectra.systems, spectra.wanted, strict=True) if wanted}),
            "compositions": len(spectra.space),
            "elements": len(spectra.space.symbols),
        },
        "settings": settings.benchmark.model_dump(exclude={"processes"}),
        "metrics": {name: metric.meaning for name, metric in METRICS.items()},
        "intervals": METHOD,
        "results": list(_results(answers, settings)),
        "groups": list(_by_group(answers, settings)),
        "left_out": {
            f"{job.split}": sorted({s for each, a in answers.items() if each.split == job.split for s in a["left_out"]})
            for job in answers
            if job.split.startswith("element")
        },
        "calibration": {
            model: calibration([a["matches"] for job, a in answers.items() if job.subject == model and "matches" in a])
            for model in sorted({job.subject for job, a in answers.items() if "matches" in a})
        },
        "gaps": {job.subject: _gap_scores(a, spectra, settings) for job, a in answers.items() if job.kind == "gaps"},
        "maps": {job.subject: a for job, a in answers.items() if job.kind == "map"},
        "cases": {job.subject: a for job, a in answers.items() if job.kind == "case"},
    }


def _results(answers: dict[Job, Any], settings: Settings) -> Iterator[dict[str, Any]]:
    """One object for each model, split, variant and metric."""
    asked = {(job.split, job.subject, job.recipe) for job in answers if job.kind == "outcomes"}
    order, ranked = list(SPLITS), [FORWARD, *BASELINES, *REGRESSIONS, SHIPPED, *NETWORKS]
    for split, model, recipe in sorted(
        asked, key=lambda each: (order.index(each[0]), each[2] != PLAIN, ranked.index(each[1]), each[2])
    ):
        parts = _parts(answers, settings, split, model, recipe)
        for variant in next(iter(parts.values()))["columns"]:
            named = variant if recipe == PLAIN else recipe
            name, named = (f"{model}, {BY_IDENTITY}", PLAIN) if variant == BY_IDENTITY else (model, named)
            shown = {number: part for number, part in parts.items() if variant in part["columns"]}
            yield from _summaries(shown, split, name, variant, named, settings)
            if split == "in-sample":
                yield from _summaries(_sampled(shown, settings), f"{split}, {SAMPLE} at random", model, variant, named, settings)
    for split in sorted({split for split, model, _ in asked if model == CHANCE and split != "in-sample"}, key=order.index):
        parts = _parts(answers, settings, split, CHANCE, PLAIN)
        yield from _summaries(parts, split, "oracle", PLAIN, PLAIN, settings, ORACLE)


def _by_group(answers: dict[Job, Any], settings: Settings) -> Iterator[dict[str, Any]]:
    """One object for each model, part of the held-out chemical systems' targets, and metric of `BY_GROUP`."""
    asked = {job.subject for job in answers if (job.kind, job.split, job.recipe) == ("outcomes", "system", PLAIN)}
    for model in sorted(asked, key=[FORWARD, *BASELINES, *REGRESSIONS, *NETWORKS].index):
        parts = _parts(answers, settings, "system", model, PLAIN)
        for group, names in GROUPS.items():
            for name in names:
                chosen = {number: _only(part, group, name) for number, part in parts.items()}
                metrics = {metric: METRICS[metric] for metric in BY_GROUP}
                for each in _summaries(chosen, "system", model, PLAIN, PLAIN, settings, metrics):
                    kept = {key: each[key] for key in ("model", "metric", "mean", "low", "high", "n")}
                    yield {"group": group, "part": name} | kept


def _parts(answers: dict[Job, Any], settings: Settings, split: str, model: str, recipe: str) -> dict[int, Any]:
    """Answers of one method by the number of the training, which is its seed: fold, and folds more for each further seed."""
    return {
        job.fold + settings.benchmark.folds * job.seed: each
        for job, each in answers.items()
        if (job.split, job.subject, job.recipe) == (split, model, recipe)
    }


def _only(part: dict[str, Any], group: str, name: str) -> dict[str, Any]:
    """The targets of an answer that belong to a part."""
    places = [place for place, each in enumerate(part["groups"][group]) if each == name]
    return _at(part, places)


def _at(part: dict[str, Any], places: Sequence[int]) -> dict[str, Any]:
    """Some targets of an answer."""
    return {
        "ids": [part["ids"][place] for place in places],
        "systems": [part["systems"][place] for place in places],
        "columns": {
            variant: {name: [values[place] for place in places] for name, values in columns.items()}
            for variant, columns in part["columns"].items()
        },
    }


def _summaries(
    parts: dict[int, Any],
    split: str,
    model: str,
    variant: str,
    named: str,
    settings: Settings,
    metrics: Mapping[str, Metric] = METRICS,
) -> Iterator[dict[str, Any]]:
    options = settings.benchmark
    asked = {name: metric for name, metric in metrics.items() if not (metric.held_out and split.startswith("in-sample"))}
    columns = _columns(parts.values(), variant)
    systems = [system for part in parts.values() for system in part["systems"]]
    scores = summarise(columns, systems, asked, options.resamples, options.seed)
    repeated = [list(numbers) for _, numbers in groupby(sorted(parts), key=lambda number: number // options.folds)]
    again = [_columns([parts[number] for number in numbers], variant) for numbers in repeated]
    targets = {identifier for part in parts.values() for identifier in part["ids"]}
    for metric, score in scores.items():
        trainings = {}
        if len(repeated) > 1 and not split.startswith("in-sample"):
            sums = [(asked[metric].above(each).sum(), asked[metric].below(each).sum()) for each in again]
            trainings = {"trainings": [float(above / below) if below else None for above, below in sums]}
        yield {
            "model": model,
            "split": split,
            "variant": named,
            "metric": metric,
            **score,
            "n": len(targets),
            "seeds": sorted(parts),
            **trainings,
        }


def _columns(parts: Iterable[Mapping[str, Any]], variant: str) -> dict[str, FloatArray]:
    """Columns of several answers, one below the other."""
    tables = [part["columns"][variant] for part in parts]
    return {
        name: np.array([np.nan if value is None else value for table in tables for value in table[name]], dtype=np.float64)
        for name in COLUMNS
    }


def _sampled(parts: dict[int, Any], settings: Settings) -> dict[int, Any]:
    """The outcomes of `SAMPLE` targets drawn at random from those of each seed, as the paper tests."""
    drawn = {}
    for seed, part in parts.items():
        chosen = np.random.default_rng([settings.benchmark.seed, seed]).permutation(len(part["ids"]))[:SAMPLE]
        drawn[seed] = _at(part, chosen.tolist())
    return drawn


def _gap_scores(answered: dict[str, list[int]], spectra: Spectra, settings: Settings) -> dict[str, Any]:
    """Accuracy of the class and of always answering the commonest, and the mean accuracy of the three classes."""
    classes = np.array(answered["classes"])
    columns: dict[str, FloatArray] = {
        "right": np.array(answered["right"], dtype=np.float64),
        "majority": np.array(answered["majority"], dtype=np.float64),
    }
    metrics = {name: mean_of(name, name) for name in ("right", "majority")}
    systems = [spectra.systems[row] for row in answered["rows"]]
    present = sorted(set(classes.tolist()))
    return {
        **summarise(columns, systems, metrics, settings.benchmark.resamples, settings.benchmark.seed),
        "balanced": float(np.mean([columns["right"][classes == each].mean() for each in present])),
        "classes": np.bincount(classes, minlength=3).tolist(),
        "n": len(classes),
        "seeds": list(range(settings.benchmark.folds)),
    }


def open_results(folder: Path) -> dict[str, Any]:
    """The `benchmark.json` of a folder.

    Raises:
        DosmithError: there is none, or it is not one.
    """
    try:
        results: dict[str, Any] = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DosmithError(f"{folder / RESULTS} cannot be read: {error}; run 'dosmith benchmark --out {folder}'") from None
    return results
