"""The forward networks, whole: tight binding with learned parameters, and a plain one beside it. Needs PyTorch.

Tight binding: each atom's features and element give the energies of its s, p and d orbitals, how far they reach and how
strongly they couple; Slater-Koster integrals between neighbours follow, the Hamiltonian is diagonalised on a mesh of
points, the eigenvalues are filled with the valence electrons, and the DOS about the Fermi level is compared with the computed one.
The gradient of an eigenvalue is that of a Hamiltonian's expectation value, so all of it trains end to end.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dosmith.models.tight_binding.batches import CrystalBatch
from dosmith.models.tight_binding.slater_koster import (
    BONDS,
    INTEGRALS,
    LAYERS,
    MOMENTA,
    ORBITALS,
    SPLIT_TERMS,
    SPLITTINGS,
    TERM_COLUMN,
    TERM_INTEGRAL,
    TERM_ROW,
)
from dosmith.settings import ForwardSettings

FloatArray = NDArray[np.float64]


class TightBinding(nn.Module):
    """DOS of a crystal from a Slater-Koster Hamiltonian.

    Args:
        orbitals: first orbital energies of each element, eV, shape (E, 3).
        radii: first radii, Angstrom, shape (E,).
        features: of an atom, F.
        settings: widths, dropout, and the factors and limits of what is learned; they travel with the trained model.
    """

    of_integrals: Tensor
    of_pulls: Tensor
    of_atoms: Tensor

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
        first_l, second_l, kind = torch.tensor([bond[:2] + bond[3:] for bond in INTEGRALS]).T
        self.first_l, self.second_l, self.kind = first_l, second_l, kind
        self.same_l = torch.tensor([first == second for first, second, _ in BONDS])
        for name, table in (("of_integrals", _of_integrals()), ("of_pulls", _of_pulls()), ("of_atoms", _of_atoms())):
            self.register_buffer(name, table, persistent=False)

    def hamiltonians(self, crystals: CrystalBatch) -> list[Tensor]:
        """Of each crystal, at each point, eV, shapes (K, 9 n, 9 n)."""
        # Each bond and each atom has a matrix of 9 rows. They are put where they belong in one matrix for each cell that bonds
        # lead to, and these are added with their phases. Bonds are there from one of their ends, and atoms by half.
        bonds, own = self._matrices(crystals)
        numbers = torch.cat([bonds, own / 2]).flatten()
        placed = torch.zeros(crystals.size, dtype=numbers.dtype).scatter(0, crystals.place, numbers)
        found = []
        for part in crystals.parts:
            points, cells = part.phases.shape
            matrices = placed[part.start : part.start + cells * part.width**2].view(cells, -1)
            real, imaginary = (part.phases @ matrices).view(2, points // 2, part.width, part.width)
            half = torch.complex(real, imaginary)
            found.append(half + half.mH)
        return found

    def _matrices(self, crystals: CrystalBatch) -> tuple[Tensor, Tensor]:
        """Hopping of each bond, shape (P, 81), and what each atom has of its own, shape (N, 81), eV; as the first layer of terms."""
        settings, changes = self.settings, self.surroundings(crystals.features).split(self.widths, dim=-1)
        element, first, second = crystals.elements, crystals.first, crystals.second
        orbital = settings.orbital_unit * self.orbital[element] + settings.orbital_change * changes[0]
        strength = self.strength[element] + settings.strength_change * changes[1]
        radius = (self.radius[element] + settings.radius_change * changes[2][:, 0]).exp()
        range_ = settings.range_limit * torch.tanh(self.range[element] + settings.range_change * changes[3])

        beyond = (crystals.length / (radius[first] + radius[second]) - 1).clamp_min(settings.closest)
        fading = 0.5 * (1 + torch.cos(torch.pi * crystals.distance / settings.reach))
        decay = (self.decay[self.kind] + range_[first][:, self.first_l] + range_[second][:, self.second_l]).exp()
        bond = strength[first][:, self.first_l] + strength[second][:, self.second_l] - decay * beyond[:, None]
        bond = bond + self._of_the_pair(changes[5][first], changes[5][second], beyond)
        values = self.bond[self.kind] * bond.exp() * fading[:, None]
        sigma, pi, delta = ((values @ self.of_integrals)[crystals.shell] * crystals.angular).split(LAYERS, dim=1)
        bonds = sigma + nn.functional.pad(pi, (0, LAYERS[0] - LAYERS[1])) + nn.functional.pad(delta, (0, LAYERS[0] - LAYERS[2]))

        pull = (torch.exp(-self.split_decay.exp() * beyond) * fading)[:, None] * self.split
        own = torch.zeros(len(element), len(SPLIT_TERMS), dtype=pull.dtype)
        for pulled, pulling in ((first, second), (second, first)):
            terms = (pull * (1 + changes[4][pulling])) @ self.of_pulls * crystals.splitting
            own = own.index_add(0, pulled, terms)
        return bonds, torch.cat([own, orbital], dim=1) @ self.of_atoms

    def _of_the_pair(self, first: Tensor, second: Tensor, beyond: Tensor) -> Tensor:
        """Change of the logarithm of each integral by who the two atoms are, shape (S, 14)."""
        apart, limit = beyond[:, None].clamp(max=self.settings.farthest), self.settings.pair_limit
        there = limit * torch.tanh(self.pair(torch.cat([first, second, apart], dim=-1)))
        back = limit * torch.tanh(self.pair(torch.cat([second, first, apart], dim=-1)))
        # Between orbitals of one kind an integral is the same from either end, or the Hamiltonian is not Hermitian.
        return torch.cat([torch.where(self.same_l, (there + back) / 2, there), back[..., ~self.same_l]], dim=-1)

    def eigenvalues(self, crystals: CrystalBatch) -> Tensor:
        """Eigenvalues from the Fermi level, eV, shape (C, M); those that a crystal does not have weigh nothing."""
        found = [torch.linalg.eigvalsh(each).flatten() for each in self.hamiltonians(crystals)]
        energies = nn.utils.rnn.pad_sequence(found, batch_first=True)
        electrons = crystals.electrons - self.settings.unfilled * crystals.atoms
        return energies - fermi_level(energies, crystals.weights, electrons, self.settings.filling_width)[:, None]

    def forward(self, crystals: CrystalBatch, grid: Tensor, broadening: float) -> Tensor:
        """DOS on a grid of G energies, scaled to norm 1, shape (C, G)."""
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
    """Gaussians of height 1 about all eigenvalues, summed, shape (C, G).

    An eigenvalue is dealt to four bins as a cubic spline, and the bins are widened by the Gaussian that is missing: as smooth as
    a Gaussian for each of them, to 3 parts in 10,000, for a fraction of the work.

    Args:
        energies: the eigenvalues, eV, shape (C, M).
        weights: of them, shape (C, M).
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
    held = held.scatter_add(1, index.flatten(1), (weights[..., None] * spline).flatten(1))
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


