"""Densities of states in files of other programs, recognised by what is in them, plain or gzipped.

`vasprun.xml` and `DOSCAR` of VASP, pymatgen's Dos and CompleteDos as JSON, tables with two or three columns.
A file is read up to a limit of unpacked bytes; whatever is in it, the outcome is a DOS or one line that says why not.
"""

from __future__ import annotations

import gzip
import io
import itertools
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dosmith.errors import FileFormatError, NotFoundError, SpectrumError
from dosmith.formulas import Composition
from dosmith.records import Spectrum
from dosmith.settings import FileSettings
from dosmith.sources.curve import Curve

_DEFAULT_LIMIT: int = FileSettings.model_fields["max_mebibytes"].default
_GZIP = b"\x1f\x8b"
_PACKED = {b"PK\x03\x04": "a zip archive or a spreadsheet", b"BZh": "packed with bzip2", b"\xfd7zXZ": "packed with xz"}
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")  # control characters that no text has


@dataclass(frozen=True, eq=False)
class FileDos:
    """A density of states and what else its file says.

    Attributes:
        spectrum: the DOS, checked.
        composition: reduced, when the file names its atoms (vasprun.xml, CompleteDos); None otherwise.
        format: 'vasprun.xml', 'DOSCAR', 'pymatgen JSON' or 'table'.
    """

    spectrum: Spectrum
    composition: Composition | None
    format: str


def read_dos(
    path: str | Path, *, fermi: float | None = None, broadening: float = 0.0, max_mebibytes: int = _DEFAULT_LIMIT
) -> FileDos:
    """The total DOS in a file.

    Args:
        path: the file, plain or gzipped.
        fermi: Fermi level on the file's energy axis, eV; goes before what the file says.
        broadening: Gaussian sigma that the curve already carries, eV; 0 takes what the file says.
        max_mebibytes: largest unpacked size, MiB.

    Raises:
        NotFoundError: there is no such file, or it may not be read.
        FileFormatError: the file is too large, damaged, or of a format dosmith does not read.
        SpectrumError: it holds no usable DOS, or no Fermi level.
    """
    name = printable(path)
    file = Path(path)
    try:
        if file.is_dir():
            raise NotFoundError(f"{name} is a folder; give the file in it, such as vasprun.xml")
        if file.exists() and not file.is_file():
            raise NotFoundError(f"{name} is not a regular file; save its content to one")
        stream = open(file, "rb")  # noqa: SIM115  closed below, with errors of opening kept apart from those of reading
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise NotFoundError(f"{name} cannot be opened ({reason}); check the path and its permissions") from None
    with stream:
        return read_dos_stream(stream, name, fermi=fermi, broadening=broadening, max_mebibytes=max_mebibytes)


def load_dos(path: str | Path, *, fermi: float | None = None, broadening: float = 0.0) -> Spectrum:
    """The total DOS in a file as a Spectrum; arguments and errors as in `read_dos`."""
    return read_dos(path, fermi=fermi, broadening=broadening).spectrum


def read_dos_stream(
    file: BinaryIO, name: str, *, fermi: float | None = None, broadening: float = 0.0, max_mebibytes: int = _DEFAULT_LIMIT
) -> FileDos:
    """The total DOS in an open binary file, such as an upload; `name` stands in messages. Otherwise as `read_dos`."""
    name = printable(name)
    try:
        with np.errstate(all="ignore"):  # what overflows or is not a number is refused when the Spectrum is checked
            curve = _parse(_unpack(file, max_mebibytes))
            return FileDos(curve.spectrum(fermi, broadening), curve.composition, curve.format)
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


def _unpack(file: BinaryIO, max_mebibytes: int) -> bytes:
    """The content, unpacked if gzipped; of either form, never more than the limit is read."""
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
    if opening[1] == b"<":
        from dosmith.sources.vasp import read_vasprun

        return read_vasprun(content)
    encoding = _encoding(content)
    if opening[1] in b"{[":
        from dosmith.sources.pymatgen_dos import read_json

        return read_json(content.decode(encoding))
    from dosmith.sources.tables import read_table
    from dosmith.sources.vasp import looks_like_doscar, read_doscar

    lines = io.TextIOWrapper(io.BytesIO(content), encoding)
    first = list(itertools.islice(lines, 6))
    return read_doscar(first, lines) if looks_like_doscar(first) else read_table(itertools.chain(first, lines))


def _encoding(content: bytes) -> str:
    """How the text is encoded: UTF-8, UTF-16 (spreadsheets' "Unicode text") or else Latin-1.

    Raises:
        FileFormatError: the content is not text.
    """
    for magic, kind in _PACKED.items():
        if content.startswith(magic):
            raise FileFormatError(f"is {kind}; unpack it, or export the DOS as CSV")
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
