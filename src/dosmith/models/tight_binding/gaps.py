"""Band gaps by the eigenvalues of tight binding: counted, not read off a broadened curve. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.models.tight_binding.batches import AT_ONCE, CrystalBatch, CrystalInput
from dosmith.models.tight_binding.network import TightBinding

FloatArray = NDArray[np.float64]

ODD = -9.0
"""eV; stands for the gap of a cell with an odd number of electrons, whose highest occupied band is half full."""


def signed_gaps(network: TightBinding, crystals: Sequence[CrystalInput]) -> FloatArray:
    """From the highest occupied to the lowest empty eigenvalue over all points, eV, shape (M,).

    Each band holds two electrons, or one where spins are told apart, and at each point the lowest bands are filled. Below zero these overlap
    with the others by so much and the crystal is a metal: how far it is from having a gap.

    Args:
        network: trained.
        crystals: M of them.
    """
    found = np.full(len(crystals), ODD)
    for start in range(0, len(crystals), AT_ONCE):
        part = crystals[start : start + AT_ONCE]
        for place, (crystal, bands) in enumerate(zip(part, network.bands(CrystalBatch.of(part)), strict=True), start):
            states = bands.transpose(0, 1).flatten(1).sort(dim=1).values
            filled, rest = divmod(round(crystal.electrons) * len(bands), 2)
            if not rest and 0 < filled < states.shape[1]:
                found[place] = float(states[:, filled].min() - states[:, filled - 1].max())
    return np.asarray(np.maximum(found, ODD))
