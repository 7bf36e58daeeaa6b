"""dosmith's own model as a method, with a model whose expectations are given."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from dosmith import formulas
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.forward import by_expected_spectra
from dosmith.benchmark.metrics import calibration
from dosmith.benchmark.outcomes import matches, outcomes
from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.library import MemoryLibrary
from dosmith.models.identity import Identity
from dosmith.models.splits import Split
from dosmith.models.tight_binding.candidates import Candidates
from dosmith.spectra.similarity import unit

HEIGHT_PENALTY = 0.1
HIDDEN = ("Pt3Ni", "NiAl", "PtAl", "PdAl", "Pd3Al", "PdNi")


@pytest.fixture(scope="module")
def spectra(make_material) -> Spectra:
    centres = {"Pt3Ni": -2.0, "Pt3Al": -3.4, "NiAl": -2.6, "Ni3Al": -1.9, "PtAl": -3.0, "PdAl": -3.3, "Pd3Al": -2.9, "PdNi": -1.5}
    return Spectra.of(MemoryLibrary([make_material(f"{name}-x", name, d_band=(c, 1.2)) for name, c in centres.items()]))


@pytest.fixture(scope="module")
def split(spectra) -> Split:
    hidden = [formulas.write(composition) in HIDDEN for composition in spectra.compositions]
    return Split("system", 0, np.flatnonzero(~np.array(hidden)), np.flatnonzero(hidden))


def method(spectra, split, wrong: float = 0.0):
    """A model that expects just what is true, or something else with a share of it."""
    other = unit(np.ones(spectra.vectors.shape[1]))
    truth = {row: unit((1 - wrong) * spectra.unit[row] + wrong * other) for row in split.test}
    model = SimpleNamespace(
        predict_atoms=lambda atoms: SimpleNamespace(expected=np.array(atoms)),
        settings=SimpleNamespace(height_penalty=HEIGHT_PENALTY),
        identity=Identity(np.eye(spectra.vectors.shape[1], dtype=np.float32), 5.0, 1.0),
        calibration=SimpleNamespace(probability=lambda similarity, norm: np.clip(similarity, 0, 1) * norm),
    )
    crystals = (
        Surveyed("L1_2", ("Pt", "Ni"), 13.7, 1.0, -6.0, -0.1),
        Surveyed("D0_19", ("Pt", "Ni"), 13.7, 1.0, -5.9, 0.5),
        Surveyed("B2", ("Ni", "Al"), 12.0, 1.0, -5.0, 0.2),
        Surveyed("L1_2", ("Pt", "Al"), 14.0, 1.0, -5.0, -0.5),
    )
    rows = {formulas.write(c): row for row, c in enumerate(spectra.compositions)}
    expected = np.array([spectra.unit[rows[name]] for name in ("Pt3Ni", "NiAl", "NiAl", "NiAl")], dtype=np.float32)
    return by_expected_spectra(spectra, split, model, Candidates(SurveyedRows.of(crystals), expected), truth)


def test_a_composition_scores_as_its_best_crystal_or_its_known_dos(spectra, split) -> None:
    scores = method(spectra, split)(split.test, spectra.vectors[split.test])
    space, rows = spectra.space, {formulas.write(c): row for row, c in enumerate(spectra.compositions)}
    for target, row in enumerate(split.test):
        pt3ni, nial = (float(spectra.unit[row] @ spectra.unit[rows[name]]) for name in ("Pt3Ni", "NiAl"))
        place = {name: space.place(formulas.parse(name)) for name in ("Pt3Ni", "NiAl", "Pt3Al", "Ni3Al", "PtAl", "Pt2Al3")}
        assert scores[target, place["Pt3Ni"]] == pytest.approx(max(pt3ni, nial - 0.5 * HEIGHT_PENALTY), abs=1e-5)
        assert scores[target, place["NiAl"]] == pytest.approx(nial - 0.2 * HEIGHT_PENALTY, abs=1e-5)
        # Pt3Al is known: what is expected of it does not count.
        assert scores[target, place["Pt3Al"]] == pytest.approx(float(spectra.unit[row] @ spectra.unit[rows["Pt3Al"]]), abs=1e-5)
        assert np.isneginf(scores[target, [place["PtAl"], place["Pt2Al3"]]]).all()


def test_by_identity_the_order_is_that_of_distances_where_errors_are_alike(spectra, split) -> None:
    """With equal uncorrelated errors the likeliest is the most similar, and formation energies do not matter."""
    predictor = method(spectra, split)
    assert predictor.identity is not None
    found = predictor.identity(split.test, spectra.vectors[split.test])
    space, rows = spectra.space, {formulas.write(c): row for row, c in enumerate(spectra.compositions)}
    for target, row in enumerate(split.test):
        for name, source in (("Pt3Ni", None), ("NiAl", "NiAl"), ("Pt3Al", "Pt3Al")):
            cosines = [
                float(spectra.unit[row] @ spectra.unit[rows[each]]) for each in ([source] if source else ["Pt3Ni", "NiAl"])
            ]
            assert found[target, space.place(formulas.parse(name))] == pytest.approx(max(cosines) - 1, abs=1e-5)


def test_perfect_expectations_pick_as_well_as_can_be(spectra, split) -> None:
    perfect = outcomes(spectra, split, method(spectra, split))
    np.testing.assert_allclose(perfect["screen"], perfect["screen_best"])
    np.testing.assert_allclose(perfect["predicted"], 1)
    np.testing.assert_allclose(perfect["predicted_error"], 0, atol=1e-12)
    worse = outcomes(spectra, split, method(spectra, split, wrong=0.5))
    assert (worse["predicted"] < 1).all() and (worse["predicted_error"] > 0).all()


def test_probabilities_and_matches_are_those_of_the_picks(spectra, split) -> None:
    found = matches(spectra, split, method(spectra, split))
    count = len(HIDDEN)
    cosines = spectra.unit[split.test] @ spectra.unit[split.test].T
    others = -np.sort(-cosines[~np.eye(count, dtype=bool)].reshape(count, count - 1), axis=1)
    np.testing.assert_allclose(found["probability"], others.ravel(), atol=1e-5)
    assert found["match"] == (others.ravel() > 0.9).astype(float).tolist()


def test_calibration_error_is_the_distance_of_probability_and_share() -> None:
    generator = np.random.default_rng(0)
    probability = generator.uniform(size=20_000)
    honest = calibration(
        [
            {
                "probability": probability,
                "match": generator.uniform(size=20_000) < probability,
                "gapped": np.arange(20_000) % 4 == 0,
            }
        ]
    )
    assert {name: each["n"] for name, each in honest["by_class"].items()} == {"gapped": 5_000, "metal": 15_000}
    assert honest["error"] < 0.02 and honest["n"] == 20_000 and len(honest["bins"]) == 10
    boastful = calibration([{"probability": [0.95] * 10, "match": [1.0] * 5 + [0.0] * 5, "gapped": [0.0] * 10}])
    assert boastful["error"] == pytest.approx(0.45)
    assert boastful["bins"] == [{"probability": pytest.approx(0.95), "share": 0.5, "n": 10}]
