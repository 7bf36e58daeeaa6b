"""Crystals out of whatever holds them: files of one or of many, in folders, from standard input. Each is read when it is its turn.

CIF (also of several crystals), POSCAR and what else `crystals.find.from_file` reads, extended XYZ, ASE's databases, pymatgen's JSON, summaries of
the Materials Project, JARVIS' sets, answers of OPTIMADE, lists that dosmith makes. What a format is shows in its content; only POSCAR has its name.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dosmith.atlas.crystal import Built, built
from dosmith.crystals.find import structure_in
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.sources.content import unpack
from dosmith.sources.crystal import Crystal
from dosmith.sources.files import printable
from dosmith.sources.json_values import values

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

LARGEST = 60
"""Atoms in the primitive cell, at most."""
_FAR_TOO_LARGE = 16 * LARGEST
_STRANGE = 100  # entries of a list that are no crystals, one after another, before the rest is taken for the same
_IDS = ("material_id", "mp_id", "mpid", "jid", "entry_id", "task_id", "id", "immutable_id")
_NAMED = re.compile(r"(mp|mvc|mp-gnome|JVASP|oqmd|cod|agm|icsd)-\d+(?![0-9A-Za-z])")
_SOURCES = {"mp": "materials-project", "mvc": "materials-project", "JVASP": "jarvis"}
_BLOCK = re.compile(r"^data_", re.MULTILINE)
_PATTERNS = (
    "*.cif*",
    "*.mcif*",
    "*poscar*",
    "*contcar*",
    "*.vasp*",
    "*.cssr*",
    "*.xsf*",
    "*.res*",
    "*.json*",
    "*.xyz*",
    "*.extxyz*",
    "*.parquet",
    "*.db",
)
_SQLITE = b"SQLite format 3\x00"
_NAME = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, eq=False)
class Item:
    """A crystal that can be read.

    Attributes:
        key: the same whenever this content is met, whatever it is called.
        label: file and number, for people.
        read: the crystal, as it is written.
        id: that its source calls it by; None when it has none.
        source: materials-project, jarvis, optimade, file.
        facts: what the source says of it: `above_hull`, eV/atom.
        built: the same as a prototype with elements, its name first; None where the source names none.
    """

    key: str
    label: str
    read: Callable[[], Structure]
    id: str | None = None
    source: str = "file"
    facts: Mapping[str, float] = field(default_factory=dict)
    built: tuple[str, Built] | None = None


def items(paths: Sequence[str | Path], max_mebibytes: int = 256) -> Iterator[Item]:
    """All crystals of files, of folders with those below them, and of standard input (`-`), by path. What cannot be read gives an item that
    raises when it is its turn.

    Args:
        paths: of them.
        max_mebibytes: of a file.

    Raises:
        NotFoundError: there is no such path, or a folder holds no structure file.
    """
    for path in paths:
        if str(path) == "-":
            yield from _of_content(sys.stdin.buffer.read(), "standard input", max_mebibytes)
        elif Path(path).is_dir():
            files = sorted(each for each in Path(path).rglob("*") if each.is_file() and _looks_right(each))
            if not files:
                raise NotFoundError(
                    f"there is no structure file (CIF, POSCAR, extended XYZ, JSON, ...) in the folder {printable(path)}"
                )
            for file in files:
                yield from _of_file(file, max_mebibytes)
        elif Path(path).is_file():
            yield from _of_file(Path(path), max_mebibytes)
        else:
            raise NotFoundError(f"there is no file {printable(path)}")


def _looks_right(path: Path) -> bool:
    from fnmatch import fnmatch

    hidden = any(part.startswith(".") for part in path.parts[1:])
    return not hidden and any(fnmatch(path.name.lower(), pattern) for pattern in _PATTERNS)


def _of_file(path: Path, max_mebibytes: int) -> Iterator[Item]:
    label = printable(path.name)
    try:
        with open(path, "rb") as file:
            if file.read(len(_SQLITE)) == _SQLITE:
                yield from _of_ase(path, label)
                return
            file.seek(0)
            if file.read(4) == b"PAR1":
                yield from _of_list(path, label)
                return
            file.seek(0)
            if file.read(4) == b"PK\x03\x04":
                yield from _of_jarvis_set(path, label)
                return
            file.seek(0)
            content = unpack(file, max_mebibytes)
    except (OSError, DosmithError) as error:
        yield _refused(label, str(path), str(getattr(error, "strerror", None) or error))
        return
    yield from _of_content(content, label, max_mebibytes)


def _refused(label: str, key: str, why: str) -> Item:
    """An item that says why it is none."""

    def read() -> Structure:
        raise FileFormatError(why)

    return Item(_digest(f"{key}: {why}".encode()), label, read)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _of_content(content: bytes, label: str, max_mebibytes: int) -> Iterator[Item]:
    """Crystals of a file's content, by what it begins with."""
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"{", b"["):
        yield from _of_json(content, label)
    elif re.search(rb"^data_", content[:65536], re.MULTILINE):
        yield from _of_cif(content, label)
    elif re.match(rb"\s*\d+\s*\n[^\n]*Lattice\s*=", content[:4096]):
        yield from _of_xyz(content, label)
    else:
        identifier = _id_in(label)
        yield Item(_digest(content), label, partial(structure_in, content, _form(label)), identifier, _source(identifier))


