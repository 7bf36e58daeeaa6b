"""Known spectra as answers: neighbours in order, and proposals as candidates, known before predicted."""

from __future__ import annotations

import numpy as np
import pytest

from dosmith import formulas
from dosmith.asked import Asked
from dosmith.constraints import Constraints
from dosmith.known import KnownSpectra, gap_target
from dosmith.library import MemoryLibrary
from dosmith.models.interface import Proposal
from dosmith.question import Question
from dosmith.settings import DesignSettings
from dosmith.spectra.match import Gaps
from dosmith.spectra.standard import Recipe
from dosmith.targets import resolve_target

RECIPE = Recipe()


@pytest.fixture(scope="module")
def known(open_set):
    return KnownSpectra(open_set, RECIPE)


@pytest.fixture(scope="module")
def asked(open_set, known):
    target = resolve_target("Pt3Ni", open_set, RECIPE)
    return target, Asked(known, Question.of(DesignSettings()).compared(target))


def test_neighbours_are_in_order_and_begin_with_the_target(asked) -> None:
    target, question = asked
    found = question.neighbours(target, 6)
    assert found[0].is_target and [each.rank for each in found] == [1, 2, 3, 4, 5, 6]
    similarities = [each.similarity for each in found]
    assert similarities == sorted(similarities, reverse=True)
    assert np.sort(question.similarities)[::-1][:6] == pytest.approx(similarities)


def test_a_known_composition_is_told_as_its_best_crystal(asked) -> None:
    _, question = asked
    found = question.candidate(1, Proposal(formulas.parse("Pt3Ni")), in_training=True)
    assert (found.known_dos, found.similarity_kind, found.structure_id) == (True, "computed", "Pt3Ni-L1_2")
    assert found.similarity == pytest.approx(1.0) and found.in_training
    named = question.candidate(2, Proposal(formulas.parse("PtXe7")), in_training=False)
    assert (named.known_dos, named.similarity, named.hull_from) == (False, None, "unknown")


def test_constraints_and_crystal_systems_are_masks(asked, known) -> None:
    _, question = asked
    whole, cubic = question.fits(Constraints()), Asked(known, question.comparison, "cubic")
    without = question.fits(Constraints.of(exclude="Pt"))
    assert whole.all() and 0 < without.sum() < len(whole)
    seen = cubic.within()
    compositions, vectors = seen.compositions, seen.vectors
    assert seen.apart is None and len(seen.chances) == len(vectors)
    assert len(compositions) == len(vectors) == cubic.fits(Constraints()).sum() < len(whole)


def test_a_gap_alone_is_a_target_whose_curve_does_not_count(known) -> None:
    found = gap_target(known, Gaps(2.0, 4.0))
    assert not found.curve and 2.0 <= found.standard.gap < 4.0
    assert found.standard.values.sum() * RECIPE.grid.step == pytest.approx(1.0)


def test_space_groups_of_your_own_materials_are_known_too(make_material) -> None:
    """They carry a symbol where those of the open DOS set carry AFLOW's label."""
    library = MemoryLibrary(
        [
            make_material("a", "Pt3Ni"),
            make_material("b", "Ni", aflow_label="A_cF4_225_a"),
            make_material("c", "Pt", crystal_system=None),
        ]
    )
    groups = KnownSpectra(library, RECIPE).entries.space_groups
    assert groups is not None and groups() == [221, 225, 0]
