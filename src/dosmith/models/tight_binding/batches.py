"""Crystals of one lattice worked on together. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dosmith.models.tight_binding.lattice import Lattice
from dosmith.models.tight_binding.network import CrystalBatch, TightBinding


@dataclass(frozen=True, eq=False)
class CrystalInput:
    """One crystal, to be stacked with others of its lattice.

    Attributes:
        lattice: shared by crystals of one type.
        scale: cube root of the volume per atom, Angstrom.
        elements: place of each atom's element in the tables, n of them.
        features: of each atom, shape (n, F).
        electrons: valence electrons of the cell.
    """

    lattice: Lattice
    scale: float
    elements: Sequence[int]
    features: Tensor
    electrons: float


def stacked(crystals: Sequence[CrystalInput]) -> CrystalBatch:
    """Crystals of one lattice as one."""
    return CrystalBatch.of(
        crystals[0].lattice,
        [each.scale for each in crystals],
        [list(each.elements) for each in crystals],
        torch.stack([each.features for each in crystals]),
        [each.electrons for each in crystals],
    )


def groups(crystals: Sequence[CrystalInput], rows: Sequence[int], largest: int) -> Iterator[list[int]]:
    """Rows whose crystals share a lattice, in the order given, at most so many together."""
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(id(crystals[row].lattice), []).append(row)
    for members in found.values():
        yield from (members[start : start + largest] for start in range(0, len(members), largest))


def spectra(
    network: TightBinding,
    crystals: Sequence[CrystalInput],
    rows: Sequence[int],
    grid: Tensor,
    broadening: float,
    largest: int = 16,
) -> Tensor:
    """DOS of some of the crystals, of norm 1, in the order of the rows, shape (len(rows), points)."""
    order: list[int] = []
    parts = []
    for members in groups(crystals, rows, largest):
        order += members
        parts.append(network(stacked([crystals[row] for row in members]), grid, broadening))
    place = {row: position for position, row in enumerate(order)}
    return torch.cat(parts)[[place[row] for row in rows]]
