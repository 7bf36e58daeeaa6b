"""dosmith atlas: crystal lists of your own, searched like the one that comes with dosmith."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dosmith.cli.options import Format, FormatOption, ModelOption, atlas_folder, atlas_named, given, new_console, settings_of

if TYPE_CHECKING:
    from dosmith.atlas.adding import Addition
    from dosmith.atlas.reading import Item

MOST_ELEMENTS = 4
"""Of the crystals of the Materials Project that are added, unless a person says otherwise."""
AtlasOption = Annotated[
    str, typer.Option("--atlas", metavar="DIR|NAME", help="Folder of the atlas, or its name in the user's data folder.")
]


def add(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|DIR|-", help="Files with crystals, folders of such, or - for standard input."),
    ] = None,
    mp: Annotated[bool, typer.Option("--mp", help="Add the crystals of the Materials Project.")] = False,
    jarvis: Annotated[bool, typer.Option("--jarvis", help="Add the crystals of JARVIS-DFT.")] = False,
    optimade: Annotated[
        str | None, typer.Option("--optimade", metavar="URL", help="Add the crystals of an OPTIMADE provider.")
    ] = None,
    filter_: Annotated[
        str | None, typer.Option("--filter", metavar="TEXT", help="With --optimade: its filter, such as 'elements HAS \"Si\"'.")
    ] = None,
    elements: Annotated[
        str | None, typer.Option("--elements", metavar="Ni,Pt,...", help="With --mp: only of these elements.")
    ] = None,
    max_elements: Annotated[
        int | None,
        typer.Option("--max-elements", min=1, max=9, help=f"With --mp: largest number of elements.  [default: {MOST_ELEMENTS}]"),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="KEY", help="With --mp: its key.  [default: MP_API_KEY]")] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Batches predicted side by side.")] = 1,
    cluster: Annotated[str | None, typer.Option("--cluster", metavar="ADDRESS|slurm", help="Predict on a Dask cluster.")] = None,
    model: ModelOption = None,
    atlas: AtlasOption = "mine",
    output: FormatOption = Format.table,
) -> None:
    """Add crystals to an atlas: each gets the DOS that the model predicts for it. If stopped, the same command goes on where it was."""
    from dosmith.atlas import Atlas
    from dosmith.atlas.adding import add, executor
    from dosmith.atlas.expecting import basis_for, forward_model
    from dosmith.errors import OptionError
    from dosmith.report.progress import reporting

    settings = settings_of(context)
    name = model or settings.design.model
    if filter_ is not None and optimade is None:
        raise OptionError("--filter is a filter of OPTIMADE; give its address with --optimade")
    asked = given(elements=elements, max_elements=max_elements, key=key)
    if asked and not mp:
        options = " and ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise OptionError(f"{options} {'is' if len(asked) == 1 else 'are'} for the Materials Project; give --mp, or leave it out")
    if not (paths or mp or jarvis or optimade):
        raise OptionError("name files or folders with crystals, - for standard input, or one of --mp, --jarvis, --optimade URL")
    folder = atlas_folder(atlas)
    opened = Atlas.at(folder, folder.name, lambda: basis_for(forward_model(name)))
    found, total = _items(
        paths or [],
        mp,
        jarvis,
        optimade,
        filter_,
        elements,
        max_elements or MOST_ELEMENTS,
        key,
        folder,
        settings.files.max_mebibytes,
    )
    console = new_console()
    counts: dict[str, int] = {}
    done: list[Addition] = []
    with executor(workers, cluster) as pool, reporting(console) as report:
        for number, addition in enumerate(add(opened, found, name, pool, workers), 1):
            counts[addition.outcome] = counts.get(addition.outcome, 0) + 1
            report("crystals", number, total, ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items()))
            if output is not Format.table:
                done.append(addition)
            elif addition.outcome == "skipped":
                console.print(f"skipped  {addition.label}: {addition.reason}", highlight=False, markup=False, soft_wrap=True)
    if output is not Format.table:
        _rows([{name: value for name, value in vars(each).items() if name != "key"} for each in done], output)
        return
    told = ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("added", "there already", "the same as", "skipped"))
    console.print(
        f"{told.replace('the same as', 'the same as another')}; {len(opened):,} crystals in {folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _items(
    paths: list[str],
    mp: bool,
    jarvis: bool,
    optimade: str | None,
    asked: str | None,
    elements: str | None,
    max_elements: int,
    key: str | None,
    folder: Path,
    limit: int,
) -> tuple[Iterator[Item], int | None]:
    """The crystals that a person named, and how many they are where that can be told beforehand."""
    import itertools

    from dosmith.atlas import online, reading

    parts: list[Iterator[Item]] = []
    total: int | None = None
    if paths:
        if "-" in paths:
            read = list(reading.items(paths, limit))
            total, known = len(read), iter(read)
        else:
            total, known = sum(1 for _ in reading.items(paths, limit)), reading.items(paths, limit)
        parts.append(known)
    if mp:
        from dosmith.cli.fetch import elements_of
        from dosmith.sources.fetching import Query, key_for_materials_project
        from dosmith.sources.mp_client import Client

        query = Query(elements_of(elements), max_elements)
        parts.append(online.of_materials_project(Client(key_for_materials_project(key)), query))
    if jarvis:
        parts.append(online.of_jarvis(folder / "fetched"))
    if optimade is not None:
        parts.append(online.of_optimade(optimade, asked))
    return itertools.chain(*parts), total if len(parts) == 1 else None


def list_(
    atlas: AtlasOption = "mine",
    elements: Annotated[str | None, typer.Option("--elements", help="Only these elements: Ni,Pt.")] = None,
    require: Annotated[str | None, typer.Option("--require", help="Each of these elements must be in it.")] = None,
    prototype: Annotated[
        str | None, typer.Option("--prototype", help="Strukturbericht symbol, AFLOW label or common name.")
    ] = None,
    output: FormatOption = Format.table,
) -> None:
    """List the crystals of an atlas."""
    import numpy as np

    from dosmith.constraints import Constraints
    from dosmith.crystals.kinds import named
    from dosmith.errors import NotFoundError, did_you_mean
    from dosmith.report.tables import escape, print_table, table

    opened = atlas_named(atlas)
    if prototype is not None:
        known, prototype = opened.index.all_words("prototype"), named(prototype) or prototype
        if prototype not in known:
            raise NotFoundError(f"{opened.name} holds no crystal of the prototype '{prototype}'{did_you_mean(prototype, known)}")
    rows = np.flatnonzero(opened.index.fits(Constraints.of(elements=elements, require=require), prototype=prototype))
    facts = opened.facts(rows)
    if output is not Format.table:
        _rows(facts, output)
        return
    shown = table(
        {name: "right" if "(" in name else "left" for name in ("id", "formula", "prototype", "space group", "gap (eV)", "source")}
    )
    for each in facts:
        gap = "" if each["gap"] is None else f"{each['gap']:.2f}"
        shown.add_row(
            *(escape(str(each[name] or "")) for name in ("id", "formula", "prototype", "space_group")), gap, each["source"]
        )
    print_table(new_console(), f"{len(facts):,} crystals in {opened.name}", shown)


def info(atlas: AtlasOption = "mine", output: FormatOption = Format.table) -> None:
    """Show what an atlas holds, how large it is, and how much its codes keep."""
    summary = atlas_named(atlas).summary()
    if output is Format.json:
        typer.echo(json.dumps(summary, indent=1))
        return
    console = new_console()
    for name, value in summary.items():
        told = ", ".join(f"{count:,} {word}" for word, count in value.items()) if isinstance(value, dict) else value
        if name == "largest_error":
            told = f"{value:.1e} in the cosine"
        if name != "damaged" or value:
            console.print(f"{name.replace('_', ' ')}: {told}", highlight=False, markup=False, soft_wrap=True)


def remove(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="As 'dosmith atlas list' shows them.")],
    atlas: AtlasOption = "mine",
) -> None:
    """Remove the named crystals from an atlas; none if one of them is not there."""
    opened = atlas_named(atlas)
    before = len(opened)
    opened.remove(ids)
    new_console().print(
        f"{before - len(opened):,} removed; {len(opened):,} crystals in {opened.folder}", highlight=False, markup=False
    )


def export(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .extxyz, .jsonl or .csv.")], atlas: AtlasOption = "mine"
) -> None:
    """Write the crystals of an atlas to one file for other programs; csv has no structures."""
    from dosmith.atlas.export import export

    opened = atlas_named(atlas)
    count = export(opened, path)
    new_console().print(f"{count:,} crystals, written to {path}", highlight=False, markup=False)


def _rows(rows: list[dict[str, object]], output: Format) -> None:
    if output is Format.json:
        typer.echo(json.dumps(rows, indent=1))
        return
    from dosmith.designs import csv_text

    typer.echo(csv_text(rows), nl=False)
