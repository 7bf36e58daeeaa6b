"""Descriptors of bands and spins, from a projected density of states.

The moments of a band are those of its projected density n(E) over all energies given: centre <E>, width the root of <(E - <E>)^2>,
skewness and kurtosis the third and fourth central moment over the width to that power (B. Hammer and J. K. Norskov, Adv. Catal. 45, 71
(2000)). The upper edge is where the Hilbert transform of n(E) is highest (A. Vojvodic, J. K. Norskov and F. Abild-Pedersen, Top.
Catal. 57, 25 (2014)). The p-band centre is that of an oxide's oxygen (Y.-L. Lee et al., Energy Environ. Sci. 4, 3966 (2011)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.records import Material, Projections, Spectrum
from dosmith.spectra.standard import Recipe, binned, standardise
from dosmith.spectra.zero import energy_zeros

FloatArray = NDArray[np.float64]

ANIONS = ("F", "O", "Cl", "N", "Br", "I", "S", "Se", "Te", "P", "As", "Sb")
"""Elements whose p band counts as an anion's, by electronegativity (Pauling), falling."""
_AT_FERMI = 0.15  # eV to each side
_CONDUCTS = 0.05
"""Of the mean density within 7.5 eV: a spin with less at the Fermi level carries no current."""
_LEAST = 1e-3  # of the whole area: with less there is no band


@dataclass(frozen=True)
class Band:
    """The moments of a band; energies from the zero of its curve.

    Attributes:
        centre: eV.
        width: eV.
        filling: share of its states below zero energy.
        upper_edge: eV.
        skewness: no unit; positive where the tail is above.
        kurtosis: no unit; 3 of a Gaussian.
    """

    centre: float
    width: float
    filling: float
    upper_edge: float
    skewness: float
    kurtosis: float

    @classmethod
    def of(cls, energies: FloatArray, density: FloatArray) -> Band | None:
        """The band of a density.

        >>> energies = np.linspace(-8, 8, 1601)
        >>> band = Band.of(energies, np.exp(-((energies + 2) ** 2) / 2))
        >>> round(band.centre, 3), round(band.width, 3), round(band.kurtosis, 2)
        (-2.0, 1.0, 3.0)

        Args:
            energies: from the energy zero, eV, evenly spaced for the upper edge, shape (N,).
            density: projected, any unit, shape (N,).

        Returns:
            None where there are no states.
        """
        table = bands_of(energies, density[None])
        return None if np.isnan(table["centre"][0]) else cls(**{name: float(values[0]) for name, values in table.items()})


def bands_of(energies: FloatArray, densities: FloatArray) -> dict[str, FloatArray]:
    """What `Band` tells, of L densities at once, shapes (L,); NaN where there are no states.

    Args:
        energies: from the energy zero, eV, evenly spaced for the upper edge, shape (N,).
        densities: projected, any unit, shape (L, N).
    """
    areas = np.trapezoid(densities, energies, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(areas > 0, 1 / np.where(areas > 0, areas, 1.0), np.nan)[:, None] * densities

        def moment(power: int, about: FloatArray) -> FloatArray:
            return np.asarray(np.trapezoid((energies - about[:, None]) ** power * shares, energies, axis=1))

        centre = moment(1, np.zeros(len(densities)))
        variance = moment(2, centre)
        variance[~(variance > 0)] = np.nan
        skewness, kurtosis = moment(3, centre) / variance**1.5, moment(4, centre) / variance**2
    below = energies < 0
    transforms = np.fft.irfft(-1j * np.fft.rfft(densities, axis=1), densities.shape[1], axis=1)  # Hilbert's
    edges = energies[np.argmax(transforms, axis=1)] if len(densities) else np.zeros(0)
    found = {
        "centre": centre,
        "width": np.sqrt(variance),
        "filling": np.trapezoid(shares[:, below], energies[below], axis=1),
        "upper_edge": edges,
        "skewness": skewness,
        "kurtosis": kurtosis,
    }
    return {name: np.where(np.isnan(variance), np.nan, values) for name, values in found.items()}


@dataclass(frozen=True)
class Descriptors:
    """What its parts tell of a density of states; None where nothing tells, or there is no such band.

    Attributes:
        d_band_centre: of the d states, of one element or of all, eV from the energy zero.
        d_band_width: eV.
        d_band_filling: share of them below the energy zero.
        d_band_upper_edge: eV from the energy zero.
        d_band_skewness: no unit.
        d_band_kurtosis: no unit.
        p_band_centre: of the p states of the most electronegative element, eV from the energy zero.
        spin_polarisation: of the density at the Fermi level, (up - down) / (up + down), within 0.15 eV; no unit; None in a gap.
        half_metallic_gap: of the one spin that has a gap at the Fermi level while the other has none, eV; 0 where both conduct, or none.
    """

    d_band_centre: float | None = None
    d_band_width: float | None = None
    d_band_filling: float | None = None
    d_band_upper_edge: float | None = None
    d_band_skewness: float | None = None
    d_band_kurtosis: float | None = None
    p_band_centre: float | None = None
    spin_polarisation: float | None = None
    half_metallic_gap: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)


