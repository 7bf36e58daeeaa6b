"""Commands that answer: design, similar, show, predict."""

from __future__ import annotations

import csv
import io
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from dosmith.cli.choosing import (
    AboveHullOption,
    AvoidOption,
    FormulaOption,
    GapOption,
    KeepOption,
    PriceOption,
    PrototypeOption,
    RankOption,
    SpaceGroupOption,
    StabilityOption,
    VarietyOption,
    choose,
    write_merits,
)
from dosmith.cli.options import (
    AtlasesOption,
    BroadeningOption,
    CountOption,
    ElectronsOption,
    FermiOption,
    Format,
    FormatOption,
    LibraryOption,
    MetricOption,
    ModelOption,
    OptionalTarget,
    ProjectOption,
    SpinOption,
    SystemOption,
    TargetArgument,
    WindowOption,
    ZeroOption,
    designer_for,
    designer_with,
    given,
    library_at,
    model_named,
    new_console,
    own_atlases,
    settings_of,
)
from dosmith.cli.spectra import design_spectrum
from dosmith.errors import DosmithError, OptionError

if TYPE_CHECKING:
    from dosmith.choosing import Merits
    from dosmith.designs import Design
    from dosmith.models.interface import Predicted
    from dosmith.models.tight_binding.predict import PredictedDos

ELEMENTS_HELP = "symbols with commas or blanks: Pt,Ni,Co"


def design(
    context: typer.Context,
    target: OptionalTarget = None,
    top: Annotated[int | None, typer.Option("--top", metavar="N", help="How many candidates.  [default: 5]")] = None,
    crystal_system: SystemOption = None,
    elements: Annotated[str | None, typer.Option("--elements", help=f"Only these elements: {ELEMENTS_HELP}.")] = None,
    require: Annotated[str | None, typer.Option("--require", help="Each of these elements must be in it.")] = None,
    exclude: Annotated[str | None, typer.Option("--exclude", help="None of these elements.")] = None,
    n_elements: Annotated[int | None, typer.Option("--n-elements", metavar="N", help="Elements in a candidate.")] = None,
    ratio: Annotated[
        str | None, typer.Option("--ratio", metavar="M:N", help="Counts of the elements, in any order: 3:1.")
    ] = None,
    formula: FormulaOption = None,
    space_group: SpaceGroupOption = None,
    prototype: PrototypeOption = None,
    gap: GapOption = None,
    above_hull: AboveHullOption = None,
    price: PriceOption = None,
    window: WindowOption = None,
    metric: MetricOption = None,
    count_states: CountOption = False,
    fermi: FermiOption = None,
    electrons: ElectronsOption = None,
    broadening: BroadeningOption = None,
    zero: ZeroOption = None,
    project: ProjectOption = None,
    spin: SpinOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write report.html, candidates.json/.csv and CIFs to this folder.")
    ] = None,
    stability: StabilityOption = False,
    avoid: AvoidOption = None,
    keep: KeepOption = None,
    rank_by: RankOption = None,
    real: Annotated[
        bool, typer.Option("--real", help="The curve is of a material that exists; with --rank-by identity.")
    ] = False,
    variety: VarietyOption = None,
    output: FormatOption = Format.table,
    model: ModelOption = None,
    library: LibraryOption = None,
    atlas: AtlasesOption = None,
) -> None:
    """Rank compositions whose DOS should be like the target's."""
    settings = settings_of(context)
    opened, count = model_named(model, settings), settings.design.top if top is None else top
    opened.refuse(
        given(
            crystal_system=crystal_system,
            window=window,
            metric=metric,
            count=count_states or None,
            real=real or None,
            fermi=fermi,
            electrons=electrons,
            broadening=broadening,
            zero=zero,
            project=project,
            spin=spin,
            out=out,
            stability=stability or None,
            keep=keep or None,
            rank_by=rank_by,
            variety=variety,
            formula=formula,
            space_group=space_group,
            prototype=prototype,
            gap=gap,
            above_hull=above_hull,
            price=price,
            library=library,
            atlas=atlas,
        )
    )
    if target is None and gap is None:
        raise OptionError("there is no target; name a formula, an id or a file, or a gap alone with --gap 2:4")
    if avoid is not None:
        from dosmith.element_facts import avoided

        exclude = ",".join(sorted(avoided(avoid))) + (f",{exclude}" if exclude else "")
    if not opened.of_dos and target is not None:
        from dosmith.constraints import Constraints
        from dosmith.ranking import count_of

        constraints = Constraints.of(elements=elements, require=require, exclude=exclude, n_elements=n_elements, ratio=ratio)
        design_spectrum(opened, target, count_of(count), constraints, output)
        return
    from dosmith.question import IDENTITY, RANKINGS
    from dosmith.report.progress import working
    from dosmith.targets import Reading

    designer = designer_with(settings, opened, library, atlas)
    if target is None:
        wanted = designer.gap_target(gap or "")
    else:
        wanted = designer.read(target, Reading.of(crystal_system, fermi, electrons, broadening, zero, project, spin))
    own = rank_by if rank_by in (*RANKINGS, IDENTITY) else None

    def designed(count: int | None) -> Design:
        return designer.design(
            wanted,
            top=count,
            formula=formula,
            space_group=space_group,
            prototype=prototype,
            gap=gap,
            above_hull=above_hull,
            price=price,
            keep=keep,
            rank_by=own,
            variety=variety,
            crystal_system=crystal_system,
            elements=elements,
            require=require,
            exclude=exclude,
            n_elements=n_elements,
            ratio=ratio,
            window=window,
            metric=metric,
            count=count_states,
            real=real,
        )

    found: list[Merits] = []
    with working("ranking candidates"):
        if stability or keep or rank_by not in (None, IDENTITY):
            answer, found = choose(designed, None if own else rank_by, count)
        else:
            answer = designed(count)
    files: list[Path] = []
    if out is not None:
        from dosmith.report.output import write_design

        files = write_design(answer, out, shlex.join(["dosmith", *sys.argv[1:]]))
        files += write_merits(found, answer.target.name, out) if found else []
    if output is Format.json:
        merits = {"merits": [each.as_dict() for each in found]} if found else {}
        typer.echo(json.dumps(answer.as_dict() | merits, indent=2, ensure_ascii=False))
    elif output is Format.csv:
        typer.echo(answer.to_csv(), nl=False)
    else:
        from dosmith.report.console import print_design

        console = new_console()
        print_design(console, answer, found)
        if files:
            console.print(
                f"\nWritten: {files[0]} and {len(files) - 1} more in {out}", highlight=False, markup=False, soft_wrap=True
            )


