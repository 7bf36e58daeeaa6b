"""Unlike crystals worked on together: what they have of atoms, shells and bonds stands one crystal after the other. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dosmith.models.tight_binding.lattice import Lattice
from dosmith.models.tight_binding.slater_koster import ORBITALS, TERM_COLUMN, TERM_ROW

if TYPE_CHECKING:
    from dosmith.models.tight_binding.network import TightBinding

_ROW, _COLUMN = TERM_ROW[: ORBITALS**2], TERM_COLUMN[: ORBITALS**2]
AT_ONCE = 16
"""Crystals predicted."""
F_ORBITALS = 7


@dataclass(frozen=True, eq=False)
class CrystalInput:
    """One crystal.

    Attributes:
        lattice: shared by crystals of one type.
        scale: cube root of the volume per atom, Angstrom.
        elements: place of each atom's element in the tables, n of them.
        features: of each atom, shape (n, F).
        electrons: valence electrons of the cell.
        moments: of each atom, Bohr magnetons, shape (n,); None where spins are alike.
        f_atoms: those with f orbitals among their valence orbitals.
    """

    lattice: Lattice
    scale: float
    elements: Sequence[int]
    features: Tensor
    electrons: float
    moments: Tensor | None = None
    f_atoms: Sequence[int] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """Where one crystal's matrices stand among those of a batch.

    Attributes:
        start: first of its numbers.
        width: rows of its Hamiltonian, 9 n.
        phases: see `Lattice`, shape (2 K, R).
        atoms: its atoms among those of the batch.
        moments: see `CrystalInput`.
        f_atoms: see `CrystalInput`.
    """

    start: int
    width: int
    phases: Tensor
    atoms: slice
    moments: Tensor | None
    f_atoms: list[int]


@dataclass(frozen=True, eq=False)
class CrystalBatch:
    """C crystals as tensors, with N atoms, S shells and P bonds in all.

    Attributes:
        elements: place of each atom's element in the tables, shape (N,).
        features: of each atom, shape (N, F).
        first: atom that a shell's bonds start from, shape (S,).
        second: atom that they lead to, shape (S,).
        distance: how long they are, in cube roots of the volume per atom, shape (S,).
        length: the same in Angstrom, shape (S,).
        splitting: sums over a shell, shape (S, 59).
        shell: of each bond, shape (P,).
        angular: the terms of each bond's matrix, shape (P, 170).
        place: where the elements of the matrices of all bonds, and then of all atoms, belong, shape (81 (P + N),).
        size: of what they belong to: for each crystal R matrices of 9 n rows.
        parts: one for each crystal.
        weights: of the eigenvalues of each crystal, 0 where another has more of them; the sum of a band of both spins is 1, shape (C, M).
        spins: 1 of spin up, -1 of spin down, 0 of both, shape (C, M).
        atoms: how many there are in each crystal, shape (C,).
        electrons: valence electrons of a cell, shape (C,).
    """

    elements: Tensor
    features: Tensor
    first: Tensor
    second: Tensor
    distance: Tensor
    length: Tensor
    splitting: Tensor
    shell: Tensor
    angular: Tensor
    place: Tensor
    size: int
    parts: tuple[Part, ...]
    weights: Tensor
    spins: Tensor
    atoms: Tensor
    electrons: Tensor

    @classmethod
    def of(cls, crystals: Sequence[CrystalInput]) -> CrystalBatch:
        """The batch of some crystals."""
        lattices = [each.lattice for each in crystals]
        atoms = np.array([each.sites for each in lattices])
        atom = _before(atoms)
        shell = _before([len(each.first) for each in lattices])
        widths = ORBITALS * atoms
        numbers = [each.phases.shape[1] * width**2 for each, width in zip(lattices, widths, strict=True)]
        start = _before(numbers)

        corners = [first + each.corners for first, each in zip(start, lattices, strict=True)]
        corners += [first + ORBITALS * (width + 1) * np.arange(n) for first, width, n in zip(start, widths, atoms, strict=True)]
        rows = np.repeat(np.tile(widths, 2), [len(each) for each in corners])
        place = np.concatenate(corners)[:, None] + rows[:, None] * _ROW + _COLUMN

        weights, spins = map(_rows, zip(*map(_weights, crystals), strict=True))
        distance = np.concatenate([each.distance for each in lattices])
        scale = np.repeat([each.scale for each in crystals], [len(each.first) for each in lattices])
        return cls(
            torch.tensor([place for each in crystals for place in each.elements]),
            torch.cat([each.features for each in crystals]),
            _shifted([each.first for each in lattices], atom),
            _shifted([each.second for each in lattices], atom),
            torch.from_numpy(distance),
            torch.from_numpy((scale * distance).astype(np.float32)),
            torch.from_numpy(np.concatenate([each.splitting for each in lattices])),
            _shifted([each.shell for each in lattices], shell),
            torch.from_numpy(np.concatenate([each.angular for each in lattices])),
            torch.from_numpy(place.ravel()),
            int(sum(numbers)),
            tuple(
                Part(
                    int(first),
                    ORBITALS * each.lattice.sites,
                    torch.from_numpy(each.lattice.phases),
                    slice(int(earlier), int(earlier) + each.lattice.sites),
                    each.moments,
                    list(each.f_atoms),
                )
                for first, earlier, each in zip(start, atom, crystals, strict=True)
            ),
            torch.from_numpy(weights),
            torch.from_numpy(spins),
            torch.from_numpy(atoms),
            torch.tensor([each.electrons for each in crystals], dtype=torch.float32),
        )


def _before(counts: Any) -> NDArray[np.intp]:
    """How many there are in all crystals before each."""
    return np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)


def _weights(crystal: CrystalInput) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and spin of each eigenvalue of a crystal, in the order in which the network has them; f levels come last."""
    one = np.repeat(crystal.lattice.weights, ORBITALS * crystal.lattice.sites)
    weights, spins = (one, 0 * one) if crystal.moments is None else (np.tile(one / 2, 2), np.repeat([1.0, -1.0], len(one)))
    levels = np.full(len(crystal.f_atoms), float(F_ORBITALS))
    return np.append(weights, levels).astype(np.float32), np.append(spins, 0 * levels).astype(np.float32)


def _rows(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Rows below one another, the shorter ones filled up with zeros."""
    table = np.zeros((len(rows), max(map(len, rows))), dtype=np.float32)
    for place, row in zip(table, rows, strict=True):
        place[: len(row)] = row
    return table


def _shifted(places: Sequence[NDArray[np.intp]], by: NDArray[np.intp]) -> Tensor:
    return torch.from_numpy(np.concatenate([each + shift for each, shift in zip(places, by, strict=True)]))


def spectra(network: TightBinding, crystals: Sequence[CrystalInput], grid: Tensor, broadening: float) -> Tensor:
    """DOS of crystals, of norm 1, shape (len(crystals), points)."""
    found: list[Tensor] = [network(batch, grid, broadening) for batch in in_batches(crystals)]
    return torch.cat(found)


def in_batches(crystals: Sequence[CrystalInput]) -> Iterator[CrystalBatch]:
    """Crystals in order, some at once."""
    for start in range(0, len(crystals), AT_ONCE):
        yield CrystalBatch.of(crystals[start : start + AT_ONCE])
