"""Crystals that a search may propose."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.errors import FileFormatError
from dosmith.models.tight_binding.candidates import Candidates, lowest, predict, prepare
from dosmith.spectra.code import LARGEST_ERROR, Coded
from dosmith.spectra.standard import Recipe

RECIPE = Recipe()

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
    found = Candidates.read(Candidates(SurveyedRows.of(real), np.ones((3, 151), dtype=np.float32)).as_bytes(), RECIPE).crystals
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


def _curves(count: int) -> np.ndarray:
    """Of norm 1 or less, as broad as the recipe has them or broader."""
    generator = np.random.default_rng(0)
    centres, energies = generator.uniform(-6, 6, (count, 4, 1)), RECIPE.grid.energies
    spectra = np.exp(-0.5 * ((energies - centres) / 0.4) ** 2).sum(axis=1)
    return spectra * generator.uniform(0.8, 1, (count, 1)) / np.linalg.norm(spectra, axis=1, keepdims=True)


def _alike(found: Candidates, written: Candidates) -> float:
    """The least cosine between what was written and what is read."""
    return float(((found.expected * written.expected).sum(axis=1) / found.norms / written.norms).min())


def test_what_is_read_is_what_was_written() -> None:
    written = Candidates(SurveyedRows.of(CRYSTALS), _curves(len(CRYSTALS)).astype(np.float32))
    found = Candidates.read(written.coded(RECIPE).as_bytes(), RECIPE)
    assert [each.composition for each in found.crystals] == [each.composition for each in CRYSTALS]
    assert found.crystals[2].stretch == pytest.approx(1.013)
    np.testing.assert_allclose(found.norms, written.norms, rtol=LARGEST_ERROR)
    assert _alike(found, written) > 1 - LARGEST_ERROR
    again = Candidates.read(found.as_bytes(), RECIPE)
    np.testing.assert_array_equal(again.spectra.codes, found.spectra.codes)
    whole = Candidates.read(written.as_bytes(), RECIPE)  # as parts are kept while more are predicted
    np.testing.assert_array_equal(whole.expected, written.expected)


def test_a_target_is_compared_with_codes_as_with_the_spectra_themselves() -> None:
    written = Candidates(SurveyedRows.of([CRYSTALS[0]] * 200), _curves(200).astype(np.float32)).coded(RECIPE)
    assert isinstance(written.spectra, Coded)
    target = written.spectrum(7)
    np.testing.assert_allclose(written.spectra @ target, written.expected @ target, atol=LARGEST_ERROR / 4)
    np.testing.assert_allclose(target, written.expected[7], atol=1e-6)
    np.testing.assert_allclose(written.spectra.taken(np.array([3, 7])) @ target, (written.spectra @ target)[[3, 7]], rtol=1e-5)


def test_files_of_before_codes_are_read() -> None:
    """They held a byte for each point, the square root of the density over the highest."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    from dosmith.crystals.surveyed import as_table

    spectra = _curves(len(CRYSTALS)).astype(np.float32)
    highest = spectra.max(axis=1)
    levels = np.rint(255 * np.sqrt(spectra / highest[:, None])).astype(np.uint8)
    table = as_table(CRYSTALS).append_column("highest", pa.array(highest, pa.float32()))
    table = table.append_column("levels", pa.array([row.tobytes() for row in levels], pa.binary(151)))
    content = io.BytesIO()
    pq.write_table(table, content)
    found = Candidates.read(content.getvalue(), RECIPE)
    np.testing.assert_allclose(found.expected, spectra, atol=1.1e-3)
    assert _alike(found.coded(RECIPE), Candidates(found.crystals, spectra)) > 1 - LARGEST_ERROR


@pytest.mark.parametrize("content", [b"", b"no table", "cut"])
def test_damaged_candidates_are_refused(content) -> None:
    if content == "cut":
        content = Candidates(SurveyedRows.of(CRYSTALS), np.ones((len(CRYSTALS), 151), dtype=np.float32)).as_bytes()[:-40]
    with pytest.raises(FileFormatError, match="damaged"):
        Candidates.read(content, RECIPE)