def _form(label: str) -> str:
    name = label.lower().removesuffix(".gz")
    return next((end for end in ("cssr", "xsf", "res") if name.endswith(f".{end}")), "poscar")


def _of_cif(content: bytes, label: str) -> Iterator[Item]:
    text = content.decode("utf-8", "replace")
    places = [match.start() for match in _BLOCK.finditer(text)]
    blocks = [text[start:end] for start, end in zip(places, [*places[1:], len(text)], strict=True)]
    whole = [block for block in blocks if "_cell_length_a" in block and "_atom_site" in block] or [text]
    for number, block in enumerate(whole, 1):
        several = len(whole) > 1
        identifier = _id_in(block.split("\n", 1)[0]) or (None if several else _id_in(label))
        written = block.encode()
        named, read = f"{label} #{number}" if several else label, partial(structure_in, written, "cif")
        yield Item(_digest(written), named, read, identifier, _source(identifier))


def _of_xyz(content: bytes, label: str) -> Iterator[Item]:
    """Frames of an extended XYZ file: a count, a comment line with the lattice, a line for each atom."""
    lines = content.decode("utf-8", "replace").splitlines()
    place = number = 0
    while place < len(lines):
        if not lines[place].strip():
            place += 1
            continue
        number += 1
        try:
            count = int(lines[place])
        except ValueError:
            yield _refused(f"{label} #{number}", _digest(content), "is damaged: a frame begins with the number of its atoms")
            return
        frame = "\n".join(lines[place : place + count + 2]) + "\n"
        said = _said(lines[place + 1] if place + 1 < len(lines) else "")
        yield _item(_digest(frame.encode()), f"{label} #{number}", partial(_frame, frame), said)
        place += count + 2


