"""Where the data and models that come with dosmith lie: inside the installed package, or in the repository around it."""

from __future__ import annotations

from pathlib import Path

from dosmith.errors import NotFoundError

_PACKAGE = Path(__file__).resolve().parent
_IN_REPOSITORY = {"open-dos": ("data", "open-dos"), "survey": ("data", "survey"), "models": ("models",)}


def shipped_folder(name: str) -> Path:
    """The folder of the shipped ``open-dos`` data, the ``survey`` or the ``models``.

    Raises:
        NotFoundError: this installation does not hold it.
    """
    for folder in (_PACKAGE / "shipped" / name, _PACKAGE.parents[1].joinpath(*_IN_REPOSITORY[name])):
        if folder.is_dir():
            return folder
    raise NotFoundError(f"this installation of dosmith lacks its '{name}' folder; reinstall it")
