"""The command verify."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dosmith.cli.options import LibraryOption, library_at, new_console, own_library, settings_of

if TYPE_CHECKING:
    from dosmith.records import Material


class EngineName(StrEnum):
    """Programs that compute."""

    cp2k = "cp2k"
    vasp = "vasp"


def verify(
    context: typer.Context,
    design: Annotated[Path, typer.Argument(metavar="DIR", help="What 'dosmith design --out DIR' wrote.")],
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many candidates, best first.")] = 5,
    fixed_volume: Annotated[
        bool, typer.Option("--fixed-volume", help="Keep the volume of the design: a fifth of the work.")
    ] = False,
    engine: Annotated[
        EngineName, typer.Option("--engine", help="cp2k computes; vasp writes folders to run elsewhere.")
    ] = EngineName.cp2k,
    collect: Annotated[
        Path | None, typer.Option("--collect", metavar="DIR", help="Read the finished VASP runs in this folder.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Crystals side by side; with Slurm, jobs.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS|slurm", help="Dask scheduler (tcp://...), or slurm.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Also repeat failed calculations.")] = False,
    add_to: Annotated[
        Path | None, typer.Option("--add-to", metavar="DIR|mine", help="Add the computed crystals to this library.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the results.  [default: DIR/verification]")
    ] = None,
    library: LibraryOption = None,
) -> None:
    """Compute the crystals of a design's candidates by density-functional theory and compare them with the target."""
    from dosmith.crystals.potential import Potential
    from dosmith.crystals.survey import shipped_survey
    from dosmith.report.progress import working
    from dosmith.report.verification import print_checked, write_verification
    from dosmith.settings import DftSettings
    from dosmith.verification.designed import read_design
    from dosmith.verification.verify import add_to_library, check, compute, ledger_for, plan

    settings, console, opened = settings_of(context).dft, new_console(), library_at(library)
    designed, folder = read_design(design), out or design / "verification"
    results = None if add_to is None else own_library(add_to, make=True)
    own = settings != DftSettings() or engine is EngineName.vasp or collect is not None
    with working("finding the crystals of the candidates"):
        task = plan(designed, opened, shipped_survey(), top, own_elements=own, potential=Potential())
    computed: dict[str, Material]
    if collect is not None:
        from dosmith.dft.vasp import read_runs

        computed, reasons = read_runs(task.remaining, collect)
        source = "VASP"
    elif engine is EngineName.vasp:
        from dosmith.dft.vasp import write_runs

        runs = write_runs(task.remaining, folder / "vasp")
        console.print(
            f"{len(runs)} runs in {folder / 'vasp'}. Add a POTCAR to each (POTCAR.spec names the potentials), do run.sh in each with VASP"
            f" set to your command, then: dosmith verify {design} --top {top} --collect {folder / 'vasp'}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        return
    else:
        from dosmith.report.progress import campaign_progress

        with campaign_progress(console) as progress:
            computed, reasons = compute(
                task,
                ledger_for(folder, settings, not fixed_volume),
                settings,
                relax_volume=not fixed_volume,
                workers=workers,
                cluster=cluster,
                retry_failed=retry_failed,
                progress=progress,
            )
        source = "CP2K"
    found = check(task, computed, reasons, opened, source, own)
    files = write_verification(designed, found, folder, shlex.join(["dosmith", *sys.argv[1:]]))
    print_checked(console, designed.name, found)
    console.print(f"Written: {files[0]} and {len(files) - 1} more", highlight=False, markup=False, soft_wrap=True)
    if results is not None:
        added = add_to_library(found, results)
        console.print(
            f"{len(added):,} added; {len(results):,} materials in {results.folder}: 'dosmith design {shlex.quote(designed.name)} --library open"
            f" --library {shlex.quote(str(add_to))}' counts them among the known",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