def similar(
    context: typer.Context,
    target: TargetArgument,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="How many materials.")] = 10,
    crystal_system: SystemOption = None,
    window: WindowOption = None,
    metric: MetricOption = None,
    count_states: CountOption = False,
    fermi: FermiOption = None,
    electrons: ElectronsOption = None,
    broadening: BroadeningOption = None,
    zero: ZeroOption = None,
    project: ProjectOption = None,
    spin: SpinOption = None,
    output: FormatOption = Format.table,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """List the known materials whose DOS is most like the target's: the baseline that every design must beat."""
    from dosmith.report.progress import working
    from dosmith.targets import Reading

    designer = designer_for(context, model, library)
    with working("comparing with known materials"):
        found = designer.read(target, Reading.of(crystal_system, fermi, electrons, broadening, zero, project, spin))
        neighbours = designer.similar(
            found, top=top, crystal_system=crystal_system, window=window, metric=metric, count=count_states
        )
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
        from dosmith.designs import csv_text

        typer.echo(csv_text(rows), nl=False)
    else:
        from dosmith.report.console import print_damage, print_neighbours

        console = new_console()
        curves = {each.id: designer.known.vector(each.id) for each in neighbours}
        number = designer.compare(found, count=count_states).count
        print_neighbours(console, found, neighbours, curves, number)
        print_damage(console, designer.library)


