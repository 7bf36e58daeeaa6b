"""The command line: argument parsing only. What a command does is in the modules it imports when it runs."""

from __future__ import annotations

import json
import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dosmith.errors import DosmithError, NotFoundError
from dosmith.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from dosmith.designer import Designer
    from dosmith.library import ParquetLibrary
    from dosmith.settings import Settings

app = typer.Typer(
    name="dosmith",
    help="From an electronic density of states (DOS) to the materials that have it.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help needs no Rich, so it is instant
    context_settings={"help_option_names": ["-h", "--help"]},
)
data_app = typer.Typer(name="data", help="Densities of states at hand.", no_args_is_help=True)
model_app = typer.Typer(name="model", help="Trained models.", no_args_is_help=True)
app.add_typer(data_app)
app.add_typer(model_app)


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A formula (Pt3Ni) or id (Pt-A1) in the library, or a file: vasprun.xml, DOSCAR, pymatgen JSON, CSV; plain or .gz.",
    ),
]
FermiOption = Annotated[float | None, typer.Option("--fermi", metavar="EV", help="Fermi level on the file's energy axis.")]
BroadeningOption = Annotated[
    float | None, typer.Option("--broadening", metavar="EV", help="Gaussian sigma that the curve already carries.")
]
WindowOption = Annotated[
    str | None, typer.Option("--window", metavar="A:B", help="Energies (eV from the energy zero) that count in the similarity.")
]
MetricOption = Annotated[
    str | None, typer.Option("--metric", help="Similarity to the target: cosine, tanimoto or wasserstein.  [default: cosine]")
]
FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is printed.")]
SystemOption = Annotated[
    str | None, typer.Option("--crystal-system", metavar="S", help="Crystal system of the candidates: cubic, hexagonal.")
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="NAME|DIR", help="Shipped model or checkpoint folder.")]
LibraryOption = Annotated[
    Path | None, typer.Option("--library", metavar="DIR", help="Folder of a library in place of the open DOS set.")
]
ELEMENTS_HELP = "symbols with commas or blanks: Pt,Ni,Co"


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
    settings: Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="TOML file with settings.")] = None,
) -> None:
    if settings is not None:  # a bad file is told whatever the command
        from dosmith.settings import load_settings

        context.obj = load_settings(settings)
    if version:
        typer.echo(f"dosmith {__version__}")
        raise typer.Exit


@app.command()
def design(
    context: typer.Context,
    target: TargetArgument,
    top: Annotated[int | None, typer.Option("--top", metavar="N", help="How many candidates.  [default: 5]")] = None,
    crystal_system: SystemOption = None,
    elements: Annotated[str | None, typer.Option("--elements", help=f"Only these may take part: {ELEMENTS_HELP}.")] = None,
    require: Annotated[str | None, typer.Option("--require", help="Each of these must take part.")] = None,
    exclude: Annotated[str | None, typer.Option("--exclude", help="None of these may take part.")] = None,
    n_elements: Annotated[int | None, typer.Option("--n-elements", metavar="N", help="Elements in a candidate.")] = None,
    ratio: Annotated[str | None, typer.Option("--ratio", metavar="M:N", help="Its counts in any order, as in 3:1.")] = None,
    window: WindowOption = None,
    metric: MetricOption = None,
    fermi: FermiOption = None,
    broadening: BroadeningOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write report.html, candidates.json/.csv and CIFs to this folder.")
    ] = None,
    output: FormatOption = Format.table,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """Rank compositions whose DOS should be like the target's."""
    answer = _designer(context, model, library).design(
        target,
        top=top,
        crystal_system=crystal_system,
        elements=elements,
        require=require,
        exclude=exclude,
        n_elements=n_elements,
        ratio=ratio,
        window=window,
        metric=metric,
        fermi=fermi,
        broadening=broadening,
    )
    files: list[Path] = []
    if out is not None:
        from dosmith.report.output import write_design

        files = write_design(answer, out, shlex.join(["dosmith", *sys.argv[1:]]))
    if output is Format.json:
        typer.echo(answer.to_json())
    elif output is Format.csv:
        typer.echo(answer.to_csv(), nl=False)
    else:
        from dosmith.report.console import print_design

        console = _console()
        print_design(console, answer)
        if files:
            console.print(
                f"\nWritten: {files[0]} and {len(files) - 1} more in {out}", highlight=False, markup=False, soft_wrap=True
            )


