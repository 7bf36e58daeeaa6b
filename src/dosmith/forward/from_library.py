"""Training the forward model on a library."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import MissingExtraError, ModelError, NotFoundError
from dosmith.forward.model import Atoms, ForwardModel, Progress, train
from dosmith.library import Library
from dosmith.settings import ForwardSettings, Settings
from dosmith.spectra.standard import Recipe, standardise_library


def train_forward(
    library: Library,
    folder: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    name: str = "dosmith",
) -> ForwardModel:
    """Train the forward model on all crystals of a library and save it.

    Args:
        library: materials without a structure, or with a large cell, are left out.
        folder: of the checkpoint; replaced whole when training has ended, untouched before.
        settings: spectra and forward sections are used.
        progress: told of each epoch.
        name: of the model.

    Raises:
        MissingExtraError: CHGNet, which brings PyTorch, is not installed.
        ModelError: the library holds too few crystals to train on.
    """
    try:
        import chgnet  # noqa: F401
        import torch
    except ImportError:
        raise MissingExtraError("training the forward model (CHGNet)", "relax") from None
    from dosmith.forward.checkpoint import save
    from dosmith.model.checkpoint import refuse_foreign

    final = Path(folder).resolve()
    refuse_foreign(final)
    settings = settings or Settings()
    recipe = Recipe.from_settings(settings.spectra)
    rows, vectors = standardise_library(library, recipe)
    crystals = look(library, rows, settings.forward, progress)
    chosen = [place for place, row in enumerate(rows) if int(row) in crystals]
    if len(chosen) < 2 * settings.forward.members:
        raise ModelError(f"{library.name} holds {len(chosen)} crystals; training needs {2 * settings.forward.members} or more")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # matrices this small gain nothing from more
    try:
        model = train(
            [crystals[int(rows[place])] for place in chosen],
            [formulas.parse(library.formulas[rows[place]]) for place in chosen],
            vectors[chosen],
            recipe,
            settings.forward,
            progress,
        )
    finally:
        torch.set_num_threads(threads)
    save(model, final, library, name)
    return model


def look(
    library: Library, rows: NDArray[np.intp], settings: ForwardSettings, progress: Progress | None = None
) -> dict[int, Atoms]:
    """The crystals at some rows of a library, by row; those without a structure, too large or with lone atoms are left out."""
    from dosmith.crystals.potential import Potential

    potential, found = Potential(), {}
    for count, row in enumerate(rows, 1):
        structure = library.material(library.ids[row]).structure
        if structure is not None and len(structure) <= settings.largest_cell:
            with suppress(NotFoundError):
                found[int(row)] = Atoms.of(structure, potential, settings.density)
        if progress is not None:
            progress("crystals", count, len(rows), 0.0)
    return found
