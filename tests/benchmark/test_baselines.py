"""The nulls: each does what its name says, and none sees what it must not."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith import formulas
from dosmith.benchmark.baselines import BASELINES, STEP_PENALTY
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.regression import REGRESSIONS, Crystals, Features, kernel_ridge, neighbours
from dosmith.library import MemoryLibrary
from dosmith.models.splits import SPLITS, Split
from dosmith.spectra.similarity import unit


@pytest.fixture(scope="module")
def spectra(make_material) -> Spectra:
    """Alloys of nickel-group and aluminium-group metals whose d band says what they are."""
    centres = {"Pt3Ni": -2.0, "PtNi": -1.6, "PtAl": -3.0, "Pt3Al": -3.4, "NiAl": -2.6, "Ni3Al": -1.9, "Pt3Ga": -3.6, "NiPd": -1.7}
    materials = [make_material(f"{formula}-x", formula, d_band=(centre, 1.2)) for formula, centre in centres.items()]
    materials.append(make_material("Pt3Ni-y", "Pt3Ni", d_band=(-2.1, 1.2), crystal_system="hexagonal"))
    unaries = (("Pt", -2.2), ("Ni", -1.2), ("Pd", -1.8), ("Al", 4.0), ("Ga", 4.5))
    materials += [make_material(symbol, symbol, d_band=(centre, 1.2)) for symbol, centre in unaries]
    return Spectra.of(MemoryLibrary(materials))


def split_of(spectra: Spectra, held_out: set[str]) -> Split:
    rows = np.array([formulas.write(composition) in held_out for composition in spectra.compositions])
    return Split("formula", 0, np.flatnonzero(~rows), np.flatnonzero(rows & spectra.wanted))


def place(spectra: Spectra, formula: str) -> int:
    return spectra.space.place(formulas.parse(formula))


METHODS = {**BASELINES, **REGRESSIONS}


def ask(name: str, spectra: Spectra, split: Split) -> np.ndarray:
    return METHODS[name](spectra, split)(split.test, spectra.vectors[split.test])


@pytest.mark.parametrize("name", list(METHODS))
def test_a_baseline_scores_every_composition_and_is_seeded(name: str, spectra: Spectra) -> None:
    split = split_of(spectra, {"Pt3Ni", "NiAl"})
    scores = ask(name, spectra, split)
    assert scores.shape == (3, len(spectra.space)) and not np.isnan(scores).any() and (scores < np.inf).all()
    np.testing.assert_array_equal(scores, ask(name, spectra, split))


@pytest.mark.parametrize("name", [name for name in METHODS if name != "random"])
def test_the_hidden_spectra_do_not_matter(name: str, spectra: Spectra) -> None:
    """What is scored for one target does not change when the other held-out spectra do."""
    from dataclasses import replace

    split = split_of(spectra, {"Pt3Ni", "NiAl"})
    other = spectra.vectors.copy()
    other[split.test[1:]] = other[split.test[1:], ::-1]
    changed = replace(spectra, vectors=other)
    one = (split.test[:1], spectra.vectors[split.test[:1]])
    np.testing.assert_array_equal(METHODS[name](spectra, split)(*one), METHODS[name](changed, split)(*one))


def test_retrieval_finds_the_nearest_training_spectrum_and_nothing_unseen(spectra: Spectra) -> None:
    split = split_of(spectra, {"Pt3Ni"})
    scores = ask("retrieval", spectra, split)
    seen = {int(p) for p in spectra.places[split.train] if p >= 0}
    assert set(np.flatnonzero(np.isfinite(scores[0])).tolist()) == seen
    for target, row in enumerate(split.test):
        cosines = {
            int(spectra.places[other]): float(spectra.unit[other] @ spectra.unit[row])
            for other in split.train
            if spectra.places[other] >= 0
        }
        best = max(cosines, key=lambda each: cosines[each])
        assert int(scores[target].argmax()) == best
        assert scores[target].max() == pytest.approx(cosines[best], abs=1e-6)


def test_retrieval_in_sample_does_not_find_the_target_itself_but_its_polymorph(spectra: Spectra) -> None:
    split = SPLITS["in-sample"](spectra.compositions, spectra.wanted, 1, 0)[0]
    scores = ask("retrieval", spectra, split)
    ids = [spectra.ids[row] for row in split.test]
    first, second = ids.index("Pt3Ni-x"), ids.index("Pt3Ni-y")
    cosine = float(spectra.unit[split.test[first]] @ spectra.unit[split.test[second]])
    assert scores[first, place(spectra, "Pt3Ni")] == pytest.approx(cosine, abs=1e-6)
    assert scores[ids.index("NiAl-x"), place(spectra, "NiAl")] == -np.inf  # it has no other


def test_substitution_goes_through_the_group_and_keeps_counts(spectra: Spectra) -> None:
    split = split_of(spectra, {"Pt3Al"})
    scores = ask("substitution", spectra, split)[0]
    target, source = spectra.unit[split.test[0]], spectra.unit[spectra.ids.index("Pt3Ga-x")]
    # Al for Ga is one period; no other known crystal leads to Pt3Al with less.
    assert scores[place(spectra, "Pt3Al")] == pytest.approx(float(source @ target) - STEP_PENALTY, abs=1e-5)
    assert scores[place(spectra, "Pt3Al")] > scores[place(spectra, "PtAl3")]
    assert int(scores.argmax()) in (place(spectra, "Pt3Ga"), place(spectra, "Pt3Al"))
    # What is known keeps its own similarity.
    own = spectra.unit[spectra.ids.index("PtAl-x")]
    assert scores[place(spectra, "PtAl")] == pytest.approx(float(own @ target), abs=1e-6)


def test_substitution_falls_back_to_mixed_centroids_below_all_else(spectra: Spectra) -> None:
    split = split_of(spectra, {"Pt3Ni"})
    scores = ask("substitution", spectra, split)[0]
    unreached = place(spectra, "Al2Ga3")
    mixed = ask("mixed centroids", spectra, split)[0]
    assert scores[unreached] == pytest.approx(mixed[unreached] - 2.0, abs=1e-6)


def test_mixed_centroids_weigh_elements_by_their_counts(spectra: Spectra) -> None:
    split = split_of(spectra, {"Pt3Ni"})
    scores = ask("mixed centroids", spectra, split)

    def centroid(symbol: str) -> np.ndarray:
        rows = [row for row in split.train if symbol in dict(spectra.compositions[row])]
        return spectra.vectors[rows].mean(axis=0)

    expected = unit(3 * centroid("Pt") + centroid("Ni")) @ spectra.unit[split.test].T
    np.testing.assert_allclose(scores[:, place(spectra, "Pt3Ni")], expected, atol=1e-6)


def test_mixed_centroids_cannot_speak_of_an_element_never_seen(spectra: Spectra) -> None:
    split = SPLITS["element-strict"](spectra.compositions, spectra.wanted, 1, 0)[0]
    scores = ask("mixed centroids", spectra, split)
    gone = [spectra.space.symbols.index(symbol) for symbol in split.left_out]
    holds = np.isin(spectra.space.members, gone).any(axis=1)
    assert np.isneginf(scores[:, holds]).all() and np.isfinite(scores[:, ~holds]).all()


def test_the_mean_spectrum_answers_every_target_alike(spectra: Spectra) -> None:
    split = split_of(spectra, {"Pt3Ni", "NiAl"})
    scores = ask("mean spectrum", spectra, split)
    assert (scores == scores[0]).all()
    mean = unit(spectra.vectors[split.train].mean(axis=0))
    known = [row for row in split.train if spectra.wanted[row]]
    nearest = max(known, key=lambda row: float(spectra.unit[row] @ mean))
    assert int(scores[0].argmax()) == spectra.places[nearest]


def test_features_of_a_composition_do_not_know_its_crystal_and_those_of_a_crystal_do(spectra: Spectra) -> None:
    crystals = Crystals([formulas.parse("Pt3Ni")] * 3, ["L1_2", "D0_19", "L1_2"], np.array([14.0, 14.0, 16.0]))
    plain, told = Features(spectra.space.symbols)(crystals), Features(spectra.space.symbols, ("D0_19", "L1_2"))(crystals)
    assert (plain == plain[0]).all()
    assert len(np.unique(told, axis=0)) == 3 and (told[:, : plain.shape[1]] == plain).all()


def test_a_regression_gives_back_what_it_learned_and_neighbours_stay_in_their_prototype() -> None:
    generator = np.random.default_rng(0)
    features = np.concatenate([generator.normal(size=(40, 5)), np.zeros((40, 3))], axis=1)
    features[np.arange(40), 5 + np.arange(40) % 2] = 1.0  # two prototypes; the last feature is the volume
    true = unit(generator.uniform(0.1, 1, (40, 30)))
    close = (kernel_ridge(0.25, 1e-6)(features, true)(features) * true).sum(axis=1)
    assert close.min() > 0.999
    nearest = neighbours(1, 2)(features, true)
    np.testing.assert_allclose(nearest(features), true)
    other = features[:1].copy()
    other[0, 5:7] = (0.0, 1.0)  # the first crystal's elements in the second prototype
    similar = (nearest(other) @ true.T)[0]
    assert int(similar.argmax()) % 2 == 1
