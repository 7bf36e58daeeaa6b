"""The paper's network as a method."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith import formulas
from dosmith.benchmark import networks
from dosmith.benchmark.data import Space, Spectra
from dosmith.benchmark.networks import DOS_BASED, ONE_HOT, distances, inverse_network
from dosmith.benchmark.outcomes import outcomes
from dosmith.library import MemoryLibrary
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.paper.element_vectors import ElementVectors
from dosmith.models.splits import SPLITS
from dosmith.settings import PaperSettings

CHOSEN = {"Pt", "Pd", "Ni", "Al", "Zr", "Ti", "Sn", "Bi", "Cu", "Rh"}


@pytest.mark.parametrize("n_elements", [2, 3])
def test_distances_are_those_to_the_composition_vectors(n_elements: int) -> None:
    symbols = ("Al", "Ni", "Zr", "Pt")
    generator = np.random.default_rng(0)
    vectors = ElementVectors(symbols, generator.normal(size=(4, 5)))
    space = Space.of(symbols, n_elements)
    points = generator.normal(size=(3, 5 * n_elements)).astype(np.float32)
    table = np.array([composition_vector(space.composition(place), vectors) for place in range(len(space))])
    expected = ((points[:, None, :] - table[None]) ** 2).sum(axis=-1)
    np.testing.assert_allclose(distances(points, vectors, space), expected, rtol=1e-4, atol=1e-4)


def test_compositions_of_an_element_without_a_vector_are_infinitely_far() -> None:
    space = Space.of(("Al", "Ni", "Zr", "Pt"))
    vectors = ElementVectors(("Al", "Zr", "Pt"), np.random.default_rng(0).normal(size=(3, 5)))
    found = distances(np.zeros((1, 10), dtype=np.float32), vectors, space)[0]
    holds = (space.members == 1).any(axis=1)
    assert np.isinf(found[holds]).all() and np.isfinite(found[~holds]).all()


@pytest.fixture(scope="module")
def spectra(open_set) -> Spectra:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    rows = [row for row, f in enumerate(open_set.formulas) if {s for s, _ in formulas.parse(f)} <= CHOSEN]
    return Spectra.of(MemoryLibrary([open_set.material(open_set.ids[row]) for row in rows]))


@pytest.mark.training
@pytest.mark.parametrize("elements", [DOS_BASED, ONE_HOT])
def test_in_sample_it_remembers_and_a_seed_gives_one_answer(spectra: Spectra, elements: str) -> None:
    paper = PaperSettings(epochs=150, autoencoder_epochs=200, batch=8, plain_share=1.0)
    split = SPLITS["in-sample"](spectra.compositions, spectra.wanted, 1, 0)[0]
    scores = inverse_network(spectra, split, paper, elements)
    found = outcomes(spectra, split, scores)
    assert (found["rank"] <= 5).mean() > 0.8  # by chance 5 of some 300
    shown = (split.test[:3], spectra.vectors[split.test[:3]])
    again = inverse_network(spectra, split, paper, elements)
    np.testing.assert_allclose(scores(*shown), again(*shown), rtol=1e-4, atol=1e-4)


@pytest.mark.training
def test_an_element_never_seen_is_never_proposed(spectra: Spectra) -> None:
    split = SPLITS["element-strict"](spectra.compositions, spectra.wanted, 2, 0)[0]
    paper = PaperSettings(epochs=2, autoencoder_epochs=5)
    found = outcomes(spectra, split, inverse_network(spectra, split, paper))
    assert len(split.test) and np.all(found["rank"] == len(spectra.space) + 1)


@pytest.mark.training
def test_each_crystal_system_is_answered_by_a_network_that_saw_its_crystals_alone(spectra: Spectra, monkeypatch) -> None:
    monkeypatch.setattr(networks, "FEWEST", 10)
    split = SPLITS["in-sample"](spectra.compositions, spectra.wanted, 1, 0)[0]
    systems = np.array([system or "" for system in spectra.crystal_systems])
    counts = {system: int((systems[split.test] == system).sum()) for system in set(systems[split.test])}
    seen: list[set[str]] = []

    def made(spectra, part, paper, elements=DOS_BASED, steps=None):
        trained = part.train[spectra.wanted[part.train]]
        seen.append(set(systems[trained]))
        own = len(seen)
        return lambda rows, shown: np.full((len(rows), len(spectra.space)), own, dtype=np.float32)

    monkeypatch.setattr(networks, "inverse_network", made)
    found = networks.by_crystal_system(spectra, split, PaperSettings(), 5)(split.test, spectra.vectors[split.test])
    large = sorted(system for system, count in counts.items() if count >= 10)
    assert seen[: len(large)] == [{system} for system in large] and len(large) >= 2
    for number, system in enumerate(large, 1):
        assert (found[systems[split.test] == system] == number).all()
    assert np.isfinite(found).all()
