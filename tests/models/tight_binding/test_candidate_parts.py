"""Projections of candidates: what a file keeps of them, and the atlas of a part."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.errors import FileFormatError, OptionError, SpectrumError
from dosmith.models.calibration import Calibration
from dosmith.models.registry import open_model
from dosmith.models.tight_binding.atlas import Atlas
from dosmith.models.tight_binding.candidate_parts import EVERY, CandidateParts, atlas_of_part
from dosmith.models.tight_binding.candidates import Candidates
from dosmith.spectra.descriptors import of_curves
from dosmith.spectra.parts import Part
from dosmith.spectra.standard import Recipe

RECIPE = Recipe()
E = RECIPE.grid.energies
CALIBRATION = Calibration(40, 0.9, 0.5, 0.6, -9.0, 10.0, 1.0, 0.3, 0.01)
OF_PARTS = Calibration(50, 0.8, 0.4, 0.5, -8.0, 9.0, 0.5, 0.4, 0.02)
PARTNERS = ("Ni", "Co", "Cu")


def peak(place: float, width: float = 1.0) -> np.ndarray:
    return np.exp(-(((E - place) / width) ** 2) / 2)


def density(number: int) -> dict[tuple[str, str], np.ndarray]:
    """Of candidate `number`: platinum's d band at -2 eV moved by half an electron volt each, its partner's at 0, s states everywhere."""
    return {
        ("Pt", "s"): np.full(len(E), 0.1),
        ("Pt", "d"): 2 * peak(-2 + 0.5 * number),
        (PARTNERS[number], "d"): peak(0.0, 0.6),
    }


def made() -> tuple[Candidates, CandidateParts]:
    crystals = tuple(Surveyed("L1_2", ("Pt", partner), 15.0, 1.0, -5.0, -0.1) for partner in PARTNERS)
    wholes = np.array([sum(density(number).values()) for number in range(3)])
    expected = 0.95 * wholes / np.linalg.norm(wholes, axis=1, keepdims=True)
    owners, labels, shares = [], [], []
    for number in range(3):
        for label, curve in density(number).items():
            owners.append(number)
            labels.append(label)
            shares.append(np.rint(255 * (curve / wholes[number])[::EVERY]).astype(np.uint8))
    certainties = np.full(len(owners), 0.9)
    elements, orbitals = np.array(labels).T
    parts = CandidateParts(np.array(owners), elements, orbitals, certainties, np.array(shares), OF_PARTS)
    return Candidates(SurveyedRows.of(crystals), expected.astype(np.float32)), parts


def test_a_file_keeps_them() -> None:
    _, parts = made()
    again = CandidateParts.read(parts.as_bytes())
    assert list(again.elements) == list(parts.elements) and list(again.orbitals) == list(parts.orbitals)
    np.testing.assert_array_equal(again.shares, parts.shares)
    np.testing.assert_allclose(again.certainties, parts.certainties, atol=5e-4)
    assert again.calibration.as_dict() == OF_PARTS.as_dict()


def test_files_of_before_hold_shares_themselves() -> None:
    _, parts = made()
    table = pq.read_table(pa.BufferReader(parts.as_bytes()))
    rows = pa.array([row.tobytes() for row in parts.shares], pa.binary(parts.shares.shape[1]))
    old = io.BytesIO()
    pq.write_table(table.drop_columns(["changes"]).append_column("shares", rows), old)
    np.testing.assert_array_equal(CandidateParts.read(old.getvalue()).shares, parts.shares)


@pytest.mark.parametrize("element", [None, "Pt", "Ni", "O"])
def test_descriptors_of_all_are_those_of_each(element: str | None) -> None:
    candidates, parts = made()
    found = parts.descriptors(E, candidates.at, len(candidates.crystals), element)
    for place in range(3):
        alone = of_curves(E, density(place), element).as_dict()
        for name, values in found.items():
            if alone[name] is None:
                assert np.isnan(values[place])
            else:
                assert values[place] == pytest.approx(
                    alone[name], abs=0.11 if name.endswith("edge") else 0.05
                )  # an edge is a grid point


@pytest.mark.parametrize("content", [b"", b"PAR1nothing", b"\x00" * 100])
def test_a_damaged_file_is_one_line(content: bytes) -> None:
    with pytest.raises(FileFormatError, match=r"^the projections of the model's candidates are damaged"):
        CandidateParts.read(content)


@pytest.mark.parametrize(
    ("part", "places"),
    [(Part("Pt", "d"), [0, 1, 2]), (Part("Co"), [1]), (Part(None, "d"), [0, 1, 2]), (Part("Cu", "d"), [2]), (Part("O", "p"), [])],
)
def test_the_spectra_of_a_part(part: Part, places: list[int]) -> None:
    candidates, parts = made()
    found, spectra = parts.of(part, candidates.at)
    assert found.tolist() == places
    for place, spectrum in zip(places, spectra, strict=True):
        true = sum(
            curve
            for (element, orbital), curve in density(place).items()
            if part.element in (None, element) and part.orbital in (None, orbital)
        )
        assert np.linalg.norm(spectrum) == pytest.approx(0.9, abs=1e-6)
        assert spectrum @ true / (np.linalg.norm(spectrum) * np.linalg.norm(true)) > 0.999


def test_the_atlas_of_a_part_ranks_by_it() -> None:
    """The whole curve of the second is most like the target's d band of nickel; by platinum's d band the third is what was asked for."""
    candidates, parts = made()
    atlas = Atlas(candidates, RECIPE, CALIBRATION, 0.1)
    of_platinum, _ = atlas_of_part(atlas, parts, Part("Pt", "d"))
    assert of_platinum.similarities(peak(-1.0)).argmax() == 2
    assert of_platinum.similarities(peak(-2.0)).argmax() == 0
    assert of_platinum.calibration.slope == OF_PARTS.slope
    of_copper, places = atlas_of_part(atlas, parts, Part("Cu", "d"))
    assert places.tolist() == [2]
    taken = parts.taken(places)
    assert list(zip(taken.elements, taken.orbitals, strict=True)) == [("Pt", "s"), ("Pt", "d"), ("Cu", "d")]
    found = taken.of_crystal(0, candidates.expected[places[0]])
    whole = sum(found.values())
    np.testing.assert_allclose(whole, candidates.expected[2], atol=0.01 * whole.max())
    assert [each.elements for each in of_copper.crystals] == [("Pt", "Cu")]
    assert len(of_copper.entries) == 1
    with pytest.raises(SpectrumError, match="none of the model's candidates has O p states"):
        atlas_of_part(atlas, parts, Part("O", "p"))


def test_a_model_without_projections_says_what_to_do() -> None:
    for name in ("dosmith", "paper"):
        model = open_model(name)
        if getattr(model, "candidate_parts", None) is not None:
            continue
        with pytest.raises(OptionError, match="predicts no Pt d states of its candidates; 'dosmith similar'"):
            model.of_part(Part("Pt", "d"))


def test_the_atlas_of_a_spin_holds_what_is_magnetic() -> None:
    candidates, _ = made()
    shares = np.clip(0.5 + np.array([0.4, -0.4])[:, None] * np.sign(E[::EVERY]), 0, 1)
    spins = CandidateParts(
        np.array([1, 1]),
        np.array(["", ""]),
        np.array(["up", "down"]),
        np.array([0.9, 0.8]),
        np.rint(255 * shares).astype(np.uint8),
        OF_PARTS,
    )
    atlas = Atlas(candidates, RECIPE, CALIBRATION, 0.1)
    for spin, certainty, above in (("up", 0.9, 0.9), ("down", 0.8, 0.1)):
        found, places = atlas_of_part(atlas, CandidateParts.read(spins.as_bytes()), Part(spin=spin))
        assert places.tolist() == [1] and found.certainties[0] == pytest.approx(certainty, abs=5e-4)
        curve, whole = found.candidates.at(np.array([0]))[0], candidates.expected[1]
        middle = np.abs(E) > 0.5
        ratio = (curve / whole)[middle]
        assert ratio[E[middle] > 0].mean() / ratio[E[middle] < 0].mean() == pytest.approx(above / (1 - above), rel=0.05)
    with pytest.raises(SpectrumError, match="none of the model's candidates has spin up states"):
        atlas_of_part(atlas, spins.taken(np.array([0])), Part(spin="up"))
    nothing = spins.taken(np.array([0]))
    assert not len(CandidateParts.read(nothing.as_bytes()).owners)
