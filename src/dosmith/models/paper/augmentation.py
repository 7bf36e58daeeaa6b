"""Training spectra varied as one crystal's DOS varies between codes, functionals and lattice constants. Needs PyTorch.

Bands stretch a little, the energy zero is a little off, peaks differ in height. A network trained on the bare spectra
recognises them less well as soon as they differ this little; the model card has the share that survives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CORRELATION = 0.6
"""Peak heights vary together over this energy, eV."""


@dataclass(frozen=True)
class Variation:
    """How much standard vectors are varied.

    Attributes:
        step: distance of the points, eV.
        shift: standard deviation of the energy zero, eV.
        stretch: standard deviation of the band width's relative change about the energy zero.
        modulation: standard deviation of the logarithm of the density.
    """

    step: float
    shift: float
    stretch: float
    modulation: float

    def __call__(self, vectors: Tensor, generator: torch.Generator) -> Tensor:
        """Each vector varied on its own, area kept: (M, points) -> (M, points)."""
        count, points = vectors.shape
        index = torch.arange(points, dtype=vectors.dtype)
        centre = (points - 1) / 2
        stretch = 1 + self.stretch * torch.randn(count, 1, generator=generator)
        shift = self.shift / self.step * torch.randn(count, 1, generator=generator)
        place = (centre + (index - centre) * stretch + shift).clamp(0, points - 1.001)
        left = place.long()
        share = place - left
        moved = vectors.gather(1, left) * (1 - share) + vectors.gather(1, left + 1) * share

        kernel = torch.exp(-0.5 * ((index[:, None] - index) * self.step / CORRELATION) ** 2)
        kernel /= kernel.square().sum(dim=0).sqrt()
        noise = torch.randn(count, points, generator=generator) @ kernel
        varied = moved * torch.exp(self.modulation * noise)
        return varied * (vectors.sum(dim=1, keepdim=True) / varied.sum(dim=1, keepdim=True))
