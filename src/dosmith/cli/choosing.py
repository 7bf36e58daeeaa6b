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
    str | None, typer.Option("--avoid", metavar="WHY", help="Leave out elements: poisonous, radioactive, scarce, concentrated.")
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="CONDITION", help="Only candidates with, say, price<5000 or above_hull<0.1; repeatable."),
]
RankOption = Annotated[
    str | None,
    typer.Option(
        "--rank-by",
        metavar="MERIT",
        help="similarity, above_hull, price, abundance, ...; -MERIT turns it round; identity: whose DOS it is.",
    ),
]


def choose(designed: Callable[[int], Design], keep: Sequence[str], rank_by: str | None, top: int) -> tuple[Design, list[Merits]]:
    """A design whose candidates fulfil the conditions, in the wanted order, with their merits.

    Args:
        designed: makes the design with this many candidates.
        keep: conditions as text.
        rank_by: a merit, or None.
        top: candidates wanted.
    """
    from dosmith.choosing import MARGIN, Condition, chosen, merits
    from dosmith.crystals.stability import Judge
    from dosmith.crystals.survey import shipped_survey

    conditions = [Condition.parse(text) for text in keep]
    answer = designed(top * MARGIN if conditions or rank_by else top)
    return chosen(answer, merits(answer, Judge(answer.library, shipped_survey())), conditions, rank_by, top)


def write_merits(found: Sequence[Merits], title: str, folder: Path) -> list[Path]:
    """`choosing.html` and `choosing.csv` beside a design."""
    from dosmith.designs import csv_text
    from dosmith.outputs import write_texts
    from dosmith.report.choosing import choosing_page

    table = csv_text([each.as_dict() for each in found])
    return write_texts(folder, {"choosing.html": choosing_page(title, found), "choosing.csv": table})
