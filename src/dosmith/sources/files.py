"""Densities of states in files of other programs, plain or gzipped, recognised by what is in them; docs/formats.md has the list.

A name counts only where nothing in the file tells, as in Elk's bare columns. What other files of the run say lies beside it
(`run.py`). A file is read up to a limit of unpacked bytes; whatever is in it, the outcome is a DOS or one line that says why not.
"""

from __future__ import annotations

import io
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dosmith.errors import DosmithError, FileFormatError, NotFoundError, SpectrumError
from dosmith.formulas import Composition
from dosmith.records import Spectrum
from dosmith.settings import FileSettings
from dosmith.sources import archives, elk, espresso, hdf5, programs, siesta, tables, unreadable, vasp
from dosmith.sources.content import unpack
from dosmith.sources.crystal import Crystal
from dosmith.sources.curve import Curve
from dosmith.sources.run import completed, weights_beside
from dosmith.sources.xml_text import root_of

_DEFAULT_LIMIT: int = FileSettings.model_fields["max_mebibytes"].default
_PACKED = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"- of Ulm": "a file of GPAW's or ASE's own",
}
_HEAD = 16
"""Lines of a text that tell what it is."""
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF", b"%!PS", b"II*\0", b"MM\0*")
_OTHER = re.compile(
    r"(?:POSCAR|CONTCAR|INCAR|KPOINTS|POTCAR|OUTCAR|OSZICAR|CHG|CHGCAR|AECCAR\d|LOCPOT|ELFCAR|WAVECAR|WAVEDER|XDATCAR|PCDAT|EIGENVAL"
    r"|IBZKPT|PROCAR|REPORT|geometry\.in|.+\.(?:cif|gpw|wfn|kp|restart|inp|upf|xyz|traj|abo|xv|fdf|struct|cell|param|gen)"
    r"|(?:EIGVAL|KPOINTS|EFERMI|GEOMETRY)\.OUT|detailed\.out|projections\.csv|total-dos-efermi\.dat|(?!vaspout)[^/]+\.h5)(?:\.gz)?",
    re.IGNORECASE,
)
"""Files of a calculation that hold no DOS, or only parts of one, by their names; those of wave functions are large."""
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
    part: bool = False,
) -> FileDos:
    """The total DOS in a file.

    Args:
        path: the file, plain or gzipped, or a pipe; `-` is standard input.
        fermi: Fermi level on the file's energy axis, eV; goes before what the file says.
        electrons: the Fermi level is where the curve, counted from its lowest energy, holds this many; `fermi` goes before it.
        broadening: Gaussian sigma that the curve already carries, eV; 0 takes what the file says.
        max_mebibytes: largest unpacked size, MiB.
        part: whether a table is declared to hold the states of some atoms or orbitals alone, which is refused otherwise.

    Raises:
        NotFoundError: there is no such file, or it may not be read.
        FileFormatError: the file is too large, damaged, or of a format dosmith does not read.
        SpectrumError: it holds no usable DOS, or no Fermi level.
    """
    with _opened(path) as stream:
        return _read(stream, printable(path), Path(path), fermi, electrons, broadening, max_mebibytes, part)


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

    Of several files of one run the best is read: a vasprun.xml and not the DOSCAR, a curve and not the list of its eigenvalues (`_WORSE`).
    Options as in `read_dos`, for all files.

    Raises:
        NotFoundError: there is no such folder.
    """
    top = Path(folder)
    if not top.is_dir():
        raise NotFoundError(f"{printable(folder)} is not a folder; check the path")
    read: dict[str, list[str]] = {}  # names by folder
    for place, below, names in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith("."))
        here = read.setdefault(place, [])
        plain = [name.removesuffix(".gz") for name in names]
        above = read.get(os.path.dirname(place), []) if place.endswith(".save") else []
        for name in sorted(names, key=lambda name: (not name.startswith("vasprun"), _is_worse(name, plain), name)):
            if name.startswith(".") or _OTHER.fullmatch(name) or _is_worse(name, [*here, *above]):
                continue
            path = Path(place, name)
            if path.is_fifo():  # may never end, or never begin
                yield path, NotFoundError(f"{printable(path)} is not a regular file; save its content to one")
                continue
            try:
                found = read_dos(path, max_mebibytes=max_mebibytes, **options)
            except DosmithError as error:
                yield path, error
            else:
                here.append(name.removesuffix(".gz"))
                yield path, found


_WORSE: tuple[tuple[str, str], ...] = (
    (r"(?P<stem>.+\.dos\d*(?:ev)?)dn", r"{stem}up"),
    (r"(?P<stem>.+\.dos\d*)up", r"{stem}evup"),
    (r"(?P<stem>.+\.dos\d*)", r"{stem}ev"),
    (r"(?P<stem>.+)BETA(?P<end>_.+\.pdos)", r"{stem}ALPHA{end}"),
    (r"vaspout\.h5", r"vasprun.*"),
    (r"DOSCAR.*", r"vasprun.*|vaspout\.h5"),
    (r"dos\.xml", r"TDOS\.OUT"),
    (r"(?P<stem>.+)\.PDOS(?:\.xml)?", r"{stem}\.DOS"),
    (r"(?P<stem>.+)\.EIG", r"{stem}\.(?:DOS|PDOS.*)"),
    (r"(?P<stem>.+)_EIG", r"{stem}_DOS.*"),
    (r"(?P<stem>.+)\.bands", r"{stem}\..*dat"),
    (r"band\.out", r"dos_total\.dat"),
    (r"data-file-schema\.xml", r".*\.(?:dos|pdos_tot|xml)"),
    (r"(?P<stem>.+)\.xml", r"{stem}\.(?:dos|pdos_tot)"),
)
"""Names of files, and of those of the same run that are read in their place, in the same folder (or, for a PREFIX.save, that above it)."""


def _is_worse(name: str, read: Sequence[str]) -> bool:
    """Whether a file of the same run was read in the place of this one."""
    plain = name.removesuffix(".gz")
    for worse, better in _WORSE:
        if found := re.fullmatch(worse, plain):
            names = {key: re.escape(value) for key, value in found.groupdict().items()}
            pattern = better.replace("{stem}", names.get("stem", "")).replace("{end}", names.get("end", ""))
            return any(re.fullmatch(pattern, each) for each in read)
    return False


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
    return _read(file, printable(name), None, fermi, electrons, broadening, max_mebibytes)


def _read(
    file: BinaryIO,
    name: str,
    path: Path | None,
    fermi: float | None,
    electrons: float | None,
    broadening: float,
    max_mebibytes: int,
    part: bool = False,
) -> FileDos:
    try:
        with np.errstate(all="ignore"):  # what overflows or is not a number is refused when the Spectrum is checked
            curve = _parse(unpack(file, max_mebibytes), Path(name).name, path, part)
            curve = completed(curve, Path(name) if path is None else path, folder=path is not None)
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
        if name == "-":
            return open(0, "rb", closefd=False)
        if file.exists() and not (file.is_file() or file.is_fifo()):
            raise NotFoundError(f"{name} is not a regular file; save its content to one")
        return open(file, "rb")  # closed by the caller
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise NotFoundError(f"{name} cannot be opened ({reason}); check the path and its permissions") from None


def _parse(content: bytes, name: str, path: Path | None, part: bool) -> Curve:
    """The curve in a file's content, whatever its format; `path` where there is one to look beside."""
    opening = re.match(rb"(?:\xef\xbb\xbf)?\s*(\S)", content)
    if opening is None:
        raise FileFormatError("is empty; give a file with a density of states")
    if content.startswith(_PICTURES) or (opening[1] == b"<" and b"<svg" in content[:4096]):
        raise FileFormatError("is a picture; draw its curve on the drawing board (dosmith web), or give a table of its numbers")
    if content.startswith(hdf5.MAGIC):
        return hdf5.read_hdf5(content)
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<[?!A-Za-z]", content):
        return _parse_xml(content)
    encoding = _encoding(content)
    if opening[1] in b"{[":
        return archives.read_json(content.decode(encoding))
    lines = io.TextIOWrapper(io.BytesIO(content), encoding)
    first = list(itertools.islice(lines, _HEAD))
    if vasp.looks_like_doscar(first[:6]):
        return vasp.read_doscar(first[:6], itertools.chain(first[6:], lines))
    if siesta.looks_like_eig(first):
        return siesta.curve_of_eig("".join((*first, *lines)), weights_beside(path))
    if (read := programs.reader_for(first, name)) is not None:
        return read(itertools.chain(first, lines))
    try:
        return tables.read_table(itertools.chain(first, lines), part)
    except FileFormatError:
        if known := unreadable.what(content[:5000].decode(encoding, "replace"), name):
            raise FileFormatError(known) from None
        raise


def _parse_xml(content: bytes) -> Curve:
    """The curve in XML of a program that is known."""
    root = root_of(content)
    if root == b"qes:espresso":
        return espresso.read_xml(content)
    if root == b"pdos":
        return siesta.read_pdos(content)
    if root == b"dos":
        return elk.read_dos_xml(content)
    if known := unreadable.what_xml(root):
        raise FileFormatError(known)
    return vasp.read_vasprun(content)


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
        if known := unreadable.what_binary(content):
            raise FileFormatError(known)
        raise FileFormatError("is binary; give a vasprun.xml, a DOSCAR, pymatgen Dos JSON or a text table, plain or gzipped")
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return "latin-1"
    return encoding


def printable(name: str | Path) -> str:
    """A name on one line, whatever characters it holds."""
    return "".join(c if c.isprintable() else "?" for c in str(name))
