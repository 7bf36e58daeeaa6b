"""The forward networks, whole: tight binding with learned parameters, and a plain one beside it. Needs PyTorch.

Tight binding: each atom's features and element give the energies of its s, p and d orbitals, how far they reach and how
strongly they couple; Slater-Koster integrals between neighbours follow, the Hamiltonian is diagonalised on a mesh of
points, the eigenvalues are filled with the valence electrons, and the DOS about the Fermi level is compared with the computed one.
The gradient of an eigenvalue is that of a Hamiltonian's expectation value, so all of it trains end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from dosmith.models.tight_binding.batches import CrystalBatch
from dosmith.models.tight_binding.filling import NOWHERE, band_edges, broadened, energy_zero, fermi_level, signed_gaps
from dosmith.models.tight_binding.projected_density import projected_density
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


class Told(NamedTuple):
    """What tight binding tells of C crystals.

    Attributes:
        curves: see `TightBinding.curves`, shape (C, 2, G).
        gaps: see `filling.signed_gaps`, eV, shape (C,).
        moments: of each cell, Bohr magnetons, shape (C,).
        half_gaps: the gap of the one spin that has one at the Fermi level, eV, shape (C,); 0 where both spins conduct, and where neither does.
    """

    curves: Tensor
    gaps: Tensor
    moments: Tensor
    half_gaps: Tensor


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

    TABLES = ("orbital", "strength", "radius", "range", "bond", "decay", "split", "split_decay", "exchange", "level")
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
        if settings.spin:
            self.exchange = nn.Parameter(torch.tensor([0.0, 0.0, settings.exchange]).repeat(count, 1))
        if settings.f_levels:
            self.level = nn.Parameter(orbitals[:, 2] / settings.orbital_unit)
        code, dropout = settings.pair_code, settings.dropout
        self.widths = (3, 3, 1, 3, len(SPLITTINGS), int(settings.shift_change > 0), code)
        self.surroundings = _perceptron(features, settings.hidden, sum(self.widths), dropout, silent=sum(self.widths) - code)
        self.pair = _perceptron(2 * code + 1, settings.pair_hidden, len(BONDS), dropout, silent=len(BONDS))
        first_l, second_l, kind = torch.tensor([bond[:2] + bond[3:] for bond in INTEGRALS]).T
        self.first_l, self.second_l, self.kind = first_l, second_l, kind
        self.same_l = torch.tensor([first == second for first, second, _ in BONDS])
        for name, table in (("of_integrals", _of_integrals()), ("of_pulls", _of_pulls()), ("of_atoms", _of_atoms())):
            self.register_buffer(name, table, persistent=False)

    def hamiltonians(self, crystals: CrystalBatch, changes: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Of each crystal without spin, at each point, eV, shapes (K, 9 n, 9 n).

        Args:
            crystals: the crystals.
            changes: from `changes`; found anew when None.
        """
        # Each bond and each atom has a matrix of 9 rows. They are put where they belong in one matrix for each cell that bonds
        # lead to, and these are added with their phases. Bonds are there from one of their ends, and atoms by half.
        bonds, own = self._matrices(crystals, self.changes(crystals) if changes is None else changes)
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

    def changes(self, crystals: CrystalBatch) -> Sequence[Tensor]:
        """What surroundings make of each atom: of orbital energies, strengths, radius, ranges, splittings and energy zero, and a code."""
        return torch.split(self.surroundings(crystals.features), list(self.widths), dim=-1)

    def _matrices(self, crystals: CrystalBatch, changes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Hopping of each bond, shape (P, 81), and what each atom has of its own, shape (N, 81), eV; as the first layer of terms."""
        settings = self.settings
        element, first, second = crystals.elements, crystals.first, crystals.second
        orbital = settings.orbital_unit * self.orbital[element] + settings.orbital_change * changes[0]
        strength = self.strength[element] + settings.strength_change * changes[1]
        radius = (self.radius[element] + settings.radius_change * changes[2][:, 0]).exp()
        range_ = settings.range_limit * torch.tanh(self.range[element] + settings.range_change * changes[3])

        beyond = (crystals.length / (radius[first] + radius[second]) - 1).clamp_min(settings.closest)
        fading = 0.5 * (1 + torch.cos(torch.pi * crystals.distance / settings.reach))
        decay = (self.decay[self.kind] + range_[first][:, self.first_l] + range_[second][:, self.second_l]).exp()
        bond = strength[first][:, self.first_l] + strength[second][:, self.second_l] - decay * beyond[:, None]
        bond = bond + self._of_the_pair(changes[6][first], changes[6][second], beyond)
        values = self.bond[self.kind] * bond.exp() * fading[:, None]
        sigma, pi, delta = torch.split((values @ self.of_integrals)[crystals.shell] * crystals.angular, list(LAYERS), dim=1)
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

    def bands(self, crystals: CrystalBatch, changes: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Eigenvalues of each crystal, eV, shapes (spins, K, 9 n): one for both spins, or those of spin up and of spin down."""
        return [torch.linalg.eigvalsh(matrices) for matrices in self.spin_hamiltonians(crystals, changes)]

    def spin_hamiltonians(self, crystals: CrystalBatch, changes: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Of each crystal, eV, shapes (spins, K, 9 n, 9 n): one for both spins, or those of spin up and of spin down."""
        changes = self.changes(crystals) if changes is None else changes
        found = []
        for part, matrices in zip(crystals.parts, self.hamiltonians(crystals, changes), strict=True):
            if part.moments is None:
                found.append(matrices[None])
                continue
            # Half of Stoner's splitting: exchange by element and orbital, times the moment in Bohr magnetons.
            half = self.exchange[crystals.elements[part.atoms]] * part.moments[:, None] / 2
            lower = torch.diag_embed(torch.repeat_interleave(half, _DEGENERACIES, dim=1).flatten())
            found.append(torch.stack([matrices - lower, matrices + lower]))
        return found

    def eigenvalues(self, crystals: CrystalBatch) -> Tensor:
        """Eigenvalues from the energy zero, eV, shape (C, M); those that a crystal does not have weigh nothing."""
        changes = self.changes(crystals)
        energies, zero = self._zeroed(crystals, self.bands(crystals, changes), changes)
        return energies - zero[:, None]

    def _zeroed(self, crystals: CrystalBatch, bands: Sequence[Tensor], changes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Eigenvalues, eV, shape (C, M), and the energy zero, shape (C,)."""
        settings, energies = self.settings, self._rows(crystals, bands, changes)
        if settings.zero == "filling":
            zero = self._fermi_level(crystals, energies, settings.unfilled)
        else:
            fermi = self._fermi_level(crystals, energies)
            zero = energy_zero(*band_edges(bands, fermi.detach()), fermi, settings.smallest_gap, settings.gap_softness)
        if settings.shift_change:
            zero = zero + settings.shift_change * torch.stack([changes[5][part.atoms].mean() for part in crystals.parts])
        return energies, zero

    def _rows(self, crystals: CrystalBatch, bands: Sequence[Tensor], changes: Sequence[Tensor]) -> Tensor:
        """Eigenvalues of each crystal below one another, its f levels after its bands, shape (C, M)."""
        rows = [each.flatten() for each in bands]
        if self.settings.f_levels:
            level = self.settings.orbital_unit * self.level[crystals.elements] + self.settings.orbital_change * changes[0][:, 2]
            rows = [torch.cat([row, level[part.atoms][part.f_atoms]]) for row, part in zip(rows, crystals.parts, strict=True)]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=NOWHERE)

    def _fermi_level(self, crystals: CrystalBatch, energies: Tensor, unfilled: float = 0.0) -> Tensor:
        electrons = crystals.electrons - unfilled * crystals.atoms
        return fermi_level(energies, crystals.weights, electrons, self.settings.filling_width)

    def told(self, crystals: CrystalBatch, grid: Tensor, broadening: float) -> Told:
        """All that one diagonalisation tells of crystals; arguments as of `curves`."""
        changes = self.changes(crystals)
        bands = self.bands(crystals, changes)
        energies, zero = self._zeroed(crystals, bands, changes)
        curves, norms = _curves(crystals, energies - zero[:, None], grid, broadening)
        moments, half_gaps = torch.zeros(len(bands)), torch.zeros(len(bands))
        if any(part.moments is not None for part in crystals.parts):
            fermi = self._fermi_level(crystals, energies)
            filling = torch.sigmoid((fermi[:, None] - energies) / self.settings.filling_width)
            moments = 2 * (crystals.weights * crystals.spins * filling).sum(dim=1)
            for place, (each, level) in enumerate(zip(bands, fermi, strict=True)):
                if len(each) == 2:
                    _, gaps = band_edges([channel[None] for channel in each], level.expand(2))
                    gapped = gaps >= self.settings.smallest_gap
                    if int(gapped.sum()) == 1:
                        half_gaps[place] = gaps[gapped]
        return Told(curves / norms, signed_gaps(bands, crystals.electrons), moments, half_gaps)

    def forward(self, crystals: CrystalBatch, grid: Tensor, broadening: float) -> Tensor:
        """DOS on a grid of G energies, scaled to norm 1, shape (C, G)."""
        return self.curves(crystals, grid, broadening)[:, 0]

    def curves(self, crystals: CrystalBatch, grid: Tensor, broadening: float) -> Tensor:
        """DOS, scaled to norm 1, and how much more of it is of spin up than of spin down, shape (C, 2, G)."""
        curves, norms = _curves(crystals, self.eigenvalues(crystals), grid, broadening)
        return curves / norms

    def curves_and_parts(
        self, crystals: CrystalBatch, groups: Sequence[Tensor | None], grid: Tensor, broadening: float
    ) -> tuple[Tensor, list[Tensor | None]]:
        """`curves`, and in the same unit the densities of each crystal on groups of its orbitals, spins summed.

        Args:
            crystals: the crystals.
            groups: of each, 1 where an orbital belongs to a group and 0 elsewhere, shape (P, 9 n); None where no part is wanted.
            grid: even energies, eV, shape (G,).
            broadening: Gaussian sigma, eV.

        Returns:
            curves, shape (C, 2, G), and parts, of shape (P, G) each.
        """
        changes = self.changes(crystals)
        matrices = [each.flatten(0, 1) for each in self.spin_hamiltonians(crystals, changes)]
        solved = [torch.linalg.eigh(each) for each in matrices]
        bands = [
            levels.unflatten(0, (1 if part.moments is None else 2, -1))
            for part, (levels, _) in zip(crystals.parts, solved, strict=True)
        ]
        energies, zero = self._zeroed(crystals, bands, changes)
        curves, norms = _curves(crystals, energies - zero[:, None], grid, broadening)
        parts: list[Tensor | None] = []
        for place, (matrix, wanted) in enumerate(zip(matrices, groups, strict=True)):
            weights = crystals.weights[place, : matrix.shape[0] * matrix.shape[1] : matrix.shape[1]]
            parts.append(
                None
                if wanted is None
                else projected_density(matrix, solved[place], zero[place], weights, wanted, grid, broadening) / norms[place]
            )
        return curves / norms, parts


def _curves(crystals: CrystalBatch, energies: Tensor, grid: Tensor, broadening: float) -> tuple[Tensor, Tensor]:
    """DOS and how much more of it is of spin up, shape (C, 2, G), and the norm of the first, shape (C, 1, 1)."""
    total = broadened(energies, crystals.weights, grid, broadening)
    if all(part.moments is None for part in crystals.parts):
        more = torch.zeros_like(total)
    else:
        more = broadened(energies, crystals.weights * crystals.spins, grid, broadening)
    norms: Tensor = torch.linalg.vector_norm(total, dim=1).clamp_min(_NOTHING)
    return torch.stack([total, more], dim=1), norms[:, None, None]


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


_NOTHING = 1e-12
_DEGENERACIES = torch.tensor([1, 3, 5])


def _perceptron(inputs: int, hidden: int, outputs: int, dropout: float, silent: int) -> nn.Sequential:
    """One hidden layer; the first outputs, those that change something, begin at zero."""
    last = nn.Linear(hidden, outputs)
    with torch.no_grad():
        last.weight[:silent] = 0.0
        last.bias[:silent] = 0.0
    return nn.Sequential(nn.Linear(inputs, hidden), nn.SiLU(), nn.Dropout(dropout), last)


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
