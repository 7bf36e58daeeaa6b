"""What flows through dosmith: Spectrum, Material, Candidate. Frozen, with units and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dosmith import formulas
from dosmith.errors import SpectrumError
from dosmith.formulas import Composition

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure
    from pymatgen.electronic_structure.dos import Dos

FloatArray = NDArray[np.float64]
ORBITALS = "spdf"
"""Angular momenta of orbitals, by their letters."""
FermiFrom = Literal["stated", "given", "eigenvalues", "electrons", "assumed"]
"""Where a Fermi level comes from: the source states it, the user gives it, eigenvalues or the number of electrons tell it, or nobody
said and it was assumed."""
HullFrom = Literal["dft", "potential", "unknown"]
"""What a height above the hull comes from: calculations of the library, a potential, or nothing."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """An electronic density of states as its source gave it, checked.

    >>> energies = np.linspace(-10, 10, 201)
    >>> spectrum = Spectrum(energies, np.exp(-((energies + 3) ** 2)), fermi=0.5)
    >>> spectrum.densities.shape, spectrum.spin_polarized
    ((1, 201), False)

    Attributes:
        energies: eV, shape (N,), strictly increasing, on any axis.
        densities: states/eV, shape (spins, N): one row when spins are summed, two for up and down.
        fermi: Fermi level on the same axis, eV.
        broadening: Gaussian sigma that the curve already carries, eV; 0 when none or unknown.
        gap: band gap from eigenvalues, eV, 0 for a metal; None when the source has none (it is then read off the curve).
        valence_top: highest occupied eigenvalue, eV on the same axis; None for a metal, or when the source has none.
        fermi_from: where the Fermi level comes from.
        notes: what a reader decided or assumed, one short sentence each.

    Raises:
        SpectrumError: on construction, when the curve is not a density of states; the message says why.
    """

    energies: FloatArray
    densities: FloatArray
    fermi: float
    broadening: float = 0.0
    gap: float | None = None
    valence_top: float | None = None
    fermi_from: FermiFrom = "given"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        energies = np.array(self.energies, dtype=np.float64)
        densities = np.atleast_2d(np.array(self.densities, dtype=np.float64))
        _check_curve(energies, densities)
        if not np.isfinite(self.fermi):
            raise SpectrumError("the Fermi level is not a number; give one in eV with --fermi")
        if not energies[0] <= self.fermi <= energies[-1]:
            raise SpectrumError(
                f"the Fermi level {self.fermi:g} eV lies outside the energies {energies[0]:g} ... {energies[-1]:g} eV;"
                " check it, or give it with --fermi"
            )
        if not (np.isfinite(self.broadening) and self.broadening >= 0):
            raise SpectrumError(f"a broadening of {self.broadening:g} eV is impossible; it is a Gaussian sigma of 0 or more")
        if self.gap is not None and not (np.isfinite(self.gap) and self.gap >= 0):
            raise SpectrumError(f"a gap of {self.gap:g} eV is impossible; it is 0 or more, or left out")
        if self.valence_top is not None and not np.isfinite(self.valence_top):
            raise SpectrumError("the valence-band top is not a number; leave it out")
        densities = np.maximum(densities, 0.0)  # what _check_curve let pass is numerical noise
        energies.setflags(write=False)
        densities.setflags(write=False)
        object.__setattr__(self, "energies", energies)
        object.__setattr__(self, "densities", densities)

    @classmethod
    def from_arrays(cls, energies: ArrayLike, densities: ArrayLike, fermi: float = 0.0, **options: Any) -> Spectrum:
        """A spectrum from anything array-like; energies that decrease are turned round, unsorted ones are an error, not a surprise."""
        try:
            axis, rows = np.array(energies, dtype=np.float64), np.array(densities, dtype=np.float64)
            if decreases(axis):
                axis, rows = axis[::-1], rows[..., ::-1]
            return cls(axis, rows, float(fermi), **options)
        except (TypeError, ValueError):
            raise SpectrumError("energies and densities must be arrays of numbers, the Fermi level a number") from None

    @property
    def total(self) -> FloatArray:
        """Density summed over spins, states/eV, shape (N,)."""
        return np.asarray(self.densities.sum(axis=0))

    @property
    def spin_polarized(self) -> bool:
        """Whether up and down are kept apart."""
        return len(self.densities) == 2

    def to_pymatgen(self) -> Dos:
        """The spectrum as a pymatgen Dos, spins apart when they are here."""
        from pymatgen.electronic_structure.core import Spin
        from pymatgen.electronic_structure.dos import Dos

        return Dos(self.fermi, self.energies, dict(zip((Spin.up, Spin.down), self.densities, strict=False)))


def decreases(energies: FloatArray) -> bool:
    """Whether energies, shape (N,), run from the highest to the lowest."""
    return energies.ndim == 1 and len(energies) > 1 and bool((np.diff(energies) < 0).all())


def _check_curve(energies: FloatArray, densities: FloatArray) -> None:
    if energies.ndim != 1 or densities.ndim != 2 or densities.shape[1] != len(energies):
        raise SpectrumError(f"energies {energies.shape} and densities {densities.shape} do not belong together")
    if len(densities) not in (1, 2):
        raise SpectrumError(f"a DOS has one spin channel or two, not {len(densities)}")
    if len(energies) < 20:
        raise SpectrumError(f"only {len(energies)} energies; a DOS needs at least 20")
    if not (np.isfinite(energies).all() and np.isfinite(densities).all()):
        raise SpectrumError("the DOS holds values that are not numbers (NaN or infinite); remove or recompute them")
    steps = np.diff(energies)
    if not (steps > 0).all():
        where = int(np.argmax(steps <= 0)) + 1
        raise SpectrumError(
            f"energies must increase, but entry {where + 1} ({energies[where]:g} eV) does not; sort the curve by energy"
        )
    peak = float(np.abs(densities).max())
    if peak > 1e100:
        raise SpectrumError(f"a density of {peak:.1g} states/eV is impossible; check the file")
    if peak == 0.0:
        raise SpectrumError("the DOS is zero everywhere")
    if float(densities.min()) < -0.01 * peak:
        raise SpectrumError(
            f"the DOS is negative ({densities.min():.3g} states/eV at its lowest); a density of states cannot be"
            " (for a plot with spin down drawn below zero, change its sign)"
        )


@dataclass(frozen=True, eq=False)
class Projections:
    """A density of states by element and orbital, on the energies of the whole one.

    Attributes:
        labels: element and orbital (s, p, d, f) of each part.
        densities: states/eV, shape (spins, parts, N); their sum is the whole density.

    Raises:
        SpectrumError: on construction, when labels and densities do not belong together.
    """

    labels: tuple[tuple[str, str], ...]
    densities: FloatArray

    def __post_init__(self) -> None:
        densities = np.array(self.densities, dtype=np.float64)
        if densities.ndim != 3 or densities.shape[1] != len(self.labels):
            raise SpectrumError(f"{len(self.labels)} projections and densities {densities.shape} do not belong together")
        densities.setflags(write=False)
        object.__setattr__(self, "densities", densities)

    def of(self, element: str | None = None, orbital: str | None = None) -> FloatArray:
        """The density of an element, an orbital, or an orbital of an element, states/eV, shape (spins, N)."""
        chosen = [element in (None, symbol) and orbital in (None, letter) for symbol, letter in self.labels]
        return np.asarray(self.densities[:, chosen].sum(axis=1))


@dataclass(frozen=True, eq=False)
class Material:
    """A crystal with its density of states.

    Attributes:
        id: unique within a library.
        composition: reduced.
        crystal_system: cubic, hexagonal, ...; None when the structure is unknown.
        prototype: Strukturbericht symbol such as L1_2, or None.
        space_group: Hermann-Mauguin symbol such as Pm-3m, or None.
        spectrum: the density of states, states/eV per cell.
        lattice: lattice vectors as rows, Angstrom, shape (3, 3), or None.
        species: element of each site; empty when the structure is unknown.
        frac_coords: fractional coordinates, shape (sites, 3), or None.
        provenance: where the data come from: source, code, functional, basis, k-points, settings, ...
        projections: the spectrum by element and orbital, or None.
    """

    id: str
    composition: Composition
    spectrum: Spectrum
    crystal_system: str | None = None
    prototype: str | None = None
    space_group: str | None = None
    lattice: FloatArray | None = None
    species: tuple[str, ...] = ()
    frac_coords: FloatArray | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    projections: Projections | None = None

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return formulas.write(self.composition)

    @property
    def structure(self) -> Structure | None:
        """The crystal as a pymatgen Structure, or None when it is unknown."""
        if self.lattice is None or self.frac_coords is None:
            return None
        from pymatgen.core.structure import Structure

        return Structure(self.lattice, list(self.species), self.frac_coords)


@dataclass(frozen=True)
class Candidate:
    """One proposed composition.

    Attributes:
        rank: from 1.
        composition: reduced.
        distance: Euclidean distance of the predicted composition vector to this composition's, no unit; None from a model without one.
        in_training: whether the network saw a spectrum of this composition.
        known_dos: whether the library holds a spectrum of it.
        similarity: to the target, by `metric`: of the most similar known spectrum, else to be expected; None when there is neither.
        similarity_kind: "computed" when it comes from a spectrum in the library, "predicted" when from the model; None when there is none.
        metric: name of the similarity.
        structure_id: id of the library's material that `similarity` belongs to, or None.
        structure_ids: ids of all its materials that fit the crystal system, most similar first.
        prototype: of `structure_id`, or of the crystal whose spectrum is predicted; or None.
        crystal_system: of the same, or None.
        probability: that the DOS matches and the crystal can be made, `p_match` times `p_exists`; None where one of them is unknown.
        formation_energy: of the crystal, eV/atom, in the potential that heights are of; None where unknown.
        gap: eV, 0 for a metal: computed where the DOS is known, else to be expected; None when unknown.
        gap_spread: standard deviation of an expected gap, eV; None where it is computed or unknown.
        above_hull: height above the convex hull, eV/atom, 0 on it; None when unknown.
        hull_from: what the height comes from: "dft", the set's own calculations; "potential", SevenNet or CHGNet; else "unknown".
        hull_rivals: other compositions in that hull that hold no element besides; None when unknown.
        p_match: the probability that the DOS matches the target's, gap and all (see `spectra.match`); None where it is not calibrated.
        p_exists: the probability that the crystal lies so low above the true hull that it can be made; None when the height is unknown.
        identity: the probability that the target's DOS is of this composition; None unless candidates are ranked by it.
        crystal_id: of that crystal in an atlas, such as `mp-149`; None where no atlas holds it.
        crystal_from: where that crystal came from, in words.
    """

    rank: int
    composition: Composition
    distance: float | None
    in_training: bool
    known_dos: bool
    similarity: float | None
    similarity_kind: str | None
    metric: str
    structure_id: str | None = None
    structure_ids: tuple[str, ...] = ()
    prototype: str | None = None
    crystal_system: str | None = None
    probability: float | None = None
    formation_energy: float | None = None
    gap: float | None = None
    gap_spread: float | None = None
    above_hull: float | None = None
    hull_from: HullFrom = "unknown"
    hull_rivals: int | None = None
    p_match: float | None = None
    p_exists: float | None = None
    identity: float | None = None
    crystal_id: str | None = None
    crystal_from: str | None = None

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return formulas.write(self.composition)

    def as_dict(self) -> dict[str, Any]:
        """The candidate as it stands in the JSON answer."""
        return {
            "rank": self.rank,
            "formula": self.formula,
            "composition": dict(self.composition),
            "chemical_system": formulas.chemical_system(self.composition),
            "distance": self.distance,
            "in_training": self.in_training,
            "known_dos": self.known_dos,
            "similarity": self.similarity,
            "similarity_kind": self.similarity_kind,
            "metric": self.metric,
            "structure_id": self.structure_id,
            "structure_ids": list(self.structure_ids),
            "prototype": self.prototype,
            "crystal_system": self.crystal_system,
            "probability": self.probability,
            "formation_energy": self.formation_energy,
            "gap_ev": self.gap,
            "gap_spread_ev": self.gap_spread,
            "above_hull_ev": self.above_hull,
            "hull_from": self.hull_from,
            "hull_rivals": self.hull_rivals,
            "p_match": self.p_match,
            "p_exists": self.p_exists,
            "identity": self.identity,
            "crystal_id": self.crystal_id,
            "crystal_from": self.crystal_from,
        }
