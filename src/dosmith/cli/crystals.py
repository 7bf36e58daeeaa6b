"""Commands about crystals: crystals, stability."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from dosmith.cli.options import Format, FormatOption, LibraryOption, library_at, new_console, own_atlases, shipped_model


def crystals(
    formula: Annotated[str, typer.Argument(metavar="FORMULA", help="A composition: Pt3Co.")],
    crystal_system: Annotated[
        str | None, typer.Option("--crystal-system", metavar="S", help="Only these: cubic, hexagonal, tetragonal, ...")
    ] = None,
    prototype: Annotated[str | None, typer.Option("--prototype", metavar="P", help="Only this one: L1_2, B2, E2_1, ...")] = None,
    aflow: Annotated[
        bool, typer.Option("--aflow", help="Also try the prototypes of AFLOW's library, each relaxed: minutes, not seconds.")
    ] = False,
    known: Annotated[bool, typer.Option("--known", help="Only what library and survey hold: needs no PyTorch.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write CIF, POSCAR and extended XYZ to this folder.")
    ] = None,
    output: FormatOption = Format.table,
    library: LibraryOption = None,
) -> None:
    """List the crystals that a composition may form, lowest in energy first."""
    from dosmith import formulas
    from dosmith.crystals.hull import potential_hull
    from dosmith.crystals.potential import Potential
    from dosmith.crystals.structures import structures, write_structures
    from dosmith.crystals.survey import shipped_survey
    from dosmith.designs import csv_text
    from dosmith.report.progress import working

    opened, console = library_at(library), new_console()
    with working("looking for crystals") as tell:
        surveyed = shipped_survey()
        composition = formulas.typed(formula, lambda each: opened.rows_of(each) or each in surveyed.crystals)
        found = structures(
            composition,
            opened,
            surveyed,
            None if known else Potential(),
            crystal_system=crystal_system,
            prototype_name=prototype,
            aflow=aflow,
            progress=lambda name: tell(f"trying {name}"),
        )
        hull = potential_hull(surveyed, opened)
    files = write_structures(found, out) if out is not None else []
    rows = []
    for crystal in found:
        height = None
        if crystal.formation_energy is not None:
            height = hull.height(crystal.composition, crystal.formation_energy).above_hull
        rows.append(crystal.as_dict() | {"above_hull": height})
    if output is Format.json:
        typer.echo(json.dumps(rows, indent=2))
    elif output is Format.csv:
        typer.echo(csv_text(rows), nl=False)
    else:
        from dosmith.report.crystals import print_crystals

        print_crystals(console, formulas.write(composition), rows)
        if files:
            console.print(f"Written: {len(files)} files in {out}", highlight=False, markup=False)


def stability(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="CRYSTAL...",
            help="Formulas (their crystal of lowest energy) or crystals (TiO2:rutile), ids, structure files, folders of these.",
        ),
    ],
    relax: Annotated[bool, typer.Option("--relax", help="Relax cell and atoms of all crystals, not only of files.")] = False,
    known: Annotated[bool, typer.Option("--known", help="Only what library and survey hold: needs no PyTorch.")] = False,
    output: FormatOption = Format.table,
    library: LibraryOption = None,
) -> None:
    """Formation energies and energies above the hull, in the CHGNet potential and, if computed, by DFT."""
    from dosmith.crystals.find import expanded
    from dosmith.crystals.potential import Potential
    from dosmith.crystals.stability import Judge
    from dosmith.crystals.survey import shipped_survey
    from dosmith.designs import csv_text
    from dosmith.predicted import crystal_named
    from dosmith.report.progress import working

    opened, console = library_at(library), new_console()
    with working("judging crystals") as tell:
        named = partial(crystal_named, library=opened, model=shipped_model, atlases=own_atlases)
        judge = Judge(opened, shipped_survey(), None if known else Potential(), None if known else named)
        judged = judge.each(expanded(what, opened), relax, lambda name, number, count: tell(f"{number} of {count}: {name}"))
        rows = [each.as_dict() for each in judged]
    if output is Format.json:
        typer.echo(json.dumps(rows, indent=2))
    elif output is Format.csv:
        typer.echo(csv_text(rows), nl=False)
    else:
        from dosmith.report.crystals import print_stability

        print_stability(console, rows)
