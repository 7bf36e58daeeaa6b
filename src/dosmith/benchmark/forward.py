"""dosmith's own model as a method: materials and compositions by the DOS that is expected of them. Needs dosmith[relax]."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith.benchmark.baselines import Predictor, Scores, best_over_links, by_similarity, known_links, standing
from dosmith.benchmark.data import FloatArray, IntArray, Spectra, surveyed_pairs
from dosmith.crystals.potential import Potential
from dosmith.crystals.surveyed import Surveyed
from dosmith.library import Library
from dosmith.models.identity import Identity
from dosmith.models.splits import Split
from dosmith.models.tight_binding.atoms import Atoms
from dosmith.models.tight_binding.candidates import Candidates, lowest, predict, prepare
from dosmith.models.tight_binding.ensemble import ForwardModel, train
from dosmith.models.tight_binding.train import computed_parts, prepare_library, spin_differences
from dosmith.settings import ForwardSettings


def forward(spectra: Spectra, split: Split, library: Library, survey: Path, settings: ForwardSettings) -> Predictor:
    """Train the forward model on the training rows of a split and let it judge every crystal of the survey.

    A composition with a known spectrum scores as that; another as its best crystal: the similarity to be expected, less
    the penalty of the settings for a positive formation energy. Compositions without a crystal in the survey are never proposed.
    Materials are picked by what is expected of them.
    """
    rows = [library.row_of(identifier) for identifier in spectra.ids]
    seen = prepare_library(library, np.array(rows, dtype=np.intp), settings)
    training = [row for row in split.train if rows[row] in seen]
    places = np.array([rows[row] for row in training], dtype=np.intp)
    model = train(
        [seen[rows[row]] for row in training],
        [spectra.compositions[row] for row in training],
        spectra.vectors[training],
        spectra.recipe,
        settings,
        kinds=[spectra.prototypes[row] or "other" for row in training],
        differences=spin_differences(library, places, spectra.recipe),
        parts=computed_parts(library, places, spectra.recipe),
    )
    alike = settings.model_copy(update={"seed": 0})  # crystals are prepared alike for every seed
    candidates = predict(model, _prepared(str(survey), alike, model.symbols))
    return by_expected_spectra(
        spectra, split, model, candidates, {row: seen[rows[row]] for row in split.test if rows[row] in seen}
    )


def by_expected_spectra(
    spectra: Spectra, split: Split, model: ForwardModel, candidates: Candidates, tested: dict[int, Atoms]
) -> Predictor:
    """The method, with a trained model and what it expects of the candidates."""
    places, heights = standing(spectra, candidates.crystals)
    order = list(tested)
    found = model.predict_atoms([tested[row] for row in order]).expected
    expected = {row: found[place] for place, row in enumerate(order)}
    nothing = np.zeros(found.shape[1])
    return Predictor(
        by_similarity(spectra, split, candidates.expected, places, model.settings.height_penalty * heights),
        lambda rows: np.array([expected.get(int(row), nothing) for row in rows]),
        model.calibration.probability,
        by_material=True,
        identity=None if model.identity is None else by_identity(spectra, split, candidates, places, model.identity),
    )


def by_identity(spectra: Spectra, split: Split, candidates: Candidates, places: IntArray, identity: Identity) -> Scores:
    """Compositions by the likelihood of the error that their known spectrum, or else their best crystal's, would mean.

    Args:
        spectra: the true ones.
        split: whose training rows are known.
        candidates: the crystals with their expected spectra.
        places: of their compositions in the space, -1 outside it, shape (C,).
        identity: how likely errors are.
    """
    shapes = candidates.expected / np.maximum(candidates.norms[:, None], 1e-9)
    squares, size = identity.quadratics(shapes), len(spectra.space)
    source = np.flatnonzero(places >= 0)
    links = source, places[source], np.zeros(len(source), dtype=np.float32)
    known = spectra.unit[split.train]
    known_squares, known_links_ = identity.quadratics(known), known_links(spectra, split)

    def scores(rows: IntArray, vectors: FloatArray) -> NDArray[np.float32]:
        seen = np.array([identity.log_likelihoods(each, known, known_squares) for each in vectors], dtype=np.float32)
        seen[rows[:, None] == split.train[None, :]] = -np.inf
        likely = np.array([identity.log_likelihoods(each, shapes, squares) for each in vectors], dtype=np.float32)
        found = best_over_links(seen, *known_links_, size)
        return np.where(np.isfinite(found), found, best_over_links(likely, *links, size))

    return scores


@lru_cache(maxsize=1)
def _prepared(survey: str, settings: ForwardSettings, symbols: tuple[str, ...]) -> list[tuple[Surveyed, Atoms]]:
    """Minutes of work, the same for every fold."""
    return prepare(lowest(surveyed_pairs(survey), symbols), settings, Potential())
