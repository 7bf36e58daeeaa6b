"""A plan: the crystals that a campaign computes, in order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith import formulas, symmetry
from dosmith.atomic import replacing
from dosmith.crystals.molecules import MOMENTS
from dosmith.crystals.prototypes import PROTOTYPES, crystal_id
from dosmith.crystals.recognise import recognise
from dosmith.dft.engine import is_magnetic
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.library.stability import MOLECULE

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

_LATER = ("moments", "purpose", "sevennet_formation_energy")
"""Columns that plans of before lack."""

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("prototype", pa.string()),
        ("species", pa.list_(pa.string())),
        ("lattice", pa.list_(pa.float64())),  # Angstrom, rows, 9 numbers
        ("frac_coords", pa.list_(pa.float64())),
        ("potential_energy", pa.float64()),  # eV/atom
        ("potential_formation_energy", pa.float64()),  # eV/atom
        ("volume_from", pa.string()),
        ("moments", pa.list_(pa.float64())),  # unpaired electrons of each site at the start; null where usual
        ("purpose", pa.string()),
        ("sevennet_formation_energy", pa.float64()),  # eV/atom
    ]
)


@dataclass(frozen=True, eq=False)
class Entry:
    """One crystal to compute.

    Attributes:
        prototype: Strukturbericht symbol, AFLOW label, or `molecule`.
        species: element of each site.
        lattice: vectors as rows, Angstrom, shape (3, 3).
        frac_coords: shape (sites, 3).
        potential_energy: CHGNet, eV/atom; None when unknown.
        potential_formation_energy: against the elements in the same potential, eV/atom; None when unknown.
        volume_from: how the volume was found.
        moments: unpaired electrons of each atom at the start, of either sign; None where they are those usual for its element.
        purpose: why it is in the plan.
        sevennet_formation_energy: in SevenNet, eV/atom; None when unknown.
    """

    prototype: str
    species: tuple[str, ...]
    lattice: FloatArray
    frac_coords: FloatArray
    potential_energy: float | None = None
    potential_formation_energy: float | None = None
    volume_from: str = ""
    moments: tuple[float, ...] | None = None
    purpose: str = ""
    sevennet_formation_energy: float | None = None

    @classmethod
    def of(cls, structure: Structure, prototype: str | None = None, **facts: Any) -> Entry:
        """A crystal, named after its prototype, or its AFLOW label where that has no name.

        Args:
            structure: primitive; `magmom` on its sites gives the moments.
            prototype: its name, where it is known.
            facts: other attributes.
        """
        species = tuple(site.specie.symbol for site in structure)
        lattice, places = np.array(structure.lattice.matrix), np.array(structure.frac_coords)
        moments = structure.site_properties.get("magmom")
        return cls(
            prototype or prototype_of(structure),
            species,
            lattice,
            places,
            moments=None if moments is None else tuple(float(moment) for moment in moments),
            **facts,
        )

    @property
    def composition(self) -> formulas.Composition:
        """Reduced."""
        return formulas.reduce((symbol, 1) for symbol in self.species)

    @property
    def id(self) -> str:
        """Formula and prototype: `Pt3Ni-L1_2`."""
        return crystal_id(self.composition, self.prototype)

    @property
    def crystal_system(self) -> str | None:
        """The crystal system of the prototype, else that of its symmetry; None for a molecule."""
        if self.prototype == MOLECULE:
            return None
        if self.prototype in PROTOTYPES:
            return PROTOTYPES[self.prototype].crystal_system
        found = recognise(self.lattice, self.species, self.frac_coords)
        return None if found is None else found.crystal_system

    @property
    def spin(self) -> bool:
        """Whether it is computed spin-polarised."""
        return is_magnetic(self.species) or any(self.moments or ())

    @property
    def structure(self) -> Structure:
        """The crystal."""
        from pymatgen.core.structure import Structure

        moments = None if self.moments is None else {"magmom": list(self.moments)}
        return Structure(self.lattice, list(self.species), self.frac_coords, site_properties=moments)


def prototype_of(structure: Structure) -> str:
    """The name of a crystal's prototype, or the AFLOW label of its space group and Wyckoff positions."""
    from pymatgen.analysis.prototypes import get_prototype_from_protostructure

    found = recognise(np.array(structure.lattice.matrix), [site.specie.symbol for site in structure], structure.frac_coords)
    if found is not None and found.prototype is not None:
        return found.prototype
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        name = str(get_prototype_from_protostructure(symmetry.aflow_label(structure)))
    return re.sub(r"_hR(\d+)_", lambda found: f"_hR{int(found[1]) // 3}_", name)  # AFLOW counts the primitive cell's atoms


def write_plan(entries: Iterable[Entry], path: str | Path) -> None:
    """Save a plan; an entry whose id came before is left out."""
    unique: dict[str, Entry] = {}
    for entry in entries:
        unique.setdefault(entry.id, entry)
    rows = [
        {
            "id": entry.id,
            "prototype": entry.prototype,
            "species": list(entry.species),
            "lattice": np.asarray(entry.lattice).ravel().tolist(),
            "frac_coords": np.asarray(entry.frac_coords).ravel().tolist(),
            "potential_energy": entry.potential_energy,
            "potential_formation_energy": entry.potential_formation_energy,
            "volume_from": entry.volume_from,
            "moments": None if entry.moments is None else list(entry.moments),
            "purpose": entry.purpose,
            "sevennet_formation_energy": entry.sevennet_formation_energy,
        }
        for entry in unique.values()
    ]
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), file, compression="zstd", compression_level=9)


def read_plan(path: str | Path) -> list[Entry]:
    """The entries of a plan in order.

    Raises:
        NotFoundError: there is no such file.
        FileFormatError: it is not a plan.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"there is no plan {path}")
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            names = [name for name in _SCHEMA.names if name not in _LATER or name in file.schema_arrow.names]
            rows = file.read(names, use_threads=False).to_pylist()
        return list(_entries(rows))
    except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
        raise FileFormatError(f"{path} is not a plan of crystals to compute ({error})") from None


def _entries(rows: Sequence[dict[str, Any]]) -> Iterator[Entry]:
    for row in rows:
        plain = ("prototype", "potential_energy", "potential_formation_energy", "volume_from")
        species, moments = tuple(row["species"]), row.get("moments")
        if moments is None and row["prototype"] == MOLECULE and species[0] in MOMENTS:  # plans of before do not say
            moments = [MOMENTS[symbol] for symbol in species]
        entry = Entry(
            species=species,
            lattice=np.array(row["lattice"]).reshape(3, 3),
            frac_coords=np.array(row["frac_coords"]).reshape(-1, 3),
            moments=None if moments is None else tuple(map(float, moments)),
            purpose=str(row.get("purpose") or ""),
            sevennet_formation_energy=row.get("sevennet_formation_energy"),
            **{name: row[name] for name in plain},
        )
        if not entry.prototype:
            raise ValueError(f"{entry.species} has no prototype")
        if len(entry.frac_coords) != len(entry.species) or len(entry.moments or species) != len(species):
            raise ValueError(
                f"{len(entry.species)} atoms, {len(entry.frac_coords)} places and {len(entry.moments or species)} moments"
            )
        yield entry
