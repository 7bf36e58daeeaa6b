"""Commands that make and judge models: train, benchmark, model info."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dosmith.cli.options import Format, FormatOption, LibraryOption, library_at, new_console, settings_of


def train(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option("--model", help="What to train: dosmith (crystal to DOS), paper (DOS to composition).  [default: dosmith]"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the checkpoint, replaced whole.  [default: trained-MODEL]"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of weights and batches.  [default: 0]")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Epochs of the largest networks.  [default: dosmith 40, paper 900]")
    ] = None,
    survey: Annotated[
        Path | None,
        typer.Option(
            "--survey",
            metavar="FILE",
            help="Crystals that the model may propose.  [default: the included list of expected crystals]",
        ),
    ] = None,
    spectra: Annotated[
        Path | None,
        typer.Option("--spectra", metavar="FILE", help="Train on a table (Parquet) of other spectra: columns formula, spectrum."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes side by side; dosmith's own model alone.")] = 1,
    library: LibraryOption = None,
) -> None:
    """Train a model on the library and save it as one folder. Needs dosmith[train], for dosmith also dosmith[relax]."""
    from dosmith.report.console import print_model
    from dosmith.report.progress import training_progress
    from dosmith.training import section_of
    from dosmith.training import train as train_model

    table = None
    if spectra is not None:
        from dosmith.models.composition.table import SpectraTable

        table = SpectraTable.read(spectra)
    folder = out or Path(f"trained-{spectra.stem if spectra is not None else model or 'dosmith'}")
    section, settings = section_of(model, table), settings_of(context)
    changes = {name: value for name, value in (("seed", seed), ("epochs", epochs)) if value is not None}
    settings = settings.model_copy(update={section: getattr(settings, section).model_copy(update=changes)})
    console = new_console()
    with training_progress(console) as progress:
        trained = train_model(
            folder,
            model=model,
            library=None if library is None else library_at(library),
            spectra=table,
            survey=survey,
            settings=settings,
            progress=progress,
            workers=workers,
        )
    print_model(console, trained, None if table is None else table.skipped)
    console.print(f"Saved in {folder}", highlight=False, markup=False)


def benchmark(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of results, page and pictures; an existing one is continued.")
    ] = Path("benchmark-output"),
    quick: Annotated[bool, typer.Option("--quick", help="A small part, in about a minute.")] = False,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", metavar="NAME", help="Test only this method, and add it to the results; repeatable."),
    ] = None,
    library: LibraryOption = None,
    output: FormatOption = Format.table,
) -> None:
    """Reproduce the paper's tables and figures, then test everything on held-out chemistry. Needs dosmith[benchmark,relax,train]."""
    from dosmith.benchmark.page import write
    from dosmith.benchmark.run import run
    from dosmith.errors import LibraryError
    from dosmith.library import ParquetLibrary
    from dosmith.report.console import print_benchmark
    from dosmith.report.progress import benchmark_progress

    console, opened = new_console(), library_at(library)
    if not isinstance(opened, ParquetLibrary):
        raise LibraryError("the benchmark is of one library; give --library once")
    if output is Format.table:
        with benchmark_progress(console) as progress:
            results = run(opened, out, settings_of(context), quick, progress, method or ())
    else:
        results = run(opened, out, settings_of(context), quick, methods=method or ())
    write(results, out)
    if output is Format.json:
        typer.echo(json.dumps(results))
    elif output is Format.csv:
        from dosmith.designs import csv_text

        typer.echo(csv_text(results["results"]), nl=False)
    else:
        print_benchmark(console, results)
        console.print(f"Written to {out}: README.md, can-and-cannot.md, benchmark.json", highlight=False, markup=False)


def info(
    model: Annotated[str, typer.Argument(metavar="NAME|DIR", help="Shipped model or checkpoint folder.")] = "dosmith",
    output: FormatOption = Format.table,
) -> None:
    """Show what a model is and how good it is."""
    from dosmith.models.registry import open_model

    opened = open_model(model)
    if output is Format.json:
        typer.echo(json.dumps(opened.as_dict(), indent=2))
    elif output is Format.csv:
        typer.echo("\n".join(",".join(row) for row in opened.summary().table))
    else:
        from dosmith.report.console import print_model

        print_model(new_console(), opened)


def project(
    model: Annotated[str, typer.Argument(metavar="NAME|DIR", help="Shipped model or checkpoint folder.")] = "dosmith",
    above_hull: Annotated[
        float | None, typer.Option("--above-hull", min=0.0, metavar="EV", help="Only candidates up to this height, eV/atom.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes side by side.")] = 1,
    library: LibraryOption = None,
) -> None:
    """Predict elements, orbitals and spins of a model's candidates, so that design --project and --spin rank them. Needs dosmith[relax]; hours; goes on where it stopped."""
    from dosmith.models.tight_binding.projecting import project as project_candidates
    from dosmith.report.progress import training_progress

    console = new_console()
    with training_progress(console) as progress:
        project_candidates(model, library_at(library), progress, above_hull, workers)
    console.print(f"The candidates of {model} have projections", highlight=False, markup=False)


def candidates(
    survey: Annotated[
        Path, typer.Argument(metavar="FILE", help="Crystals: a survey, or a list by 'dosmith data generate' (Parquet).")
    ],
    model: Annotated[str, typer.Argument(metavar="NAME|DIR", help="Shipped model or checkpoint folder.")] = "dosmith",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes side by side.")] = 1,
    library: LibraryOption = None,
) -> None:
    """Predict the DOS of other crystals, so that a trained model proposes them. Needs dosmith[relax]; goes on where it stopped."""
    from dosmith.models.tight_binding.train import propose_from
    from dosmith.report.progress import training_progress

    console = new_console()
    with training_progress(console) as progress:
        opened = propose_from(model, survey, library_at(library), progress, workers)
    console.print(f"{model} proposes from {len(opened.atlas):,} crystals", highlight=False, markup=False)
