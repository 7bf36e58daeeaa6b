"""A design as `dosmith design --out` wrote it, read again."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.formulas import Composition
from dosmith.settings import ZeroRule
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Designed:
    """One candidate of a design.

    Attributes:
        rank: from 1.
        composition: reduced.
        prototype: of its crystal, or None.
        structure_id: of the known material, or None.
        crystal_system: or None.
        similarity: to the target, known or predicted; None when there is neither.
        similarity_kind: computed, predicted or None.
        curve: known or predicted DOS, 1/eV, shape (points,); None when there is none.
        structure: the crystal that the design wrote; None when it wrote none.
    """

    rank: int
    composition: Composition
    prototype: str | None
    structure_id: str | None
    crystal_system: str | None
    similarity: float | None
    similarity_kind: str | None
    curve: FloatArray | None
    structure: Structure | None

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return formulas.write(self.composition)


@dataclass(frozen=True, eq=False)
class DesignFolder:
    """What a design says.

    Attributes:
        name: of the target.
        recipe: by which curves were made comparable.
        target: its curve, 1/eV, shape (points,).
        candidates: best first.
    """

    name: str
    recipe: Recipe
    target: FloatArray
    candidates: tuple[Designed, ...]


def read_design(folder: str | Path) -> DesignFolder:
    """The design in a folder.

    Raises:
        NotFoundError: there is none.
        FileFormatError: it is damaged, or from a dosmith that wrote no curves.
    """
    folder = Path(folder)
    if not (folder / "candidates.json").is_file():
        raise NotFoundError(f"{folder} holds no design; make one with 'dosmith design TARGET --out {folder}'")
    if not (folder / "curves.csv").is_file():
        raise FileFormatError(f"{folder} has no curves.csv, which older versions did not write; make the design again")
    try:
        answer = json.loads((folder / "candidates.json").read_text(encoding="utf-8"))
        with (folder / "curves.csv").open(encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
        table = np.array(rows, dtype=np.float64)
        curves = {name: table[:, place] for place, name in enumerate(names)}
        settings = answer["settings"]
        zero: ZeroRule = settings["zero"]
        recipe = Recipe(EnergyGrid.from_key(settings["grid"]), float(settings["broadening_ev"]), zero)
        if table.shape != (recipe.grid.points, len(names)):
            raise ValueError(f"{table.shape[0]} points, not {recipe.grid.points}")
        candidates = tuple(
            Designed(
                rank=int(each["rank"]),
                composition=formulas.parse(each["formula"]),
                prototype=each["prototype"],
                structure_id=each["structure_id"],
                crystal_system=each["crystal_system"] or settings["crystal_system"],
                similarity=each["similarity"],
                similarity_kind=each["similarity_kind"],
                curve=curves.get(each["formula"]),
                structure=_structure(folder / "structures", each["structure_id"], each["formula"]),
            )
            for each in answer["candidates"]
        )
        return DesignFolder(str(answer["target"]["name"]), recipe, curves["target"], candidates)
    except (OSError, ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError, csv.Error) as error:
        raise FileFormatError(f"the design in {folder} is damaged ({error}); make it again") from None


def _structure(folder: Path, identifier: str | None, formula: str) -> Structure | None:
    from dosmith.crystals.find import from_file

    name = f"{formula}-predicted" if identifier is None else re.sub(r"[^\w.+-]", "_", identifier).lstrip(".")
    file = folder / f"{name}.cif"
    try:
        return from_file(file) if file.is_file() else None
    except DosmithError:
        return None
