"""What other files of the same run say of a curve: its Fermi level, its band edges, and the other spin.

A file beside is used only where it fits the curve; none that is damaged is a reason to fail. What was used is noted.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from dosmith.errors import FileFormatError
from dosmith.sources import abinit, castep, cp2k, dftb, elk, espresso, programs, siesta, vasp, wien2k
from dosmith.sources.content import content_of, text_of
from dosmith.sources.curve import Curve
from dosmith.sources.eigenvalues import Eigenvalues

_FITS = 0.02
"""Fermi levels of one run may differ by this much, eV, since some files print few digits."""
_MOST = 20
"""Files of one kind that are read."""
_DFTB = re.compile(r"dos_total.*\.dat", re.IGNORECASE)
_SIESTA_OUTPUT = re.compile(r"^siesta:\s+Fermi =\s*([+-]?\d+\.\d+)", re.MULTILINE)

T = TypeVar("T")
Level = Callable[[], float]
Levels = Callable[[], tuple[Eigenvalues, float | None, float | None]]


def completed(curve: Curve, path: Path, *, folder: bool = True) -> Curve:
    """The curve with what its run says of it.

    Args:
        curve: as it stands in its file.
        path: of the file; of an upload, its name.
        folder: whether the files beside it can be looked at.

    Raises:
        FileFormatError: the curve is one spin of two, and the other is not there.
    """
    curve = _both_spins(curve, path, folder)
    if not folder or not path.parent.is_dir():
        return curve
    for name, level in _levels_stated(curve, path):
        if curve.fermi is None and (found := _attempt(level)) is not None and curve.energies[0] < found < curve.energies[-1]:
            curve = replace(curve, fermi=found, notes=[*curve.notes, f"the Fermi level, {found:.6g} eV, stands in {name}"])
    if curve.format == cp2k.DOS:
        return _with_orbitals(curve, path)
    for name, levels in _eigenvalues(curve, path):
        if (read := _attempt(levels)) is not None and (fuller := _with_edges(curve, name, *read)) is not None:
            return fuller
    return curve


def weights_beside(path: Path | None) -> str | None:
    """The text of SIESTA's `.KP` beside its `.EIG`; None where there is none."""
    if path is None:
        return None
    return _attempt(lambda: text_of(beside(path, f"{_stem(path)}.KP")))


def _both_spins(curve: Curve, path: Path, folder: bool) -> Curve:
    """The curve with its other spin, where a file holds one alone."""
    name = path.name.removesuffix(".gz")
    if curve.format == wien2k.DOS and (one := wien2k.ONE_SPIN.fullmatch(name)):
        is_up, other = one["spin"].lower() == "up", {"up": "dn", "dn": "up"}[one["spin"].lower()]
        other, read = f"{one['stem']}{other}", wien2k.read_dos
    elif curve.one_spin and (one := cp2k.ONE_SPIN.fullmatch(name)):
        is_up, other = one["spin"] == "ALPHA", {"ALPHA": "BETA", "BETA": "ALPHA"}[one["spin"]]
        other, read = f"{one['before']}{other}{one['after']}", cp2k.read_cp2k
    elif curve.one_spin:
        raise FileFormatError(
            "holds one spin alone; give it the name that the program gave it, and put the other spin's file beside it"
        )
    else:
        return curve
    if not folder or not (partner := beside(path, other)).is_file():
        raise FileFormatError(f"holds one spin alone; put {other} beside it, and both are read together")
    second = read(text_of(partner).splitlines(keepends=True))
    up, down = (curve, second) if is_up else (second, curve)
    both = programs.joined(up, down)
    return replace(both, one_spin=False, notes=[*both.notes, f"the other spin stands in {partner.name}"])


def _levels_stated(curve: Curve, path: Path) -> Iterator[tuple[str, Level]]:
    """Names of files that may state the Fermi level of a curve without one, with what reads it."""
    folder, stem = path.parent, _stem(path)
    if curve.format in (espresso.DOS, espresso.PDOS_TOT):
        for file in of_run(path.name, sorted(folder.glob("*.out*")))[:_MOST]:
            yield file.name, partial(lambda file: espresso.read_level(text_of(file)), file)
    elif curve.format == siesta.DOS:
        yield from ((file.name, partial(_siesta_level, file)) for file in (beside(path, f"{stem}.EIG"),))
        for file in (folder / f"{stem}.PDOS.xml", folder / f"{stem}.PDOS"):
            yield file.name, partial(_pdos_level, file)
        for file in sorted(folder.glob("*.out"))[:_MOST]:
            yield file.name, partial(_siesta_output_level, file)
    elif curve.format == "table" and _DFTB.fullmatch(path.name.removesuffix(".gz")):
        yield "detailed.out", lambda: dftb.read_fermi(text_of(beside(path, "detailed.out")))
        yield "band.out", lambda: dftb.read_eigenvalues(text_of(beside(path, "band.out")))[1]
    elif curve.format == programs.OCTOPUS:
        yield "total-dos-efermi.dat", lambda: programs.octopus_fermi(text_of(beside(path, "total-dos-efermi.dat")))


