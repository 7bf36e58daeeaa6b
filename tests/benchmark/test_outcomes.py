"""What is noted of each target, from scores whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith import formulas
from dosmith.benchmark.data import Spectra
from dosmith.benchmark.outcomes import COLUMNS, PICKS, best, outcomes
from dosmith.models.splits import SPLITS, Split


@pytest.fixture(scope="module")
def spectra(open_set) -> Spectra:
    return Spectra.of(open_set)


@pytest.fixture(scope="module")
def split(spectra: Spectra) -> Split:
    return SPLITS["system"](spectra.compositions, spectra.wanted, 5, 0)[0]


def true_cosines(spectra: Spectra, rows: np.ndarray) -> np.ndarray:
    """Scores of somebody who knows everything: the best true cosine of each composition's materials."""
    scores = np.full((len(rows), len(spectra.space)), -np.inf, dtype=np.float32)
    for place, members in spectra.rows_at.items():
        scores[:, place] = (spectra.unit[rows] @ spectra.unit[members].T).max(axis=1)
    return scores


def test_the_best_come_first_and_what_was_not_proposed_never() -> None:
    scores = np.array([[0.1, 0.9, -np.inf, 0.5], [-np.inf, -np.inf, -np.inf, 2.0]], dtype=np.float32)
    np.testing.assert_array_equal(best(scores, 3), [[1, 3, 0], [3, -1, -1]])
    np.testing.assert_array_equal(best(scores, 9), [[1, 3, 0, -1], [3, -1, -1, -1]])


def test_ties_go_to_the_lower_place() -> None:
    np.testing.assert_array_equal(best(np.array([[1.0, 2.0, 2.0, 2.0]], dtype=np.float32), 2), [[1, 2]])


def test_who_knows_everything_picks_the_best_there_are(spectra: Spectra, split: Split) -> None:
    found = outcomes(spectra, split, lambda rows, vectors: true_cosines(spectra, rows))
    assert set(found) == set(COLUMNS) and all(len(values) == len(split.test) for values in found.values())
    assert (found["rank"] == 1).mean() > 0.99  # polymorphs of another composition may have the very same DOS
    assert (found["system_rank"] == 1).mean() > 0.99
    # By compositions alone polymorphs cannot be told apart, so a little is lost.
    assert np.all(found["screen"] <= found["screen_best"] + 1e-6)
    assert (found["screen_best"] - found["screen"]).mean() < 0.02
    assert np.all(found["design_coverage"] == 1.0)


def test_who_knows_nothing_is_wrong_everywhere(spectra: Spectra, split: Split) -> None:
    nothing = np.full((1, len(spectra.space)), -np.inf, dtype=np.float32)
    found = outcomes(spectra, split, lambda rows, vectors: np.repeat(nothing, len(rows), axis=0))
    assert np.all(found["rank"] == len(spectra.space) + 1) and np.all(found["system_rank"] == len(spectra.space) + 1)
    assert np.all(found["coverage"] == 0) and np.isnan(found["pattern"]).all()
    assert np.all(found["screen"] == 0) and np.all(found["elements_5"] == 0)


def test_a_match_is_the_dos_and_the_gap_and_what_is_made_lies_near_the_hull(spectra: Spectra, split: Split) -> None:
    """By hand, for gapped targets and metals: picks by true cosines, among the hidden materials."""
    found = outcomes(spectra, split, lambda rows, vectors: true_cosines(spectra, rows))
    for name in ("screen", "screen_random"):
        assert np.all(found[f"{name}_made"] <= found[f"{name}_match"]) and np.all(found[f"{name}_match"] <= found[f"{name}_09"])
    gapped = np.flatnonzero(spectra.gaps[split.test] >= 0.5)
    assert len(gapped) > 20 and 0 < found["screen_random_match"][gapped].mean() < found["screen_random_09"][gapped].mean()
    target = int(gapped[0])
    row, pool = split.test[target], split.test
    others = pool[spectra.places[pool] != spectra.places[row]]
    gap = spectra.gaps[row]
    alike = spectra.unit[others] @ spectra.unit[row] > 0.9
    agree = (spectra.gaps[others] >= 0.3) & (np.abs(spectra.gaps[others] - gap) < max(0.5, gap / 4))
    near = np.nan_to_num(spectra.heights[others], nan=1.0) <= 0.1
    assert found["screen_random_match"][target] == pytest.approx((alike & agree).sum() / len(others))
    assert found["screen_random_made"][target] == pytest.approx((alike & agree & near).sum() / len(others))


