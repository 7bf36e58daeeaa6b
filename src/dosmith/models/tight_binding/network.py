"""The forward networks, whole: tight binding with learned parameters, and a plain one beside it. Needs PyTorch.

Tight binding: each atom's features and element give the energies of its s, p and d orbitals, how far they reach and how
strongly they couple; Slater-Koster integrals between neighbours follow, the Hamiltonian is diagonalised on a mesh of
points, the eigenvalues are filled with the valence electrons, and the DOS about the Fermi level is compared with the computed one.
The gradient of an eigenvalue is that of a Hamiltonian's expectation value, so all of it trains end to end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dosmith.models.tight_binding.lattice import Lattice
from dosmith.models.tight_binding.slater_koster import BONDS, INTEGRALS, SPLITTINGS
from dosmith.settings import ForwardSettings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CrystalBatch:
    """Crystals of one lattice as tensors; B of them, with n atoms, S shells and K points.

    Attributes:
        sites: n.
        first: atom that a shell's bonds start from, shape (S,).
        second: atom that they lead to, shape (S,).
        distance: how long they are in units of `scale`, shape (S,).
        bloch: sums over a shell of matrix times phase, real and imaginary parts side by side, shape (S, 14, K * 81 * 2).
        splitting: sums over a shell of matrices, shape (S, 3, 9, 9).
        weights: of the points, shape (K,).
        scale: cube root of the volume per atom, Angstrom, shape (B,).
        elements: place of each atom's element in the tables, shape (B, n).
        features: of each atom, shape (B, n, F).
        electrons: valence electrons of a cell, shape (B,).
    """

    sites: int
    first: Tensor
    second: Tensor
    distance: Tensor
    bloch: Tensor
    splitting: Tensor
    weights: Tensor
    scale: Tensor
    elements: Tensor
    features: Tensor
    electrons: Tensor

    @classmethod
    def of(cls, lattice: Lattice, scale: Any, elements: Any, features: Any, electrons: Any) -> CrystalBatch:
        """The batch from arrays."""
        return cls(
            lattice.sites,
            torch.as_tensor(lattice.first),
            torch.as_tensor(lattice.second),
            torch.as_tensor(lattice.distance, dtype=torch.float32),
            torch.view_as_real(torch.as_tensor(lattice.bloch)).reshape(len(lattice.first), len(INTEGRALS), -1),
            torch.as_tensor(lattice.splitting),
            torch.as_tensor(lattice.weights, dtype=torch.float32),
            torch.as_tensor(scale, dtype=torch.float32),
            torch.as_tensor(elements),
            torch.as_tensor(features, dtype=torch.float32),
            torch.as_tensor(electrons, dtype=torch.float32),
        )


class TightBinding(nn.Module):
    """DOS of a crystal from a Slater-Koster Hamiltonian.

    Args:
        orbitals: first orbital energies of each element, eV, shape (E, 3).
        radii: first radii, Angstrom, shape (E,).
        features: of an atom, F.
        settings: widths, dropout, and the factors and limits of what is learned; they travel with the trained model.
    """

    TABLES = ("orbital", "strength", "radius", "range", "bond", "decay", "split", "split_decay")
    """Parameters that are no network's."""

    def __init__(self, orbitals: Tensor, radii: Tensor, features: int, settings: ForwardSettings) -> None:
        super().__init__()
        count, self.settings = len(orbitals), settings
        self.orbital = nn.Parameter(orbitals / settings.orbital_unit)
        self.strength = nn.Parameter(torch.zeros(count, 3))
        self.radius = nn.Parameter(radii.log())
        self.range = nn.Parameter(torch.zeros(count, 3))
        # In eV where atoms touch, and how fast they fall: roughly those of W. A. Harrison's solid-state tables.
        self.bond = nn.Parameter(torch.tensor([-1.2, 2.2, -0.55, -0.7, 0.35, -0.05, 1.5, -0.8, -1.0, 0.45]))
        self.decay = nn.Parameter(torch.tensor([2.0, 2.0, 2.5, 4.0, 4.0, 4.0, 2.0, 3.0, 3.0, 3.0]).log())
        self.split = nn.Parameter(torch.zeros(len(SPLITTINGS)))
        self.split_decay = nn.Parameter(torch.tensor(1.2))
        code, dropout = settings.pair_code, settings.dropout
        self.widths = (3, 3, 1, 3, len(SPLITTINGS), code)
        self.surroundings = _perceptron(features, settings.hidden, sum(self.widths), dropout, silent=sum(self.widths) - code)
        self.pair = _perceptron(2 * code + 1, settings.pair_hidden, len(BONDS), dropout, silent=len(BONDS))
        self.first_l, self.second_l, self.kind = torch.tensor([bond[:2] + bond[3:] for bond in INTEGRALS]).T
        self.same_l = torch.tensor([first == second for first, second, _ in BONDS])

    def hamiltonian(self, crystals: CrystalBatch) -> Tensor:
        """At each point, shape (B, K, 9 n, 9 n), eV."""
        settings, changes = self.settings, self.surroundings(crystals.features).split(self.widths, dim=-1)
        element, first, second, n = crystals.elements, crystals.first, crystals.second, crystals.sites
        orbital = settings.orbital_unit * self.orbital[element] + settings.orbital_change * changes[0]
        strength = self.strength[element] + settings.strength_change * changes[1]
        radius = (self.radius[element] + settings.radius_change * changes[2][..., 0]).exp()
        range_ = settings.range_limit * torch.tanh(self.range[element] + settings.range_change * changes[3])

        touching = radius[:, first] + radius[:, second]
        beyond = (crystals.scale[:, None] * crystals.distance / touching - 1).clamp_min(settings.closest)
        fading = 0.5 * (1 + torch.cos(torch.pi * crystals.distance / settings.reach))
        decay = (self.decay[self.kind] + range_[:, first][..., self.first_l] + range_[:, second][..., self.second_l]).exp()
        bond = strength[:, first][..., self.first_l] + strength[:, second][..., self.second_l] - decay * beyond[..., None]
        bond = bond + self._of_the_pair(changes[5][:, first], changes[5][:, second], beyond)
        values = self.bond[self.kind] * bond.exp() * fading[:, None]
        blocks = torch.bmm(values.transpose(0, 1), crystals.bloch)
        blocks = torch.view_as_complex(blocks.reshape(*blocks.shape[:2], -1, 2))
        pairs = torch.zeros(n * n, *blocks.shape[1:], dtype=blocks.dtype).index_add(0, first * n + second, blocks)
        hopping = pairs.reshape(n, n, len(element), -1, 9, 9).permute(2, 3, 0, 4, 1, 5)

        pull = (torch.exp(-self.split_decay.exp() * beyond) * fading)[..., None] * self.split * (1 + changes[4][:, second])
        pulled = torch.einsum("bst,stij->sbij", pull, crystals.splitting)
        own = torch.zeros(n, *pulled.shape[1:], dtype=pulled.dtype).index_add(0, first, pulled).transpose(0, 1)
        own = own + torch.diag_embed(torch.repeat_interleave(orbital, torch.tensor([1, 3, 5]), dim=-1))
        own = (own[:, :, :, None] * torch.eye(n)[:, None, :, None])[:, None]
        return (hopping + own.to(hopping.dtype)).flatten(4, 5).flatten(2, 3)

    def _of_the_pair(self, first: Tensor, second: Tensor, beyond: Tensor) -> Tensor:
        """Change of the logarithm of each integral by who the two atoms are, shape (B, S, 14)."""
        apart, limit = beyond[..., None].clamp(max=self.settings.farthest), self.settings.pair_limit
        there = limit * torch.tanh(self.pair(torch.cat([first, second, apart], dim=-1)))
        back = limit * torch.tanh(self.pair(torch.cat([second, first, apart], dim=-1)))
        # Between orbitals of one kind an integral is the same from either end, or the Hamiltonian is not Hermitian.
        return torch.cat([torch.where(self.same_l, (there + back) / 2, there), back[..., ~self.same_l]], dim=-1)

    def eigenvalues(self, crystals: CrystalBatch) -> Tensor:
        """Eigenvalues from the Fermi level, eV, shape (B, K, 9 n)."""
        energies: Tensor = torch.linalg.eigvalsh(self.hamiltonian(crystals))
        electrons = crystals.electrons - self.settings.unfilled * crystals.sites
        return energies - fermi_level(energies, crystals.weights, electrons, self.settings.filling_width)[:, None, None]

    def forward(self, crystals: CrystalBatch, grid: Tensor, broadening: float) -> Tensor:
        """DOS on a grid of G energies, scaled to norm 1, shape (B, G)."""
        return nn.functional.normalize(broadened(self.eigenvalues(crystals), crystals.weights, grid, broadening), dim=1)