def _eigenvalues(curve: Curve, path: Path) -> Iterator[tuple[str, Levels]]:
    """Names of files that may list the eigenvalues of the curve's run on its axis, with what reads them."""
    folder, stem = path.parent, _stem(path)
    if curve.format in (espresso.DOS, espresso.PDOS_TOT):
        for file in of_run(path.name, schemas(folder))[:_MOST]:
            yield str(file.relative_to(folder)), partial(lambda file: espresso.read_eigenvalues(content_of(file)), file)
    elif curve.format == abinit.DOS:
        file = beside(path, f"{re.sub(r'_DOS.*$', '', path.name.removesuffix('.gz'))}_EIG")
        yield file.name, lambda: (*abinit.read_eig(text_of(file)), None)
    elif curve.format == siesta.DOS:
        eig = beside(path, f"{stem}.EIG")
        yield eig.name, lambda: (*siesta.read_eig(text_of(eig), weights_beside(eig)), None)
    elif curve.format == elk.TDOS:
        parts = [beside(path, name) for name in ("EIGVAL.OUT", "KPOINTS.OUT", "EFERMI.OUT")]
        yield parts[0].name, lambda: (*elk.read_eigenvalues(*(text_of(part) for part in parts)), None)
    elif curve.format == castep.OPTADOS:
        for file in sorted(folder.glob("*.bands"))[:_MOST]:
            yield file.name, partial(_castep_from_fermi, file)
    elif curve.format == "DOSCAR":
        file = beside(path, "EIGENVAL")
        yield file.name, lambda: _of_vasp(text_of(file))
    elif curve.format == "table" and _DFTB.fullmatch(path.name.removesuffix(".gz")):
        yield "band.out", lambda: (*dftb.read_eigenvalues(text_of(beside(path, "band.out"))), None)


def _with_edges(curve: Curve, name: str, found: Eigenvalues, level: float | None, electrons: float | None) -> Curve | None:
    """The curve with the band edges of eigenvalues of its run; None where they are of another run."""
    unset = curve.fermi is None or (curve.fermi == 0.0 and curve.format == espresso.DOS)  # dos.x < 6.6 with fixed occupations
    fermi = level if unset else curve.fermi
    level = fermi if level is None else level
    if fermi is None or level is None:
        return None
    edges = (None if electrons is None else found.edges_of(electrons)) or found.edges(level)
    if edges is None:
        return None
    in_gap = edges.gap > 0 and edges.valence - _FITS <= fermi <= edges.conduction + _FITS
    lowest, highest = float(found.channels.min()), float(curve.energies[-1])
    if not in_gap and abs(fermi - level) > _FITS:
        return None
    if not (curve.energies[0] <= fermi <= highest and lowest < highest):
        return None
    notes = [*curve.notes, f"band edges come from the eigenvalues in {name}"]
    if unset:
        notes.append(f"the Fermi level, {fermi:.6g} eV, stands there too")
    count = curve.electrons if curve.electrons is not None else electrons
    return replace(curve, fermi=fermi, edges=edges, electrons=count, notes=notes)


def _of_vasp(text: str) -> tuple[Eigenvalues, float | None, float | None]:
    found, electrons = vasp.read_eigenval(text)
    return found, None, electrons


def _with_orbitals(curve: Curve, path: Path) -> Curve:
    """CP2K's histogram with the band edges of the `*.pdos` of its run beside it."""
    project = re.sub(r"-\d+\.dos$", "", path.name.removesuffix(".gz"))
    files = [file for file in sorted(path.parent.glob("*.pdos*"))[:_MOST] if file.name.startswith(f"{project}-")]
    if not files:
        return curve
    listed = _attempt(lambda: _both_spins(cp2k.read_cp2k(text_of(files[0]).splitlines(keepends=True)), files[0], True))
    if listed is None or listed.edges is None or None in (curve.fermi, listed.fermi):
        return curve
    if abs((curve.fermi or 0.0) - (listed.fermi or 0.0)) > _FITS:
        return curve
    return replace(curve, edges=listed.edges, notes=[*curve.notes, f"band edges come from the orbitals in {files[0].name}"])


def schemas(folder: Path) -> list[Path]:
    """Where pw.x writes what it did, from the folder of a curve: in it, or in an outdir below it."""
    places = ("*.xml", "*.save/data-file-schema.xml", "*/*.xml", "*/*.save/data-file-schema.xml")
    return sorted(file for place in places for end in ("", ".gz") for file in folder.glob(place + end))


def of_run(name: str, files: Sequence[Path]) -> list[Path]:
    """Those of the files that are called after the same run as `name`, as al.dos and al.save are; all of them when none is."""
    runs = {file: (file.parent if file.parent.suffix == ".save" else file).name.split(".")[0] for file in files}
    return [file for file in files if name.startswith(f"{runs[file]}.")] or list(files)


def _siesta_level(file: Path) -> float:
    return float(text_of(file).split(maxsplit=1)[0])


def _pdos_level(file: Path) -> float:
    level = siesta.read_pdos(content_of(file)).fermi
    if level is None:
        raise FileFormatError("states no Fermi level")
    return level


def _siesta_output_level(file: Path) -> float:
    return float(_SIESTA_OUTPUT.findall(text_of(file))[-1])


def _castep_from_fermi(file: Path) -> tuple[Eigenvalues, float, float | None]:
    """Eigenvalues of a `.bands` from its Fermi level, as OptaDOS counts its energies."""
    found, level, electrons = castep.read_eigenvalues(text_of(file))
    return replace(found, channels=found.channels - level), 0.0, electrons


def beside(path: Path, name: str) -> Path:
    """The file of that name beside another, or packed with gzip."""
    file = path.with_name(name)
    return file if file.is_file() or not (packed := path.with_name(f"{name}.gz")).is_file() else packed


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rpartition(".")[0] or path.name


def _attempt(read: Callable[[], T]) -> T | None:
    """What a reader finds; None where the file is missing, damaged, or of another kind."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return read()
    except (FileFormatError, OSError, ValueError, IndexError, KeyError, OverflowError):
        return None
