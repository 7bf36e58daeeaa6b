"""The command hydrogen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dosmith.cli.options import (
    Format,
    FormatOption,
    LibraryOption,
    library_at,
    new_console,
    own_atlases,
    settings_of,
    shipped_model,
)

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.crystals.potential import Potential
    from dosmith.library import Library


def hydrogen(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="FORMULA|ID|FILE", help="The metal: a formula, an id in the library, a structure file.")
    ],
    prototype: Annotated[str | None, typer.Option("--prototype", metavar="P", help="Crystal of a formula: L1_2, A1, ...")] = None,
    supercell: Annotated[
        int, typer.Option("--supercell", metavar="N", min=1, help="Conventional cells along each axis for one hydrogen.")
    ] = 1,
    dft: Annotated[bool, typer.Option("--dft", help="Also compute each site by CP2K, at the place that CHGNet finds.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Sites computed side by side.")] = 1,
    cluster: Annotated[
        str | None, typer.Option("--cluster", metavar="ADDRESS|slurm", help="Dask scheduler (tcp://...), or slurm.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write results and CIFs to this folder.")] = None,
    output: FormatOption = Format.table,
    library: LibraryOption = None,
) -> None:
    """Formation energy of hydrogen in each interstitial site of a metal, by CHGNet and CP2K. Needs dosmith[relax]."""
    from dosmith.crystals.potential import Potential
    from dosmith.designs import csv_text
    from dosmith.report.hydrogen import print_hydrogen, write_hydrogen
    from dosmith.verification import hydrogen as task

    potential, console = Potential(), new_console()
    host = _host(what, prototype, library_at(library), potential)
    with console.status("looking") as status:
        cell, found = task.by_potential(host, potential, supercell, lambda text: status.update(text))
    if dft:
        from dosmith.dft.campaign import remaining, run_entries
        from dosmith.report.progress import campaign_progress
        from dosmith.verification.verify import ledger_for

        settings = settings_of(context).dft
        wanted = task.entries(cell, found, supercell)
        ledger = ledger_for(out or Path(f"{cell.composition.reduced_formula}-hydrogen"), settings, False)
        if remaining(wanted, ledger):
            with campaign_progress(console) as progress:
                run_entries(wanted, ledger, settings, workers, cluster, progress=progress)
        outcomes = list(ledger.outcomes())
        computed = {each.entry: each.material for each in outcomes if each.material is not None}
        found = task.with_computed(found, wanted, computed, {each.entry: each.reason for each in outcomes if each.reason})
    rows = [each.as_dict() for each in found]
    if out is not None:
        write_hydrogen(cell, found, supercell, out)
    if output is Format.json:
        typer.echo(json.dumps(rows, indent=2))
    elif output is Format.csv:
        typer.echo(csv_text(rows), nl=False)
    else:
        print_hydrogen(console, cell, found, supercell)
        if out is not None:
            console.print(f"Written to {out}", highlight=False, markup=False)


def _host(what: str, prototype: str | None, library: Library, potential: Potential) -> Structure:
    from dosmith import formulas
    from dosmith.crystals.structures import structures
    from dosmith.crystals.survey import shipped_survey
    from dosmith.predicted import crystal_named

    if Path(what).is_file() or not formulas.looks_like_formula(what):
        return crystal_named(what, library, prototype, model=shipped_model, atlases=own_atlases)
    return structures(formulas.parse(what), library, shipped_survey(), potential, prototype_name=prototype)[0].structure
