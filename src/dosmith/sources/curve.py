"""What every file reader hands over, and the one way it becomes a checked Spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dosmith.edges import BandEdges
from dosmith.errors import SpectrumError
from dosmith.formulas import Composition
from dosmith.records import Spectrum, decreases
from dosmith.sources.crystal import Crystal
from dosmith.sources.fermi import placed

FloatArray = NDArray[np.float64]

_DIP = 0.15  # depth over peak: 0.055, 0.091, 0.114, 0.131 for Methfessel-Paxton of orders 1 ... 4
_NOISE = 1e-6


@dataclass
class Curve:
    """A density of states as it stands in a file, not checked yet.

    Attributes:
        format: what the file is, such as 'vasprun.xml', 'CP2K dos' or 'table'.
        energies: eV, shape (N,).
        densities: states/eV, shape (spins, N).
        fermi: Fermi level the source states, eV; None when it states none.
        assumed_fermi: Fermi level to take when neither the source nor the user states one, eV; None when there is none.
        broadening: Gaussian sigma the source says the curve carries, eV.
        composition: reduced, None when the source names no atoms.
        crystal: the crystal, None when the source does not hold it.
        sites: atoms in the cell, None when the source does not say.
        electrons: in the cell that the curve counts, as the source states them; None when it does not.
        edges: band edges from eigenvalues, eV on the axis of `energies`; a metal's overlap; None when the source lists none.
        integrated: states up to each energy as the source counts them, spins summed, shape (N,); None when it does not.
        dips: whether smearing may have made values below zero.
        one_spin: whether this is one spin of a run with two.
        notes: what the reader decided or assumed.
    """

    format: str
    energies: FloatArray
    densities: FloatArray
    fermi: float | None = None
    assumed_fermi: float | None = None
    broadening: float = 0.0
    composition: Composition | None = None
    crystal: Crystal | None = None
    sites: int | None = None
    electrons: float | None = None
    edges: BandEdges | None = None
    integrated: FloatArray | None = None
    dips: bool = True
    one_spin: bool = False
    notes: list[str] = field(default_factory=list)

    def spectrum(self, fermi: float | None = None, broadening: float = 0.0, electrons: float | None = None) -> Spectrum:
        """The checked spectrum; what the user gives (Fermi level or else number of electrons, eV) goes before what the source says.

        Raises:
            SpectrumError: no Fermi level is known, or the curve is not a density of states, or has not that many states.
        """
        if decreases(self.energies) and self.densities.ndim == 2:
            return self._turned().spectrum(fermi, broadening, electrons)
        notes = list(self.notes)
        level, source = placed(self, fermi, electrons, notes)
        energies = _undo_rounding(self.energies, notes)
        return Spectrum(
            energies,
            without_dips(self.densities, notes) if self.dips else self.densities,
            level,
            broadening=broadening or self.broadening,
            gap=None if self.edges is None else self.edges.gap,
            valence_top=self.edges.valence if self.edges is not None and self.edges.gap > 0 else None,
            fermi_from=source,
            notes=tuple(notes),
        )

    def _turned(self) -> Curve:
        """The curve from its lowest energy on."""
        integrated = None if self.integrated is None else self.integrated[::-1]
        notes = [*self.notes, "energies decrease in the file; the rows are reversed"]
        return replace(self, energies=self.energies[::-1], densities=self.densities[:, ::-1], integrated=integrated, notes=notes)


def without_dips(densities: FloatArray, notes: list[str]) -> FloatArray:
    """The densities without the shallow dips below zero that Methfessel-Paxton and cold smearing make beside peaks; deeper ones stay."""
    lowest, peak = float(densities.min(initial=0.0)), float(densities.max(initial=0.0))
    if not -_DIP * peak <= lowest < -_NOISE * peak:
        return densities
    notes.append(
        f"values below zero, down to {lowest:.3g} states/eV, are dips of Methfessel-Paxton or cold smearing and count as zero"
    )
    return np.maximum(densities, 0.0)


def spin_rows(densities: Mapping[int, ArrayLike]) -> FloatArray:
    """Densities keyed by spin (1 up, -1 down) as rows, up first, shape (spins, N).

    Raises:
        SpectrumError: a spin is missing, or the two are not equally long.
    """
    if set(densities) not in ({1}, {1, -1}):
        raise SpectrumError("the densities are not keyed by spin, 1 and -1")
    rows = [np.array(densities[spin], dtype=np.float64) for spin in sorted(densities, reverse=True)]
    if any(row.shape != rows[0].shape for row in rows):
        raise SpectrumError("spin up and spin down differ in length")
    return np.stack(rows)


def _undo_rounding(energies: FloatArray, notes: list[str]) -> FloatArray:
    """The even grid behind energies that were rounded until neighbours coincide (VASP prints 3 or 4 decimals)."""
    if energies.ndim != 1 or len(energies) < 3 or not np.isfinite(energies).all():
        return energies
    steps = np.diff(energies)
    if (steps < 0).any() or (steps > 0).all():
        return energies
    for decimals in (2, 3, 4, 5):
        if np.allclose(energies, np.round(energies, decimals), rtol=0.0, atol=1e-9):
            even = np.linspace(energies[0], energies[-1], len(energies))
            # half a unit of rounding in the value itself, and up to half a unit in the two ends
            if energies[-1] > energies[0] and np.abs(even - energies).max() <= 10.0**-decimals * 1.001:
                notes.append(f"energies rounded to {decimals} decimals repeat; the even grid between first and last is used")
                return even
            break
    return energies
