"""Densities of states in files of other programs, recognised by what is in them, plain or gzipped.

VASP, LOBSTER, Quantum ESPRESSO, CP2K, FHI-aims, pymatgen's Dos as JSON, and tables with two or three columns.
A file is read up to a limit of unpacked bytes; whatever is in it, the outcome is a DOS or one line that says why not.
"""

from __future__ import annotations

import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dosmith.errors import DosmithError, FileFormatError, NotFoundError, SpectrumError
from dosmith.formulas import Composition
from dosmith.records import Spectrum
from dosmith.settings import FileSettings
from dosmith.sources.crystal import Crystal
from dosmith.sources.curve import Curve

_DEFAULT_LIMIT: int = FileSettings.model_fields["max_mebibytes"].default
_GZIP = b"\x1f\x8b"
_PACKED = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"- of Ulm": "a file of GPAW's or ASE's own",
}
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"%!PS", b"II*\0", b"MM\0*")
_OTHER = re.compile(
    r"(?:POSCAR|CONTCAR|INCAR|KPOINTS|POTCAR|OUTCAR|OSZICAR|CHG|CHGCAR|AECCAR\d|LOCPOT|ELFCAR|WAVECAR|WAVEDER|XDATCAR|PCDAT|EIGENVAL"
    r"|IBZKPT|PROCAR|REPORT|geometry\.in|.+\.(?:cif|gpw|wfn|kp|restart|inp|upf|xyz|traj|h5))(?:\.gz)?",
    re.IGNORECASE,
)
"""Files of a calculation that hold no DOS, by their names; those of wave functions are large."""
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")  # control characters that no text has


@dataclass(frozen=True, eq=False)
class FileDos:
    """A density of states and what else its file says.

    Attributes:
        spectrum: the DOS, checked.
        composition: reduced, when the file names its atoms (vasprun.xml, CompleteDos); None otherwise.
        format: what the file is, such as 'vasprun.xml', 'CP2K dos' or 'table'.
        crystal: the crystal, when the file holds it (vasprun.xml, CompleteDos); `beside.py` finds it in other files.
        sites: atoms in the cell, when the file says so.
        electrons: in the cell, when the file says so.
    """

    spectrum: Spectrum
    composition: Composition | None
    format: str
    crystal: Crystal | None = None
    sites: int | None = None
    electrons: float | None = None


def read_dos(
    path: str | Path,
    *,
    fermi: float | None = None,
    electrons: float | None = None,
    broadening: float = 0.0,
    max_mebibytes: int = _DEFAULT_LIMIT,
) -> FileDos:
    """The total DOS in a file.

    Args:
        path: the file, plain or gzipped.
        fermi: Fermi level on the file's energy axis, eV; goes before what the file says.
        electrons: the Fermi level is where the curve, counted from its lowest energy, holds this many; `fermi` goes before it.
        broadening: Gaussian sigma that the curve already carries, eV; 0 takes what the file says.
        max_mebibytes: largest unpacked size, MiB.

    Raises:
        NotFoundError: there is no such file, or it may not be read.
        FileFormatError: the file is too large, damaged, or of a format dosmith does not read.
        SpectrumError: it holds no usable DOS, or no Fermi level.
    """
    with _opened(path) as stream:
        return read_dos_stream(
            stream, printable(path), fermi=fermi, electrons=electrons, broadening=broadening, max_mebibytes=max_mebibytes
        )


def read_content(path: str | Path, *, max_mebibytes: int = _DEFAULT_LIMIT) -> bytes:
    """What is in a file, unpacked if gzipped.

    Raises:
        NotFoundError: there is no such file, or it may not be read.
        FileFormatError: it is too large, or its packed data are damaged.
    """
    with _opened(path) as stream:
        try:
            return unpack(stream, max_mebibytes)
        except FileFormatError as error:
            raise FileFormatError(f"{printable(path)} {error}") from None


def load_dos(
    path: str | Path, *, fermi: float | None = None, electrons: float | None = None, broadening: float = 0.0
) -> Spectrum:
    """The total DOS in a file as a Spectrum; arguments and errors as in `read_dos`."""
    return read_dos(path, fermi=fermi, electrons=electrons, broadening=broadening).spectrum


def read_folder(
    folder: str | Path, *, max_mebibytes: int = _DEFAULT_LIMIT, **options: Any
) -> Iterator[tuple[Path, FileDos | DosmithError]]:
    """Every DOS in a folder and those below it, by path. A file that cannot be read gives its error.

    Hidden files are left out, and those that a calculation writes for other ends, such as CHGCAR or a CIF.

    Of a folder with a readable vasprun.xml the DOSCAR, which is of the same run, is left out. Options as in `read_dos`, for all files.

    Raises:
        NotFoundError: there is no such folder.
    """
    top = Path(folder)
    if not top.is_dir():
        raise NotFoundError(f"{printable(folder)} is not a folder; check the path")
    for place, below, names in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith("."))
        read_here: set[str] = set()
        for name in sorted(names, key=lambda name: (not name.startswith("vasprun"), name)):
            if name.startswith(".") or _OTHER.fullmatch(name) or (name.startswith("DOSCAR") and "vasprun.xml" in read_here):
                continue
            path = Path(place, name)
            try:
                found = read_dos(path, max_mebibytes=max_mebibytes, **options)
            except DosmithError as error:
                yield path, error
            else:
                read_here.add(found.format)
                yield path, found


