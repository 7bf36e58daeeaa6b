"""What `dosmith design` prints from a model of spectra that are no densities of states."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from dosmith.cli.options import Format, new_console

if TYPE_CHECKING:
    from dosmith.constraints import Constraints
    from dosmith.models.interface import Model


def design_spectrum(model: Model, target: str, top: int, constraints: Constraints, output: Format) -> None:
    """Rank compositions whose spectrum should be like a target's."""
    from dosmith import formulas

    curve, called = model.target(target)
    found = model.propose(curve, top, constraints)
    rows = [
        {
            "rank": rank,
            "formula": formulas.write(each.composition),
            "similarity": each.similarity,
            "similarity_kind": "computed" if each.known is not None else "predicted",
            "id": each.known,
        }
        for rank, each in enumerate(found, 1)
    ]
    if output is Format.json:
        typer.echo(json.dumps({"target": called, "model": model.name, "candidates": rows}, indent=2, ensure_ascii=False))
    elif output is Format.csv:
        from dosmith.designs import csv_text

        typer.echo(csv_text(rows), nl=False)
    else:
        from dosmith.report.console import print_matches

        print_matches(new_console(), called, rows)
