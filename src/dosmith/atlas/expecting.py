"""What a forward model expects of crystals, here or in another process: spectrum, gap, and energies in the potential."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atlas.crystal import Cell
from dosmith.errors import DosmithError, ModelError
from dosmith.models.registry import open_model
from dosmith.models.store import WEIGHTS
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.ranking import told
from dosmith.spectra.code import Basis

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


@dataclass(frozen=True, eq=False)
class Expectation:
    """What is expected of one crystal.

    Attributes:
        spectrum: of norm 1 or less, shape (points,).
        gap: to be expected, eV; 0 of a metal, None when the model tells none.
        energy: in the potential, eV/atom; None when unknown.
        formation_energy: in the same; None when unknown.
        gap_spread: standard deviation of the gap, eV; None when unknown.
        signed_gap: by eigenvalues, eV, below zero where bands overlap; None when unknown.
    """

    spectrum: NDArray[np.float32]
    gap: float | None
    energy: float | None
    formation_energy: float | None
    gap_spread: float | None = None
    signed_gap: float | None = None


def forward_model(name: str) -> TightBindingModel:
    """The forward model of a name or in a folder.

    Raises:
        ModelError: the model is of another kind.
    """
    opened = open_model(name)
    if not isinstance(opened, TightBindingModel):
        raise ModelError(f"the model '{opened.name}' predicts no crystals; an atlas needs a forward model, such as 'dosmith'")
    return opened


def fingerprint(model: TightBindingModel) -> str:
    """Tells what was expected by one model from what was by another."""
    return f"{model.name}-{model.spec['sha256'][WEIGHTS][:12]}"


def basis_for(model: TightBindingModel) -> Basis:
    """A basis for what the model expects."""
    return Basis.of(model.atlas.candidates.expected, model.recipe)


def expected(cells: Sequence[Cell], name: str) -> list[Expectation | str]:
    """What the model of a name expects of crystals: for each that, or why nothing is expected of it.

    A function of a module, so that it travels to other processes.
    """
    model = _opened(name)
    structures = [_structure(cell) for cell in cells]
    found: list[Expectation | str] = []
    try:
        return _together(model, structures)
    except DosmithError:
        pass
    for structure in structures:  # one of them cannot be had: which one
        try:
            found += _together(model, [structure])
        except DosmithError as error:
            found.append(str(error))
    return found


def _together(model: TightBindingModel, structures: Sequence[Structure]) -> list[Expectation | str]:
    prepared = model.ensemble.prepare_each(structures)
    found = model.ensemble.predict_atoms(prepared)
    return [
        Expectation(
            found.expected[place].astype(np.float32),
            told(found.gaps[place]),
            atoms.energy,
            _formation_energy(structure, atoms.energy),
            told(found.gap_spreads[place]),
            float(found.signed_gaps[place]),
        )
        for place, (structure, atoms) in enumerate(zip(structures, prepared, strict=True))
    ]


def _formation_energy(structure: Structure, energy: float | None) -> float | None:
    from dosmith.crystals.survey import shipped_survey

    if energy is None:
        return None
    return shipped_survey().formation_energy(formulas.reduce((site.specie.symbol, 1) for site in structure), energy)


@lru_cache(maxsize=1)
def _opened(name: str) -> TightBindingModel:
    return forward_model(name)


def _structure(cell: Cell) -> Structure:
    from pymatgen.core.structure import Structure

    return Structure(cell.lattice, list(cell.species), cell.frac_coords)