def _said(comment: str) -> dict[str, str]:
    return {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', comment)}


def _frame(frame: str) -> Structure:
    read = _ase("reading extended XYZ").io.read(io.StringIO(frame), format="extxyz")
    return _of_atoms(read)


def _ase(purpose: str) -> Any:
    from dosmith.errors import MissingExtraError

    try:
        import ase.db
        import ase.io
    except ImportError:
        raise MissingExtraError(purpose, "relax") from None
    return ase


def _of_atoms(atoms: Any) -> Structure:
    from pymatgen.core.structure import Structure

    if not np.all(atoms.pbc) or atoms.cell.rank < 3:
        raise FileFormatError("is no crystal: it is not periodic in three directions")
    if "occupancy" in atoms.info:
        occupied = atoms.info["occupancy"]
        if isinstance(occupied, Mapping) and any(len(shares) > 1 or min(shares.values()) < 1 for shares in occupied.values()):
            raise FileFormatError(_DISORDERED)
    return Structure(np.array(atoms.cell), atoms.get_chemical_symbols(), atoms.get_scaled_positions(wrap=False))


def _of_ase(path: Path, label: str) -> Iterator[Item]:
    """Rows of an ASE database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            database = _ase("reading ASE databases").db.connect(str(path), type="db", use_lock_file=False)
            for row in database.select():
                said = dict(row.key_value_pairs)
                key = _digest(f"{row.unique_id} {np.round(row.cell, 6).tolist()} {row.numbers.tolist()}".encode())
                yield _item(key, f"{label} #{row.id}", partial(_of_row, row), said)
        except DosmithError:
            raise
        except Exception as error:  # of SQLite, or of what ASE makes of its contents
            yield _refused(label, str(path), f"is no ASE database that can be read ({type(error).__name__})")


def _of_row(row: Any) -> Structure:
    return _of_atoms(row.toatoms())


def _of_list(path: Path, label: str) -> Iterator[Item]:
    """Rows of a list of filled prototypes, as `generating.py` and a survey have them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, use_threads=False)
        columns = [table[name].to_pylist() for name in ("prototype", "elements", "volume", "stretch")]
    except (pa.ArrowException, KeyError, OSError) as error:
        yield _refused(label, str(path), f"is no list of crystals ({str(error)[:80]})")
        return
    for number, (prototype, elements, volume, stretch) in enumerate(zip(*columns, strict=True), 1):
        shape = Built(tuple(elements), volume, stretch or 1.0)
        key = _digest(f"{prototype} {shape}".encode())
        made = partial(built, prototype, shape)
        yield Item(key, f"{label} #{number}", made, source="generated", built=(prototype, shape))


def _of_jarvis_set(path: Path, label: str) -> Iterator[Item]:
    """A zip archive with a JSON list, as JARVIS hands out its sets."""
    from dosmith.sources.jarvis import entries

    for number, entry in enumerate(entries(path), 1):
        yield of_entry(entry, f"{label} #{number}")


def _of_json(content: bytes, label: str) -> Iterator[Item]:
    """Crystals of a list, of one object that holds a list, of JSON lines, or one crystal."""
    found = _till_damaged(values(io.BytesIO(content)))
    first = list(itertools.islice(found, 2))
    if len(first) == 1 and isinstance(whole := first[0], Mapping):
        inside = (whole[name] for name in ("data", "entries", "materials", "structures") if isinstance(whole.get(name), list))
        first = next(inside, first)
    strange = 0
    for number, entry in enumerate(itertools.chain(first, found), 1):
        named = label if len(first) == 1 else f"{label} #{number}"
        strange = 0 if isinstance(entry, Mapping) else strange + 1
        if isinstance(entry, ValueError) or strange > _STRANGE:
            why = str(entry)[:120] if isinstance(entry, ValueError) else f"{_STRANGE:,} things before are no crystals"
            yield _refused(named, _digest(content), f"is damaged{'' if number == 1 else ' from here on'}: {why}")
            return
        yield of_entry(entry, named)


def _till_damaged(found: Iterator[Any]) -> Iterator[Any]:
    """The same, and at last what is wrong where it cannot go on."""
    try:
        yield from found
    except ValueError as error:
        yield error


def of_entry(entry: Any, label: str) -> Item:
    """A crystal as a JSON object, whichever program it is of."""
    if not isinstance(entry, Mapping):
        return _refused(label, str(entry)[:1000], "is no crystal")
    key = _digest(json.dumps(entry, sort_keys=True, default=str).encode())
    said = dict(entry)
    if isinstance(attributes := entry.get("attributes"), Mapping) and "lattice_vectors" in attributes:
        return _item(key, label, lambda: _optimade(attributes), said | {"source": "optimade"})
    if isinstance(atoms := entry.get("atoms"), Mapping) and "lattice_mat" in atoms:
        return _item(key, label, lambda: _jarvis(atoms), said)
    structure = entry.get("structure", entry)
    if isinstance(structure, str):
        return _item(key, label, lambda: structure_in(structure.encode(), "cif"), said)
    if isinstance(cif := entry.get("cif"), str):
        return _item(key, label, lambda: structure_in(cif.encode(), "cif"), said)
    if not isinstance(structure, Mapping) or not {"lattice", "sites"} <= set(structure):
        return _refused(label, key, "is no crystal: it has neither structure nor lattice and sites")
    return _item(key, label, lambda: _pymatgen(structure), said)