DESCRIPTORS = tuple(field.name for field in fields(Descriptors))
UNITLESS = frozenset({"d_band_filling", "d_band_skewness", "d_band_kurtosis", "spin_polarisation"})
"""Those without a unit; the others are energies in eV."""


def of_curves(energies: FloatArray, curves: Mapping[tuple[str, str], FloatArray], element: str | None = None) -> Descriptors:
    """The descriptors of bands.

    Args:
        energies: from the energy zero, eV, shape (points,).
        curves: density of each element and orbital, any unit that they share, shape (points,) each.
        element: whose d band it is; all together when None.
    """
    whole = sum(float(curve.sum()) for curve in curves.values())
    found: dict[str, float] = {}
    d_states = [curve for (symbol, orbital), curve in curves.items() if orbital == "d" and element in (None, symbol)]
    if d_states and sum(float(curve.sum()) for curve in d_states) > _LEAST * whole:
        band = Band.of(energies, np.sum(d_states, axis=0))
        found |= {} if band is None else {f"d_band_{name}": value for name, value in band.__dict__.items()}
    anion = next((symbol for symbol in ANIONS if (symbol, "p") in curves), None)
    if anion is not None and (band := Band.of(energies, curves[anion, "p"])) is not None:
        found["p_band_centre"] = band.centre
    return Descriptors(**found)


def describe(material: Material, recipe: Recipe | None = None, element: str | None = None) -> Descriptors:
    """The descriptors of a material, on the grid and from the energy zero of a recipe, so that they compare with predicted ones.

    Args:
        material: with projections for its bands, and spin-polarised for its spins.
        recipe: window, points and broadening.
        element: whose d band it is; all together when None.
    """
    recipe, spectrum = recipe or Recipe(), material.spectrum
    spins = of_spins(spectrum)
    if material.projections is None:
        return Descriptors(**spins)
    curves = standard_parts(spectrum, material.projections, recipe)
    return Descriptors(**(of_curves(recipe.grid.energies, curves, element).as_dict() | spins))


def standard_parts(
    spectrum: Spectrum, projections: Projections, recipe: Recipe, zero: float | None = None
) -> dict[tuple[str, str], FloatArray]:
    """Each projection as a vector of the recipe, spins summed; their sum has unit area where projections hold all states, 1/eV.

    Args:
        spectrum: the whole.
        projections: its parts.
        recipe: of the vectors.
        zero: energy zero on the spectrum's axis, eV; found when None.

    Raises:
        SpectrumError: the curve covers too little of the window, or is empty there.
    """
    zero = standardise(spectrum, recipe).zero if zero is None else zero
    rows = np.concatenate([spectrum.total[None], projections.densities.sum(axis=0)])
    vectors = binned(spectrum.energies, rows, np.full(len(rows), zero), spectrum.broadening, recipe)
    area = float(vectors[0].sum()) * recipe.grid.step
    return dict(zip(projections.labels, vectors[1:] / area, strict=True))


def of_spins(spectrum: Spectrum) -> dict[str, float]:
    """Spin polarisation and half-metallic gap of a spin-polarised spectrum; nothing of another."""
    if not spectrum.spin_polarized:
        return {}
    away = np.abs(spectrum.energies - spectrum.fermi)
    near = away <= max(_AT_FERMI + 1e-9, float(away.min()))
    at_fermi, mean = spectrum.densities[:, near].mean(axis=1), float(spectrum.densities[:, away <= 7.5].mean())
    conducts, gaps = at_fermi > _CONDUCTS * mean, spin_gaps(spectrum)
    one = next((gap for gap, other in zip(gaps, reversed(conducts.tolist()), strict=True) if gap > 0 and other), 0.0)
    found = {"half_metallic_gap": 0.0 if spectrum.gap else one}  # with a gap by eigenvalues neither spin conducts
    if conducts.any():
        found["spin_polarisation"] = float((at_fermi[0] - at_fermi[1]) / at_fermi.sum())
    return found


def spin_gaps(spectrum: Spectrum) -> Sequence[float]:
    """The gap of each spin at the Fermi level, read off its curve as that of any curve, eV; 0 where it conducts."""
    count = len(spectrum.densities)
    fermi, broadening = np.full(count, spectrum.fermi), np.full(count, spectrum.broadening)
    _, gaps = energy_zeros(spectrum.energies, spectrum.densities, fermi, broadening)
    return [float(gap) for gap in gaps]
