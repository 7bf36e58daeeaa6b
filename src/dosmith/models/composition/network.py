"""The networks of other spectra, whole. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class CompositionNetwork(nn.Module):
    """What an element contributes to the spectrum of its composition.

    Args:
        mean: of the features, shape (F,).
        spread: of the features, shape (F,).
        points: of a spectrum, L.
        hidden: width of both hidden layers.
        dropout: after each.
    """

    def __init__(self, mean: NDArray[np.float64], spread: NDArray[np.float64], points: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.inputs = len(mean)
        self.mean: Tensor
        self.spread: Tensor
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(spread + 1e-3, dtype=torch.float32))  # a feature may be the same everywhere
        self.layers = nn.Sequential(
            nn.Linear(self.inputs, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, points),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Features (elements, F) -> contributions (elements, L)."""
        found: Tensor = self.layers((features - self.mean) / self.spread)
        return found


class Mean(nn.Module):
    """The mean of several networks."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, features: Tensor) -> Tensor:
        """As each of them."""
        return torch.stack([member(features) for member in self.members]).mean(dim=0)
