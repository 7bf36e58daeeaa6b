"""The whole benchmark on a small set: resumable, seeded, whole; and a guard against regressions on the shipped set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dosmith import formulas
from dosmith.benchmark import run as running
from dosmith.benchmark.groups import GROUPS
from dosmith.benchmark.jobs import HEADLINE, SHIPPED, TESTED, Job, jobs
from dosmith.benchmark.metrics import METRICS
from dosmith.benchmark.page import GUIDE, PAGE, guide, page, write
from dosmith.benchmark.run import RESULTS, open_results, run
from dosmith.errors import DosmithError
from dosmith.library import ParquetLibrary
from dosmith.library.store import write_library
from dosmith.models.splits import SPLITS
from dosmith.settings import BenchmarkSettings, ForwardSettings, PaperSettings, Settings

pytestmark = pytest.mark.training

CHOSEN = {"Pt", "Pd", "Ni", "Al", "Zr", "Ti", "Sn", "Bi", "Cu", "Rh", "Hf", "Sb", "Mo"}
SETTINGS = Settings(
    paper=PaperSettings(autoencoder_epochs=10),
    forward=ForwardSettings(members=2, epochs=1, plain_epochs=2, density=4),
    benchmark=BenchmarkSettings(
        folds=2, seeds=2, in_sample_steps=20, held_out_steps=10, end_steps=10, resamples=100, processes=1
    ),
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    pytest.importorskip("chgnet", reason="CHGNet is not installed: pip install 'dosmith[relax]'")
    pytest.importorskip("elementembeddings", reason="ElementEmbeddings is not installed: pip install 'dosmith[benchmark]'")


@pytest.fixture(scope="module")
def library(open_set, tmp_path_factory) -> ParquetLibrary:
    rows = [row for row, f in enumerate(open_set.formulas) if {s for s, _ in formulas.parse(f)} <= CHOSEN]
    return write_library(
        [open_set.material(open_set.ids[row]) for row in rows], tmp_path_factory.mktemp("library"), "a small library"
    )


@pytest.fixture(scope="module")
def whole(library, tmp_path_factory) -> tuple[Path, dict]:
    folder = tmp_path_factory.mktemp("benchmark")
    return folder, run(library, folder, SETTINGS)


def test_every_model_split_and_metric_has_a_number_with_its_interval(whole, library) -> None:
    _, results = whole
    found = {(each["model"], each["split"], each["metric"]): each for each in results["results"] if each["variant"] == "plain"}
    for split, methods in TESTED.items():
        for model in methods:
            for metric, what in METRICS.items():
                if what.held_out and split == "in-sample":
                    continue
                each = found[model, split, metric]
                repeated = split == "system" and model in HEADLINE
                assert each["n"] > 0 and each["seeds"] == ([0, 1, 2, 3] if repeated else [0, 1])
                assert len(each.get("trainings", ())) == (2 if repeated else 0)
                if each["mean"] is not None:
                    assert each["low"] - 1e-9 <= each["mean"] <= each["high"] + 1e-9
    assert {each["split"] for each in results["results"]} == {*SPLITS, "in-sample, 100 at random"}
    assert found["oracle", "system", "screen"]["mean"] >= found["substitution", "system", "screen"]["mean"]
    asked = results["library"]["asked"]
    assert all(found[model, split, "top_1"]["n"] == asked for split in ("in-sample", "system") for model in TESTED[split])
    # A lookup that may not see the target finds no composition of a held-out system.
    assert found["retrieval", "system", "top_50"]["mean"] == 0.0


def test_targets_are_told_apart_by_kind_and_every_part_is_counted_once(whole, library) -> None:
    _, results = whole
    asked = results["library"]["asked"]
    of = {(each["part"], each["model"], each["metric"]): each for each in results["groups"]}
    for first, second in GROUPS.values():
        counts = [of[part, "substitution", "top_5"]["n"] for part in (first, second)]
        assert sum(counts) <= asked and max(counts) > 0
    assert sum(of[part, "substitution", "top_5"]["n"] for part in GROUPS["moment"]) == asked
    whole_mean = next(
        each["mean"]
        for each in results["results"]
        if (each["model"], each["split"], each["variant"], each["metric"])
        == ("substitution", "system", "plain", "screen_untold_09")
    )
    parts = [of[part, "substitution", "screen_untold_09"] for part in GROUPS["moment"]]
    total = sum(each["mean"] * each["n"] for each in parts if each["mean"] is not None)
    assert total / asked == pytest.approx(whole_mean)


def test_only_what_is_told_crystals_picks_better_by_them(whole) -> None:
    """Methods that know no crystals pick the same, told or not."""
    _, results = whole
    found = {
        (each["model"], each["metric"]): each["mean"]
        for each in results["results"]
        if (each["split"], each["variant"]) == ("system", "plain")
    }
    for model in ("substitution", "mixed centroids", "kernel ridge, composition"):
        assert found[model, "screen_untold_closed"] == found[model, "screen_closed"]
    for model in ("kernel ridge, crystal", "neighbours in prototype", "dosmith"):
        assert found[model, "screen_untold_closed"] != found[model, "screen_closed"]


def test_the_file_holds_what_was_returned(whole) -> None:
    folder, results = whole
    assert open_results(folder) == json.loads(json.dumps(results))


def test_interrupted_it_goes_on_where_it_was(library, whole, tmp_path) -> None:
    _, expected = whole
    seen: list[Job] = []

    def interrupt(job: Job, done: int, total: int) -> None:
        seen.append(job)
        if len(seen) == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(library, tmp_path, SETTINGS, progress=interrupt)
    assert not (tmp_path / RESULTS).exists()
    torn = sorted((tmp_path / "parts").iterdir())[0]
    torn.write_text(torn.read_text(encoding="utf-8")[:100], encoding="utf-8")  # as if the disk had lost it
    again: list[Job] = []
    results = run(library, tmp_path, SETTINGS, progress=lambda job, done, total: again.append(job))
    assert len(again) == len(jobs(SETTINGS, library)) - 11
    assert results == expected


def test_processes_side_by_side_give_the_same_numbers(library, whole, tmp_path, monkeypatch) -> None:
    _, expected = whole
    some = [Job("outcomes", "substitution", "system", fold) for fold in (0, 1)] + [Job("outcomes", "random", "system", 0)]
    monkeypatch.setattr(running, "jobs", lambda settings, library, quick, methods: some)
    two = SETTINGS.model_copy(update={"benchmark": SETTINGS.benchmark.model_copy(update={"processes": 2})})
    results = run(library, tmp_path, two)
    of = [each for each in results["results"] if each["model"] == "substitution"]
    assert of and all(each in expected["results"] for each in of)


def test_a_method_is_added_to_results_of_the_same_library_alone(library, tmp_path) -> None:
    first, name = "mixed centroids", "neighbours in prototype"
    before = run(library, tmp_path, SETTINGS, methods=[first])
    results = run(library, tmp_path, SETTINGS, methods=[name])
    assert {each["model"] for each in results["groups"]} == {first, name}
    for part in ("results", "groups"):
        assert [each for each in results[part] if each["model"] == first] == before[part]
    assert run(library, tmp_path, SETTINGS, methods=[name]) == results
    assert name in page(results, []) and first in guide(results)
    (tmp_path / RESULTS).write_text(json.dumps({**results, "library": {**results["library"], "count": 7}}), encoding="utf-8")
    with pytest.raises(DosmithError, match="ask all methods again"):
        run(library, tmp_path, SETTINGS, methods=[name])
    with pytest.raises(DosmithError, match="did you mean 'substitution'"):
        run(library, tmp_path, SETTINGS, methods=["substitutio"])


def test_a_folder_without_results_is_named(tmp_path) -> None:
    with pytest.raises(DosmithError, match="dosmith benchmark --out"):
        open_results(tmp_path)


def test_pages_and_pictures_come_from_the_results_alone(whole, tmp_path) -> None:
    _, results = whole
    write(results, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {PAGE, GUIDE, "elements.svg", "paper.svg", "screening.svg", "sensitivity.svg", "case-Pt3Ni.svg"} <= names
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    for name in names - {PAGE, GUIDE}:
        assert f"({name})" in text and (tmp_path / name).read_text(encoding="utf-8").startswith("<?xml")
    number = next(
        each["mean"]
        for each in results["results"]
        if (each["model"], each["split"], each["metric"], each["variant"]) == ("oracle", "system", "screen", "plain")
    )
    assert f"{number:.3f}" in text and f"{number:.2f}" in (tmp_path / GUIDE).read_text(encoding="utf-8")
    before = {name: (tmp_path / name).read_bytes() for name in names}
    write(results, tmp_path)
    assert before == {name: (tmp_path / name).read_bytes() for name in names}


def test_the_committed_pages_are_those_of_the_committed_results() -> None:
    folder = Path(__file__).parents[2] / "docs" / "benchmark"
    results = open_results(folder)
    pictures = [path.name for path in folder.glob("*.svg")]
    assert (folder / PAGE).read_text(encoding="utf-8") == page(results, pictures)
    assert (folder / GUIDE).read_text(encoding="utf-8") == guide(results)
    assert len(results["settings"]) and results["settings"]["folds"] >= 5


def test_the_shipped_set_still_gives_what_it_gave(open_set, tmp_path) -> None:
    """A guard: floors that lie well below what is measured (docs/benchmark), on two folds."""
    results = run(open_set, tmp_path, Settings(), quick=True)

    def of(model: str, metric: str) -> float:
        return next(
            each["mean"]
            for each in results["results"]
            if (each["model"], each["split"], each["metric"], each["variant"]) == (model, "system", metric, "plain")
        )

    assert of("substitution", "top_50") > 0.18
    assert of("substitution", "screen_closed") > 0.42
    assert of("mixed centroids", "screen_closed") > 0.4
    assert of("kernel ridge, composition", "screen_closed") > 0.65
    assert of("paper", "screen_closed") > 0.25
    assert of("paper", "top_50") > 0.06
    assert abs(of("random", "screen_closed")) < 0.06
    assert results["maps"]["dos"]["agreement"] > results["maps"]["dos"]["shuffled"]["high"]


def test_the_shipped_model_is_asked_only_about_what_it_was_trained_on(open_set, library) -> None:
    def models(of: ParquetLibrary) -> set[str]:
        return {job.subject for job in jobs(Settings(), of)}

    assert models(open_set) - models(library) == {SHIPPED}
