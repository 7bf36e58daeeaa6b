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
from dosmith.crystals.find import DISORDERED, plain_cell, structure_in
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.sources.content import unpack
from dosmith.sources.files import printable
from dosmith.sources.json_values import values

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

LARGEST = 60
"""Atoms in the primitive cell, at most."""
_FAR_TOO_LARGE = 16 * LARGEST
_STRANGE = 100  # entries of a list that are no crystals, one after another, before the rest is taken for the same
_IDS = ("material_id", "mp_id", "mpid", "jid", "entry_id", "task_id", "id", "immutable_id")
_NAMED = re.compile(r"(?<![0-9A-Za-z])(mp|mvc|mp-gnome|JVASP|oqmd|cod|agm|icsd)-\d+(?![0-9A-Za-z])")
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
_HIGHEST = 1e3  # eV/atom: what is said to lie higher above a hull, or is no number, is not believed
_COUNT = re.compile(r"\s*\d{1,9}\s*")
_MANY_COLUMNS = re.compile(r":[A-Za-z]:\d{5,}")
_SQLITE = b"SQLite format 3\x00"
_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-Zip"}
_NAME = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, eq=False)
class Item:
    """A crystal that can be read.

    Attributes:
        key: the same whenever this content is met, whatever it is called.
        label: file and number, for people.
        read: the crystal, as it is written.
        id: that its source calls it by; None when it has none.
        guessed: whether the id is merely read off the name of a file, where another crystal may have it too.
        source: materials-project, jarvis, optimade, file.
        facts: what the source says of it: `above_hull`, eV/atom.
        built: the same as a prototype with elements, its name first; None where the source names none.
    """

    key: str
    label: str
    read: Callable[[], Structure]
    id: str | None = None
    guessed: bool = False
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
                yield from _of_file(file, max_mebibytes, printable(str(file.relative_to(path))))
        elif Path(path).is_file():
            yield from _of_file(Path(path), max_mebibytes, printable(Path(path).name))
        else:
            raise NotFoundError(f"there is no file {printable(path)}")


def _looks_right(path: Path) -> bool:
    from fnmatch import fnmatch

    hidden = any(part.startswith(".") for part in path.parts[1:])
    return not hidden and any(fnmatch(path.name.lower(), pattern) for pattern in _PATTERNS)


def _of_file(path: Path, max_mebibytes: int, label: str) -> Iterator[Item]:
    try:
        with open(path, "rb") as file:
            head = file.read(len(_SQLITE))
            file.seek(0)
            if head == _SQLITE:
                yield from _of_ase(path, label)
                return
            if head.startswith(b"PAR1"):
                yield from _of_list(path, label)
                return
            if head.startswith(b"PK\x03\x04"):
                yield from _of_jarvis_set(path, label)
                return
            packed = next((name for mark, name in _PACKED.items() if head.startswith(mark)), None)
            if packed is not None:
                raise FileFormatError(f"is packed by {packed}; unpack it, or pack it by gzip")
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
    elif label.lower().removesuffix(".gz").endswith("xyz"):
        yield _refused(label, _digest(content), 'holds no lattice; write extended XYZ, with Lattice="..." in its second line')
    else:
        yield _item_of_file(content, label, partial(structure_in, content, _form(label)))


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
        written = block.encode()
        read = partial(structure_in, written, "cif")
        inside = _id_in(block.split("\n", 1)[0])
        if inside is not None:
            yield Item(_digest(written), f"{label} #{number}" if several else label, read, inside, source=_source(inside))
        elif several:
            yield Item(_digest(written), f"{label} #{number}", read)
        else:
            yield _item_of_file(written, label, read)


def _item_of_file(content: bytes, label: str, read: Callable[[], Structure]) -> Item:
    """The one crystal of a file, with the id in its name, else in that of its folder."""
    name, folder = Path(label).name, Path(label).parent.name
    identifier = _id_in(name) or _id_in(folder)
    return Item(_digest(content), label, read, identifier, identifier is not None, _source(identifier))


