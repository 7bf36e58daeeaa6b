"""Crystals and their stability as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dosmith.report.tables import escape, print_notes, print_table, table

if TYPE_CHECKING:
    from rich.console import Console

POTENTIAL = (
    "E_f (formation energy) and above hull are in the CHGNet potential, eV/atom, among the crystals of survey and library."
)
COMPUTED = "(DFT) is the same by density-functional theory, among the crystals of the open DOS set."
_ENERGIES = {"formation_energy": "E_f", "above_hull": "above hull"}
_COMPUTED = {"dft_formation_energy": "E_f (DFT)", "dft_above_hull": "above hull (DFT)"}


def print_crystals(console: Console, formula: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The crystals of a composition: `Crystal.as_dict()` with `above_hull`."""
    energies = _columns(rows)
    shown = table(
        dict.fromkeys(("prototype", "system", "space group"), "left")
        | dict.fromkeys(("atoms", "Å³/\natom", *(name.replace(" ", "\n") for name in energies.values())), "right")
        | {"from": "left"},
        tight=True,
    )
    for row in rows:
        doubt = "" if row["space_group_as_expected"] is not False else ", not its prototype's"
        shown.add_row(
            row["prototype"] or row["id"],
            row["crystal_system"],
            f"{row['space_group']}{doubt}",
            str(row["atoms"]),
            f"{row['volume_per_atom']:.2f}",
            *(number(row[name]) for name in energies),
            row["source"],
        )
    print_table(console, f"Crystals of {formula}, lowest in energy first", shown)
    _explain(console, energies)


def print_stability(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    """Judged crystals: `Judged.as_dict()`."""
    energies = _columns(rows)
    shown = table(
        dict.fromkeys(("asked for", "crystal"), "left")
        | dict.fromkeys((*(name.replace(" ", "\n") for name in energies.values()), "s"), "right")
        | {"rivals, by\nshare of atoms": "left"}
    )
    for row in rows:
        rivals = row["trouble"] or ", ".join(row["rivals"])
        shown.add_row(
            escape(row["name"]),
            escape(row["crystal"] or "-"),
            *(number(row[name]) for name in energies),
            f"{row['seconds']:.1f}",
            escape(rivals),
        )
    print_table(console, "Stability", shown)
    _explain(console, energies)


def number(value: float | None) -> str:
    """A number of eV/atom as text, or a dash."""
    return "-" if value is None else f"{value:+z.3f}"


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Energies to show; those by DFT only where one of the rows has them."""
    computed = any(row[name] is not None for row in rows for name in _COMPUTED)
    return _ENERGIES | (_COMPUTED if computed else {})


def _explain(console: Console, energies: Mapping[str, str]) -> None:
    print_notes(console, [POTENTIAL, *([COMPUTED] if energies.keys() & _COMPUTED.keys() else [])])