class PlainNetwork(nn.Module):
    """DOS of a crystal as a sum over atoms of a network of their features: no physics, other errors.

    Args:
        features: of an atom, F.
        points: grid points of the spectra, G.
        settings: width, and dropout between layers.
    """

    def __init__(self, features: int, points: int, settings: ForwardSettings) -> None:
        super().__init__()
        hidden, dropout = settings.plain_hidden, settings.plain_dropout
        self.atom = nn.Sequential(
            nn.Linear(features, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, points),
            nn.Softplus(),
        )

    def forward(self, features: Tensor, crystals: Tensor, count: int) -> Tensor:
        """Spectra of norm 1, shape (count, G).

        Args:
            features: of the atoms of all crystals, shape (atoms, F).
            crystals: which crystal each atom is of, shape (atoms,).
            count: of crystals.
        """
        atoms = self.atom(features)
        sums = torch.zeros(count, atoms.shape[1], dtype=atoms.dtype).index_add(0, crystals, atoms)
        return nn.functional.normalize(sums, dim=1)


def broadened(energies: Tensor, weights: Tensor, grid: Tensor, broadening: float) -> Tensor:
    """Gaussians of height 1 about all eigenvalues, summed, shape (B, G).

    An eigenvalue is dealt to four bins as a cubic spline, and the bins are widened by the Gaussian that is missing: as smooth as
    a Gaussian for each of them, to 3 parts in 10,000, for a fraction of the work.

    Args:
        energies: the eigenvalues, eV, shape (B, K, bands).
        weights: of the points, shape (K,).
        grid: even energies, eV, shape (G,).
        broadening: Gaussian sigma, eV.
    """
    first, last = float(grid[0]), float(grid[-1])
    bins, kernel = _widening(first, last, len(grid), broadening)
    size = bins[1] - bins[0]
    # What lies farther out is kept in the last bins, which do not reach the grid.
    place = ((energies - bins[0]) / size).clamp(1, len(bins) - 3)
    left = place.detach().floor()
    t = place - left
    spline = torch.stack([(1 - t) ** 3, (3 * t - 6) * t**2 + 4, ((3 - 3 * t) * t + 3) * t + 1, t**3], dim=-1) / 6
    index = left.long()[..., None] + torch.arange(-1, 3)
    held = torch.zeros(len(energies), len(bins), dtype=energies.dtype)
    held = held.scatter_add(1, index.flatten(1), (weights[:, None, None] * spline).flatten(1))
    return held @ torch.as_tensor(kernel, dtype=energies.dtype)


