"""Options of `design` for choosing among candidates, and what stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dosmith.choosing import Merits
    from dosmith.designs import Design

StabilityOption = Annotated[
    bool, typer.Option("--stability", help="Also show stability, price, supply, gap and band centre of each candidate.")
]
AvoidOption = Annotated[
    str | None,
    typer.Option("--avoid", metavar="WHY", help="Leave out elements that are poisonous, radioactive, scarce, concentrated."),
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="CONDITION", help="Only candidates with, say, abundance>1 or band_centre<-2; repeatable."),
]
RankOption = Annotated[
    str | None,
    typer.Option(
        "--rank-by",
        metavar="MERIT",
        help="probability (that it matches and exists), similarity, above_hull, price, ...; -MERIT reverses the order; identity: whose DOS is this?",
    ),
]
VarietyOption = Annotated[
    float | None,
    typer.Option(
        "--variety", metavar="0...1", help="How far to mix kinds of candidates; 0 does not, 1 shows the best of each kind first."
    ),
]
FormulaOption = Annotated[
    str | None, typer.Option("--formula", metavar="A2BC", help="A composition, or a pattern with letters for any elements.")
]
SpaceGroupOption = Annotated[
    str | None, typer.Option("--space-group", metavar="SG", help="Space group of the crystal: 225, Fm-3m.")
]
PrototypeOption = Annotated[str | None, typer.Option("--prototype", metavar="P", help="Prototype: L1_2, B1, E2_1, ...")]
GapOption = Annotated[
    str | None,
    typer.Option(
        "--gap", metavar="LOWER:UPPER", help="Band gap in eV, or 'metal', in place of the target's; works without a target."
    ),
]
AboveHullOption = Annotated[
    float | None, typer.Option("--above-hull", metavar="EV", help="Largest height above the hull, eV/atom.")
]
PriceOption = Annotated[float | None, typer.Option("--price", metavar="USD", help="Highest price of the elements, USD/kg.")]


def choose(designed: Callable[[int], Design], rank_by: str | None, top: int) -> tuple[Design, list[Merits]]:
    """A design with the merits of its candidates, in the wanted order.

    Args:
        designed: makes the design with this many candidates.
        rank_by: a merit by which the likeliest candidates are ordered, or None.
        top: candidates wanted.
    """
    from dosmith.choosing import MARGIN, chosen, merits
    from dosmith.crystals.stability import Judge
    from dosmith.crystals.survey import shipped_survey

    answer = designed(top * MARGIN if rank_by else top)
    return chosen(answer, merits(answer, Judge(answer.library, shipped_survey())), rank_by, top)


def write_merits(found: Sequence[Merits], title: str, folder: Path) -> list[Path]:
    """`choosing.html` and `choosing.csv` beside a design."""
    from dosmith.designs import csv_text
    from dosmith.outputs import write_texts
    from dosmith.report.choosing import choosing_page

    table = csv_text([each.as_dict() for each in found])
    return write_texts(folder, {"choosing.html": choosing_page(title, found), "choosing.csv": table})