def show(
    context: typer.Context,
    target: TargetArgument,
    crystal_system: SystemOption = None,
    fermi: FermiOption = None,
    electrons: ElectronsOption = None,
    broadening: BroadeningOption = None,
    zero: ZeroOption = None,
    project: ProjectOption = None,
    spin: SpinOption = None,
    output: FormatOption = Format.table,
    model: ModelOption = None,
    library: LibraryOption = None,
) -> None:
    """Summarise a DOS and draw it as the model sees it."""
    from dosmith.targets import Reading

    designer = designer_for(context, model, library)
    found = designer.read(target, Reading.of(crystal_system, fermi, electrons, broadening, zero, project, spin), with_parts=True)
    energies, values = found.standard.recipe.grid.energies, found.standard.values
    if output is Format.json:
        curve = {"energies_ev": energies.round(6).tolist(), "dos_per_ev": values.tolist()}
        parts = {f"{element}:{orbital}": vector.tolist() for (element, orbital), vector in found.parts.items()}
        told = {"projections_per_ev": parts, "descriptors": found.descriptors.as_dict()}
        typer.echo(json.dumps(found.as_dict() | curve | told, ensure_ascii=False))
    elif output is Format.csv:
        names = [f"{element}_{orbital}_per_ev" for element, orbital in found.parts]
        typer.echo(",".join(["energy_ev", "dos_per_ev", *names]))
        rows = zip(energies, values, *found.parts.values(), strict=True)
        typer.echo(
            "\n".join(",".join(f"{cell:.6g}" if place == 0 else f"{cell:.8g}" for place, cell in enumerate(row)) for row in rows)
        )
    else:
        from dosmith.report.console import print_shown

        print_shown(new_console(), found)


def predict(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="CRYSTAL...",
            help="Formulas, alone or with their crystal (TiO2:rutile), ids, structure files, or folders of these; any number.",
        ),
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
    from dosmith.crystals.find import expanded
    from dosmith.models.registry import open_model
    from dosmith.predicted import crystal_named
    from dosmith.report.predictions import write_predictions
    from dosmith.report.progress import working

    opened = open_model(model)
    if not opened.of_dos:
        opened.refuse(given(prototype=prototype, library=library))
    known = library_at(library)
    with working("predicting"):
        if opened.of_dos:
            what = _sound(expanded(what, known), opened.elements, named=what)
            crystals = [
                crystal_named(each, known, prototype, guess=True, model=lambda: opened, atlases=own_atlases) for each in what
            ]
            curves = cast("list[PredictedDos]", opened.predict(crystals, known))
            found: Sequence[Predicted] = [replace(each, name=name) for each, name in zip(curves, what, strict=True)]
        else:
            found = opened.predict(what, known, prototype)
    files = write_predictions(found, out) if out is not None else []
    if output is Format.json:
        typer.echo(json.dumps([each.as_dict() for each in found], ensure_ascii=False))
    elif output is Format.csv:
        tables = [[{"name": each.name, **row} for row in csv.DictReader(io.StringIO(each.to_csv()))] for each in found]
        columns = dict.fromkeys(column for table in tables for column in table[0])  # elements and spins differ
        writer = csv.DictWriter(text := io.StringIO(), columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for table in tables for row in table)
        typer.echo(text.getvalue(), nl=False)
    else:
        from dosmith.report.console import print_predictions

        console = new_console()
        print_predictions(console, found)
        if files:
            console.print(f"Written to {out}: {', '.join(file.name for file in files)}", highlight=False, markup=False)


def _sound(what: Sequence[str], elements: Sequence[str], named: Sequence[str]) -> list[str]:
    """What can be predicted: of the files of a folder, those that hold a crystal of known elements; the others are told of."""
    from dosmith.crystals.find import from_file
    from dosmith.errors import NotFoundError

    found = []
    for each in what:
        trouble = ""
        if each not in named:  # it comes from a folder, where one bad file must not cost the others
            try:
                unknown = {site.specie.symbol for site in from_file(Path(each))} - set(elements)
                trouble = f"the model does not know {' '.join(sorted(unknown))}" if unknown else ""
            except DosmithError as error:
                trouble = str(error)
        if trouble:
            typer.echo(f"dosmith: {each} is left out: {trouble}", err=True)
        else:
            found.append(each)
    if not found:
        raise NotFoundError("none of these files holds a crystal that can be predicted")
    return found