def _item(key: str, label: str, read: Callable[[], Structure], said: Mapping[str, Any]) -> Item:
    """An item with what its source says of it."""
    named = next((str(said[name]) for name in _IDS if isinstance(said.get(name), str | int) and str(said[name]).strip()), None)
    identifier = None if named is None or named.isdigit() else _NAME.sub("_", named)[:80]
    source = "optimade" if said.get("source") == "optimade" else _source(identifier)
    hull = said.get("energy_above_hull", said.get("ehull"))
    facts = {"above_hull": float(hull)} if isinstance(hull, int | float) and np.isfinite(hull) else {}
    return Item(key, label, read, identifier, source, facts)


def _source(identifier: str | None) -> str:
    return _SOURCES.get((identifier or "").rpartition("-")[0], "file")


def _id_in(name: str) -> str | None:
    """An id of a database in the name of a file or of a data block."""
    found = _NAMED.search(name)
    return found.group(0) if found else None


def _pymatgen(plain: Mapping[str, Any]) -> Structure:
    """pymatgen's JSON; lattice and sites only: it would import whatever module the properties name."""
    from pymatgen.core.structure import Structure

    charge = plain.get("charge")
    if isinstance(charge, int | float) and abs(charge) > 1e-8:
        raise FileFormatError(f"carries a charge of {charge:+g}; crystals are neutral")
    species = [{str(each["element"]): float(each["occu"]) for each in site["species"]} for site in plain["sites"]]
    return Structure(plain["lattice"]["matrix"], species, [site["abc"] for site in plain["sites"]])


def _jarvis(atoms: Mapping[str, Any]) -> Structure:
    from pymatgen.core.structure import Structure

    species = [str(symbol).strip() for symbol in atoms["elements"]]
    return Structure(atoms["lattice_mat"], species, atoms["coords"], coords_are_cartesian=bool(atoms.get("cartesian")))


def _optimade(attributes: Mapping[str, Any]) -> Structure:
    from pymatgen.core.structure import Structure

    kinds = {
        str(each["name"]): {
            str(symbol): float(share)
            for symbol, share in zip(each["chemical_symbols"], each.get("concentration") or [1.0], strict=True)
        }
        for each in attributes.get("species") or ()
    }
    species = [kinds.get(name, {name: 1.0}) for name in attributes["species_at_sites"]]
    if any({"vacancy", "X"} & set(shares) for shares in species):
        raise FileFormatError(_DISORDERED)
    return Structure(attributes["lattice_vectors"], species, attributes["cartesian_site_positions"], coords_are_cartesian=True)


_DISORDERED = "is disordered: a site is shared by several elements or partly empty; give an ordered cell"


def crystal_of(item: Item) -> Structure:
    """The primitive cell of an item's crystal, charges and other properties left out; deuterium is hydrogen.

    Raises:
        DosmithError: it cannot be read, is disordered or charged, or larger than `LARGEST`; what is wrong, without the item's label.
    """
    from pymatgen.core.structure import Structure

    from dosmith import symmetry

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            read = item.read()
            if len(read) > _FAR_TOO_LARGE:
                raise FileFormatError(_too_large(len(read)))
            if not read.is_ordered or any(abs(sum(site.species.values()) - 1) > 1e-3 for site in read):
                raise FileFormatError(_DISORDERED)
            symbols = [_element(str(getattr(site.specie, "symbol", site.specie))) for site in read]
            plain = Structure(read.lattice.matrix, symbols, read.frac_coords)
            Crystal.of_pymatgen(plain)  # what is impossible would end spglib, and us
            cell = symmetry.primitive(plain)
    except DosmithError:
        raise
    except Exception as error:  # pymatgen's readers raise whatever their parsers do
        raise FileFormatError(f"is no crystal that can be read ({type(error).__name__}: {str(error)[:100]})") from None
    if len(cell) > LARGEST:
        raise FileFormatError(_too_large(len(cell)))
    return cell


def _element(symbol: str) -> str:
    return "H" if symbol in ("D", "T") else symbol


def _too_large(count: int) -> str:
    return f"has {count} atoms in its primitive cell; cells of up to {LARGEST} are taken, larger ones take too long to predict"
