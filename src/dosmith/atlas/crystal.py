"""One crystal of an atlas: what it is, where it came from, what is expected of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.crystals.kinds import kind_of
from dosmith.formulas import Composition

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

    from dosmith.crystals.surveyed import Surveyed

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Built:
    """A crystal as a prototype with elements on its sites.

    Attributes:
        elements: one for each kind of site, in the order of the prototype's.
        volume: Angstrom^3/atom.
        stretch: of the prototype's third lattice vector.
    """

    elements: tuple[str, ...]
    volume: float
    stretch: float = 1.0


@dataclass(frozen=True, eq=False)
class Cell:
    """A crystal as a cell with sites.

    Attributes:
        lattice: vectors as rows, Angstrom, shape (3, 3).
        species: element of each site.
        frac_coords: shape (sites, 3).
    """

    lattice: FloatArray
    species: tuple[str, ...]
    frac_coords: FloatArray

    @classmethod
    def of(cls, structure: Structure) -> Cell:
        """The cell of an ordered crystal, charges and other properties left out."""
        species = tuple(site.specie.symbol for site in structure)
        return cls(np.array(structure.lattice.matrix), species, np.array(structure.frac_coords))


@dataclass(frozen=True, eq=False)
class AtlasCrystal:
    """A crystal with what is expected of it. What is not known is None.

    Attributes:
        id: unique in its atlas: `mp-149`, `JVASP-1002`, else formula and digest.
        source: materials-project, jarvis, optimade, file, survey, generated.
        shape: of the crystal.
        space_group: its number; 1 where no symmetry was found.
        prototype: Strukturbericht symbol, AFLOW label, or None.
        expected: spectrum of norm 1 or less, as a forward model expects it, shape (points,).
        model: fingerprint of that model.
        origin: file or address that it was read from.
        energy: in the CHGNet potential, eV/atom.
        formation_energy: in the same, eV/atom.
        above_hull: eV/atom, as its source says, else in the potential.
        rivals: what it would decompose into, or its rivals on the hull.
        gap: expected, eV.
        gap_spread: its standard deviation, eV.
        signed_gap: by the model's eigenvalues, eV, below zero where bands overlap: tells how likely another gap is.
        mark: by which the same crystal is recognised; see `same.py`.
    """

    id: str
    source: str
    shape: Built | Cell
    space_group: int
    prototype: str | None
    expected: NDArray[np.float32]
    model: str
    origin: str | None = None
    energy: float | None = None
    formation_energy: float | None = None
    above_hull: float | None = None
    rivals: tuple[str, ...] = ()
    gap: float | None = None
    gap_spread: float | None = None
    signed_gap: float | None = None
    mark: bytes | None = None

    @cached_property
    def composition(self) -> Composition:
        """Reduced."""
        if isinstance(self.shape, Cell):
            return formulas.reduce((symbol, 1) for symbol in self.shape.species)
        assert self.prototype is not None
        return formulas.reduce(zip(self.shape.elements, kind_of(self.prototype).counts, strict=True))

    @property
    def formula(self) -> str:
        """Reduced."""
        return formulas.write(self.composition)

    @property
    def crystal_system(self) -> str:
        """Of its space group."""
        return symmetry.system_of(self.space_group)

    @cached_property
    def structure(self) -> Structure:
        """The primitive cell."""
        from pymatgen.core.structure import Structure

        if isinstance(self.shape, Cell):
            return Structure(self.shape.lattice, list(self.shape.species), self.shape.frac_coords)
        assert self.prototype is not None
        return built(self.prototype, self.shape)

    @property
    def where(self) -> str:
        """Where it came from, in words."""
        names = {"materials-project": "Materials Project", "jarvis": "JARVIS", "survey": "dosmith's survey"}
        return names.get(self.source, f"{self.source} {self.origin}" if self.origin else self.source)

    @classmethod
    def of_survey(cls, surveyed: Surveyed, expected: NDArray[np.float32], model: str) -> AtlasCrystal:
        """A crystal of the survey."""
        from dosmith.crystals.prototypes import crystal_id

        return cls(
            crystal_id(surveyed.composition, surveyed.prototype),
            "survey",
            Built(surveyed.elements, surveyed.volume, surveyed.stretch),
            kind_of(surveyed.prototype).space_group,
            surveyed.prototype,
            expected,
            model,
            energy=surveyed.energy,
            formation_energy=surveyed.formation_energy,
        )


def built(prototype: str, shape: Built) -> Structure:
    """The crystal of a prototype: one of dosmith's, else one of AFLOW's.

    Raises:
        NotFoundError: there is no such prototype.
    """
    return kind_of(prototype).structure(shape.elements, shape.volume, shape.stretch)


def digest_of(lattice: FloatArray, species: Sequence[str], frac_coords: FloatArray) -> str:
    """Tells a crystal as it is written from another."""
    said: list[Any] = [np.round(lattice, 4) + 0.0, list(species), np.round(np.asarray(frac_coords) % 1.0, 4) + 0.0]
    return hashlib.sha256(b"|".join(str(np.asarray(each).tolist()).encode() for each in said)).hexdigest()[:10]
