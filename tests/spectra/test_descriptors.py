"""Descriptors of bands and spins, held against pymatgen's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.electronic_structure.core import Orbital, Spin
from pymatgen.electronic_structure.core import OrbitalType as Kind
from pymatgen.electronic_structure.dos import CompleteDos, Dos

from dosmith.errors import SpectrumError
from dosmith.formulas import parse
from dosmith.records import Material, Projections, Spectrum
from dosmith.spectra.descriptors import Band, describe, of_spins, spin_gaps
from dosmith.spectra.parts import Part

E = np.linspace(-12, 12, 961)
FERMI = 0.4


def peaks(*places: float, width: float = 0.8) -> np.ndarray:
    return np.sum([np.exp(-(((E - FERMI - place) / width) ** 2) / 2) for place in places], axis=0)


PARTS = {
    ("Ni", "d"): peaks(-1.5, -0.2),
    ("Pt", "d"): peaks(-4.5, -2.0, -0.5),
    ("Pt", "s"): peaks(-6.0, 3.0),
    ("Pt", "p"): peaks(5.0),
}


def complete() -> CompleteDos:
    structure = Structure(Lattice.cubic(3.8), ["Ni", "Pt"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    orbitals = {"s": Orbital.s, "p": Orbital.px, "d": Orbital.dxy}
    by_site = {
        site: {orbitals[kind]: {Spin.up: density} for (symbol, kind), density in PARTS.items() if symbol == site.specie.symbol}
        for site in structure
    }
    return CompleteDos(structure, Dos(FERMI, E, {Spin.up: sum(PARTS.values())}), by_site)


@pytest.mark.parametrize("element", [None, "Ni", "Pt"])
@pytest.mark.parametrize("window", [None, (-7.5, 7.5)])
def test_a_band_as_pymatgen_has_it(element: str | None, window: tuple[float, float] | None) -> None:
    theirs, chosen = complete(), None if element is None else [element]
    energies = E - FERMI
    inside = np.full(len(E), True) if window is None else (energies >= window[0]) & (energies <= window[1])
    density = sum(each for (symbol, kind), each in PARTS.items() if kind == "d" and element in (None, symbol))
    band = Band.of(energies[inside], density[inside])
    assert band is not None
    options = {"band": Kind.d, "elements": chosen, "erange": window}
    assert band.centre == pytest.approx(theirs.get_band_center(**options), abs=1e-9)
    assert band.width == pytest.approx(theirs.get_band_width(**options), abs=1e-9)
    assert band.skewness == pytest.approx(theirs.get_band_skewness(**options), abs=1e-9)
    assert band.kurtosis == pytest.approx(theirs.get_band_kurtosis(**options), abs=1e-9)
    if window is None:
        assert band.filling == pytest.approx(theirs.get_band_filling(band=Kind.d, elements=chosen), abs=1e-9)
        assert band.upper_edge == pytest.approx(theirs.get_upper_band_edge(band=Kind.d, elements=chosen), abs=1e-9)


def metal() -> Material:
    projections = Projections(tuple(PARTS), np.stack(list(PARTS.values()))[None])
    spectrum = Spectrum(E, sum(PARTS.values()), FERMI, gap=0.0)
    return Material("x", parse("PtNi"), spectrum, projections=projections)


def test_a_material_on_the_grid_of_the_models() -> None:
    """The centre of all but the tails; broadening widens the band by its variance."""
    theirs, found = complete(), describe(metal(), element="Pt")
    options = {"band": Kind.d, "elements": ["Pt"], "erange": (-7.5, 7.5)}
    assert found.d_band_centre == pytest.approx(theirs.get_band_center(**options), abs=0.01)
    assert found.d_band_width == pytest.approx((theirs.get_band_width(**options) ** 2 + 0.15**2) ** 0.5, abs=0.01)
    assert found.p_band_centre is None
    assert found.spin_polarisation is None


@given(st.floats(-3, 3))
def test_a_shift_of_the_energies_shifts_centre_and_edge_alone(shift: float) -> None:
    density = peaks(-1.5, -0.2)
    first, second = Band.of(E - FERMI, density), Band.of(E - FERMI + shift, density)
    assert first is not None
    assert second is not None
    assert second.centre - first.centre == pytest.approx(shift, abs=1e-6)
    assert second.upper_edge - first.upper_edge == pytest.approx(shift, abs=1e-6)
    assert (second.width, second.skewness) == pytest.approx((first.width, first.skewness), abs=1e-6)


def test_without_states_there_is_no_band() -> None:
    assert Band.of(E, np.zeros_like(E)) is None


def half_metal() -> Spectrum:
    """Spin up conducts; spin down has a gap from -1 to 1 eV about the Fermi level, but for the width of its edges."""
    up = np.full(len(E), 2.0)
    down = np.where(np.abs(E - FERMI) > 1.0, 2.0, 0.0)
    return Spectrum(E, np.stack([up, down]), FERMI)


def test_a_half_metal() -> None:
    found = of_spins(half_metal())
    assert found["spin_polarisation"] == pytest.approx(1.0)
    assert found["half_metallic_gap"] == pytest.approx(2.0, abs=0.1)
    assert spin_gaps(half_metal())[0] == 0


def test_a_gap_by_eigenvalues_goes_before_what_the_curves_seem() -> None:
    assert of_spins(replace(half_metal(), gap=0.02, valence_top=FERMI - 0.01))["half_metallic_gap"] == 0


def test_an_insulator_and_a_metal_are_none() -> None:
    down = half_metal().densities[1]
    assert of_spins(Spectrum(E, np.stack([down, down]), FERMI)) == {"half_metallic_gap": 0.0}
    up = np.full(len(E), 2.0)
    assert of_spins(Spectrum(E, np.stack([up, 3 * up]), FERMI)) == {"half_metallic_gap": 0.0, "spin_polarisation": -0.5}
    assert of_spins(Spectrum(E, up, FERMI)) == {}


@pytest.mark.parametrize(
    ("project", "spin", "part"),
    [
        ("Pt:d", None, Part("Pt", "d")),
        ("pt:d", None, Part("Pt", "d")),
        ("d", "up", Part(None, "d", "up")),
        (":p", "both", Part(None, "p")),
        ("S", None, Part("S")),
        ("s", None, Part(None, "s")),
        (None, "down", Part(spin="down")),
        (None, None, None),
    ],
)
def test_parts_as_they_are_written(project: str | None, spin: str | None, part: Part | None) -> None:
    assert Part.parse(project, spin) == part


@pytest.mark.parametrize("text", ["Xx:d", "Pt:g", "Pt d", "", "g", "5d"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(SpectrumError, match=f"'{text}' is no part of a density of states; give an element and an orbital"):
        Part.parse(text)


def test_the_part_of_a_spectrum() -> None:
    material = metal()
    part = Part("Pt", "d").of(material.spectrum, material.projections)
    np.testing.assert_allclose(part.total, PARTS["Pt", "d"])
    assert (part.fermi, part.gap) == (FERMI, None)
    with pytest.raises(SpectrumError, match="no O p states among its projections"):
        Part("O", "p").of(material.spectrum, material.projections)
    with pytest.raises(SpectrumError, match="nothing tells its d states"):
        Part(None, "d").of(material.spectrum, None)
    with pytest.raises(SpectrumError, match="does not tell spin up"):
        Part(None, "d", "up").of(material.spectrum, material.projections)
    down = Part(spin="down").of(half_metal(), None)
    np.testing.assert_allclose(down.densities, half_metal().densities[1:])
