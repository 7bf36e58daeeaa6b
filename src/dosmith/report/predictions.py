"""Predicted spectra as files: a CSV of each, and a CIF where the crystal is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dosmith.models.interface import Predicted
from dosmith.outputs import write_texts


def write_predictions(predictions: Sequence[Predicted], folder: Path) -> list[Path]:
    """A CSV of each, and a CIF where its crystal is known; names repeat the formula, numbered where one occurs more often.

    Raises:
        DosmithError: the folder cannot be written.
    """
    from dosmith.symmetry import cif

    texts: dict[str, str] = {}
    seen: dict[str, int] = {}
    for each in predictions:
        seen[each.formula] = seen.get(each.formula, 0) + 1
        name = each.formula if seen[each.formula] == 1 else f"{each.formula}-{seen[each.formula]}"
        texts[f"{name}.csv"] = each.to_csv()
        if each.structure is not None:
            texts[f"{name}.cif"] = cif(each.structure)
    return write_texts(folder, texts)
