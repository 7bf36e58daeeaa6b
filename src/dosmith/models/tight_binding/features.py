"""What the forward networks receive of each atom: CHGNet's view of its surroundings, its element, the space it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith.models.descriptors import descriptors

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.crystals.potential import Potential

FloatArray = NDArray[np.float64]

LAYERS = 5
"""Layers of CHGNet's atom embeddings: as they begin, and after each of four convolutions."""
MOMENT_LAYER = 3
"""The layer that CHGNet reads moments from."""
WIDTH = 64
"""Numbers in one embedding."""
USUAL_VOLUME = 15.0  # Angstrom^3 an atom


def embeddings(structure: Structure, potential: Potential) -> NDArray[np.float32]:
    """CHGNet's embeddings of a crystal's atoms, shape (n, LAYERS, WIDTH).

    Raises:
        NotFoundError: the atoms are too far apart.
        MissingExtraError: CHGNet is not installed.
    """
    model = potential.model
    import torch

    seen: list[Any] = []
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
        for layer in (model.atom_embedding, *model.atom_conv_layers)
    ]
    try:
        potential.energy(structure)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(seen, dim=1).numpy().astype(np.float32)


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
        embedded: from `embeddings`.
        symbols: of the atoms.
        volume: per atom, Angstrom^3.
        layers: which embeddings.
    """
    chosen = embedded[:, list(layers)].reshape(len(embedded), -1)
    space = np.full((len(embedded), 1), np.log(volume / USUAL_VOLUME))
    return np.hstack([chosen, descriptors(symbols), space]).astype(np.float32)
