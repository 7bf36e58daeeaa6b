"""The kinds of model, by the name that stands in checkpoint.json: a new kind is a folder here and a line in `KINDS`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dosmith.errors import ModelError
from dosmith.models.store import find_checkpoint, read_spec

if TYPE_CHECKING:
    from dosmith.models.interface import Model


@dataclass(frozen=True)
class Kind:
    """Where a kind of model lives; imported on first use.

    Attributes:
        model: module and class, a subclass of `Model`.
        trainer: module and function `(data, folder, settings, progress, name, **options) -> Model`; None when it is made otherwise.
        called: its name for `dosmith train --model`; None when it is trained on something other than a library.
        section: of the settings that its training reads.
        options: further ones of its training.
    """

    model: str
    trainer: str | None = None
    called: str | None = None
    section: str | None = None
    options: frozenset[str] = frozenset()


KINDS: dict[str, Kind] = {
    "forward": Kind(
        "dosmith.models.tight_binding.model:TightBindingModel",
        "dosmith.models.tight_binding.train:train_forward",
        "dosmith",
        "forward",
        frozenset({"survey"}),
    ),
    "paper": Kind("dosmith.models.paper.model:PaperModel", "dosmith.models.paper.train:train_paper", "paper", "paper"),
    "composition": Kind(
        "dosmith.models.composition.model:CompositionModel",
        "dosmith.models.composition.train:train_other_spectra",
        section="other_spectra",
    ),
}


def open_model(name: str | Path) -> Model:
    """The model in a folder, or the shipped one of that name, whatever its kind.

    Args:
        name: of a shipped model (`dosmith`, `paper`), or a folder.

    Raises:
        NotFoundError: there is none.
        ModelError: it is damaged, of a kind that this dosmith does not know, or was written by a newer one.

    Examples:
        >>> model = open_model("dosmith")
        >>> model.sizes
        (1, 2, 3, 4)
    """
    folder = find_checkpoint(name)
    kind = read_spec(folder).get("kind")
    if kind not in KINDS:
        raise ModelError(f"the model in {folder} is of an unknown kind '{kind}'; this dosmith knows {', '.join(KINDS)}")
    opened: Model = named(KINDS[kind].model).open(folder)
    return opened


def kind_called(name: str) -> Kind:
    """The kind that `dosmith train --model` calls so.

    Raises:
        ModelError: there is none.
    """
    names = {kind.called: kind for kind in KINDS.values() if kind.called is not None}
    if name not in names:
        raise ModelError(f"there is no model '{name}' to train; choose {' or '.join(names)}")
    return names[name]


def named(place: str) -> Any:
    """The class or function that `module:name` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
