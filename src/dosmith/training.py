"""Training a model of any kind by one call, as `dosmith train` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith.errors import OptionError
from dosmith.models.registry import KINDS, Kind, kind_called, named
from dosmith.settings import Settings, load_settings

if TYPE_CHECKING:
    from dosmith.library import Library
    from dosmith.models.composition.table import SpectraTable
    from dosmith.models.interface import Model

Progress = Callable[[str, int, int, float], None]
"""Called after each epoch: what is trained, epochs done, epochs in all, mean loss."""


def train(
    folder: str | Path,
    *,
    model: str | None = None,
    library: Library | None = None,
    spectra: SpectraTable | str | Path | None = None,
    survey: str | Path | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
    workers: int = 1,
) -> Model:
    """Train a model and save it.

    Args:
        folder: of the model; replaced whole when training has ended, untouched before.
        model: ``dosmith`` (from a crystal to its DOS; the default) or ``paper`` (from a DOS to a composition).
        library: what to learn from; the open DOS set when None.
        spectra: a table of other spectra with formulas, or its file, in place of a library and a model.
        survey: crystals that dosmith's own model is to propose; the included list of expected crystals when None.
        settings: from file and environment when None.
        progress: called after each epoch.
        workers: processes side by side; only dosmith's own model uses more than one.

    Raises:
        OptionError: an option does not apply to what is trained.
        ModelError: there is no such model, or too little to learn from.
        MissingExtraError: PyTorch or CHGNet is not installed.

    Examples:
        >>> train("my-model", library=open_dos_set()).name  # doctest: +SKIP
        'my-model'
    """
    settings = settings or load_settings()
    others = {"model": model, "library": library, "survey": survey}
    given = [f"--{name}" for name, value in others.items() if value is not None]
    if spectra is not None and given:
        raise OptionError(f"--spectra trains on that table alone; leave {' and '.join(given)} out")
    kind = _kind(model, spectra)
    if survey is not None and "survey" not in kind.options:
        raise OptionError(f"the model '{model}' proposes no crystals, so that --survey does not apply; leave it out")
    options: dict[str, Any] = {}
    if "survey" in kind.options:
        from dosmith.crystals.survey import EXPECTED
        from dosmith.shipped import shipped_folder

        options |= {"survey": survey or shipped_folder("survey") / EXPECTED, "workers": workers}
    trained: Model = named(str(kind.trainer))(
        _data(library, spectra), folder, settings, progress, name=Path(folder).name, **options
    )
    return trained


def section_of(model: str | None, spectra: object) -> str:
    """The section of the settings that such a training reads; arguments as of `train`.

    Raises:
        ModelError: there is no such model.
    """
    return str(_kind(model, spectra).section)


def _kind(model: str | None, spectra: object) -> Kind:
    return KINDS["composition"] if spectra is not None else kind_called(model or "dosmith")


def _data(library: Library | None, spectra: SpectraTable | str | Path | None) -> Library | SpectraTable:
    if isinstance(spectra, str | Path):
        from dosmith.models.composition.table import SpectraTable

        return SpectraTable.read(spectra)
    if spectra is not None:
        return spectra
    if library is not None:
        return library
    from dosmith.designer import open_dos_set

    return open_dos_set()
