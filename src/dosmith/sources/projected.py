"""The projections on elements and orbitals that belong to a density of states: in its own file, or in files of the run beside it.

The curve itself is read by `files.py`; what is found here stands on its energies, so it shares its Fermi level and energy zero.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.constants import HARTREE
from dosmith.errors import FileFormatError
from dosmith.records import ORBITALS, Projections, Spectrum
from dosmith.settings import FileSettings
from dosmith.sources import cp2k, espresso, siesta, vasp, vasp_parts
from dosmith.sources.aims import DOS as AIMS
from dosmith.sources.beside import crystal_of
from dosmith.sources.content import text_of
from dosmith.sources.crystal import element_of
from dosmith.sources.files import FileDos, printable, read_content
from dosmith.sources.own import OWN
from dosmith.sources.parts import Parts, orbital_of
from dosmith.sources.pymatgen_dos import FORMAT as PYMATGEN
from dosmith.sources.run import beside
from dosmith.sources.tables import TABLE, take_apart
from dosmith.sources.xml_text import attribute, numbers, pieces, value_of

FloatArray = NDArray[np.float64]

_MOST = 2000
"""Files of one run that are read."""
_PDOS_ATM = re.compile(r"(?P<run>.*)\.pdos_atm#\d+\((?P<kind>[^)]+)\)_wfc#\d+\((?P<orbital>[spdf])(?:_j[\d.]+)?\)(?:\.gz)?")
_CP2K_KIND = re.compile(r"Projected DOS for atomic kind (\S+)")
_AIMS = re.compile(
    r"(?:(?P<species>[A-Z][a-z]?\w*?)_l_proj_dos|atom_proj(?:ected)?_dos)(?:_spin_(?P<spin>up|dn|down))?(?:_?(?P<atom>[A-Z][a-z]?)\d{4,})?"
    r"(?P<kind>_tetrahedron)?(?P<raw>_raw)?\.(?:dat|out)(?:\.gz)?"
)


def projections_of(path: str | Path, found: FileDos, *, max_mebibytes: int | None = None) -> Projections:
    """The projections of a density of states that was read from a file.

    Args:
        path: of the file.
        found: what `read_dos` read from it.
        max_mebibytes: largest unpacked size, MiB.

    Raises:
        FileFormatError: there are none, or they are damaged; the message says what to compute or put beside the file.
    """
    path = Path(path)
    reader = _READERS.get(found.format)
    try:
        if reader is None:
            raise FileFormatError(
                f"holds no projections ({found.format}); give a file of docs/formats.md that has them, or declare a table as one"
            )
        limit = FileSettings().max_mebibytes if max_mebibytes is None else max_mebibytes
        return reader(path, found, limit).beside(found.spectrum)
    except FileFormatError as error:
        raise FileFormatError(f"{printable(path)} {str(error).removeprefix(f'{printable(path)} ')}") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError):
        raise FileFormatError(f"{printable(path)} has projections that cannot be read; copy the files of the run again") from None


def may_be_declared(found: FileDos) -> bool:
    """Whether the file is a bare curve, which a person may say to be a part of a density of states."""
    return found.format == TABLE


def held(projections: Projections, whole: Spectrum) -> float:
    """The share of the whole density that its projections hold, from 10 eV below to 5 eV above the Fermi level.

    >>> import numpy as np
    >>> spectrum = Spectrum(np.linspace(-5, 5, 101), np.ones(101), fermi=0.0)
    >>> held(Projections((("Pt", "d"),), np.full((1, 1, 101), 0.9)), spectrum)
    0.9
    """
    near = (whole.energies >= whole.fermi - 10) & (whole.energies <= whole.fermi + 5)
    widths = np.gradient(whole.energies)[near]
    total = float((whole.total[near] * widths).sum())
    return round(float((projections.densities.sum(axis=(0, 1))[near] * widths).sum()) / total, 4) if total > 0 else 0.0


def from_pymatgen(dos: Any, whole: Spectrum) -> Projections | None:
    """The projections of a pymatgen CompleteDos; None where the object has none."""
    sites = getattr(dos, "pdos", None)
    if not sites:
        return None
    parts = Parts(np.array(dos.energies, dtype=np.float64))
    for site, orbitals in sites.items():
        for orbital, densities in orbitals.items():
            by_spin = {int(spin): row for spin, row in densities.items()}
            rows = [by_spin[spin] for spin in sorted(by_spin, reverse=True)]
            parts.add(site.specie.symbol, orbital_of(str(getattr(orbital, "name", orbital))), rows)
    return parts.beside(whole)


def _species(path: Path, found: FileDos) -> tuple[str, ...] | None:
    crystal = crystal_of(path, found)
    return None if crystal is None else tuple(crystal.species)


def _text(path: Path, limit: int) -> str:
    return read_content(path, max_mebibytes=limit).decode("latin-1")


def _vasprun(path: Path, found: FileDos, limit: int) -> Parts:
    xml = read_content(path, max_mebibytes=limit)
    return vasp_parts.read_vasprun(xml, vasp.species_of(xml))


def _doscar(path: Path, found: FileDos, limit: int) -> Parts:
    return vasp_parts.read_doscar(_text(path, limit), _species(path, found))


def _procar(path: Path, found: FileDos, limit: int) -> Parts:
    bands = vasp_parts.read_procar(_text(path, limit))
    species = _species(path, found)
    if species is None or len(species) != bands.weights.shape[3]:
        raise FileFormatError("does not name its atoms; put the POSCAR or CONTCAR of the run beside it")
    return bands.parts(found.spectrum, species)


def _espresso(path: Path, found: FileDos, limit: int) -> Parts:
    """`PREFIX.pdos_atm#1(Ni)_wfc#2(d)` beside PREFIX.dos or PREFIX.pdos_tot."""
    run = re.sub(r"\.(?:pdos_tot|dos|pdos)(?:\.gz)?$", "", path.name)
    files = [(file, name) for file in sorted(path.parent.iterdir()) if (name := _PDOS_ATM.fullmatch(file.name)) is not None]
    files = [(file, name) for file, name in files if name["run"] == run] or files
    if not files or len({name["run"] for _, name in files}) > 1:
        raise FileFormatError(f"holds no projections; put the files {run}.pdos_atm#... that projwfc.x writes beside it")
    parts: Parts | None = None
    for file, name in files[:_MOST]:
        columns, remarks, _ = take_apart(text_of(file).splitlines(keepends=True))
        header = next((remark for remark in remarks if "ldos" in remark), "")
        if re.match(r"\s*ik\b", header):
            raise FileFormatError("has projections resolved by k-point (kresolveddos); compute them without")
        names = re.findall(r"E \(eV\)|\w+\(E\)", header)
        wanted = ["ldosup(E)", "ldosdw(E)"] if "ldosup(E)" in names else ["ldos(E)"]
        if len(columns) < len(wanted) + 1 or names[1 : 1 + len(wanted)] != wanted:
            raise FileFormatError(f"has projections whose columns are not those of their header ({file.name})")
        parts = parts or Parts(columns[0])
        parts.add(element_of(name["kind"]), name["orbital"], columns[1 : 1 + len(wanted)])
    assert parts is not None, "there is a file"
    return parts


def _cp2k(path: Path, found: FileDos, limit: int) -> Parts:
    """The `*.pdos` of all kinds of the run, each orbital a Gaussian as in the curve."""
    name = path.name.removesuffix(".gz")
    kinds = re.sub(r"(?:ALPHA_|BETA_)?k\d+-", "*", name, count=1)
    spins = ("ALPHA_", "BETA_") if re.search(r"(?:ALPHA|BETA)_k\d+-", name) else ("",)
    parts = Parts(found.spectrum.energies)
    for spin_number, spin in enumerate(spins):
        pattern = kinds.replace("*", f"{spin}k*-", 1)
        files = sorted(file for end in ("", ".gz") for file in path.parent.glob(pattern + end))
        for file in files[:_MOST]:
            element, densities = _cp2k_kind(file, found.spectrum.energies, 2.0 if spins == ("",) else 1.0)
            for orbital, density in densities.items():
                rows = np.zeros((len(spins), len(density)))
                rows[spin_number] = density
                parts.add(element, orbital, rows)
    return parts


def _cp2k_kind(file: Path, energies: FloatArray, holds: float) -> tuple[str, dict[str, FloatArray]]:
    """Element of a `*.pdos`, and the densities of its orbitals, states/eV."""
    columns, remarks, _ = take_apart(text_of(file).splitlines(keepends=True))
    kind = next((match[1] for remark in remarks if (match := _CP2K_KIND.search(remark))), None)
    header = next((remark for remark in remarks if "Occupation" in remark), "")
    names = header.partition("Occupation")[2].split()
    if kind is None or len(columns) != 3 + len(names):
        raise FileFormatError("is projected on a list of atoms, not on kinds of them; give the *.pdos of the atomic kinds")
    levels = columns[1] * HARTREE
    shapes = np.exp(-(((energies[:, None] - levels) / cp2k.SIGMA) ** 2) / 2) / (cp2k.SIGMA * np.sqrt(2 * np.pi))
    found: dict[str, FloatArray] = {}
    for name, weights in zip(names, columns[3:], strict=True):
        letter = orbital_of(name)
        found[letter] = found.get(letter, 0.0) + holds * (shapes @ weights)
    return element_of(kind), found


def _aims(path: Path, found: FileDos, limit: int) -> Parts:
    """`Ni_l_proj_dos.dat` of each species, or `atom_proj_dos_Ni0001.dat` of each atom, beside KS_DOS_total.dat."""
    wanted = ("_tetrahedron" in path.name, "_raw" in path.name)
    files = [(file, name) for file in sorted(path.parent.iterdir()) if (name := _AIMS.fullmatch(file.name)) is not None]
    files = [(file, name) for file, name in files if (name["kind"] is not None, name["raw"] is not None) == wanted]
    files = [each for each in files if each[1]["species"]] or [each for each in files if each[1]["atom"]]
    if not files:
        raise FileFormatError("holds no projections; put the *_l_proj_dos.dat of the species beside it (output species_proj_dos)")
    spins = len(found.spectrum.densities)
    parts: Parts | None = None
    for file, name in files[:_MOST]:
        columns, _, _ = take_apart(text_of(file).splitlines(keepends=True))
        parts = parts or Parts(columns[0])
        place = {"up": 0, "dn": 1, "down": 1}.get(name["spin"] or "", 0)
        for orbital, column in zip(ORBITALS, columns[2:], strict=False):
            rows = np.zeros((spins, len(column)))
            rows[place] = column
            parts.add(element_of(name["atom"] or name["species"]), orbital, rows)
    assert parts is not None, "there is a file"
    return parts


def _siesta(path: Path, found: FileDos, limit: int) -> Parts:
    """The orbitals of a `.PDOS.xml`, which name their species and angular momentum."""
    xml = read_content(path, max_mebibytes=limit)
    columns = int(numbers(value_of(xml, b"nspin"))[0])
    energies = numbers(value_of(xml, b"energy_values"))
    parts = Parts(energies)
    for orbital in pieces(xml, b"orbital", 200_000):
        data = numbers(value_of(orbital, b"data")).reshape(len(energies), columns).T
        rows = data if columns <= 2 else data[:2].sum(axis=0, keepdims=True)
        species, momentum = attribute(orbital, b"orbital", b"species"), attribute(orbital, b"orbital", b"l")
        if species is None or momentum is None:
            raise FileFormatError("is damaged: an orbital does not say its species and angular momentum")
        parts.add(element_of(species.decode("latin-1")), ORBITALS[int(momentum)], rows)
    return parts


def _pymatgen(path: Path, found: FileDos, limit: int) -> Parts:
    document = next(_complete(json.loads(read_content(path, max_mebibytes=limit)), 0), None)
    if document is None:
        raise FileFormatError("holds no projections; write the CompleteDos of the run, as_dict()")
    parts = Parts(np.array(_plain(document["energies"]), dtype=np.float64))
    for site, orbitals in zip(document["structure"]["sites"], document["pdos"], strict=True):
        for name, density in orbitals.items():
            by_spin = {int(spin): _plain(row) for spin, row in density["densities"].items()}
            rows = [by_spin[spin] for spin in sorted(by_spin, reverse=True)]
            parts.add(element_of(str(site["species"][0]["element"])), orbital_of(name), rows)
    return parts


def _complete(document: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Objects of JSON with projections by site, in what wraps them."""
    if isinstance(document, dict) and depth < 6:
        if document.get("pdos") and "energies" in document and "structure" in document:
            yield document
            return
        document = list(document.values())
    if isinstance(document, list) and depth < 6 and len(document) < 1000:
        for each in document:
            if isinstance(each, dict | list):
                yield from _complete(each, depth + 1)