@app.command()
def similar(
    context: typer.Context,
    target: TargetArgument,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many materials.")] = 10,
    crystal_system: SystemOption = None,
    window: WindowOption = None,
    metric: MetricOption = None,
    fermi: FermiOption = None,
    broadening: BroadeningOption = None,
    output: FormatOption = Format.table,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """List the known materials whose DOS is most like the target's: the honest baseline beside every design."""
    designer = _designer(context, model, library)
    found = designer.target(target, crystal_system=crystal_system, fermi=fermi, broadening=broadening)
    neighbours = designer.similar(found, top=top, crystal_system=crystal_system, window=window, metric=metric)
    rows = [neighbour.as_dict() for neighbour in neighbours]
    if output is Format.json:
        typer.echo(
            json.dumps(
                {"target": found.as_dict(), "similar": rows, "damaged": list(designer.library.damaged)},
                indent=2,
                ensure_ascii=False,
            )
        )
    elif output is Format.csv:
        from dosmith.designer import csv_text

        typer.echo(csv_text(rows), nl=False)
    else:
        from dosmith.report.console import print_damage, print_similar, print_target

        console = _console()
        print_target(console, found)
        print_similar(console, neighbours)
        print_damage(console, designer.library)


@app.command()
def show(
    context: typer.Context,
    target: TargetArgument,
    crystal_system: SystemOption = None,
    fermi: FermiOption = None,
    broadening: BroadeningOption = None,
    output: FormatOption = Format.table,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """Summarise a DOS and draw it as the model sees it."""
    designer = _designer(context, model, library)
    found = designer.target(target, crystal_system=crystal_system, fermi=fermi, broadening=broadening)
    energies, values = found.standard.recipe.grid.energies, found.standard.values
    if output is Format.json:
        curve = {"energies_ev": energies.round(6).tolist(), "dos_per_ev": values.tolist()}
        typer.echo(json.dumps(found.as_dict() | curve, ensure_ascii=False))
    elif output is Format.csv:
        typer.echo("energy_ev,dos_per_ev")
        typer.echo("\n".join(f"{energy:.6g},{value:.8g}" for energy, value in zip(energies, values, strict=True)))
    else:
        from dosmith.report.console import print_curve, print_target

        console = _console()
        print_target(console, found)
        print_curve(console, energies, values)


@app.command()
def predict(
    context: typer.Context,
    what: Annotated[
        list[str], typer.Argument(metavar="CRYSTAL...", help="Formulas, ids in the library, or structure files; any number.")
    ],
    prototype: Annotated[
        str | None, typer.Option("--prototype", metavar="P", help="Crystal of the formulas: L1_2, B2, E2_1, ...")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write a CSV and a CIF of each to this folder.")
    ] = None,
    output: FormatOption = Format.table,
    model: Annotated[str, typer.Option("--model", metavar="NAME|DIR", help="Forward model.")] = "dosmith",
    library: LibraryOption = None,
) -> None:
    """Predict the DOS of crystals, known or not, without computing it. Needs dosmith[relax]."""
    from dosmith.forward.checkpoint import open_model
    from dosmith.forward.predict import predict as predict_all
    from dosmith.forward.predict import write_predictions

    found = predict_all(what, _library(library), open_model(model), prototype)
    files = write_predictions(found, out) if out is not None else []
    if output is Format.json:
        typer.echo(json.dumps([each.as_dict() for each in found], ensure_ascii=False))
    elif output is Format.csv:
        typer.echo("name,energy_ev,dos_per_ev,lower,upper")
        for each in found:
            typer.echo("".join(f"{each.name},{line}\n" for line in each.to_csv().splitlines()[1:]), nl=False)
    else:
        from dosmith.report.console import print_predictions

        console = _console()
        print_predictions(console, found)
        if files:
            console.print(f"Written to {out}: {', '.join(file.name for file in files)}", highlight=False, markup=False)


@app.command()
def train(
    context: typer.Context,
    model: Annotated[
        str, typer.Option("--model", help="What to train: paper (DOS to composition), dosmith (crystal to DOS).")
    ] = "paper",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the checkpoint, replaced whole.  [default: trained-MODEL]"),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of weights and batches.  [default: 0]")] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Epochs of the largest networks.  [default: paper 440, dosmith 25]")
    ] = None,
    survey: Annotated[
        Path | None,
        typer.Option("--survey", metavar="FILE", help="Crystals that dosmith is to propose.  [default: the included survey]"),
    ] = None,
    library: LibraryOption = None,
) -> None:
    """Train a model on the library and save it as one folder. Needs dosmith[train], for dosmith also dosmith[relax]."""
    from dosmith.errors import ModelError

    if model not in ("paper", "dosmith"):
        raise ModelError(f"there is no model '{model}' to train; choose paper or dosmith")
    from dosmith.report.console import print_forward_model, print_model, training_progress

    folder = out or Path(f"trained-{model}")
    section = "paper" if model == "paper" else "forward"
    settings, changes = _settings(context), {name: v for name, v in (("seed", seed), ("epochs", epochs)) if v is not None}
    settings = settings.model_copy(update={section: getattr(settings, section).model_copy(update=changes)})
    console = _console()
    with training_progress(console) as progress:
        if model == "paper":
            from dosmith.model.paper import train_paper

            checkpoint = train_paper(_library(library), folder, settings, progress, name=folder.name)
        else:
            from dosmith.forward.from_library import train_forward
            from dosmith.shipped import shipped_folder

            crystals = survey or shipped_folder("survey") / "crystals.parquet"
            train_forward(_library(library), folder, settings, progress, name=folder.name, survey=crystals)
    if model == "paper":
        print_model(console, checkpoint.spec)
    else:
        from dosmith.model.checkpoint import read_spec

        print_forward_model(console, read_spec(folder))
    console.print(f"Saved in {folder}", highlight=False, markup=False)


