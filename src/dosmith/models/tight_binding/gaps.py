"""Band gaps by the eigenvalues of tight binding: counted, not read off a broadened curve. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dosmith.models.tight_binding.batches import CrystalInput, groups, stacked
from dosmith.models.tight_binding.network import TightBinding

FloatArray = NDArray[np.float64]

ODD = -9.0
"""eV; stands for the gap of a cell with an odd number of electrons, whose highest occupied band is half full."""


def signed_gaps(network: TightBinding, crystals: Sequence[CrystalInput], largest: int = 16) -> FloatArray:
    """From the highest occupied to the lowest empty eigenvalue over all points, eV, shape (M,).

    With two electrons in each band the bands above half the electrons are empty. Below zero these overlap by so much and the crystal is a
    metal: how far it is from having a gap.

    Args:
        network: trained.
        crystals: M of them.
        largest: crystals of one lattice that are worked on at once.
    """
    found = np.full(len(crystals), ODD)
    for rows in groups(crystals, range(len(crystals)), largest):
        energies = network.eigenvalues(stacked([crystals[row] for row in rows]))
        for row, bands in zip(rows, energies, strict=True):
            filled, rest = divmod(round(crystals[row].electrons), 2)
            if not rest and 0 < filled < bands.shape[1]:
                found[row] = float(torch.amin(bands[:, filled]) - torch.amax(bands[:, filled - 1]))
    return np.asarray(np.maximum(found, ODD))
