"""dosmith data fetch: densities of states of databases into the user's own library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dosmith.cli.options import new_console, own_library

if TYPE_CHECKING:
    from dosmith.sources.fetching import Ledger, Progress, Query, Store, Tally

ElementsOption = Annotated[
    str | None, typer.Option("--elements", metavar="Ni,Pt,...", help="Only materials made of these elements.")
]
MaxElementsOption = Annotated[int, typer.Option("--max-elements", min=1, max=9, help="Largest number of elements.")]
CrystalOption = Annotated[
    str | None, typer.Option("--crystal-system", metavar="S", help="Only this crystal system, such as cubic.")
]
FolderOption = Annotated[
    Path | None, typer.Option("--library", metavar="DIR", help="Library to add to.  [default: one in the user's data folder]")
]


def mp(
    elements: ElementsOption = None,
    max_elements: MaxElementsOption = 2,
    crystal_system: CrystalOption = None,
    deprecated: Annotated[bool, typer.Option("--deprecated", help="Also materials that are marked as deprecated.")] = False,
    library: FolderOption = None,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="KEY", help="Key of the Materials Project.  [default: MP_API_KEY, then pymatgen's settings]"
        ),
    ] = None,
) -> None:
    """Fetch from the Materials Project.

    Run again, it goes on where it was.
    """
    from dosmith.sources.fetching import Query, key_for_materials_project
    from dosmith.sources.materials_project import fetch
    from dosmith.sources.mp_client import Client

    query = Query(elements_of(elements), max_elements, _system(crystal_system), deprecated)
    found_key = key_for_materials_project(key)

    def run(store: Store, ledger: Ledger, progress: Progress) -> Tally:
        progress("connecting", 0, None)
        return fetch(Client(found_key), query, store, ledger, progress)

    _fill(library, "mp", query, run)


def jarvis(
    elements: ElementsOption = None,
    max_elements: MaxElementsOption = 2,
    crystal_system: CrystalOption = None,
    library: FolderOption = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Whole curves, from the vasprun.xml of each material's run: one download each.")
    ] = False,
    ids: Annotated[
        str | None, typer.Option("--id", metavar="JVASP-N,...", help="Whole curves of these materials, whatever the filters.")
    ] = None,
) -> None:
    """Fetch from JARVIS-DFT: spin-up curves of the set edos_pdos, or whole curves one by one (--raw).

    Those whose axis can be checked; docs/fetching.md says how. Run again, it goes on where it was.
    """
    from platformdirs import user_cache_path

    from dosmith.sources import jarvis, jarvis_raw
    from dosmith.sources.fetching import Query

    query = Query(elements_of(elements), max_elements, _system(crystal_system))
    cache = user_cache_path("dosmith") / "jarvis"
    wanted = None if ids is None else ids.replace(",", " ").split()

    def run(store: Store, ledger: Ledger, progress: Progress) -> Tally:
        if raw or wanted is not None:
            return jarvis_raw.fetch(cache, query, wanted, store, ledger, progress)
        return jarvis.fetch(cache, query, store, ledger, progress)

    _fill(library, "jarvis-raw" if raw or wanted is not None else "jarvis", query, run)


def _fill(library: Path | None, source: str, query: Query, run: Callable[[Store, Ledger, Progress], Tally]) -> None:
    """Open the library and the ledger, run with a bar, and say what was done."""
    from dosmith.report.progress import counting
    from dosmith.sources.fetching import Ledger

    store = own_library(library, make=True)
    folder = store.folder
    console = new_console()
    with counting(console) as progress:
        tally = run(store, Ledger(folder / "fetch" / f"{source}.jsonl"), progress)
        count = len(store)
    console.print(
        f"{tally.added:,} added, {tally.present:,} were there, {len(tally.refused):,} without a usable DOS; {count:,} materials in {folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    for identifier, why in list(tally.refused.items())[:5]:
        console.print(f"  {identifier}: {why}", highlight=False, markup=False, soft_wrap=True)
    if len(tally.refused) > 5:
        console.print(f"  all reasons: {folder / 'fetch' / source}.jsonl", highlight=False, markup=False, soft_wrap=True)


def elements_of(text: str | None) -> tuple[str, ...] | None:
    """The elements a person named.

    Raises:
        FormulaError: one does not exist.
    """
    from dosmith import formulas

    if text is None:
        return None
    return tuple(formulas.parse(part)[0][0] for part in text.replace(",", " ").split())


def _system(text: str | None) -> str | None:
    """The crystal system a person named.

    Raises:
        ConstraintError: there is no such system.
    """
    from dosmith.errors import ConstraintError, did_you_mean

    systems = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")
    if text is not None and text.lower() not in systems:
        raise ConstraintError(f"'{text}' is not a crystal system; they are {', '.join(systems)}{did_you_mean(text, systems)}")
    return None if text is None else text.lower()