@app.command()
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
    from dosmith.report.console import benchmark_progress, print_benchmark

    console = _console()
    if output is Format.table:
        with benchmark_progress(console) as progress:
            results = run(_library(library), out, _settings(context), quick, progress)
    else:
        results = run(_library(library), out, _settings(context), quick)
    write(results, out)
    if output is Format.json:
        typer.echo(json.dumps(results))
    elif output is Format.csv:
        from dosmith.designer import csv_text

        typer.echo(csv_text(results["results"]), nl=False)
    else:
        print_benchmark(console, results)
        console.print(f"Written to {out}: README.md, can-and-cannot.md, benchmark.json", highlight=False, markup=False)


@data_app.command("info")
def data_info(library: LibraryOption = None, output: FormatOption = Format.table) -> None:
    """Tell what the open DOS set, or another library, holds."""
    opened = _library(library)
    if output is Format.table:
        from dosmith.report.console import print_library

        print_library(_console(), opened)
        return
    summary = opened.summary() | {"damaged": list(opened.damaged)}
    if output is Format.json:
        typer.echo(json.dumps(summary, indent=2))
        return
    typer.echo("group,key,count")
    for group in (name for name in summary if name.startswith("by_")):
        typer.echo("\n".join(f"{group},{key},{count}" for key, count in summary[group].items()))


@data_app.command("build-open-set")
def data_build_open_set(
    batches: Annotated[
        list[Path] | None, typer.Argument(metavar="[BATCH]...", help="Batch files of computed DOS (JSON lines, .gz).")
    ] = None,
    ledger: Annotated[
        list[Path] | None, typer.Option("--ledger", metavar="DIR", help="Ledger of a campaign; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the set.")] = Path("data/open-dos"),
) -> None:
    """Write the open DOS set (Parquet shards, card, checksums) from what was computed."""
    from dosmith.library.card import build_open_set

    built = build_open_set(batches or [], out, ledger or [])
    _console().print(
        f"{len(built):,} materials in {len(built.manifest['shards'])} shards, written to {out}", highlight=False, markup=False
    )


@data_app.command("plan")
def data_plan(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The plan; one that is there is extended.")] = Path(
        "data/campaign/plan.parquet"
    ),
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="Pairs of elements to add; all when not given.")] = None,
) -> None:
    """Make or extend the plan of the open DOS set: crystals that CHGNet finds near the hull, most useful first."""
    from dosmith.dft.planning import extend

    console = _console()
    with console.status("elements") as status:
        entries = extend(out, pairs, progress=lambda step, count: status.update(f"{step}: {count:,} crystals"))
    console.print(f"{len(entries):,} crystals in {out}", highlight=False, markup=False)


@data_app.command("survey")
def data_survey(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The survey; one that is there is gone on with.")] = Path(
        "data/survey/crystals.parquet"
    ),
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="Pairs of elements to add; all when not given.")] = None,
) -> None:
    """Find every pair of elements in every simple crystal at its lowest energy in the CHGNet potential."""
    from dosmith.crystals.survey import survey
    from dosmith.dft.planning import ELEMENTS
    from dosmith.report.console import survey_progress

    console = _console()
    with survey_progress(console) as progress:
        found = survey(out, ELEMENTS, pairs, progress=progress)
    console.print(f"{len(found):,} crystals in {out}", highlight=False, markup=False)


