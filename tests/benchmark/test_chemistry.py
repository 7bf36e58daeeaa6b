"""The map of the elements and the classes of gaps."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith.benchmark.chemistry import FAMILIES, agreement, element_map, family, gap_classes, nearest
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.networks import ONE_HOT
from dosmith.library import MemoryLibrary
from dosmith.settings import BenchmarkSettings, PaperSettings, Settings

SETTINGS = Settings(paper=PaperSettings(autoencoder_epochs=50), benchmark=BenchmarkSettings(folds=3))


def test_families_do_not_overlap_and_name_elements() -> None:
    symbols = [symbol for members in FAMILIES.values() for symbol in members.split()]
    assert len(symbols) == len(set(symbols))
    assert family("Cl") == "halogens" and family("Ni") == "3d transition metals" and family("O") is None


def test_the_nearest_other_row_and_how_often_it_agrees() -> None:
    values = np.array([[0.0], [1.0], [5.0], [5.5], [9.0]])
    np.testing.assert_array_equal(nearest(values), [1, 0, 3, 2, 3])
    assert agreement(np.array(["a", "a", "b", "b", "c"]), nearest(values)) == 0.8
    assert agreement(np.array(["a", "b", "c", "d", "e"]), nearest(values)) == 0.0


@pytest.fixture(scope="module")
def spectra(make_material) -> Spectra:
    """Metals of transition elements, insulators of alkali and halogen: the gap says which."""
    metals = [(a, b) for a in ("Ti", "Ni", "Pd", "Pt", "Zr") for b in ("Al", "Ga", "Sn")]
    salts = [(a, b) for a in ("Li", "Na", "K", "Rb") for b in ("F", "Cl", "Br")]
    made = [(f"{a}{x}{b}{y}", b, (a, b) in metals) for a, b in metals + salts for x, y in (("", ""), ("3", ""), ("", "3"))]
    materials = [
        make_material(formula, formula, d_band=(-2.0, 1.0), gap=0.0 if metal else 5.0 if b == "F" else 2.5)
        for formula, b, metal in made
    ]
    return Spectra.of(MemoryLibrary(materials))


@pytest.mark.training
def test_gap_classes_are_found_where_elements_decide_them(spectra: Spectra) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'dosmith[benchmark]'")
    found = gap_classes(spectra, SETTINGS, ONE_HOT)
    assert sorted(found["rows"]) == list(range(len(spectra)))  # each tested once
    expected = [0 if spectra.gaps[row] == 0 else 1 if spectra.gaps[row] < 3.6 else 2 for row in found["rows"]]
    assert found["classes"] == expected
    majority = np.mean([each == 0 for each in expected])
    assert np.mean(found["majority"]) == pytest.approx(majority)
    assert np.mean(found["right"]) > majority + 0.2


@pytest.mark.training
def test_the_map_has_a_place_for_every_element(spectra: Spectra) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install 'dosmith[benchmark]'")
    found, again = (element_map(spectra, SETTINGS, "dos") for _ in range(2))
    assert found == again
    assert found["symbols"] == list(spectra.space.symbols)
    assert len(found["x"]) == len(found["y"]) == len(found["symbols"])
    assert found["n"] == sum(family(symbol) is not None for symbol in found["symbols"])
    assert found["shuffled"]["low"] <= found["shuffled"]["mean"] <= found["shuffled"]["high"]
    assert found["agreement"] > found["shuffled"]["mean"]