_HALVINGS = 28


def _perceptron(inputs: int, hidden: int, outputs: int, dropout: float, silent: int) -> nn.Sequential:
    """One hidden layer; the first outputs, those that change something, begin at zero."""
    last = nn.Linear(hidden, outputs)
    with torch.no_grad():
        last.weight[:silent] = 0.0
        last.bias[:silent] = 0.0
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Dropout(dropout), last)


def fermi_level(energies: Tensor, weights: Tensor, electrons: Tensor, width: float) -> Tensor:
    """The energy up to which the eigenvalues, with two electrons each, hold so many, shape (C,); its gradient is that of the exact one.

    Args:
        energies: the eigenvalues, eV, shape (C, M).
        weights: of them, shape (C, M).
        electrons: of the cells, shape (C,).
        width: of the Fermi distribution, eV.
    """
    with torch.no_grad():
        low, high = energies.amin(dim=1) - 1, energies.amax(dim=1) + 1
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            held = 2 * (weights * torch.sigmoid((middle[:, None] - energies) / width)).sum(dim=1)
            low, high = torch.where(held < electrons, middle, low), torch.where(held < electrons, high, middle)
        middle = (low + high) / 2
        filling = torch.sigmoid((middle[:, None] - energies) / width)
        slope = weights * filling * (1 - filling)
        share = slope / slope.sum(dim=1, keepdim=True).clamp_min(1e-9)
    followed = (share * energies).sum(dim=1)
    return middle + followed - followed.detach()


def _of_integrals() -> Tensor:
    """Which terms each integral has, shape (14, 170)."""
    return nn.functional.one_hot(torch.from_numpy(TERM_INTEGRAL), len(INTEGRALS)).T.float()


def _of_pulls() -> Tensor:
    """Which terms each of `SPLITTINGS` has, shape (3, 59)."""
    which = [SPLITTINGS.index(integral) for integral in TERM_INTEGRAL[SPLIT_TERMS]]
    return nn.functional.one_hot(torch.tensor(which), len(SPLITTINGS)).T.float()


def _of_atoms() -> Tensor:
    """Which elements of an atom's matrix are the terms of `SPLIT_TERMS` and the three orbital energies, shape (62, 81)."""
    entries = list(zip(TERM_ROW[: ORBITALS**2], TERM_COLUMN[: ORBITALS**2], strict=True))
    table = torch.zeros(len(SPLIT_TERMS) + 3, len(entries))
    for place, term in enumerate(SPLIT_TERMS):
        table[place, entries.index((TERM_ROW[term], TERM_COLUMN[term]))] = 1
    for orbital, momentum in enumerate(MOMENTA):
        table[len(SPLIT_TERMS) + momentum, entries.index((orbital, orbital))] = 1
    return table
