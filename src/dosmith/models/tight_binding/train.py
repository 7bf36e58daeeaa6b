"""Training the forward model on a library."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, processes
from dosmith.crystals.hull import potential_hull
from dosmith.crystals.survey import SurveyIndex, read_survey
from dosmith.crystals.surveyed import Surveyed
from dosmith.errors import MissingExtraError, ModelError
from dosmith.library import Library
from dosmith.models.store import add_file
from dosmith.models.tight_binding.atoms import Atoms
from dosmith.models.tight_binding.candidates import Candidates, with_heights
from dosmith.models.tight_binding.classes import classes_of
from dosmith.models.tight_binding.ensemble import ForwardModel, Label, Progress, train
from dosmith.models.tight_binding.expected_spectra import expected_spectra
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.settings import ForwardSettings, Settings
from dosmith.sources.open_set import FIRST_BASIS
from dosmith.spectra.descriptors import standard_parts
from dosmith.spectra.standard import Recipe, spin_difference, standardise_library

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

_AT_ONCE = 32  # crystals prepared together


def train_forward(
    library: Library,
    folder: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    name: str = "dosmith",
    survey: str | Path | None = None,
    workers: int = 1,
) -> TightBindingModel:
    """Train the forward model on all crystals of a library, let it predict the spectra of a survey, and save both.

    A training that was stopped goes on after the last member that was whole, and after the last candidates that were kept.

    Args:
        library: materials without a structure, or with a large cell, are left out.
        folder: of the checkpoint; replaced whole when training has ended, untouched before.
        settings: spectra and forward sections are used.
        progress: called after each epoch.
        name: of the model.
        survey: crystals that it is to propose; without one it predicts, but proposes nothing.
        workers: processes side by side.

    Raises:
        NotFoundError: there is no such survey.
        MissingExtraError: CHGNet, which brings PyTorch, is not installed.
        ModelError: the library holds too few crystals to train on.
    """
    try:
        import chgnet  # noqa: F401
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("training the forward model (CHGNet)", "relax") from None
    from dosmith.models.store import refuse_foreign
    from dosmith.models.tight_binding.checkpoint import save
    from dosmith.models.tight_binding.unfinished import Unfinished
    from dosmith.models.training import one_thread

    crystals_of_survey = [] if survey is None else read_survey(survey)
    final = Path(folder).resolve()
    refuse_foreign(final)
    settings = settings or Settings()
    recipe = Recipe.from_settings(settings.spectra)
    areas: dict[int, float] = {}
    rows, vectors = standardise_library(library, recipe, areas=areas)
    crystals = prepare_library(library, rows, settings.forward, progress)
    chosen = [place for place, row in enumerate(rows) if int(row) in crystals]
    if len(chosen) < 2 * settings.forward.members:
        raise ModelError(
            f"of the {len(rows):,} spectra of {library.name}, {len(chosen)} have a crystal of up to {settings.forward.largest_cell} atoms;"
            f" training needs {2 * settings.forward.members} or more: add files with their crystals, join more libraries"
            " (--library open --library mine), or train --model paper, which needs none"
        )
    symbols = {symbol for place in chosen for symbol in crystals[int(rows[place])].symbols}
    ids = [library.ids[rows[place]] for place in chosen]
    unfinished = Unfinished(final, ids, vectors[chosen], len(symbols), recipe, settings.forward)
    with one_thread(), processes.side_by_side(workers) as pool:
        model = train(
            [crystals[int(rows[place])] for place in chosen],
            [formulas.parse(library.formulas[rows[place]]) for place in chosen],
            vectors[chosen],
            recipe,
            settings.forward,
            progress,
            unfinished,
            [library.prototypes[rows[place]] or "other" for place in chosen],
            spin_differences(library, rows[chosen], recipe),
            np.array([library.gaps[rows[place]] or 0.0 for place in chosen]),
            classes_of(library, rows[chosen]),
            computed_parts(library, rows[chosen], recipe),
            pool,
            np.array([areas.get(int(rows[place]), np.nan) for place in chosen]) / library.sites[rows[chosen]],
        )
        expected = None if survey is None else _expected(model, crystals_of_survey, library, unfinished.folder, pool, progress)
    save(model, final, library, name, expected)
    unfinished.clear()
    return TightBindingModel.open(final)


def propose_from(
    folder: str | Path, survey: str | Path, library: Library, progress: Progress | None = None, workers: int = 1
) -> TightBindingModel:
    """Let a trained model propose the crystals of a survey in place of those that it has.

    Their spectra are predicted, but for those that it has already, whose projections stay too; what was stopped goes on after the last
    candidates that were kept.

    Args:
        folder: of the model, or the name of a shipped one.
        survey: crystals, as of `train_forward`.
        library: whose energies in the potential count in their heights.
        progress: called after each few crystals.
        workers: processes side by side.

    Raises:
        NotFoundError: there is no such model or survey.
        MissingExtraError: CHGNet, which brings PyTorch, is not installed.
    """
    from dosmith.models.tight_binding.candidate_parts import FILE as PARTS
    from dosmith.models.tight_binding.candidate_parts import SPIN_FILE as SPINS
    from dosmith.models.tight_binding.candidates import FILE
    from dosmith.models.tight_binding.checkpoint import facts_of

    opened, crystals = TightBindingModel.open(folder), read_survey(survey)
    model = opened.ensemble
    from dosmith.models.training import one_thread  # once it is known that PyTorch is there

    kept = (place := opened.folder.resolve()).with_name(f".{place.name}-proposing")
    with one_thread(), processes.side_by_side(workers) as pool:
        before = opened.atlas.candidates if FILE in opened.spec["sha256"] else None
        candidates = _expected(model, crystals, library, kept, pool, progress, before)
    told = {PARTS: opened.candidate_parts, SPINS: opened.candidate_spins}
    content = candidates.coded(model.recipe).as_bytes()
    add_file(opened.folder, FILE, content, {"candidates": facts_of(candidates)}, without=(PARTS, SPINS))
    if before is not None:
        now = {each.key: place for place, each in enumerate(candidates.crystals)}
        moved = np.array([now.get(each.key, -1) for each in before.crystals], dtype=np.intp)
        for file, parts in told.items():
            if parts is not None:
                add_file(opened.folder, file, parts.moved(moved).as_bytes())
    shutil.rmtree(kept, ignore_errors=True)
    return TightBindingModel.open(opened.folder)


def _expected(
    model: ForwardModel,
    survey: Sequence[Surveyed],
    library: Library,
    kept: Path,
    pool: Executor | None,
    progress: Progress | None,
    before: Candidates | None = None,
) -> Candidates:
    from dosmith.models.tight_binding.checkpoint import fingerprint

    report = None if progress is None else lambda done, count: progress("candidates", done, count, 0.0)
    found = expected_spectra(model, survey, kept / f"candidates-{fingerprint(model)}", pool, report, before)
    return with_heights(found, potential_hull(SurveyIndex.of(survey), library))


def spin_differences(library: Library, rows: NDArray[np.intp], recipe: Recipe) -> NDArray[np.float64]:
    """How much more of the vectors at some rows of a library is of spin up than of spin down, 1/eV, shape (rows, points)."""
    return np.array([spin_difference(material.spectrum, recipe) for material in library.materials(rows.tolist())])


def computed_parts(library: Library, rows: NDArray[np.intp], recipe: Recipe) -> list[dict[Label, NDArray[np.float64]]]:
    """Of the vectors at some rows of a library their densities by element and orbital, 1/eV, shapes (points,); none where none are known."""
    return [
        {} if material.projections is None else standard_parts(material.spectrum, material.projections, recipe)
        for material in library.materials(rows.tolist())
    ]


def prepare_library(
    library: Library, rows: NDArray[np.intp], settings: ForwardSettings, progress: Progress | None = None
) -> dict[int, Atoms]:
    """The crystals at some rows of a library, by row.

    Left out are those without a structure, too large or with lone atoms, and those whose spectrum is known to be wrong.
    """
    from dosmith.crystals.potential import Potential

    potential, found = Potential(), dict[int, Atoms]()
    waiting: list[tuple[int, Structure, bool]] = []
    for count, (row, material) in enumerate(zip(rows, library.materials(rows.tolist()), strict=True), 1):
        structure, wrong = material.structure, material.provenance.get("settings") == FIRST_BASIS
        if structure is not None and len(structure) <= settings.largest_cell and not wrong:
            waiting.append((int(row), structure, material.spectrum.spin_polarized))
        if len(waiting) == _AT_ONCE or (waiting and count == len(rows)):
            places, structures, magnetic = zip(*waiting, strict=True)
            prepared = Atoms.of_each(structures, potential, settings, magnetic)
            found |= {place: atoms for place, atoms in zip(places, prepared, strict=True) if atoms is not None}
            waiting.clear()
        if progress is not None:
            progress("crystals", count, len(rows), 0.0)
    return found