@app.command()
def compute(
    context: typer.Context,
    what: Annotated[
        str | None, typer.Argument(metavar="[FORMULA|ID|FILE]", help="A formula, an id in the library, or a structure file.")
    ] = None,
    prototype: Annotated[
        str | None, typer.Option("--prototype", metavar="P", help="Crystal of a formula: L1_2, B2, E2_1, ...")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the results.")] = None,
    spin: Annotated[bool | None, typer.Option("--spin/--no-spin", help="Spin-polarised; by the elements when not given.")] = None,
    relax_volume: Annotated[
        bool, typer.Option("--relax-volume", help="First find the volume of lowest energy: about five times the work.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the calculation.")] = 1,
    library: LibraryOption = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="Compute a plan of many crystals.")] = None,
    ledger: Annotated[Path | None, typer.Option("--ledger", metavar="DIR", help="Where the plan's outcomes go.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Crystals of a plan side by side.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS|slurm", help="Dask scheduler for the plan (tcp://...), or slurm.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Crystals of the plan at most.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also compute again what failed before.")] = False,
) -> None:
    """Compute a DOS by density-functional theory (CP2K): one crystal, or a plan of many."""
    settings = _settings(context).dft
    if (what is None) == (plan is None):
        raise NotFoundError("name one crystal (dosmith compute Pt3Ni --prototype L1_2) or a plan (--plan FILE --ledger DIR)")
    if plan is not None:
        from dosmith.dft.campaign import run_plan
        from dosmith.report.console import campaign_progress

        with campaign_progress(_console()) as progress:
            run_plan(plan, ledger or plan.parent / "ledger", settings, workers, cluster, limit, retry_failed, progress)
        return
    assert what is not None
    from dosmith.crystals.find import find_structure
    from dosmith.dft.compute import compute as compute_one
    from dosmith.dft.cp2k import Cp2k
    from dosmith.report.console import print_calculation

    engine = Cp2k(settings, threads=threads)
    console = _console()
    structure = find_structure(what, _library(library), prototype)
    folder = out or Path(f"{structure.composition.reduced_formula}-computed")
    with console.status("reading") as status:
        result = compute_one(structure, engine, folder, spin, lambda text: status.update(text), relax_volume)
    print_calculation(console, structure, result, folder)


@model_app.command("info")
def model_info(
    model: Annotated[str, typer.Argument(metavar="NAME|DIR", help="Shipped model or checkpoint folder.")] = "paper",
    output: FormatOption = Format.table,
) -> None:
    """Tell what a model is and how good it is."""
    from dosmith.designer import model_facts
    from dosmith.model.checkpoint import Checkpoint, find_checkpoint, read_spec

    spec = read_spec(find_checkpoint(model))
    if spec.get("kind") == "forward":
        from dosmith.report.console import print_forward_model

        if output is Format.table:
            print_forward_model(_console(), spec)
        elif output is Format.json:
            typer.echo(json.dumps(spec, indent=1))
        else:
            typer.echo("\n".join(["quantity,value", *(f"{key},{value}" for key, value in spec["calibration"].items())]))
        return
    checkpoint = Checkpoint.open(model)
    if output is Format.json:
        typer.echo(json.dumps(model_facts(checkpoint), indent=2))
    elif output is Format.csv:
        from dosmith.model.card import COLUMNS, accuracy_rows

        typer.echo(",".join(name.replace(",", "").replace(" ", "_") for name in COLUMNS))
        typer.echo("\n".join(",".join(str(cell) for cell in row) for row in accuracy_rows(checkpoint.spec)))
    else:
        from dosmith.report.console import print_model

        print_model(_console(), checkpoint.spec)


def main() -> None:
    """Run the command line; what a person can put right is one line on stderr and exit code 2."""
    try:
        code: Any = app(standalone_mode=False)
    except DosmithError as error:
        code = _complain(str(error))
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader has gone; nobody to tell
        code = 0
    except typer.Abort:
        code = _complain("stopped", 130)
    except Exception as error:  # Typer's usage errors have no public base class; anything else is a bug and shows its trace
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            code = 0
        else:
            code = _complain(f"{error.format_message().rstrip('.')}. See 'dosmith --help'.")
    sys.exit(code if isinstance(code, int) else 0)


def _complain(message: str, code: int = 2) -> int:
    print(f"dosmith: {' '.join(message.split())}", file=sys.stderr)
    return code


def _console() -> Console:
    from rich.console import Console

    return Console(soft_wrap=False)


def _settings(context: typer.Context) -> Settings:
    from dosmith.settings import load_settings

    return context.obj or load_settings()


def _library(folder: Path | None) -> ParquetLibrary:
    from dosmith.designer import open_dos_set
    from dosmith.library import ParquetLibrary

    return open_dos_set() if folder is None else ParquetLibrary(folder)


def _designer(context: typer.Context, model: str | None, library: Path | None) -> Designer:
    from dosmith.designer import Designer

    return Designer(_library(library), model, _settings(context))
