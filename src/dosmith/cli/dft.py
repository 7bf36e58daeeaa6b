"""Commands that compute: compute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dosmith.cli.options import LibraryOption, library_at, new_console, own_atlases, settings_of, shipped_model
from dosmith.errors import NotFoundError


def compute(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[FORMULA|ID|FILE]", help="A formula, alone or with its crystal (TiO2:rutile), an id, or a structure file."
        ),
    ] = None,
    prototype: Annotated[
        str | None, typer.Option("--prototype", metavar="P", help="Crystal of a formula: L1_2, B2, E2_1, ...")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the results.")] = None,
    spin: Annotated[
        bool | None, typer.Option("--spin/--no-spin", help="Spin-polarised or not; else the elements decide.")
    ] = None,
    relax_volume: Annotated[
        bool, typer.Option("--relax-volume", help="First find the volume of lowest energy: about five times the work.")
    ] = False,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of the calculation.")] = 1,
    library: LibraryOption = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="Compute a plan of many crystals.")] = None,
    ledger: Annotated[Path | None, typer.Option("--ledger", metavar="DIR", help="Folder for the results of the plan.")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Crystals of a plan side by side.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS|slurm", help="Dask scheduler for the plan (tcp://...), or slurm.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Compute at most so many of the plan.")] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also repeat failed calculations.")] = False,
) -> None:
    """Compute a DOS by density-functional theory (CP2K): one crystal, or a plan of many."""
    settings = settings_of(context).dft
    if (what is None) == (plan is None):
        raise NotFoundError("name one crystal (dosmith compute Pt3Ni --prototype L1_2) or a plan (--plan FILE --ledger DIR)")
    if plan is not None:
        from dosmith.dft.campaign import run_plan
        from dosmith.report.progress import campaign_progress

        with campaign_progress(new_console()) as progress:
            run_plan(plan, ledger or plan.parent / "ledger", settings, workers, cluster, limit, retry_failed, progress)
        return
    assert what is not None
    from dosmith.dft.compute import compute as compute_one
    from dosmith.dft.engines import engine_for
    from dosmith.predicted import crystal_named
    from dosmith.report.console import print_calculation

    engine = engine_for(settings, threads)
    console = new_console()
    structure = crystal_named(what, library_at(library), prototype, model=shipped_model, atlases=own_atlases)
    folder = out or Path(f"{structure.composition.reduced_formula}-computed")
    with console.status("reading") as status:
        result = compute_one(structure, engine, folder, spin, lambda text: status.update(text), relax_volume)
    print_calculation(console, structure, result, folder)
