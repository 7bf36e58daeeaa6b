"""Commands about your own library: data add, list, export, verify, remove."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from dosmith.cli.options import (
    BroadeningOption,
    ElectronsOption,
    FermiOption,
    FolderOption,
    Format,
    FormatOption,
    ReadOption,
    library_named,
    new_console,
    own_library,
    settings_of,
)

ElementsOption = Annotated[str | None, typer.Option("--elements", help="Only these elements: Ni,Pt.")]
RequireOption = Annotated[str | None, typer.Option("--require", help="Each of these elements must be in it.")]
CountOption = Annotated[int | None, typer.Option("--n-elements", min=1, help="Number of elements.")]
SystemOption = Annotated[
    str | None, typer.Option("--crystal-system", metavar="S", help="Crystal system: cubic, hexagonal, tetragonal, ...")
]
SourceOption = Annotated[str | None, typer.Option("--source", help="Where they come from: vasprun.xml, 'CP2K dos', ...")]
GapOption = Annotated[str | None, typer.Option("--gap", metavar="A:B", help="Lowest and highest band gap, eV.")]


def add(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|DIR...", help="Files with a DOS, or folders of such.")],
    formula: Annotated[
        str | None,
        typer.Option("--formula", help="Formula of files that name no atoms; 'name' takes the name of the file or folder."),
    ] = None,
    fermi: FermiOption = None,
    electrons: ElectronsOption = None,
    broadening: BroadeningOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait while another dosmith writes to the library, as in an array of jobs.")
    ] = False,
    library: FolderOption = None,
    output: FormatOption = Format.table,
) -> None:
    """Add densities of states to your own library; materials that it already holds stay as they are."""
    from dosmith import formulas
    from dosmith.adding import add_files
    from dosmith.report.console import AdditionsPrinter

    opened, console = own_library(library, make=True, waiting=_tell_once() if wait else None), new_console()
    named = formula == "name"
    composition = None if formula is None or named else formulas.parse(formula)
    additions = add_files(
        opened,
        paths,
        composition=composition,
        named=named,
        fermi=fermi,
        electrons=electrons,
        broadening=broadening,
        files=settings_of(context).files,
    )
    if output is Format.table:
        with AdditionsPrinter(console) as printer:
            for addition in additions:
                printer.show(addition)
        console.print(f"{printer.counts()}; {len(opened):,} materials in {opened.folder}", highlight=False, markup=False)
        return
    rows = [dict(addition.__dict__) for addition in additions]
    _print_rows(rows, ("file", "outcome", "id", "reason"), output)


def _tell_once() -> Callable[[], None]:
    """Says that another program is waited for."""

    @functools.cache
    def told() -> None:
        typer.echo("dosmith: waiting for another dosmith that writes to the library", err=True)

    return told


def list_(
    elements: ElementsOption = None,
    require: RequireOption = None,
    n_elements: CountOption = None,
    crystal_system: SystemOption = None,
    source: SourceOption = None,
    gap: GapOption = None,
    library: ReadOption = "mine",
    output: FormatOption = Format.table,
) -> None:
    """List the materials of your own library, or of the one in --library."""
    opened = library_named(library)
    rows = opened.select(**_filters(elements, require, n_elements, crystal_system, source, gap))
    found = opened.facts(rows)
    if output is Format.table:
        from dosmith.report.console import print_damage, print_materials

        print_materials(new_console(), found)
        print_damage(new_console(), opened)
    else:
        _print_rows(found, opened.FACTS, output)


def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .parquet, .jsonl or .csv.")],
    elements: ElementsOption = None,
    require: RequireOption = None,
    n_elements: CountOption = None,
    crystal_system: SystemOption = None,
    source: SourceOption = None,
    gap: GapOption = None,
    library: ReadOption = "mine",
) -> None:
    """Write materials with their curves to one file for other programs."""
    from dosmith.library.export import export

    opened = library_named(library)
    rows = opened.select(**_filters(elements, require, n_elements, crystal_system, source, gap))
    export(opened, rows, path)
    new_console().print(f"{len(rows):,} materials, written to {path}", highlight=False, markup=False)


def verify(library: ReadOption = "mine") -> None:
    """Check every shard against its checksum; exit code 2 when one is damaged."""
    from dosmith.errors import LibraryError

    opened = library_named(library)
    count = len(opened.manifest["shards"])
    if opened.damaged:
        raise LibraryError(
            f"{len(opened.damaged)} of {count} shards in {opened.folder} are damaged and left out: {'; '.join(opened.damaged)}."
            " Put back a copy of them, or add their files again"
        )
    new_console().print(f"{len(opened):,} materials in {count} shards: all as they were written", highlight=False, markup=False)


def remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As 'dosmith data list' shows them.")],
    library: FolderOption = None,
) -> None:
    """Remove the named materials from your own library; none if one of them is not there."""
    opened = own_library(library)
    before = len(opened)
    opened.remove(ids)
    new_console().print(
        f"{before - len(opened):,} removed; {len(opened):,} materials in {opened.folder}", highlight=False, markup=False
    )


def _filters(
    elements: str | None,
    require: str | None,
    n_elements: int | None,
    crystal_system: str | None,
    source: str | None,
    gap: str | None,
) -> dict[str, Any]:
    from dosmith.constraints import Constraints
    from dosmith.errors import ConstraintError

    checked = Constraints.of(elements=elements, require=require)
    bounds = None
    if gap is not None:
        lower, _, upper = gap.partition(":")
        try:
            bounds = (float(lower or 0.0), float(upper or "inf"))
        except ValueError:
            raise ConstraintError(f"a gap of '{gap}' is none; write lowest and highest in eV, as in 0.5:3 or 0.5:") from None
    return {
        "elements": checked.allowed,
        "require": checked.required,
        "n_elements": n_elements,
        "crystal_system": crystal_system,
        "source": source,
        "gap": bounds,
    }


def _print_rows(rows: list[dict[str, object]], columns: tuple[str, ...], output: Format) -> None:
    if output is Format.json:
        typer.echo(json.dumps(rows, indent=1))
        return
    import csv
    import sys

    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