def _plain(value: Any) -> Any:
    return value["data"] if isinstance(value, dict) else value


def _own(path: Path, found: FileDos, limit: int) -> Parts:
    """`projections.csv` beside the `dos.csv` of `dosmith compute`."""
    file = beside(path, "projections.csv")
    if not file.is_file():
        raise FileFormatError("holds no projections; put the projections.csv of the same calculation beside it")
    head, *rows = text_of(file).splitlines()
    table = np.array([row.split(",") for row in rows if row], dtype=np.float64).T
    names = [re.fullmatch(r"([A-Z][a-z]?)_([spdf])(?:_(up|down))?", name) for name in head.split(",")[1:]]
    parts = Parts(table[0] + found.spectrum.fermi)
    spins = 2 if any(name is not None and name[3] for name in names) else 1
    for name, column in zip(names, table[1:], strict=True):
        if name is None:
            raise FileFormatError("has a projections.csv beside it whose columns are not dosmith's")
        rows_of = np.zeros((spins, len(column)))
        rows_of[int(name[3] == "down")] = column
        parts.add(name[1], name[2], rows_of)
    return parts


Reader = Callable[[Path, FileDos, int], Parts]
_READERS: Mapping[str, Reader] = {
    "vasprun.xml": _vasprun,
    "DOSCAR": _doscar,
    "LOBSTER DOSCAR": _doscar,
    vasp_parts.PROCAR: _procar,
    espresso.DOS: _espresso,
    espresso.PDOS_TOT: _espresso,
    cp2k.PDOS: _cp2k,
    AIMS: _aims,
    siesta.PDOS: _siesta,
    PYMATGEN: _pymatgen,
    OWN: _own,
}
