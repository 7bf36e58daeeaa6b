"""dosmith's own model as a method: materials and compositions by the DOS that is expected of them. Needs dosmith[relax]."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from dosmith.benchmark.baselines import Predictor, by_similarity, standing
from dosmith.benchmark.data import Spectra, surveyed_pairs
from dosmith.crystals.potential import Potential
from dosmith.crystals.survey import Surveyed
from dosmith.library import Library
from dosmith.models.splits import Split
from dosmith.models.tight_binding.candidates import Candidates, lowest, predict, prepare
from dosmith.models.tight_binding.ensemble import Atoms, ForwardModel, train
from dosmith.models.tight_binding.train import prepare_library
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
    model = train(
        [seen[rows[row]] for row in training],
        [spectra.compositions[row] for row in training],
        spectra.vectors[training],
        spectra.recipe,
        settings,
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
    )


@lru_cache(maxsize=1)
def _prepared(survey: str, settings: ForwardSettings, symbols: tuple[str, ...]) -> list[tuple[Surveyed, Atoms]]:
    """Minutes of work, the same for every fold."""
    return prepare(lowest(surveyed_pairs(survey), symbols), settings, Potential())
