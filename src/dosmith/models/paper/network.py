"""Every network of dosmith, whole. Shapes are (batch, channels, points) unless said otherwise. Needs PyTorch (dosmith[train])."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """The paper's autoencoder of centroid DOS: points -> hidden -> latent -> hidden -> points, tanh (Bang et al. 2024, Methods).

    The hidden widths are not stated there. The output layer is linear: a DOS is not bounded by 1.
    """

    def __init__(self, points: int, hidden: int, latent: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(points, hidden), nn.Tanh(), nn.Linear(hidden, latent), nn.Tanh())
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, points))

    def forward(self, centroids: Tensor) -> Tensor:
        """(elements, points) -> (elements, points)."""
        decoded: Tensor = self.decoder(self.encoder(centroids))
        return decoded


class InverseNetwork(nn.Module):
    """The paper's inverse network (Fig. 3a): four times convolution, ReLU, max-pool by two; then one dense layer.

    With 151 points the lengths are 151, 75, 37, 18, 9, so 288 -> outputs. The output is linear, since EVs are signed.
    Vectors of unit area are small numbers; they are scaled to a mean of 1 on entry.
    """

    def __init__(self, points: int, step: float, outputs: int, kernels: int = 32, kernel_size: int = 13) -> None:
        super().__init__()
        self.scale = points * step
        blocks: list[nn.Module] = []
        for channels in (1, kernels, kernels, kernels):
            blocks += [nn.Conv1d(channels, kernels, kernel_size, padding=kernel_size // 2), nn.ReLU(), nn.MaxPool1d(2)]
        self.features = nn.Sequential(*blocks)
        self.output = nn.Linear(kernels * (points // 2**4), outputs)

    def forward(self, vectors: Tensor) -> Tensor:
        """Standard vectors (batch, points) -> composition vectors (batch, outputs)."""
        features: Tensor = self.features(vectors.unsqueeze(1) * self.scale)
        predicted: Tensor = self.output(torch.flatten(features, 1))
        return predicted
