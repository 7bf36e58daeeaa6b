"""What every density-functional program looks like from outside: a crystal in, energy and density of states out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from dosmith.records import Projections, Spectrum

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

Report = Callable[[str], None]
"""Called with a few words on what a running calculation is doing."""

STARTING_MOMENTS = {"Cr": 3, "Mn": 4, "Fe": 3, "Co": 2, "Ni": 1}
"""Unpaired electrons of an atom at the start of a spin-polarised run; 0 for all others."""


def is_magnetic(elements: Iterable[str]) -> bool:
    """Whether a crystal of these elements is computed spin-polarised unless told otherwise."""
    return not STARTING_MOMENTS.keys().isdisjoint(elements)


def starting_moments(structure: Structure) -> tuple[float, ...]:
    """Unpaired electrons of each site at the start: its `magmom` where it has one, else what is usual for its element."""
    stated = [(site.specie.symbol, site.properties.get("magmom")) for site in structure]
    return tuple(float(STARTING_MOMENTS.get(symbol, 0) if moment is None else moment) for symbol, moment in stated)


@dataclass(frozen=True, eq=False)
class Calculation:
    """The outcome of one calculation.

    Attributes:
        energy: total energy of the cell without smearing, eV.
        spectrum: density of states, states/eV/cell, energies from the Fermi level.
        fermi: Fermi level on the program's own axis, eV.
        moment: spin moment of the cell, Bohr magnetons.
        electrons: in the cell.
        seconds: wall time.
        provenance: program, functional, basis, k-points, spin treatment, settings, version.
        projections: the same density by element and orbital; None from a program that gives none.
    """

    energy: float
    spectrum: Spectrum
    fermi: float
    moment: float
    electrons: int
    seconds: float
    provenance: dict[str, Any] = field(default_factory=dict)
    projections: Projections | None = None

    @property
    def gap(self) -> float:
        """The band gap from the eigenvalues on the mesh, eV; 0 for a metal."""
        return self.spectrum.gap or 0.0


class Engine(Protocol):
    """A density-functional program.

    Attributes:
        name: of the program.
    """

    name: str

    def compute(self, structure: Structure, *, spin: bool = False, report: Report | None = None) -> Calculation:
        """Energy and density of states of a crystal as it is.

        Args:
            structure: ordered crystal, primitive for speed.
            spin: spin-polarised, from the moments of `starting_moments`.
            report: called with each step of the progress, in words.

        Raises:
            EngineError: the program is not installed, does not know an element, or did not converge; the message says which.
        """
        ...
