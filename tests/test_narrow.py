"""A curve from -4 to 4 eV, as most plots and several databases have, is worth an answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dosmith
from dosmith.adding import add_files
from dosmith.designer import Designer
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.records import Material, Spectrum


def cut(spectrum: Spectrum, lower: float = -4.0, upper: float = 4.0) -> Spectrum:
    """What a plot around the energy zero shows of a spectrum, eigenvalues kept."""
    zero = spectrum.fermi if spectrum.valence_top is None else spectrum.valence_top
    part = (spectrum.energies >= zero + lower - 1e-9) & (spectrum.energies <= zero + upper + 1e-9)
    fermi = min(spectrum.fermi, float(spectrum.energies[part][-1]))  # in the middle of a gap of over 8 eV it is not shown
    return replace(spectrum, energies=spectrum.energies[part], densities=spectrum.densities[:, part], fermi=fermi)


@pytest.fixture(scope="module")
def designer() -> Designer:
    return Designer(settings=dosmith.Settings())


def test_nothing_of_the_open_set_is_refused_and_each_finds_itself(designer: Designer) -> None:
    rng = np.random.default_rng(2)
    found = []
    for row in rng.choice(len(designer.library), 40, replace=False):
        identifier = designer.library.ids[row]
        spectrum = cut(designer.library.material(identifier).spectrum)
        best = designer.similar(spectrum, top=1)[0]
        assert best.similarity > 0.99
        found.append(best.id == identifier)
    assert np.mean(found) > 0.9


def test_a_design_of_a_narrow_curve_tells_probabilities_and_what_was_not_compared(designer: Designer) -> None:
    whole = designer.design("Pt3Ni", top=10, rank_by="similarity")
    narrow = designer.design(cut(designer.library.material("Pt3Ni-L1_2").spectrum), top=10, rank_by="similarity")
    chances = [candidate.probability for candidate in narrow.candidates if candidate.similarity_kind == "predicted"]
    assert chances and all(chance is not None and 0 < chance < 1 for chance in chances)
    assert whole.candidates[0].formula == narrow.candidates[0].formula == "Pt3Ni"
    assert any("are compared" in step for step in narrow.target.standard.steps)
    for metric in ("tanimoto", "wasserstein"):
        assert designer.similar(cut(designer.library.material("Pt3Ni-L1_2").spectrum), metric=metric, top=1)[0].similarity > 0.9


def test_a_window_within_the_covered_part_counts_alone(designer: Designer) -> None:
    spectrum = designer.library.material("Pt3Ni-L1_2").spectrum
    whole = designer.similar(spectrum, window="-2:1", top=5)
    narrow = designer.similar(cut(spectrum), window="-2:1", top=5)
    assert [each.id for each in whole] == [each.id for each in narrow]
    with pytest.raises(dosmith.DosmithError, match="window"):
        designer.similar(cut(spectrum), window="5:7")


def test_narrow_curves_of_a_library_are_found(designer: Designer) -> None:
    materials = [designer.library.material(name) for name in ("Pt3Ni-L1_2", "MgO-B1", "Cu-A1")]
    library = MemoryLibrary(
        [Material(m.id, m.composition, cut(m.spectrum) if m.id != "Cu-A1" else m.spectrum) for m in materials]
    )
    small = Designer(library, settings=dosmith.Settings())
    for material in materials:
        best = small.similar(material.spectrum, top=1)[0]
        assert best.id == material.id and best.similarity > 0.999
    assert small.design(materials[0].spectrum, top=3, rank_by="similarity").candidates[0].formula == "Pt3Ni"


def test_a_narrow_file_is_added(designer: Designer, tmp_path: Path) -> None:
    spectrum = cut(designer.library.material("Pt3Ni-L1_2").spectrum)
    rows = "\n".join(f"{e:.4f},{d:.6f}" for e, d in zip(spectrum.energies, spectrum.total, strict=True))
    (tmp_path / "Pt3Ni.csv").write_text(f"E - E_F (eV),DOS\n{rows}\n")
    library = ParquetLibrary.at(tmp_path / "library", "mine")
    (added,) = add_files(library, [tmp_path / "Pt3Ni.csv"], composition=(("Ni", 1), ("Pt", 3)))
    assert added.outcome == "added"
    best = Designer(ParquetLibrary(tmp_path / "library"), settings=dosmith.Settings()).similar("Pt3Ni", top=1)[0]
    assert best.id == added.id and best.similarity == pytest.approx(1.0)


def test_calibrated_windows_are_found_by_the_nearest(designer: Designer) -> None:
    from dosmith.models.tight_binding.model import TightBindingModel
    from dosmith.spectra.grid import Window

    assert isinstance(designer.model, TightBindingModel)
    calibration = designer.model.calibration
    assert str(calibration.window_like(Window(-3.85, 3.8))) == "-4:4"
    assert calibration.window_like(Window(3.0, 7.0)) is None
    chances = calibration.probability(np.array([0.8, 0.9, 0.99]), np.array([0.98] * 3), Window(-4.0, 4.0))
    assert (np.diff(chances) > 0).all()
