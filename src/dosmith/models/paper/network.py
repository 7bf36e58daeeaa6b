"""Every network of dosmith, whole. Shapes are (batch, channels, levels) unless said otherwise. Needs PyTorch (dosmith[train])."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """The paper's autoencoder of centroid DOS: levels -> hidden -> latent -> hidden -> levels, tanh (Bang et al. 2024, Methods).

    The hidden widths are not stated there. The output layer is linear: a DOS is not bounded by 1.
    """

    def __init__(self, levels: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(levels, hidden), nn.Tanh(), nn.Linear(hidden, latent), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, levels))

    def forward(self, centroids: Tensor) -> Tensor:
        """(elements, levels) -> (elements, levels)."""
        decoded: Tensor = self.decoder(self.encoder(centroids))
        return decoded


class InverseNetwork(nn.Module):
    """The paper's inverse network (Fig. 3a): four times convolution, ReLU, max-pool by two; then one dense layer.

    With 151 levels the lengths are 151, 75, 37, 18, 9, so 288 -> outputs. The output is linear, since EVs are signed.
    Vectors of unit area are small numbers; they are scaled to a mean of 1 on entry.
    """

    def __init__(self, levels: int, step: float, outputs: int, kernels: int = 32, kernel_size: int = 13) -> None:
        super().__init__()
        self.scale = levels * step
        blocks: list[nn.Module] = []
        for channels in (1, kernels, kernels, kernels):
            blocks += [nn.Conv1d(channels, kernels, kernel_size, padding=kernel_size // 2), nn.ReLU(), nn.MaxPool1d(2)]
        self.features = nn.Sequential(*blocks)
        self.output = nn.Linear(kernels * (levels // 2**4), outputs)

    def forward(self, vectors: Tensor) -> Tensor:
        """Standard vectors (batch, levels) -> composition vectors (batch, outputs)."""
        features: Tensor = self.features(vectors.unsqueeze(1) * self.scale)
        predicted: Tensor = self.output(torch.flatten(features, 1))
        return predicted
