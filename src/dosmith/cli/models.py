"""Commands that make and judge models: train, benchmark, model info."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dosmith.cli.options import Format, FormatOption, LibraryOption, library_at, new_console, settings_of
from dosmith.cli.other import is_of_other_spectra


def train(
    context: typer.Context,
    model: Annotated[
        str, typer.Option("--model", help="What to train: dosmith (crystal to DOS), paper (DOS to composition).")
    ] = "dosmith",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the checkpoint, replaced whole.  [default: trained-MODEL]"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of weights and batches.  [default: 0]")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Epochs of the largest networks.  [default: dosmith 25, paper 440]")
    ] = None,
    survey: Annotated[
        Path | None,
        typer.Option("--survey", metavar="FILE", help="Crystals that dosmith is to propose.  [default: the included survey]"),
    ] = None,
    spectra: Annotated[
        Path | None,
        typer.Option("--spectra", metavar="FILE", help="Train on a table (Parquet) of other spectra: columns formula, spectrum."),
    ] = None,
    library: LibraryOption = None,
) -> None:
    """Train a model on the library and save it as one folder. Needs dosmith[train], for dosmith also dosmith[relax]."""
    from dosmith.errors import ModelError

    if spectra is not None:
        _train_other(context, spectra, out or Path(f"trained-{spectra.stem}"), seed, epochs)
        return

    if model not in ("paper", "dosmith"):
        raise ModelError(f"there is no model '{model}' to train; choose dosmith or paper")
    from dosmith.report.console import print_forward_model, print_model
    from dosmith.report.progress import training_progress

    folder = out or Path(f"trained-{model}")
    section = "paper" if model == "paper" else "forward"
    settings, changes = settings_of(context), {name: v for name, v in (("seed", seed), ("epochs", epochs)) if v is not None}
    settings = settings.model_copy(update={section: getattr(settings, section).model_copy(update=changes)})
    console = new_console()
    with training_progress(console) as progress:
        if model == "paper":
            from dosmith.models.paper.train import train_paper

            checkpoint = train_paper(library_at(library), folder, settings, progress, name=folder.name)
        else:
            from dosmith.models.tight_binding.train import train_forward
            from dosmith.shipped import shipped_folder

            crystals = survey or shipped_folder("survey") / "crystals.parquet"
            train_forward(library_at(library), folder, settings, progress, name=folder.name, survey=crystals)
    if model == "paper":
        print_model(console, checkpoint.spec)
    else:
        from dosmith.models.store import read_spec

        print_forward_model(console, read_spec(folder))
    console.print(f"Saved in {folder}", highlight=False, markup=False)


def _train_other(context: typer.Context, spectra: Path, folder: Path, seed: int | None, epochs: int | None) -> None:
    from dosmith.models.composition.table import SpectraTable
    from dosmith.models.composition.train import train_other_spectra
    from dosmith.report.console import print_other_model
    from dosmith.report.progress import training_progress

    changes = {name: value for name, value in (("seed", seed), ("epochs", epochs)) if value is not None}
    table, console = SpectraTable.read(spectra), new_console()
    with training_progress(console) as progress:
        settings = settings_of(context).other_spectra.model_copy(update=changes)
        model = train_other_spectra(table, folder, settings, progress, name=folder.name)
    print_other_model(console, model.spec, table.skipped)
    console.print(f"Saved in {folder}", highlight=False, markup=False)


def benchmark(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of results, page and pictures; what is there is gone on with.")
    ] = Path("benchmark-output"),
    quick: Annotated[bool, typer.Option("--quick", help="A small part, in about a minute.")] = False,
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
            results = run(opened, out, settings_of(context), quick, progress)
    else:
        results = run(opened, out, settings_of(context), quick)
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
    """Tell what a model is and how good it is."""
    from dosmith.designer import model_facts
    from dosmith.models.paper.model import Checkpoint
    from dosmith.models.store import find_checkpoint, read_spec

    spec = read_spec(find_checkpoint(model))
    if is_of_other_spectra(model):
        from dosmith.report.console import print_other_model

        if output is Format.json:
            typer.echo(json.dumps(spec, indent=1))
        elif output is Format.csv:
            typer.echo("\n".join(["quantity,value", *(f"{key},{value}" for key, value in spec["held_out"].items())]))
        else:
            print_other_model(new_console(), spec)
        return
    if spec.get("kind") == "forward":
        from dosmith.report.console import print_forward_model

        if output is Format.table:
            print_forward_model(new_console(), spec)
        elif output is Format.json:
            typer.echo(json.dumps(spec, indent=1))
        else:
            typer.echo("\n".join(["quantity,value", *(f"{key},{value}" for key, value in spec["calibration"].items())]))
        return
    checkpoint = Checkpoint.open(model)
    if output is Format.json:
        typer.echo(json.dumps(model_facts(checkpoint), indent=2))
    elif output is Format.csv:
        from dosmith.models.paper.card import COLUMNS, accuracy_rows

        typer.echo(",".join(name.replace(",", "").replace(" ", "_") for name in COLUMNS))
        typer.echo("\n".join(",".join(str(cell) for cell in row) for row in accuracy_rows(checkpoint.spec)))
    else:
        from dosmith.report.console import print_model

        print_model(new_console(), checkpoint.spec)
