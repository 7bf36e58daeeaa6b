"""Training of the forward networks, one pair at a time. Needs PyTorch.

The error is measured as it matters: |p - t|^2, and by how much the similarity to every known spectrum comes out wrong,
which is (p - t) M (p - t) with M the mean of s s^T over the known spectra s, all of norm 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dosmith.models.descriptors import first_orbitals, first_radii
from dosmith.models.tight_binding.batches import CrystalBatch, CrystalInput
from dosmith.models.tight_binding.network import PlainNetwork, TightBinding
from dosmith.models.tight_binding.slater_koster import LETTERS, MOMENTA
from dosmith.models.training import Progress, descend, shuffled
from dosmith.settings import ForwardSettings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Parts:
    """Densities of a crystal on P groups of its orbitals, as they should come out.

    Attributes:
        groups: 1 where an orbital belongs to a group, 0 elsewhere, shape (P, 9 n).
        targets: in the unit in which the whole has norm 1, shape (P, points).
    """

    groups: Tensor
    targets: Tensor

    @classmethod
    def of(cls, symbols: Sequence[str], densities: Mapping[tuple[str, str], FloatArray]) -> Parts | None:
        """By element and orbital; what is of no s, p or d orbital is left out; None where nothing remains.

        Args:
            symbols: of the atoms, n of them.
            densities: each of shape (points,).
        """
        letters = [LETTERS[momentum] for momentum in MOMENTA]
        orbitals = [(symbol, letter) for symbol in symbols for letter in letters]
        labels = [label for label in densities if label in orbitals]
        if not labels:
            return None
        groups = torch.tensor([[float(each == label) for each in orbitals] for label in labels])
        return cls(groups, torch.tensor(np.array([densities[label] for label in labels]), dtype=torch.float32))


def fit_tight_binding(
    crystals: Sequence[CrystalInput],
    targets: FloatArray,
    energies: FloatArray,
    symbols: Sequence[str],
    settings: ForwardSettings,
    seed: int,
    progress: Progress | None = None,
    weights: FloatArray | None = None,
    parts: Sequence[Parts | None] = (),
) -> TightBinding:
    """Train tight binding from free atoms.

    Args:
        crystals: M of them.
        targets: their spectra as they should come out, of norm 1 and broadened as in the settings, shape (M, points); beside them
            may stand how much more of them is of spin up than of spin down, which makes shape (M, 2 points).
        energies: of the grid points, eV.
        symbols: elements of the tables.
        settings: how.
        seed: of weights and batches.
        progress: called after each epoch.
        weights: how much each crystal counts, shape (M,); all alike when None.
        parts: what is known of each crystal's densities on orbitals; nothing when left out.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    orbitals = torch.tensor(first_orbitals(symbols), dtype=torch.float32)
    radii = torch.tensor(first_radii(symbols), dtype=torch.float32)
    network = TightBinding(orbitals, radii, crystals[0].features.shape[1], settings)
    grid = torch.tensor(energies, dtype=torch.float32)
    tables = [value for name, value in network.named_parameters() if name in TightBinding.TABLES]
    others = [value for name, value in network.named_parameters() if name not in TightBinding.TABLES]
    optimizer = torch.optim.AdamW(
        [
            {"params": tables, "lr": settings.table_rate, "weight_decay": 0.0},
            {"params": others, "lr": settings.rate, "weight_decay": settings.weight_decay},
        ]
    )

    epochs = epochs_of(len(crystals), settings)

    known = list(parts) if settings.part_weight else []

    def predict(rows: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        batch = CrystalBatch.of([crystals[row] for row in rows])
        wanted = [known[row] for row in rows] if known else []
        if not any(wanted):
            return network.curves(batch, grid, settings.broadening).flatten(1)[:, : targets.shape[1]], None
        groups = [None if each is None else each.groups for each in wanted]
        curves, found = network.curves_and_parts(batch, groups, grid, settings.broadening)
        errors = [
            torch.zeros(()) if part is None or each is None else (part - each.targets).square().sum()
            for part, each in zip(found, wanted, strict=True)
        ]
        return curves.flatten(1)[:, : targets.shape[1]], settings.part_weight * torch.stack(errors)

    descend(
        network,
        predict,
        lambda: shuffled(len(crystals), settings.batch, generator),
        torch.tensor(targets, dtype=torch.float32),
        optimizer,
        [settings.table_rate, settings.rate],
        epochs,
        settings,
        lambda done, loss: progress("tight binding", done, epochs, loss) if progress else None,
        None if weights is None else torch.tensor(weights, dtype=torch.float32),
    )
    return network


def epochs_of(crystals: int, settings: ForwardSettings) -> int:
    """Epochs of the tight binding: as many as are allowed, fewer where these would take too many steps."""
    return max(1, min(settings.epochs, round(settings.steps * settings.batch / crystals)))


def fit_plain(
    features: Sequence[Tensor],
    targets: FloatArray,
    settings: ForwardSettings,
    seed: int,
    progress: Progress | None = None,
    weights: FloatArray | None = None,
) -> PlainNetwork:
    """Train the plain network.

    Args:
        features: of the atoms of each of M crystals, shapes (n, F).
        targets: their spectra, of norm 1, shape (M, points).
        settings: how.
        seed: of weights and batches.
        progress: called after each epoch.
        weights: how much each crystal counts, shape (M,); all alike when None.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    network = PlainNetwork(features[0].shape[1], targets.shape[1], settings)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.plain_rate, weight_decay=settings.plain_weight_decay)

    def predict(rows: Sequence[int]) -> tuple[Tensor, Tensor | None]:
        return plain_spectra(network, [features[row] for row in rows]), None

    descend(
        network,
        predict,
        lambda: shuffled(len(features), settings.plain_batch, generator),
        torch.tensor(targets, dtype=torch.float32),
        optimizer,
        settings.plain_rate,
        settings.plain_epochs,
        settings,
        lambda done, loss: progress("plain network", done, settings.plain_epochs, loss) if progress else None,
        None if weights is None else torch.tensor(weights, dtype=torch.float32),
    )
    return network


def plain_spectra(network: PlainNetwork, features: Sequence[Tensor]) -> Tensor:
    """What the plain network makes of several crystals, shape (len(features), points)."""
    owners = torch.repeat_interleave(torch.arange(len(features)), torch.tensor([len(atoms) for atoms in features]))
    found: Tensor = network(torch.cat(list(features)), owners, len(features))
    return found
