"""Candidates out of atlases, beside those that a model has of its own: by the same similarity, the same penalty, the same probability."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.atlas.search import Found, best_of_each, similarities
from dosmith.atlas.store import MERITS, Atlas
from dosmith.comparison import Comparison
from dosmith.constraints import Condition, Constraints
from dosmith.errors import LibraryError, OptionError
from dosmith.formulas import Composition
from dosmith.library.stability import SEVENNET
from dosmith.models.interface import Proposal
from dosmith.models.tight_binding.atlas import EMPTY
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.ranking import penalised, told

FloatArray = NDArray[np.float64]

TARGET_MERITS = ("similarity", "p_match")
"""Merits that depend on the target and are known of crystals of an atlas."""
_AT_ONCE = 16384


def propose(
    atlas: Atlas,
    model: TightBindingModel,
    target: FloatArray,
    top: int,
    constraints: Constraints | None = None,
    crystal_system: str | None = None,
    comparison: Comparison | None = None,
    known: Iterable[Composition] = (),
) -> list[Proposal]:
    """The best crystals of an atlas, each composition once, the best first.

    Args:
        atlas: that holds them.
        model: whose spectra they are.
        target: standard vector, shape (points,).
        top: how many.
        constraints: on compositions, crystals and merits.
        crystal_system: of the crystals.
        comparison: with the target; the cosine of whole curves when None.
        known: compositions that are left out, since their spectra are known.

    Raises:
        LibraryError: the spectra of the atlas are not those of the model.
        OptionError: a merit is bounded that nobody knows of crystals of an atlas.
    """
    _refuse_other(atlas, model)
    asked = comparison or Comparison(model.on_axis(target), model.recipe.grid)
    fits = atlas.index.fits(constraints or Constraints(), crystal_system=crystal_system)
    fits &= ~atlas.index.of_compositions(known)
    for condition in (constraints or Constraints()).conditions:
        fits &= np.asarray(condition.holds(_merit(atlas, model, condition, asked)))
    heights = np.nan_to_num(atlas.index.numbers("formation_energy").astype(np.float64))
    bonus = penalised(np.zeros(len(heights)), heights, model.settings.height_penalty)
    if asked.whole:
        found = best_of_each(atlas.index, atlas.basis, asked.target, top, fits, bonus.astype(np.float32))
    else:
        found = _scanned(atlas, asked, top, fits, bonus)
    return _proposals(atlas, model, found, asked)


def _merit(atlas: Atlas, model: TightBindingModel, condition: Condition, asked: Comparison) -> FloatArray:
    """What a condition bounds, of every crystal of an atlas, shape (N,).

    Raises:
        OptionError: nobody knows it of them.
    """
    if condition.name in MERITS:
        return atlas.merit(condition.name)
    if condition.name in TARGET_MERITS:
        alike = _alike(atlas, asked, np.arange(len(atlas)))
        return alike if condition.name == "similarity" else _chances(atlas, model, np.arange(len(atlas)), alike, asked)
    able = ", ".join((*TARGET_MERITS, *MERITS))
    raise OptionError(
        f"an atlas does not tell {condition.name} of its crystals; leave '{condition}' or --atlas out; it can bound {able}"
    )


def identify(
    atlas: Atlas,
    model: TightBindingModel,
    target: FloatArray,
    top: int,
    constraints: Constraints | None = None,
    crystal_system: str | None = None,
    comparison: Comparison | None = None,
    real: bool = False,
) -> list[tuple[float, Proposal]]:
    """The crystals of an atlas whose spectrum the target most probably is, each composition once, with the evidence of its best.

    Args:
        atlas: that holds them.
        model: whose spectra they are, with an `identity`.
        target: standard vector, shape (points,).
        top: how many.
        constraints: on compositions.
        crystal_system: of the crystals.
        comparison: with the target: energies at which it is known and counts, and its number of states where that counts.
        real: whether the target is of a material that exists; what is not known to lie above a hull or on it then exists as likely as not.

    Raises:
        LibraryError: the spectra of the atlas are not those of the model.
    """
    _refuse_other(atlas, model)
    asked = comparison or Comparison(target, atlas.recipe.grid)
    errors, count = model.atlas.errors_within(asked.counted), asked.count
    chances = _existence(atlas) if real else None
    rows = np.flatnonzero(atlas.index.fits(constraints or Constraints(), crystal_system=crystal_system))
    likely = np.full(len(rows), -np.inf)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        spectra = atlas.coded(rows[part])
        norms, whole = errors.norms(spectra), np.sqrt(spectra.squares())
        found = np.where(norms > EMPTY * whole, errors.log_likelihoods(target, spectra, None, norms), -np.inf)
        apart = None
        if count is not None:
            states = count.electrons.states(atlas.compositions.taken(atlas.index.groups[rows[part]].astype(np.intp)), spectra)
            apart = asked.apart(spectra, count.of_cells(states, atlas.sites[rows[part]]))
        likely[part] = errors.evidence(found, apart, None if chances is None else chances[rows[part]])
    order = np.argsort(-likely, kind="stable")
    order = order[np.isfinite(likely[order])]
    _, first = np.unique(atlas.index.groups[rows[order]], return_index=True)
    chosen = order[np.sort(first)[:top]]
    shapes = Comparison(target, atlas.recipe.grid, covered=asked.counted)
    alike = shapes(atlas.expected(rows[chosen])) * np.sqrt(atlas.coded(rows[chosen]).squares())
    best = Found(rows[chosen], alike, likely[chosen], len(rows))
    return list(zip(likely[chosen].tolist(), _proposals(atlas, model, best, shapes), strict=True))


def _existence(atlas: Atlas) -> FloatArray:
    """The probabilities that the crystals of an atlas exist, by their heights above a hull, NaN where these are unknown, shape (N,)."""
    from dosmith.crystals.existence import shipped_existence
    from dosmith.crystals.plausible import balance

    existence = shipped_existence(SEVENNET)
    if existence is None:
        return np.full(len(atlas), np.nan)
    different = [atlas.compositions[place] for place in range(len(atlas.compositions))]
    balances, groups = np.array([balance(each) for each in different], dtype=np.intp), atlas.index.groups
    heights = atlas.index.numbers("above_hull").astype(np.float64)
    found = existence.by_potential(heights, atlas.compositions.sizes[groups], balances[groups])
    return np.where(np.isnan(heights), np.nan, found)


def _refuse_other(atlas: Atlas, model: TightBindingModel) -> None:
    if atlas.recipe.grid != model.recipe.grid:
        raise LibraryError(
            f"the spectra of {atlas.name} are not those of the model '{model.name}'; add its crystals anew with this model"
        )


def _scanned(atlas: Atlas, comparison: Comparison, top: int, fits: NDArray[np.bool_], bonus: FloatArray) -> Found:
    """By another similarity than the cosine of whole curves: of every curve that fits."""
    rows = np.flatnonzero(fits)
    alike = np.full(len(fits), -np.inf)
    alike[rows] = _alike(atlas, comparison, rows)
    scores = alike + bonus
    order = rows[np.argsort(-scores[rows], kind="stable")]
    _, first = np.unique(atlas.index.groups[order], return_index=True)
    chosen = order[np.sort(first)[:top]]
    return Found(chosen, alike[chosen], scores[chosen], len(rows))


def _alike(atlas: Atlas, comparison: Comparison, rows: NDArray[np.intp]) -> FloatArray:
    """Expected similarities of some crystals to the target, shape (len(rows),)."""
    if comparison.whole:
        return similarities(atlas.index, atlas.basis, comparison.target, rows)
    found = np.empty(len(rows))
    for start in range(0, len(rows), _AT_ONCE):
        curves = atlas.expected(rows[start : start + _AT_ONCE])
        norms = np.linalg.norm(curves, axis=1)
        found[start : start + _AT_ONCE] = comparison(curves / norms[:, None]) * norms
    return found


def _chances(
    atlas: Atlas, model: TightBindingModel, rows: NDArray[np.intp], alike: FloatArray, comparison: Comparison
) -> FloatArray:
    """The probabilities that crystals match, in their DOS and where their gaps are known in these too; NaN where that is not calibrated."""
    window, wanted, scale = comparison.counted, comparison.gaps, model.calibration.gaps
    like = None if window is None else model.calibration.window_like(window)
    if not comparison.calibrated or (window is not None and like is None):
        return np.full(len(rows), np.nan)
    norms = atlas.index.numbers("norm")[rows].astype(np.float64)
    found = model.calibration.probability(alike, norms, like)
    signed = atlas.index.numbers("signed_gap")[rows].astype(np.float64)
    there = np.flatnonzero(~np.isnan(signed))
    if wanted is not None and scale is not None and len(there):
        agree = scale.hold(signed[there], wanted)
        both = model.calibration.match(alike[there], norms[there], agree, wanted) if window is None else found[there] * agree
        found[there] = both
    if model.doubt is None or window is not None:
        return found
    return model.doubt.widened(found, model.doubt.excess(comparison.target, model.recipe))


def _proposals(atlas: Atlas, model: TightBindingModel, found: Found, comparison: Comparison) -> list[Proposal]:
    chances = _chances(atlas, model, found.rows, found.similarities, comparison)
    proposals = []
    for crystal, similarity, chance in zip(atlas.crystals(found.rows), found.similarities, chances, strict=True):
        vector = crystal.expected.astype(np.float64)
        vector /= vector.sum() * model.recipe.grid.step
        proposals.append(
            Proposal(
                crystal.composition,
                float(similarity),
                crystal=crystal,
                p_match=told(chance),
                gap=crystal.gap,
                gap_spread=crystal.gap_spread,
                vector=vector,
                half_width=model.calibration.half_widths(vector),
            )
        )
    return proposals


def together(
    groups: Sequence[Sequence[Proposal]], known: Mapping[Composition, float], penalty: float, top: int
) -> list[Proposal]:
    """Proposals of several origins in one order, each composition once as its best; what is known counts as that.

    Args:
        groups: of proposals.
        known: similarity of each composition whose spectrum is known.
        penalty: for each eV/atom above the elements.
        top: how many.
    """
    best: dict[Composition, tuple[float, Proposal]] = {}
    for proposal in (each for group in groups for each in group):
        if proposal.composition in known and proposal.crystal is not None:
            continue
        if proposal.crystal is None:
            score = known[proposal.composition]
        else:
            score = (proposal.similarity or 0.0) - penalty * max(proposal.crystal.formation_energy or 0.0, 0.0)
        if proposal.composition not in best or score > best[proposal.composition][0]:
            best[proposal.composition] = (score, proposal)
    return [proposal for _, proposal in sorted(best.values(), key=lambda pair: -pair[0])[:top]]
