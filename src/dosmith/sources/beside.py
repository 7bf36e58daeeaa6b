"""The crystal in a file beside a density of states: CONTCAR or POSCAR beside a DOSCAR, a program's own input or output, a CIF of the same name.

Nothing is guessed: where the files beside do not agree with the curve's, or with each other, there is no crystal.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dosmith import formulas
from dosmith.errors import FileFormatError
from dosmith.sources import abinit, aims, castep, cp2k, elk, espresso, siesta, vasp
from dosmith.sources.cif import structure_of_cif
from dosmith.sources.content import content_of, text_of
from dosmith.sources.crystal import Crystal
from dosmith.sources.files import FileDos, printable
from dosmith.sources.run import of_run, schemas

_MOST = 100
"""Files of one kind that are read."""
_DOS_WORD = re.compile(r"[-_.](?:t|total)?[-_]?dos$", re.IGNORECASE)

Reader = Callable[[Path], Crystal]


def crystal_of(path: Path, found: FileDos) -> Crystal | None:
    """The crystal of a density of states: that in its own file, else that in a file beside it.

    Args:
        path: of the file with the curve.
        found: what was read from it.
    """
    if found.crystal is not None:
        return found.crystal
    for reader, files in _groups(path, found.format):
        crystals = [crystal for file in files[:_MOST] if (crystal := _read(file, reader, path.parent, found)) is not None]
        if crystals:
            best = crystals[0]
            return best if all(crystal.alike(best) for crystal in crystals) else None
    return None


def _groups(path: Path, kind: str) -> Iterator[tuple[Reader, Sequence[Path]]]:
    """Files that may hold the crystal, with their reader: the best first; those of one group must agree."""
    folder, ending = path.parent, ".gz" if path.suffix == ".gz" else ""
    stem = path.name.removesuffix(".gz").rpartition(".")[0] or path.name
    for name in dict.fromkeys((stem, _DOS_WORD.sub("", stem), formulas.in_name(stem) or stem)):
        yield from ((reader, [folder / f"{name}.{end}"]) for end, reader in (("cif", _cif), ("vasp", _poscar), ("gpw", _gpw)))
    if "DOSCAR" in kind or kind == "PROCAR":
        for name in ("CONTCAR", "POSCAR"):
            yield from ((_poscar, [folder / f"{name}{end}"]) for end in dict.fromkeys((ending, "", ".gz")))
    elif kind.startswith("CP2K"):
        for end in ("restart", "inp"):
            files = sorted(folder.glob(f"*.{end}"), key=lambda file: (not path.name.startswith(file.stem), file))
            yield partial(_cp2k, path.name), files  # inputs are often called after their project
    elif kind.startswith("Quantum ESPRESSO"):
        yield _espresso_xml, of_run(path.name, schemas(folder))
        yield _espresso_output, of_run(path.name, sorted(folder.glob("*.out")))
    elif kind.startswith("FHI-aims"):
        for name in ("geometry.in.next_step", "geometry.in"):
            yield _aims, [folder / name]
    elif kind.startswith("Elk"):
        yield _elk, [folder / f"GEOMETRY.OUT{end}" for end in ("", ".gz")]
    elif kind.startswith("ABINIT"):
        yield _abinit, _called_like(path, "*.abo", "*.out")
    elif kind.startswith("SIESTA"):
        yield _xv, _called_like(path, "*.XV")
    elif kind.startswith(("CASTEP", "OptaDOS")):
        yield _cell, [folder / f"{path.name.partition('.')[0]}-out.cell"]
        yield _cell, [folder / f"{path.name.partition('.')[0]}.cell"]
    elif kind.startswith("WIEN2k"):
        yield partial(_by_ase, "struct"), _called_like(path, "*.struct")
    elif kind.startswith("DFTB+") or (kind == "table" and path.name.startswith("dos_total")):
        for name in ("geo_end.gen", "geom.out.gen", "geo.gen", "geom.gen"):
            yield partial(_by_ase, "gen"), [folder / name]


def _called_like(path: Path, *patterns: str) -> list[Path]:
    """The files that a curve's name begins like, of patterns in its folder; all of them when it begins like none."""
    files = sorted(file for pattern in patterns for end in ("", ".gz") for file in path.parent.glob(pattern + end))
    return [file for file in files if path.name.startswith(file.name.partition(".")[0])] or files


def _read(path: Path, reader: Reader, folder: Path, found: FileDos) -> Crystal | None:
    """The crystal in a file, if it is one that the curve can be of."""
    try:
        if not path.is_file():
            return None
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            crystal = reader(path)
    except Exception:  # readers of other packages raise whatever their parsers do; no file beside is a reason to fail
        return None
    named = formulas.in_name(path.name.partition(".")[0])
    if named is not None and path.suffix in (".cif", ".vasp", ".gpw") and formulas.parse(named) != crystal.composition:
        return None
    if found.composition not in (None, crystal.composition) or found.sites not in (None, len(crystal.species)):
        return None
    return replace(crystal, file=printable(path.relative_to(folder)))


def _poscar(path: Path) -> Crystal:
    return vasp.read_poscar(text_of(path))


def _espresso_xml(path: Path) -> Crystal:
    return espresso.read_crystal(content_of(path))


def _espresso_output(path: Path) -> Crystal:
    return espresso.read_output(text_of(path))


def _aims(path: Path) -> Crystal:
    return aims.read_geometry(text_of(path))


def _elk(path: Path) -> Crystal:
    return elk.read_geometry(text_of(path))


def _abinit(path: Path) -> Crystal:
    return abinit.read_crystal(text_of(path))


def _xv(path: Path) -> Crystal:
    return siesta.read_xv(text_of(path))


def _cell(path: Path) -> Crystal:
    return castep.read_cell(text_of(path))


def _by_ase(form: str, path: Path) -> Crystal:
    """By a reader of ASE, which dosmith[relax] brings."""
    from ase.io import read

    if path.stat().st_size > 2**22:
        raise FileFormatError("is too large")
    atoms: Any = read(path, format=form)
    if not atoms.pbc.all():
        raise FileFormatError("is no crystal: not periodic in three directions")
    return Crystal.of_cartesian(atoms.cell[:], atoms.get_chemical_symbols(), atoms.positions)


def _cp2k(name: str, path: Path) -> Crystal:
    """Of the run whose project the file `name` is called after."""
    project, crystal = cp2k.read_crystal(text_of(path))
    if not name.startswith(f"{project}-"):
        raise FileFormatError("is the input of another run")
    return crystal


def _cif(path: Path) -> Crystal:
    return Crystal.of_pymatgen(structure_of_cif(text_of(path)))


def _gpw(path: Path) -> Crystal:
    """The atoms of a GPAW restart file; needs ASE, which dosmith[relax] brings."""
    from ase.io.gpw import read_gpw

    if path.stat().st_size > 2**30:
        raise FileFormatError("is too large")
    atoms = read_gpw(path)
    if not atoms.pbc.all():
        raise FileFormatError("is no crystal: not periodic in three directions")
    return Crystal.of_cartesian(atoms.cell[:], atoms.get_chemical_symbols(), atoms.positions)
