"""Records: a Spectrum is a checked density of states, a Material a crystal with one, a Candidate an answer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dosmith.errors import SpectrumError
from dosmith.records import Candidate, Material, Spectrum

E = np.linspace(-10.0, 10.0, 41)
D = 1.0 + np.cos(E / 3) ** 2


def put(array: np.ndarray, index: int, value: float) -> np.ndarray:
    changed = array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("energies", "densities", "options", "why"),
    [
        (E, put(D, 7, np.nan), {}, "not numbers"),
        (E, put(D, 7, np.inf), {}, "not numbers"),
        (put(E, 40, np.nan), D, {}, "not numbers"),
        (put(E, 0, -np.inf), D, {}, "not numbers"),
        (E, put(D, 7, -1.0), {}, "negative"),
        (E, np.array([D, -D]), {}, "change its sign"),
        (np.roll(E, 3), D, {}, "must increase"),
        (put(E, 5, E[4]), D, {}, "entry 6"),
        (put(E, 5, E[3]), D, {}, "sort the curve"),
        (E[:19], D[:19], {"fermi": -9.0}, "only 19"),
        (E[:0], D[:0], {}, "only 0"),
        (E, np.zeros(41), {}, "zero everywhere"),
        (E, D[:-1], {}, "do not belong together"),
        (E[:-1], D, {}, "do not belong together"),
        (E.reshape(1, -1), D, {}, "do not belong together"),
        (E, np.ones((2, 2, 41)), {}, "do not belong together"),
        (E, np.array([D, D]).T, {}, "do not belong together"),
        (E, np.array([D, D, D]), {}, "not 3"),
        (E, D, {"fermi": 10.1}, "outside"),
        (E, D, {"fermi": -10.1}, "outside"),
        (E, D, {"fermi": np.nan}, "Fermi level"),
        (E, D, {"fermi": np.inf}, "Fermi level"),
        (E, D, {"broadening": -0.1}, "broadening"),
        (E, D, {"broadening": np.nan}, "broadening"),
        (E, D, {"broadening": np.inf}, "broadening"),
    ],
)
def test_a_curve_that_is_no_dos_is_refused_in_one_line(
    energies: np.ndarray, densities: np.ndarray, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(SpectrumError, match=why) as refusal:
        Spectrum.from_arrays(energies, densities, **options)
    assert "\n" not in str(refusal.value)


def test_a_good_curve_is_kept_as_it_is() -> None:
    turned = Spectrum.from_arrays(E[::-1], np.stack([D, 2 * D])[:, ::-1], 1.5)
    np.testing.assert_array_equal(turned.energies, E)
    np.testing.assert_array_equal(turned.densities[1], 2 * D)
    spectrum = Spectrum.from_arrays(list(E), [list(D), list(2 * D)], 1.5, broadening=0.1, gap=0.4, notes=("read from a test",))
    np.testing.assert_array_equal(spectrum.energies, E)
    np.testing.assert_array_equal(spectrum.densities, [D, 2 * D])
    assert (spectrum.fermi, spectrum.broadening, spectrum.gap, spectrum.notes) == (1.5, 0.1, 0.4, ("read from a test",))
    assert spectrum.energies.dtype == spectrum.densities.dtype == np.float64


@pytest.mark.parametrize("fermi", [-10.0, 10.0])
def test_the_fermi_level_may_stand_at_the_end(fermi: float) -> None:
    assert Spectrum.from_arrays(E, D, fermi).fermi == fermi


def test_twenty_levels_are_enough() -> None:
    assert len(Spectrum.from_arrays(E[:20], D[:20], -5.0).energies) == 20


@given(arrays(np.float64, 41, elements=st.floats(-0.0099, 1.0)))
def test_noise_below_zero_is_clipped_and_the_rest_untouched(noise: np.ndarray) -> None:
    density = put(noise, 3, 1.0)
    spectrum = Spectrum.from_arrays(E, density)
    assert spectrum.total.min() >= 0
    np.testing.assert_array_equal(spectrum.total[density >= 0], density[density >= 0])


def test_one_row_means_summed_spins() -> None:
    summed = Spectrum.from_arrays(E, D)
    assert not summed.spin_polarized
    assert summed.densities.shape == (1, 41)
    np.testing.assert_array_equal(summed.total, D)


def test_two_rows_are_up_and_down_and_the_total_is_their_sum() -> None:
    polarized = Spectrum.from_arrays(E, [D, 0.5 * D])
    assert polarized.spin_polarized
    np.testing.assert_allclose(polarized.total, 1.5 * D, rtol=1e-15)


def test_a_spectrum_cannot_be_changed() -> None:
    spectrum = Spectrum.from_arrays(E, D)
    with pytest.raises(ValueError, match="read-only"):
        spectrum.energies[0] = -11
    with pytest.raises(ValueError, match="read-only"):
        spectrum.densities[0, 0] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        spectrum.fermi = 1.0  # type: ignore[misc]


def test_from_arrays_leaves_the_callers_arrays_alone() -> None:
    energies, density = E.copy(), D.copy()
    spectrum = Spectrum.from_arrays(energies, density)
    energies[0], density[0] = -99.0, 99.0
    assert (spectrum.energies[0], spectrum.total[0]) == (E[0], D[0])


@pytest.mark.parametrize("view", [False, True])
def test_the_constructor_leaves_the_callers_arrays_alone(view: bool) -> None:
    energies = E.copy()
    spectrum = Spectrum(energies[:] if view else energies, D.copy(), 0.0)
    energies[0] = -99.0
    assert spectrum.energies[0] == E[0]


@pytest.mark.parametrize("gap", [np.nan, -1.0])
def test_an_impossible_gap_is_refused(gap: float) -> None:
    with pytest.raises(SpectrumError):
        Spectrum.from_arrays(E, D, gap=gap)


def test_a_material_knows_its_formula_and_crystal(make_material: Callable[..., Material]) -> None:
    material = make_material("one", "NiPt3")
    assert material.formula == "Pt3Ni"
    structure = material.structure
    assert structure is not None
    assert structure.composition.reduced_formula in ("NiPt3", "Pt3Ni")
    assert structure.volume == pytest.approx(64.0)
    assert make_material("two", "NiPt3", cell=None).structure is None


def test_a_candidate_answers_with_the_documented_keys() -> None:
    candidate = Candidate(
        rank=1,
        composition=(("Ni", 1), ("Pt", 3)),
        distance=0.25,
        in_training=True,
        known_dos=True,
        similarity=0.98,
        similarity_kind="computed",
        metric="cosine",
        structure_id="Pt3Ni-L1_2",
        structure_ids=("Pt3Ni-L1_2", "Pt3Ni-D0_19"),
        prototype="L1_2",
        crystal_system="cubic",
    )
    assert candidate.formula == "Pt3Ni"
    answer = candidate.as_dict()
    assert answer == {
        "rank": 1,
        "formula": "Pt3Ni",
        "composition": {"Ni": 1, "Pt": 3},
        "chemical_system": "Ni-Pt",
        "distance": 0.25,
        "in_training": True,
        "known_dos": True,
        "similarity": 0.98,
        "similarity_kind": "computed",
        "metric": "cosine",
        "structure_id": "Pt3Ni-L1_2",
        "structure_ids": ["Pt3Ni-L1_2", "Pt3Ni-D0_19"],
        "prototype": "L1_2",
        "crystal_system": "cubic",
        "probability": None,
        "formation_energy": None,
        "gap_ev": None,
        "gap_spread_ev": None,
        "above_hull_ev": None,
        "hull_from": "unknown",
        "hull_rivals": None,
        "p_match": None,
        "p_exists": None,
        "crystal_id": None,
        "crystal_from": None,
        "identity": None,
    }
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize("channels", [1, 2])
def test_a_spectrum_goes_to_pymatgen_and_back(channels: int) -> None:
    from dosmith.sources.files import from_pymatgen

    energies = np.linspace(-10, 10, 101)
    densities = np.random.default_rng(0).random((channels, 101))
    spectrum = Spectrum(energies, densities, 1.5)
    back = from_pymatgen(spectrum.to_pymatgen())
    np.testing.assert_allclose(back.energies, energies)
    np.testing.assert_allclose(back.densities, densities)
    assert back.fermi == 1.5
