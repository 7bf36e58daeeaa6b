"""Projections of the forward model: the weights of tight binding's eigenvectors on elements and orbitals. Needs PyTorch.

Its basis is orthogonal, so the squares of an eigenvector's components are weights that sum to one (Mulliken's and Loewdin's at once).
Only totals were trained on; what is projected follows from the orbitals that the physics began with.
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
from dosmith.models.tight_binding.slater_koster import MOMENTA

if TYPE_CHECKING:
    from dosmith.models.tight_binding.ensemble import Atoms, ForwardModel, Member

FloatArray = NDArray[np.float64]
Label = tuple[str, str]

LETTERS = "spdf"
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
    (matrices,) = network.spin_hamiltonians(batch)
    _, states = torch.linalg.eigh(matrices.flatten(0, 1))  # (spins K, 9 n, 9 n), columns by rising eigenvalue
    weights = states.abs() ** 2
    atoms, letters = len(crystal.elements), _letters(crystal)
    onto = torch.zeros(weights.shape[1], letters * atoms, dtype=weights.dtype)
    rows = torch.arange(weights.shape[1])
    onto[rows, letters * (rows // len(_MOMENTA)) + _MOMENTA[rows % len(_MOMENTA)]] = 1
    shares = torch.einsum("kob,op->pkb", weights, onto).flatten(1)
    f_levels = torch.zeros(letters * atoms, len(crystal.f_atoms), dtype=weights.dtype)  # they come last
    for column, atom in enumerate(crystal.f_atoms):
        f_levels[letters * atom + LETTERS.index("f"), column] = 1
    shares = torch.cat([shares, f_levels], dim=1)
    levels = network.eigenvalues(batch)  # from the energy zero, in the same order
    parts = broadened(levels.expand(len(shares), -1), batch.weights * shares, grid, broadening)
    scaled: Tensor = parts / torch.linalg.vector_norm(parts.sum(dim=0))
    return scaled.view(atoms, letters, -1)


def _letters(crystal: CrystalInput) -> int:
    return 4 if crystal.f_atoms else 3


def member_parts(member: Member, crystals: Sequence[Atoms], model: ForwardModel) -> list[dict[Label, FloatArray]]:
    """By element and orbital, the density that a member expects of each crystal, each of shape (points,).

    Tight binding tells the share of each part at each energy; the whole, of norm 1 or less, is that of both networks together.
    """
    grid = torch.tensor(model.recipe.grid.energies, dtype=torch.float32)
    wholes = member.predict(crystals, model.symbols, model.recipe, model.settings)
    found = []
    with torch.inference_mode():
        for atoms, whole in zip(crystals, wholes, strict=True):
            (one,) = member.inputs([atoms], model.symbols)
            parts = projected(member.tight_binding, one, grid, model.settings.broadening).numpy().astype(np.float64)
            shares = parts / np.maximum(parts.sum(axis=(0, 1)), 1e-4 * parts.sum(axis=(0, 1)).max())
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
    found = [member_parts(member, crystals, model) for member in model.members]
    return [
        {label: _together([parts[place][label] for parts in found]) for label in found[0][place]}
        for place in range(len(crystals))
    ]


def _together(curves: Sequence[FloatArray]) -> tuple[FloatArray, float]:
    units = [curve / max(float(np.linalg.norm(curve)), 1e-30) for curve in curves]
    return np.asarray(np.mean(curves, axis=0)), float(np.linalg.norm(np.mean(units, axis=0)))


def parts_of(model: ForwardModel, crystals: Sequence[Atoms]) -> list[dict[Label, FloatArray]]:
    """By element and orbital, the density expected of each crystal, the mean of the members', each of shape (points,).

    Their sum is `Prediction.expected` but where there are hardly any states.
    """
    return [{label: curve for label, (curve, _) in parts.items()} for parts in expected_parts(model, crystals)]
