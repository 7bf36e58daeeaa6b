"""Candidates out of atlases, beside those that a model has of its own: by the same similarity, the same penalty, the same probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dosmith.atlas.search import Found, best_of_each
from dosmith.atlas.store import Atlas
from dosmith.constraints import Constraints
from dosmith.errors import LibraryError
from dosmith.formulas import Composition
from dosmith.models.interface import Proposal
from dosmith.models.tight_binding.atlas import EMPTY
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.ranking import Comparison, penalised
from dosmith.spectra.grid import Window

FloatArray = NDArray[np.float64]

_AT_ONCE = 16384


def propose(
    atlas: Atlas,
    model: TightBindingModel,
    target: FloatArray,
    top: int,
    constraints: Constraints | None = None,
    crystal_system: str | None = None,
    comparison: Comparison | None = None,
) -> list[Proposal]:
    """The best crystals of an atlas, each composition once, the best first.

    Args:
        atlas: that holds them.
        model: whose spectra they are.
        target: standard vector, shape (points,).
        top: how many.
        constraints: on compositions.
        crystal_system: of the crystals.
        comparison: with the target; the cosine of whole curves when None.

    Raises:
        LibraryError: the spectra of the atlas are not those of the model.
    """
    _refuse_other(atlas, model)
    fits = atlas.index.fits(constraints or Constraints(), crystal_system=crystal_system)
    heights = np.nan_to_num(atlas.index.numbers("formation_energy").astype(np.float64))
    bonus = penalised(np.zeros(len(heights)), heights, model.settings.height_penalty)
    if comparison is None or comparison.whole:
        found = best_of_each(atlas.index, atlas.basis, target, top, fits, bonus.astype(np.float32))
    else:
        found = _scanned(atlas, comparison, top, fits, bonus)
    window = None if comparison is None else comparison.counted
    return _proposals(atlas, model, found, window, comparison)


def identify(
    atlas: Atlas,
    model: TightBindingModel,
    target: FloatArray,
    top: int,
    constraints: Constraints | None = None,
    crystal_system: str | None = None,
    window: Window | None = None,
) -> list[tuple[float, Proposal]]:
    """The crystals of an atlas whose spectrum the target most probably is, each composition once, with the logarithm of its likelihood.

    Args:
        atlas: that holds them.
        model: whose spectra they are, with an `identity`.
        target: standard vector, shape (points,).
        top: how many.
        constraints: on compositions.
        crystal_system: of the crystals.
        window: energies that are known and count; all when None.

    Raises:
        LibraryError: the spectra of the atlas are not those of the model.
    """
    _refuse_other(atlas, model)
    errors = model.atlas.errors_within(window)
    rows = np.flatnonzero(atlas.index.fits(constraints or Constraints(), crystal_system=crystal_system))
    likely = np.full(len(rows), -np.inf)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        spectra = atlas.coded(rows[part])
        norms, whole = errors.norms(spectra), np.sqrt(spectra.squares())
        likely[part] = np.where(norms > EMPTY * whole, errors.log_likelihoods(target, spectra, None, norms), -np.inf)
    order = np.argsort(-likely, kind="stable")
    order = order[np.isfinite(likely[order])]
    _, first = np.unique(atlas.index.groups[rows[order]], return_index=True)
    chosen = order[np.sort(first)[:top]]
    comparison = Comparison(target, atlas.recipe.grid, covered=window)
    alike = comparison(atlas.expected(rows[chosen])) * np.sqrt(atlas.coded(rows[chosen]).squares())
    found = Found(rows[chosen], alike, likely[chosen], len(rows))
    return list(zip(likely[chosen].tolist(), _proposals(atlas, model, found, window, comparison), strict=True))


def _refuse_other(atlas: Atlas, model: TightBindingModel) -> None:
    if atlas.recipe.grid != model.recipe.grid:
        raise LibraryError(
            f"the spectra of {atlas.name} are not those of the model '{model.name}'; add its crystals anew with this model"
        )


def _scanned(atlas: Atlas, comparison: Comparison, top: int, fits: NDArray[np.bool_], bonus: FloatArray) -> Found:
    """By another similarity than the cosine of whole curves: of every curve that fits."""
    alike = np.full(len(fits), -np.inf)
    rows = np.flatnonzero(fits)
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        curves = atlas.expected(part)
        norms = np.linalg.norm(curves, axis=1)
        alike[part] = comparison(curves / norms[:, None]) * norms
    scores = alike + bonus
    order = rows[np.argsort(-scores[rows], kind="stable")]
    _, first = np.unique(atlas.index.groups[order], return_index=True)
    chosen = order[np.sort(first)[:top]]
    return Found(chosen, alike[chosen], scores[chosen], len(rows))


def _proposals(
    atlas: Atlas, model: TightBindingModel, found: Found, window: Window | None, comparison: Comparison | None
) -> list[Proposal]:
    like = None if window is None else model.calibration.window_like(window)
    calibrated = (window is None or like is not None) and (
        comparison is None or (comparison.metric == "cosine" and comparison.weights is None)
    )
    norms = atlas.index.numbers("norm")[found.rows].astype(np.float64)
    chances = model.calibration.probability(found.similarities, norms, like) if calibrated else np.full(len(norms), np.nan)
    crystals = atlas.crystals(found.rows)
    proposals = []
    for crystal, similarity, chance in zip(crystals, found.similarities, chances, strict=True):
        vector = crystal.expected.astype(np.float64)
        vector /= vector.sum() * model.recipe.grid.step
        proposals.append(
            Proposal(
                crystal.composition,
                float(similarity),
                crystal=crystal,
                p_match=float(chance) if calibrated else None,
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
