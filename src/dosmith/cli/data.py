"""Commands about data: info, build-open-set, plan, survey."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dosmith.cli.options import Format, FormatOption, LibraryOption, ModelOption, library_at, new_console


def info(library: LibraryOption = None, output: FormatOption = Format.table) -> None:
    """Show what the open DOS set, or other libraries, hold."""
    opened = library_at(library)
    if output is Format.table:
        from dosmith.report.console import print_library

        print_library(new_console(), opened)
        return
    summary = opened.summary() | {"damaged": list(opened.damaged)}
    if output is Format.json:
        typer.echo(json.dumps(summary, indent=2))
        return
    typer.echo("group,key,count")
    for group in (name for name in summary if name.startswith("by_")):
        typer.echo("\n".join(f"{group},{key},{count}" for key, count in summary[group].items()))


def build_open_set(
    batches: Annotated[
        list[Path] | None, typer.Argument(metavar="[BATCH]...", help="Batch files of computed DOS (JSON lines, .gz).")
    ] = None,
    ledger: Annotated[
        list[Path] | None, typer.Option("--ledger", metavar="DIR", help="Ledger of a campaign; repeatable.")
    ] = None,
    energies: Annotated[
        Path | None, typer.Option("--energies", metavar="FILE", help="Formation energies in SevenNet, of tools/energies.py.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the set.")] = Path("data/open-dos"),
) -> None:
    """Write the open DOS set (Parquet shards, card, checksums) from computed crystals."""
    from dosmith.library.card import build_open_set

    built = build_open_set(batches or [], out, ledger or [], energies)
    new_console().print(
        f"{len(built):,} materials in {len(built.manifest['shards'])} shards, written to {out}", highlight=False, markup=False
    )


def plan(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The plan; an existing one is extended.")] = Path(
        "data/campaign/plan.parquet"
    ),
    pairs: Annotated[int | None, typer.Option("--pairs", min=1, help="Pairs of elements to add; all when not given.")] = None,
) -> None:
    """Make or extend the plan of the open DOS set: crystals that CHGNet finds near the hull, most useful first."""
    from dosmith.dft.planning import extend

    console = new_console()
    with console.status("elements") as status:
        entries = extend(out, pairs, progress=lambda step, count: status.update(f"{step}: {count:,} crystals"))
    console.print(f"{len(entries):,} crystals in {out}", highlight=False, markup=False)


def survey(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The survey; an existing one is continued.")] = Path(
        "data/survey/crystals.parquet"
    ),
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Pairs of elements, or families of ternaries, to add at most.")
    ] = None,
) -> None:
    """Find every pair of elements in every simple crystal, and expected ternaries, at lowest energy in the CHGNet potential."""
    from dosmith.crystals.plausible import ELEMENTS
    from dosmith.crystals.survey import survey
    from dosmith.report.progress import counting

    console = new_console()
    with counting(console) as progress:
        found = survey(out, ELEMENTS, limit, progress=progress)
    console.print(f"{len(found):,} crystals in {out}", highlight=False, markup=False)


def generate(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The list (Parquet); an existing one is continued.")],
    most: Annotated[int, typer.Option("--most", min=1, help="Crystals to try in total, without those of the survey.")] = 300_000,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Crystals to try now.")] = None,
    measure: Annotated[
        int | None, typer.Option("--measure", metavar="N", min=1, help="Try only this many, and estimate the time for all.")
    ] = None,
    model: ModelOption = None,
) -> None:
    """List the crystals that a chemist would expect, of all elements of a model; 'dosmith atlas add FILE' predicts them."""
    from dosmith.atlas.generating import generate, rate
    from dosmith.cli.options import model_named
    from dosmith.report.progress import counting
    from dosmith.settings import load_settings

    elements, console = model_named(model, load_settings()).elements, new_console()
    if measure is not None:
        found = rate(elements, most, measure)
        console.print(
            f"{found['to_try']:,.0f} crystals to try; of {found['sample']:.0f} of them {found['kept']:.0%} are kept; {found['seconds']:.2f} s each"
            f" ({found['processor_seconds']:.2f} s of a processor): {found['hours']:.1f} hours of one processor for all",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        return
    with counting(console) as progress:
        count = generate(out, elements, most, progress=progress, limit=limit)
    console.print(f"{count:,} crystals in {out}", highlight=False, markup=False)