def read_dos_stream(
    file: BinaryIO,
    name: str,
    *,
    fermi: float | None = None,
    electrons: float | None = None,
    broadening: float = 0.0,
    max_mebibytes: int = _DEFAULT_LIMIT,
) -> FileDos:
    """The total DOS in an open binary file, such as an upload; `name` stands in messages. Otherwise as `read_dos`."""
    name = printable(name)
    try:
        with np.errstate(all="ignore"):  # what overflows or is not a number is refused when the Spectrum is checked
            curve = _parse(unpack(file, max_mebibytes))
            spectrum = curve.spectrum(fermi, broadening, electrons)
            return FileDos(spectrum, curve.composition, curve.format, curve.crystal, curve.sites, curve.electrons)
    except SpectrumError as error:
        raise SpectrumError(f"{name}: {error}") from None
    except FileFormatError as error:
        raise FileFormatError(f"{name} {error}") from None


def from_pymatgen(dos: Any, *, broadening: float = 0.0) -> Spectrum:
    """The spectrum of a pymatgen Dos, CompleteDos or Vasprun.tdos object; `broadening` in eV, as in `read_dos`.

    Raises:
        SpectrumError: the object is not one, or its curve cannot be used.
    """
    from dosmith.sources.pymatgen_dos import curve_of

    return curve_of(dos).spectrum(broadening=broadening)


def _opened(path: str | Path) -> BinaryIO:
    name = printable(path)
    file = Path(path)
    try:
        if file.is_dir():
            raise NotFoundError(f"{name} is a folder; give the file in it, such as vasprun.xml")
        if file.exists() and not file.is_file():
            raise NotFoundError(f"{name} is not a regular file; save its content to one")
        return open(file, "rb")  # closed by the caller
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise NotFoundError(f"{name} cannot be opened ({reason}); check the path and its permissions") from None


def unpack(file: BinaryIO, max_mebibytes: int) -> bytes:
    """The content of a file, unpacked if gzipped; of either form, never more than the limit is read.

    Raises:
        FileFormatError: it is larger, or its gzip data are damaged.
    """
    limit = max_mebibytes * 2**20
    content = file.read(limit + 1)
    if content.startswith(_GZIP):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(limit + 1)
        except EOFError:
            raise FileFormatError("is truncated: its gzip data end early; copy the file again") from None
        except (OSError, zlib.error) as error:
            raise FileFormatError(f"is damaged: its gzip data cannot be unpacked ({error}); copy the file again") from None
    if len(content) > limit:
        raise FileFormatError(f"is larger than {max_mebibytes} MiB unpacked; raise the setting files.max_mebibytes to read it")
    return content


def _parse(content: bytes) -> Curve:
    """The curve in a file's content, whatever its format."""
    opening = re.match(rb"(?:\xef\xbb\xbf)?\s*(\S)", content)
    if opening is None:
        raise FileFormatError("is empty; give a file with a density of states")
    if content.startswith(_PICTURES) or (opening[1] == b"<" and b"<svg" in content[:4096]):
        raise FileFormatError("is a picture; draw its curve on the drawing board (dosmith web), or give a table of its numbers")
    if opening[1] == b"<":
        from dosmith.sources.vasp import read_vasprun

        return read_vasprun(content)
    encoding = _encoding(content)
    if opening[1] in b"{[":
        from dosmith.sources.pymatgen_dos import read_json

        return read_json(content.decode(encoding))
    from dosmith.sources import cp2k, programs, tables, vasp

    lines = io.TextIOWrapper(io.BytesIO(content), encoding)
    first = list(itertools.islice(lines, 6))
    if vasp.looks_like_doscar(first):
        return vasp.read_doscar(first, lines)
    read = cp2k.read_cp2k if cp2k.looks_like_cp2k(first) else programs.reader_for(first) or tables.read_table
    return read(itertools.chain(first, lines))


def _encoding(content: bytes) -> str:
    """How the text is encoded: UTF-8, UTF-16 (spreadsheets' "Unicode text") or else Latin-1.

    Raises:
        FileFormatError: the content is not text.
    """
    for magic, kind in _PACKED.items():
        if content.startswith(magic):
            raise FileFormatError(f"is {kind}; unpack it, or give the DOS as a table (CSV)")
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if encoding == "utf-8-sig" and _BINARY.search(content):
        raise FileFormatError("is binary; give a vasprun.xml, a DOSCAR, pymatgen Dos JSON or a text table, plain or gzipped")
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return "latin-1"
    return encoding


def printable(name: str | Path) -> str:
    """A name on one line, whatever characters it holds."""
    return "".join(c if c.isprintable() else "?" for c in str(name))
