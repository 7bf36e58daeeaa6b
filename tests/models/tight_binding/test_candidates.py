"""Crystals that a search may propose."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.errors import FileFormatError
from dosmith.models.tight_binding.candidates import Candidates, lowest, predict, prepare

CRYSTALS = [
    Surveyed("L1_2", ("Pt", "Ni"), 13.7, 1.0, -6.0, -0.1),
    Surveyed("D0_3", ("Pt", "Ni"), 14.0, 1.0, -5.9, 0.0),
    Surveyed("D0_19", ("Pt", "Ni"), 13.8, 1.013, -5.95, -0.05),
    Surveyed("B2", ("Ni", "Al"), 12.0, 1.0, -5.5, -0.6),
    Surveyed("B2", ("W", "Al"), 15.0, 1.0, -8.0, 0.2),
]


def test_the_lowest_of_each_crystal_system_is_likely() -> None:
    found = lowest(CRYSTALS, ["Pt", "Ni", "Al"])
    assert [each.prototype for each in found] == ["L1_2", "D0_19", "B2"]
    assert lowest(CRYSTALS[::-1], ["Pt", "Ni", "Al"]) == [CRYSTALS[3], CRYSTALS[2], CRYSTALS[0]]


def test_real_crystals_stay_beside_one_another_and_are_kept() -> None:
    """Rutile and anatase are both tetragonal; a quaternary has a site more than dosmith's own prototypes."""
    real = [
        Surveyed("A2B_tP6_136_f_a", ("Ti", "O"), 10.5, 1.0, -8.9, -3.1),
        Surveyed("A2B_tI12_141_e_a", ("Ti", "O"), 11.4, 1.0, -8.8, -3.0),
        Surveyed("ABCD_tP8_129_c_b_a_c", ("Cs", "Ag", "Bi", "Br"), 31.0, 1.0, -3.3, -1.0),
    ]
    assert lowest(real, ["Ti", "O", "Cs", "Ag", "Bi", "Br"]) == real
    found = Candidates.read(Candidates(SurveyedRows.of(real), np.ones((3, 151), dtype=np.float32)).as_bytes()).crystals
    assert [each.prototype for each in found] == [each.prototype for each in real]
    assert found.space_groups.tolist() == [136, 141, 129] and found.crystal_systems == ["tetragonal", "tetragonal", "tetragonal"]
    assert {site.specie.symbol for site in found[2].structure} == {"Cs", "Ag", "Bi", "Br"}
    assert [each.composition for each in found] == [each.composition for each in real]


@pytest.mark.training
def test_what_is_expected_is_what_the_model_predicts(trained) -> None:
    model, _, _ = trained
    seen = prepare(CRYSTALS[:4], model.settings)
    found = predict(model, seen)
    assert list(found.crystals) == CRYSTALS[:4]
    exact = model.predict([each.structure for each in CRYSTALS[:4]]).expected
    np.testing.assert_allclose(found.expected[[0, 1, 3]], exact[[0, 1, 3]], atol=3e-4)
    # Its c/a is rounded, so that it shares a lattice with others.
    rounded = (found.expected[2] @ exact[2]) / np.linalg.norm(found.expected[2]) / np.linalg.norm(exact[2])
    assert 0.999 < rounded <= 1 + 1e-6
    assert prepare([Surveyed("D0_19", ("Ni", "Al"), 12.0, 1.016, 0.0, 0.0)], model.settings)[0][1].lattice is seen[2][1].lattice


def test_what_is_read_is_what_was_written(tmp_path) -> None:
    generator = np.random.default_rng(0)
    centres, energies = generator.uniform(-6, 6, (len(CRYSTALS), 4, 1)), np.linspace(-7.5, 7.5, 151)
    spectra = np.exp(-0.5 * ((energies - centres) / 0.4) ** 2).sum(axis=1)
    spectra *= generator.uniform(0.8, 1, (len(CRYSTALS), 1)) / np.linalg.norm(spectra, axis=1, keepdims=True)
    written = Candidates(SurveyedRows.of(CRYSTALS), spectra.astype(np.float32))
    found = Candidates.read(written.as_bytes())
    assert [each.composition for each in found.crystals] == [each.composition for each in CRYSTALS]
    assert found.crystals[2].stretch == pytest.approx(1.013)
    np.testing.assert_allclose(found.expected, written.expected, atol=1.1e-3)
    np.testing.assert_allclose(found.norms, written.norms, rtol=3e-3)
    cosines = (found.expected * spectra).sum(axis=1) / found.norms / written.norms
    assert cosines.min() > 0.9999


@pytest.mark.parametrize("content", [b"", b"no table", "cut"])
def test_damaged_candidates_are_refused(content, tmp_path) -> None:
    if content == "cut":
        content = Candidates(SurveyedRows.of(CRYSTALS), np.ones((len(CRYSTALS), 151), dtype=np.float32)).as_bytes()[:-40]
    with pytest.raises(FileFormatError, match="damaged"):
        Candidates.read(content)
