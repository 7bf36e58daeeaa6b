"""What commands do with a model of other spectra."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from dosmith.cli.options import Format, new_console

if TYPE_CHECKING:
    from dosmith.constraints import Constraints


def is_of_other_spectra(model: str | None) -> bool:
    """Whether that is what a model knows."""
    if model is None:
        return False
    from dosmith.models.composition import KIND
    from dosmith.models.store import find_checkpoint, read_spec

    return read_spec(find_checkpoint(model)).get("kind") == KIND


def design_other(name: str, target: str, top: int, constraints: Constraints, output: Format) -> None:
    """Rank compositions whose spectrum should be like a target's."""
    from dosmith.models.composition.model import SpectrumModel

    model = SpectrumModel.open(name)
    curve, called = model.target(target)
    found = model.propose(curve, top, constraints)
    rows = [each.as_dict() for each in found]
    if output is Format.json:
        typer.echo(json.dumps({"target": called, "model": model.spec["name"], "candidates": rows}, indent=2, ensure_ascii=False))
    elif output is Format.csv:
        from dosmith.designs import csv_text

        typer.echo(csv_text(rows), nl=False)
    else:
        from dosmith.report.console import print_matches

        print_matches(new_console(), called, found)


def predict_other(name: str, what: list[str], output: Format) -> None:
    """Predict the spectra of compositions."""
    from dosmith import formulas
    from dosmith.models.composition.model import SpectrumModel

    model = SpectrumModel.open(name)
    compositions = [formulas.parse(text) for text in what]
    axis, spectra = model.known.axis, model.expect(compositions)
    names = [formulas.write(each) for each in compositions]
    if output is Format.json:
        rows = [
            {"formula": formula, "kind": "predicted", "axis": axis.tolist(), "spectrum": values.tolist()}
            for formula, values in zip(names, spectra, strict=True)
        ]
        typer.echo(json.dumps(rows))
    elif output is Format.csv:
        typer.echo("formula,axis,spectrum")
        for formula, values in zip(names, spectra, strict=True):
            typer.echo("".join(f"{formula},{x:.6g},{y:.6g}\n" for x, y in zip(axis, values, strict=True)), nl=False)
    else:
        console = new_console()
        for formula, values in zip(names, spectra, strict=True):
            peak = axis[abs(values).argmax()]
            length = (values @ values) ** 0.5
            console.print(
                f"{formula}: predicted, largest at {peak:g}, length {length:.2f} (1: all members agree); the curve: --format csv",
                highlight=False,
            )
