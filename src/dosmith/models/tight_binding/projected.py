"""Projections of the forward model: the weights of tight binding's eigenvectors on elements and orbitals. Needs PyTorch.

Its basis is orthogonal, so the squares of an eigenvector's components are weights that sum to one (Mulliken's and Loewdin's at once).
They are trained on where they are computed (`part_weight` of the settings); elsewhere they follow from what was learned there, and from the
orbitals that the physics began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dosmith.models.tight_binding.batches import CrystalBatch, CrystalInput
from dosmith.models.tight_binding.filling import broadened
from dosmith.models.tight_binding.network import TightBinding
from dosmith.models.tight_binding.slater_koster import LETTERS, MOMENTA

if TYPE_CHECKING:
    from dosmith.models.tight_binding.atoms import Atoms
    from dosmith.models.tight_binding.ensemble import ForwardModel, Label, Member
    from dosmith.settings import ForwardSettings
    from dosmith.spectra.standard import Recipe

FloatArray = NDArray[np.float64]
UP, DOWN = ("", "up"), ("", "down")
"""Labels of spins, beside those of elements and orbitals."""
_MOMENTA = torch.tensor(MOMENTA)


def projected(network: TightBinding, crystal: CrystalInput, grid: Tensor, broadening: float) -> Tensor:
    """The DOS of one crystal by atom and angular momentum; the sum over both has norm 1, shape (n, 3, G); (n, 4, G) with f.

    The points stand for others by symmetry, so only sums over equal atoms mean something.

    Args:
        network: trained.
        crystal: of n atoms.
        grid: even energies, eV, shape (G,).
        broadening: Gaussian sigma, eV.
    """
    batch = CrystalBatch.of([crystal])
    atoms, letters = len(crystal.elements), len(LETTERS) if crystal.f_atoms else len(LETTERS) - 1
    onto = torch.zeros(letters * atoms, len(_MOMENTA) * atoms)
    for atom in range(atoms):
        onto[letters * atom + _MOMENTA, len(_MOMENTA) * atom + torch.arange(len(_MOMENTA))] = 1
    _, (parts,) = network.curves_and_parts(batch, [onto], grid, broadening)
    assert parts is not None
    if crystal.f_atoms:  # levels of their own, which come last
        of_f = torch.zeros(len(parts), len(crystal.f_atoms))
        of_f[letters * torch.tensor(crystal.f_atoms) + LETTERS.index("f"), torch.arange(len(crystal.f_atoms))] = 1
        levels, weights = (each[:, -len(crystal.f_atoms) :] for each in (network.eigenvalues(batch), batch.weights))
        parts = parts + broadened(levels.expand(len(parts), -1), weights * of_f, grid, broadening)
    scaled: Tensor = parts / torch.linalg.vector_norm(parts.sum(dim=0))
    return scaled.view(atoms, letters, -1)


def _letters(crystal: CrystalInput) -> int:
    return 4 if crystal.f_atoms else 3


def member_parts(
    member: Member, crystals: Sequence[Atoms], symbols: Sequence[str], recipe: Recipe, settings: ForwardSettings
) -> list[dict[Label, FloatArray]]:
    """By element and orbital, the density that a member expects of each crystal, each of shape (points,).

    Tight binding tells the share of each part at each energy; the whole, of norm 1 or less, is that of both networks together.
    """
    from dosmith.models.tight_binding.fitting import plain_spectra

    grid = torch.tensor(recipe.grid.energies, dtype=torch.float32)
    found = []
    with torch.inference_mode():
        plain = plain_spectra(member.plain, [member.plain_scale(each.plain_features) for each in crystals]).numpy()
        for atoms, one, beside in zip(crystals, member.inputs(crystals, symbols), plain, strict=True):
            parts = projected(member.tight_binding, one, grid, settings.broadening).numpy().astype(np.float64)
            bonded = parts.sum(axis=(0, 1))
            whole = settings.share * bonded + (1 - settings.share) * beside
            shares = parts / np.maximum(bonded, 1e-4 * bonded.max())
            by_label: dict[Label, FloatArray] = {}
            for atom, (symbol, orbitals) in enumerate(zip(atoms.symbols, shares, strict=True)):
                for letter, share in zip(LETTERS, orbitals[: 4 if atom in one.f_atoms else 3], strict=False):
                    by_label[symbol, letter] = by_label.get((symbol, letter), 0.0) + share * whole
            found.append(by_label)
    return found


def expected_parts(model: ForwardModel, crystals: Sequence[Atoms]) -> list[dict[Label, tuple[FloatArray, float]]]:
    """By element and orbital, the mean of the members' densities, shape (points,), and how far these agree on its shape.

    The second is the norm of the mean of their densities of norm 1: 1 where all members agree in every detail.
    """
    found = [member.parts(crystals, model.symbols, model.recipe) for member in model.members]
    found = [[_corrected(model, parts, atoms) for parts, atoms in zip(each, crystals, strict=True)] for each in found]
    return [
        {label: _together([parts[place][label] for parts in found]) for label in found[0][place]}
        for place in range(len(crystals))
    ]


def _corrected(model: ForwardModel, parts: dict[Label, FloatArray], atoms: Atoms) -> dict[Label, FloatArray]:
    if model.shares is not None:
        parts = model.shares.corrected(parts)
    if model.centres is not None:
        parts = model.centres.corrected(parts, atoms.symbols, model.recipe.grid.energies)
    return parts


def _together(curves: Sequence[FloatArray]) -> tuple[FloatArray, float]:
    units = [curve / max(float(np.linalg.norm(curve)), 1e-30) for curve in curves]
    return np.asarray(np.mean(curves, axis=0)), float(np.linalg.norm(np.mean(units, axis=0)))


def expected_spins(model: ForwardModel, atoms: Atoms) -> dict[Label, tuple[FloatArray, float]]:
    """The same of spin up and spin down in a crystal, under `UP` and `DOWN`; nothing where spins are alike."""
    if not atoms.magnetic:
        return {}
    found = zip(*(member.spins(atoms, model.symbols, model.recipe) for member in model.members), strict=True)
    return {label: _together(curves) for label, curves in zip((UP, DOWN), found, strict=True)}


def parts_of(model: ForwardModel, crystals: Sequence[Atoms]) -> list[dict[Label, FloatArray]]:
    """By element and orbital, the density expected of each crystal, the mean of the members', each of shape (points,).

    Their sum is `Prediction.expected` but where there are hardly any states.
    """
    return [{label: curve for label, (curve, _) in parts.items()} for parts in expected_parts(model, crystals)]