@lru_cache(maxsize=8)
def _widening(first: float, last: float, count: int, broadening: float) -> tuple[FloatArray, FloatArray]:
    """Centres of bins that reach beyond a grid, shape (F,), and what one eigenvalue in each gives on the grid, shape (F, count)."""
    step = (last - first) / (count - 1)
    parts = math.ceil(2 * step / broadening)  # bins no larger than half of sigma
    size, margin = step / parts, math.ceil(5.5 * broadening * parts / step)
    bins = first + size * np.arange(-margin, (count - 1) * parts + margin + 1, dtype=np.float64)
    variance = broadening**2 - size**2 / 3  # a cubic spline has that of a third of a bin's square
    distances = bins[:, None] - np.linspace(first, last, count)
    return bins, np.exp(-0.5 * distances**2 / variance) * broadening / math.sqrt(variance)


_ROUNDS, _TRIED = 5, 24


def _perceptron(inputs: int, hidden: int, outputs: int, dropout: float, silent: int) -> nn.Sequential:
    """One hidden layer; the first outputs, those that change something, begin at zero."""
    last = nn.Linear(hidden, outputs)
    with torch.no_grad():
        last.weight[:silent] = 0.0
        last.bias[:silent] = 0.0
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Dropout(dropout), last)


def fermi_level(energies: Tensor, weights: Tensor, electrons: Tensor, width: float) -> Tensor:
    """The energy up to which the eigenvalues, with two electrons each, hold so many, shape (B,); its gradient is that of the exact one.

    Args:
        energies: the eigenvalues, eV, shape (B, K, bands).
        weights: of the points, shape (K,).
        electrons: of the cells, shape (B,).
        width: of the Fermi distribution, eV.
    """
    flat, weight = energies.flatten(1), weights.repeat_interleave(energies.shape[2])
    with torch.no_grad():
        low, high = flat.amin(dim=1) - 1, flat.amax(dim=1) + 1
        for _ in range(_ROUNDS):  # each finds the interval, one of many, in which the Fermi level is
            tried = low[:, None] + (high - low)[:, None] * torch.linspace(0, 1, _TRIED)
            held = 2 * torch.sigmoid((tried[..., None] - flat[:, None]) / width) @ weight
            place = (held < electrons[:, None]).sum(dim=1, keepdim=True).clamp(1, _TRIED - 1)
            low, high = tried.gather(1, place - 1)[:, 0], tried.gather(1, place)[:, 0]
        middle = (low + high) / 2
        filling = torch.sigmoid((middle[:, None] - flat) / width)
        slope = weight * filling * (1 - filling)
        share = slope / slope.sum(dim=1, keepdim=True).clamp_min(1e-9)
    followed = (share * flat).sum(dim=1)
    return middle + followed - followed.detach()