def _of_xyz(content: bytes, label: str) -> Iterator[Item]:
    """Frames of an extended XYZ file: a count, a comment line with the lattice, a line for each atom."""
    lines = content.decode("utf-8", "replace").splitlines()
    place = number = 0
    while place < len(lines):
        if not lines[place].strip():
            place += 1
            continue
        number += 1
        count = int(lines[place]) if _COUNT.fullmatch(lines[place]) else None
        if count is None:
            yield _refused(f"{label} #{number}", _digest(content), "is damaged: a frame begins with the number of its atoms")
            return
        frame = "\n".join(lines[place : place + count + 2]) + "\n"
        said = _said(lines[place + 1] if place + 1 < len(lines) else "")
        yield _item(_digest(frame.encode()), f"{label} #{number}", partial(_frame, frame), said)
        place += count + 2


def _said(comment: str) -> dict[str, str]:
    return {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', comment)}


def _frame(frame: str) -> Structure:
    if _MANY_COLUMNS.search(frame.partition("\n")[2].partition("\n")[0]):  # ASE makes each before it looks whether it is there
        raise FileFormatError("is damaged: its atoms are said to have ten thousand columns or more")
    read = _ase("reading extended XYZ").io.read(io.StringIO(frame), format="extxyz")
    return _of_atoms(read)


def _ase(purpose: str) -> Any:
    from dosmith.errors import MissingExtraError

    try:
        import ase.db.row
        import ase.io.jsonio
    except ImportError:
        raise MissingExtraError(purpose, "relax") from None
    return ase


def _of_atoms(atoms: Any) -> Structure:
    from pymatgen.core.structure import Structure

    if not np.all(atoms.pbc) or atoms.cell.rank < 3:
        raise FileFormatError(_OPEN)
    if "occupancy" in atoms.info:
        occupied = atoms.info["occupancy"]
        if isinstance(occupied, Mapping) and any(len(shares) > 1 or min(shares.values()) < 1 for shares in occupied.values()):
            raise FileFormatError(DISORDERED)
    charge = atoms.info.get("charge", 0)
    if isinstance(charge, int | float | np.integer | np.floating) and abs(float(charge)) > 1e-8:
        raise FileFormatError(_charged(float(charge)))
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


def _of_json_row(row: Mapping[str, Any]) -> Structure:
    """A row of an ASE database in JSON."""
    ase = _ase("reading ASE databases")
    return _of_row(ase.db.row.AtomsRow(ase.io.jsonio.decode(json.dumps(row))))


def _of_row(row: Any) -> Structure:
    return _of_atoms(row.toatoms())


def _of_list(path: Path, label: str) -> Iterator[Item]:
    """Rows of a list of filled prototypes, as `generating.py` and a survey have them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, use_threads=False)
        columns = [table[name].to_pylist() for name in ("prototype", "elements", "volume", "stretch")]
    except (pa.ArrowException, KeyError, OSError, UnicodeDecodeError) as error:
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

    try:
        for number, entry in enumerate(entries(path), 1):
            yield of_entry(entry, f"{label} #{number}")
    except DosmithError:
        yield _refused(label, str(path), "is a zip archive without a JSON list of crystals, or damaged; unpack it")


def _of_json(content: bytes, label: str) -> Iterator[Item]:
    """Crystals of a list, of one object that holds a list, of JSON lines, or one crystal."""
    found = _till_damaged(values(io.BytesIO(content)))
    first = list(itertools.islice(found, 2))
    if len(first) == 1 and isinstance(whole := first[0], Mapping):
        inside = (whole[name] for name in ("data", "entries", "materials", "structures") if isinstance(whole.get(name), list))
        first = next(inside, _by_id(whole) or first)
    strange = 0
    for number, entry in enumerate(itertools.chain(first, found), 1):
        named = label if len(first) == 1 else f"{label} #{number}"
        strange = 0 if isinstance(entry, Mapping) else strange + 1
        if isinstance(entry, ValueError) or strange > _STRANGE:
            why = str(entry)[:120] if isinstance(entry, ValueError) else f"{_STRANGE:,} things before are no crystals"
            yield _refused(named, _digest(content), f"is damaged{'' if number == 1 else ' from here on'}: {why}")
            return
        yield of_entry(entry, named)


def _by_id(whole: Mapping[str, Any]) -> list[Any]:
    """The crystals of an object that has them by their ids, as ASE's JSON databases and many dictionaries do; none where it is another one."""
    crystals = {name: each for name, each in whole.items() if isinstance(each, Mapping) and _CRYSTALS & set(each)}
    if _CRYSTALS & set(whole) or len(crystals) < len(whole) - len(_ASE_FACTS & set(whole)):
        return []
    return [{"id": name, **each} for name, each in crystals.items()]


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
    if set(entry) >= _ASE_ROW:
        return _item(key, label, lambda: _of_json_row(entry), said | dict(entry.get("key_value_pairs") or {}))
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
    facts = {"above_hull": float(hull)} if isinstance(hull, int | float) and abs(hull) < _HIGHEST else {}
    return Item(key, label, read, identifier, source=source, facts=facts)


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
        raise FileFormatError(_charged(charge))
    species = [{str(each["element"]): float(each["occu"]) for each in site["species"]} for site in plain["sites"]]
    return Structure(plain["lattice"]["matrix"], species, [site["abc"] for site in plain["sites"]])


def _jarvis(atoms: Mapping[str, Any]) -> Structure:
    from pymatgen.core.structure import Structure

    species = [str(symbol).strip() for symbol in atoms["elements"]]
    return Structure(atoms["lattice_mat"], species, atoms["coords"], coords_are_cartesian=bool(atoms.get("cartesian")))


def _optimade(attributes: Mapping[str, Any]) -> Structure:
    from pymatgen.core.structure import Structure

    if not attributes.get("lattice_vectors") or not attributes.get("species_at_sites"):
        raise FileFormatError("is no crystal: the provider tells no lattice or no places of its atoms")
    kinds = {
        str(each["name"]): {
            str(symbol): float(share)
            for symbol, share in zip(each["chemical_symbols"], each.get("concentration") or [1.0], strict=True)
        }
        for each in attributes.get("species") or ()
    }
    species = [kinds.get(name, {name: 1.0}) for name in attributes["species_at_sites"]]
    if any({"vacancy", "X"} & set(shares) for shares in species):
        raise FileFormatError(DISORDERED)
    return Structure(attributes["lattice_vectors"], species, attributes["cartesian_site_positions"], coords_are_cartesian=True)


_OPEN = "is no crystal: it is not periodic in three directions"
_CRYSTALS = {"structure", "lattice", "atoms", "attributes", "cif", "numbers"}
"""Keys by one of which an object is known to be a crystal."""
_ASE_ROW, _ASE_FACTS = {"numbers", "cell", "positions"}, {"ids", "nextid"}


def _charged(charge: float) -> str:
    return f"carries a charge of {charge:+g}; crystals are neutral"


def crystal_of(item: Item) -> Structure:
    """The primitive cell of an item's crystal, charges and other properties left out; deuterium is hydrogen.

    Raises:
        DosmithError: it cannot be read, is disordered or charged, or larger than `LARGEST`; what is wrong, without the item's label.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            read = item.read()
            if len(read) > _FAR_TOO_LARGE:
                raise FileFormatError(_too_large(len(read)))
            cell = plain_cell(read)
    except DosmithError:
        raise
    except Exception as error:  # pymatgen's readers raise whatever their parsers do
        raise FileFormatError(f"is no crystal that can be read ({type(error).__name__}: {str(error)[:100]})") from None
    if len(cell) > LARGEST:
        raise FileFormatError(_too_large(len(cell)))
    return cell


def _too_large(count: int) -> str:
    return f"has {count} atoms in its primitive cell; cells of up to {LARGEST} are taken, larger ones take too long to predict"