def test_the_same_score_for_all_counts_as_last(spectra: Spectra, split: Split) -> None:
    flat = np.zeros((1, len(spectra.space)), dtype=np.float32)
    found = outcomes(spectra, split, lambda rows, vectors: np.repeat(flat, len(rows), axis=0))
    assert np.all(found["rank"] == len(spectra.space))


def test_random_picks_reach_what_random_picks_are_said_to_reach(spectra: Spectra, split: Split) -> None:
    generator = np.random.default_rng(0)
    found = [
        outcomes(spectra, split, lambda rows, vectors: generator.random((len(rows), len(spectra.space)), dtype=np.float32))
        for _ in range(6)
    ]
    picked = np.mean([each["screen"].mean() for each in found])
    assert picked == pytest.approx(found[0]["screen_random"].mean(), abs=0.01)
    assert found[0]["screen_random"].mean() < found[0]["screen_best"].mean() - 0.1


def test_candidates_are_judged_by_the_dos_of_their_own_crystal(spectra: Spectra, split: Split) -> None:
    """Put by hand: two candidates with a known DOS, three without."""
    target = split.test[0]
    known = [place for place in spectra.rows_at if place != spectra.places[target]][:2]
    unknown = [place for place in range(len(spectra.space)) if place not in spectra.rows_at][:3]

    def scores(rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        made = np.full((len(rows), len(spectra.space)), -np.inf, dtype=np.float32)
        for rank, place in enumerate([*known, *unknown]):
            made[:, place] = -rank
        return made

    found = outcomes(spectra, split, scores)
    rows = [spectra.known(place, spectra.crystal_systems[target]) for place in known]
    expected = np.mean([spectra.unit[row] @ spectra.unit[target] for row in rows])
    assert found["pattern"][0] == pytest.approx(expected)
    assert found["coverage"][0] == pytest.approx(2 / PICKS)
    assert found["rank"][0] == len(spectra.space) + 1


def test_shares_of_elements_count_what_is_among_the_candidates(spectra: Spectra, split: Split) -> None:
    truth = spectra.space.composition(int(spectra.places[split.test[0]]))
    (first, _), (second, _) = truth
    other = next(s for s in spectra.space.symbols if s not in (first, second))
    half = spectra.space.place(formulas.reduce([(first, 1), (other, 1)]))
    rest = spectra.space.place(formulas.reduce([(second, 1), (other, 2)]))

    def scores(rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        made = np.full((len(rows), len(spectra.space)), -np.inf, dtype=np.float32)
        made[:, half], made[:, rest] = 2.0, 1.0
        return made

    found = outcomes(spectra, split, scores)
    assert found["elements_1"][0] == 0.5 and found["elements_5"][0] == 1.0


def test_what_is_shown_may_differ_from_what_is_true(spectra: Spectra, split: Split) -> None:
    seen = []

    def scores(rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        seen.append(vectors)
        return true_cosines(spectra, rows)

    shown = np.ones((len(split.test), spectra.vectors.shape[1]))
    found = outcomes(spectra, split, scores, shown)
    np.testing.assert_array_equal(np.concatenate(seen), shown)
    plain = outcomes(spectra, split, lambda rows, vectors: true_cosines(spectra, rows))
    np.testing.assert_array_equal(found["screen"], plain["screen"])
