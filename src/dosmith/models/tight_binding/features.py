"""What the forward networks receive of each atom: CHGNet's view of its surroundings, its element, the space it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith.crystals.potential import MOMENT_LAYER
from dosmith.models.descriptors import descriptors

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.crystals.potential import Potential

FloatArray = NDArray[np.float64]

USUAL_VOLUME = 15.0  # Angstrom^3 an atom


def embeddings(structure: Structure, potential: Potential) -> NDArray[np.float32]:
    """CHGNet's embeddings of a crystal's atoms, shape (n, 5, 64).

    Raises:
        NotFoundError: the atoms are too far apart.
        MissingExtraError: CHGNet is not installed.
    """
    return potential.view(structure).embeddings


def moments(embedded: NDArray[np.float32], potential: Potential) -> FloatArray:
    """CHGNet's magnetic moments of atoms whose `embeddings` are known, without sign, Bohr magnetons, shape (n,)."""
    import torch

    with torch.inference_mode():
        found = potential.model.site_wise(torch.from_numpy(embedded[:, MOMENT_LAYER])).abs()
    return np.asarray(found[:, 0], dtype=np.float64)


def atom_features(
    embedded: NDArray[np.float32], symbols: Sequence[str], volume: float, layers: Sequence[int]
) -> NDArray[np.float32]:
    """Features of a crystal's atoms, shape (n, F).

    Args:
        embedded: by CHGNet, shape (n, 5, 64).
        symbols: of the atoms.
        volume: per atom, Angstrom^3.
        layers: which embeddings.
    """
    chosen = embedded[:, list(layers)].reshape(len(embedded), -1)
    space = np.full((len(embedded), 1), np.log(volume / USUAL_VOLUME))
    return np.hstack([chosen, descriptors(symbols), space]).astype(np.float32)
