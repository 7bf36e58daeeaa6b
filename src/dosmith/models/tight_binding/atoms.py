"""A crystal prepared for the networks: its geometry and what CHGNet sees of it, the same for every member; scaled, as the tight binding of one takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith.element_facts import F_ELECTRONS, valence_electrons
from dosmith.models.tight_binding.features import atom_features
from dosmith.models.tight_binding.lattice import Lattice
from dosmith.settings import ForwardSettings

if TYPE_CHECKING:
    import torch
    from pymatgen.core.structure import Structure

    from dosmith.crystals.potential import Potential, View
    from dosmith.models.tight_binding.batches import CrystalInput

FloatArray = NDArray[np.float64]

PLAIN_LAYERS = (0, 1, 2, 3, 4)
BOND_LAYERS = (3,)
"""Which of CHGNet's embeddings the plain network and the tight binding receive."""


@dataclass(frozen=True, eq=False)
class Atoms:
    """A crystal prepared for all members.

    Attributes:
        lattice: its geometry.
        scale: cube root of the volume per atom, Angstrom.
        symbols: of its atoms.
        bond_features: for the tight binding, shape (n, F).
        plain_features: for the plain network, shape (n, G).
        moments: of its atoms, without sign, Bohr magnetons, shape (n,).
        magnetic: whether its spins are told apart.
        energy: in CHGNet, eV/atom; None where it was not kept.
    """

    lattice: Lattice
    scale: float
    symbols: tuple[str, ...]
    bond_features: NDArray[np.float32]
    plain_features: NDArray[np.float32]
    moments: FloatArray
    magnetic: bool
    energy: float | None = None

    @classmethod
    def of(cls, structure: Structure, potential: Potential, settings: ForwardSettings, magnetic: bool | None = None) -> Atoms:
        """A crystal prepared: its lattice by the settings' mesh and reach, its features by CHGNet.

        Args:
            structure: the crystal.
            potential: CHGNet.
            settings: of the model.
            magnetic: whether spins are told apart; None when nobody knows: by CHGNet's moments.

        Raises:
            NotFoundError: its atoms are too far apart for CHGNet.
            MissingExtraError: CHGNet is not installed.
        """
        return cls._seen(structure, potential.view(structure), settings, magnetic)

    @classmethod
    def of_each(
        cls,
        structures: Sequence[Structure],
        potential: Potential,
        settings: ForwardSettings,
        magnetic: Sequence[bool | None] | None = None,
    ) -> list[Atoms | None]:
        """Crystals prepared together, many in one pass of CHGNet, arguments as of `of`; None where atoms are too far apart."""
        views = potential.views(structures)
        known = [None] * len(structures) if magnetic is None else magnetic
        return [
            None if view is None else cls._seen(structure, view, settings, one)
            for structure, view, one in zip(structures, views, known, strict=True)
        ]

    @classmethod
    def _seen(cls, structure: Structure, view: View, settings: ForwardSettings, magnetic: bool | None) -> Atoms:
        volume = structure.volume / len(structure)
        symbols = tuple(site.specie.symbol for site in structure)
        if magnetic is None:
            magnetic = bool(view.moments.max() >= settings.smallest_moment)
        return cls(
            Lattice.of(structure, settings.density, settings.reach),
            volume ** (1 / 3),
            symbols,
            atom_features(view.embeddings, symbols, volume, BOND_LAYERS),
            atom_features(view.embeddings, symbols, volume, PLAIN_LAYERS),
            view.moments,
            magnetic and settings.spin,
            view.energy,
        )


@dataclass(frozen=True, eq=False)
class Scale:
    """Features are centred and scaled before a network sees them.

    Attributes:
        mean: shape (F,).
        spread: shape (F,).
    """

    mean: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, features: Sequence[NDArray[np.float32]]) -> Scale:
        """The scale of the atoms of some crystals."""
        atoms = np.concatenate(features).astype(np.float64)
        return cls(atoms.mean(axis=0), atoms.std(axis=0) + 1e-3)

    def __call__(self, features: NDArray[np.float32]) -> torch.Tensor:
        """Scaled, as a tensor."""
        import torch

        return torch.tensor((features - self.mean) / self.spread, dtype=torch.float32)


def crystal_input(atoms: Atoms, symbols: Sequence[str], scale: Scale, settings: ForwardSettings) -> CrystalInput:
    """A prepared crystal as the tight binding of a member sees it."""
    import torch

    from dosmith.models.tight_binding.batches import CrystalInput

    places = [symbols.index(symbol) for symbol in atoms.symbols]
    electrons = float(sum(valence_electrons(symbol) for symbol in atoms.symbols))
    f_atoms = [place for place, symbol in enumerate(atoms.symbols) if symbol in F_ELECTRONS] if settings.f_levels else []
    electrons += sum(F_ELECTRONS[atoms.symbols[place]] for place in f_atoms)
    magnetic = torch.tensor(atoms.moments, dtype=torch.float32) if atoms.magnetic else None
    return CrystalInput(atoms.lattice, atoms.scale, places, scale(atoms.bond_features), electrons, magnetic, f_atoms)
