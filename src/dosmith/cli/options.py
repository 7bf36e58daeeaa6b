"""Options that several commands share, and what stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from dosmith.atlas import Atlas
    from dosmith.designer import Designer
    from dosmith.library import Library, ParquetLibrary
    from dosmith.models.interface import Model
    from dosmith.settings import Settings


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="A formula (Pt3Ni) or id (Pt-A1) in the library, or a file: vasprun.xml, DOSCAR, pymatgen JSON, CSV; plain or .gz.",
    ),
]
OptionalTarget = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET",
        help="A formula (Pt3Ni) or id (Pt-A1) in the library, or a file: vasprun.xml, DOSCAR, pymatgen JSON, CSV; plain or .gz."
        " May be left out with --gap.",
    ),
]
FermiOption = Annotated[float | None, typer.Option("--fermi", metavar="EV", help="Fermi level on the file's energy axis.")]
ElectronsOption = Annotated[
    float | None,
    typer.Option(
        "--electrons", metavar="N", help="Find the Fermi level by this many electrons, counted from the curve's lowest energy."
    ),
]
CountOption = Annotated[
    bool,
    typer.Option(
        "--count", help="Also compare states per atom: half as many halves the similarity. With --rank-by identity also per cell."
    ),
]
BroadeningOption = Annotated[
    float | None, typer.Option("--broadening", metavar="EV", help="Gaussian sigma that the curve already carries.")
]
ZeroOption = Annotated[
    str | None,
    typer.Option(
        "--zero",
        metavar="auto|fermi|vbm|midgap|EV",
        help="Energy zero of the target: valence-band top if gapped (auto), or another.  [default: the model's]",
    ),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project", metavar="ELEMENT:ORBITAL", help="Only these states count: Pt:d, Pt, or d; from the target's projections."
    ),
]
SpinOption = Annotated[
    str | None, typer.Option("--spin", metavar="up|down|both", help="Only the states of this spin count.  [default: both]")
]
WindowOption = Annotated[
    str | None, typer.Option("--window", metavar="A:B", help="Energies (eV from the energy zero) that count in the similarity.")
]
MetricOption = Annotated[
    str | None, typer.Option("--metric", help="Similarity to the target: cosine, tanimoto or wasserstein.  [default: cosine]")
]
FormatOption = Annotated[Format, typer.Option("--format", help="How the answer is printed.")]
SystemOption = Annotated[
    str | None,
    typer.Option(
        "--crystal-system",
        metavar="S",
        help="Crystal system of the candidates: cubic, tetragonal, hexagonal, orthorhombic or another.",
    ),
]
ModelOption = Annotated[str | None, typer.Option("--model", metavar="NAME|DIR", help="Shipped model or checkpoint folder.")]
LibraryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--library",
        metavar="DIR|mine|open",
        help="Known materials: a folder, your own library (mine) or the open DOS set; repeat it to join several.  [default: open]",
    ),
]
AtlasesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--atlas",
        metavar="DIR|NAME|shipped",
        help="Crystals to propose: an atlas of yours (mine), a folder, or the model's (shipped); repeat it for several.  [default: shipped]",
    ),
]
ReadOption = Annotated[
    str, typer.Option("--library", metavar="DIR|mine|open", help="A folder, your own library (mine) or the open DOS set.")
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--library", metavar="DIR", help="Folder of the library.  [default: your own, in the user's data folder]"),
]


def new_console() -> Console:
    """Where tables are printed."""
    import os
    import sys

    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:  # Rich would end with 1
            self.quiet = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0)

    return Piped(soft_wrap=False)


def settings_of(context: typer.Context) -> Settings:
    """The settings of --settings, else of the user's file and the environment."""
    from dosmith.settings import load_settings

    return context.obj or load_settings()


def library_at(names: Sequence[str] | None) -> Library:
    """The libraries of these names as one; without any the open DOS set."""
    from dosmith.library import JoinedLibrary

    opened = [library_named(name) for name in names or ["open"]]
    return opened[0] if len(opened) == 1 else JoinedLibrary(opened)


def library_named(name: str) -> ParquetLibrary:
    """One library, for reading: `open`, `mine` or a folder."""
    if name == "open":
        from dosmith.designer import open_dos_set

        return open_dos_set()
    return own_library(Path(name))


def own_library(folder: Path | None, make: bool = False, waiting: Callable[[], None] | None = None) -> ParquetLibrary:
    """The library in a folder; without one, or for `mine`, the user's own. Made when missing, if it may be; `waiting` as in `ParquetLibrary.at`."""
    from dosmith.errors import NotFoundError
    from dosmith.library import ParquetLibrary

    if folder is None or str(folder) == "mine":
        from platformdirs import user_data_path

        folder = user_data_path("dosmith") / "library"
        if not make and not folder.exists():
            raise NotFoundError("you have no library yet; 'dosmith data add FILE' makes one")
    return ParquetLibrary.at(folder, "my library", waiting) if make else ParquetLibrary(folder)


def given(**options: object) -> list[str]:
    """Names of the options that a person gave."""
    return [name for name, value in options.items() if value is not None]


def model_named(name: str | None, settings: Settings) -> Model:
    """The model of that name; without one that of the settings."""
    from dosmith.models.registry import open_model

    return open_model(name or settings.design.model)


def designer_for(context: typer.Context, model: str | None, library: Sequence[str] | None) -> Designer:
    """A designer by the names that a person gave."""
    settings = settings_of(context)
    return designer_with(settings, model_named(model, settings), library)


def designer_with(
    settings: Settings, model: Model, library: Sequence[str] | None, atlases: Sequence[str] | None = None
) -> Designer:
    """A designer of an opened model, and of the libraries and atlases that a person named."""
    from dosmith.designer import Designer

    opened = [atlas_named(name) for name in atlases or () if name != "shipped"]
    return Designer(library_at(library), model, settings, opened, not atlases or "shipped" in atlases, own_atlases)


def shipped_model() -> Model:
    """The model that comes with dosmith."""
    from dosmith.models.registry import open_model

    return open_model("dosmith")


def own_atlases() -> list[Atlas]:
    """The atlases in the user's data folder that can be read, by name."""
    from contextlib import suppress

    from dosmith.atlas import Atlas
    from dosmith.errors import DosmithError

    found, folder = [], _own_folder()
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        with suppress(DosmithError):
            found.append(Atlas(each))
    return found


def atlas_folder(name: str) -> Path:
    """The folder of an atlas: where the name is a folder or path, that; else in the user's data folder."""
    if Path(name).is_dir() or "/" in name or name.startswith("."):
        return Path(name)
    return _own_folder() / name


def _own_folder() -> Path:
    """Where the user's atlases are."""
    from platformdirs import user_data_path

    return user_data_path("dosmith") / "atlas"


def atlas_named(name: str) -> Atlas:
    """The atlas of a name or in a folder, for reading."""
    from dosmith.atlas import Atlas
    from dosmith.errors import NotFoundError

    folder = atlas_folder(name)
    if not folder.exists():
        raise NotFoundError(f"there is no atlas '{name}' yet; 'dosmith atlas add FILE --atlas {name}' makes one")
    return Atlas(folder)
