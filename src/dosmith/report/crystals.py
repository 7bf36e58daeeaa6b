"""Crystals and their stability as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

POTENTIAL = "E_f, above hull: in the CHGNet potential, eV/atom, among the crystals of survey and library."
COMPUTED = "DFT: the same by density-functional theory, among the crystals of the open DOS set."
_ENERGIES = {"formation_energy": "E_f", "above_hull": "above hull"}
_COMPUTED = {"dft_formation_energy": "E_f (DFT)", "dft_above_hull": "above hull (DFT)"}


def print_crystals(console: Console, formula: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The crystals of a composition: `Crystal.as_dict()` with `above_hull`."""
    from rich.table import Table

    energies = _columns(rows)
    # Ten columns into 80 characters.
    table = Table(
        title=f"Crystals of {formula}, lowest first", title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name in ("prototype", "system", "space group"):
        table.add_column(name)
    for name in ("atoms", "Å³/atom", *(name.replace(" ", "\n") for name in energies.values())):
        table.add_column(name, justify="right")
    table.add_column("from")
    for row in rows:
        doubt = "" if row["space_group_as_expected"] is not False else ", not its prototype's"
        table.add_row(
            row["prototype"] or row["id"],
            row["crystal_system"],
            f"{row['space_group']}{doubt}",
            str(row["atoms"]),
            f"{row['volume_per_atom']:.2f}",
            *(number(row[name]) for name in energies),
            row["source"],
        )
    console.print(table)
    _explain(console, energies)


def print_stability(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Judged crystals: `Judged.as_dict()`."""
    from rich.table import Table

    energies = _columns(rows)
    table = Table(title="Stability", title_justify="left", box=None, pad_edge=False)
    for name in ("asked for", "crystal"):
        table.add_column(name)
    for name in (*(name.replace(" ", "\n") for name in energies.values()), "s"):
        table.add_column(name, justify="right")
    table.add_column("rivals, by share of atoms")
    for row in rows:
        rivals = row["trouble"] or ", ".join(row["rivals"])
        table.add_row(
            row["name"], row["crystal"] or "-", *(number(row[name]) for name in energies), f"{row['seconds']:.1f}", rivals
        )
    console.print(table)
    _explain(console, energies)


def number(value: float | None) -> str:
    """A number of eV/atom as text, or a dash."""
    return "-" if value is None else f"{value:+z.3f}"


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Energies to show; those by DFT only where one of the rows has them."""
    computed = any(row[name] is not None for row in rows for name in _COMPUTED)
    return _ENERGIES | (_COMPUTED if computed else {})


def _explain(console: Console, energies: Mapping[str, str]) -> None:
    for line in (POTENTIAL, *([COMPUTED] if energies.keys() & _COMPUTED.keys() else [])):
        console.print(line, style="dim", highlight=False)
