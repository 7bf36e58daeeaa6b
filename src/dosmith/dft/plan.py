"""A plan: the crystals that a campaign computes, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing
from dosmith.crystals.molecules import MOMENTS
from dosmith.crystals.prototypes import PROTOTYPES, crystal_id
from dosmith.dft.engine import is_magnetic
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.library.stability import MOLECULE

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

FloatArray = NDArray[np.float64]

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
    ]
)


@dataclass(frozen=True, eq=False)
class Entry:
    """One crystal to compute.

    Attributes:
        prototype: Strukturbericht symbol, or `molecule`.
        species: element of each site.
        lattice: vectors as rows, Angstrom, shape (3, 3).
        frac_coords: shape (sites, 3).
        potential_energy: CHGNet, eV/atom; None when unknown.
        potential_formation_energy: against the elements in the same potential, eV/atom; None when unknown.
        volume_from: how the volume was found.
    """

    prototype: str
    species: tuple[str, ...]
    lattice: FloatArray
    frac_coords: FloatArray
    potential_energy: float | None = None
    potential_formation_energy: float | None = None
    volume_from: str = ""

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
        """Of the prototype; None for a molecule, or where the prototype has no name."""
        return PROTOTYPES[self.prototype].crystal_system if self.prototype in PROTOTYPES else None

    @property
    def moments(self) -> list[int] | None:
        """Unpaired electrons of each atom at the start, where they are not those usual for its element."""
        if self.prototype != MOLECULE or self.species[0] not in MOMENTS:
            return None
        return [MOMENTS[symbol] for symbol in self.species]

    @property
    def spin(self) -> bool:
        """Whether it is computed spin-polarised."""
        return is_magnetic(self.species) or self.moments is not None

    @property
    def structure(self) -> Structure:
        """The crystal."""
        from pymatgen.core.structure import Structure

        moments = None if self.moments is None else {"magmom": self.moments}
        return Structure(self.lattice, list(self.species), self.frac_coords, site_properties=moments)


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
            rows = file.read(_SCHEMA.names, use_threads=False).to_pylist()
        return list(_entries(rows))
    except (pa.ArrowException, KeyError, ValueError, TypeError, OSError) as error:
        raise FileFormatError(f"{path} is not a plan of crystals to compute ({error})") from None


def _entries(rows: Sequence[dict[str, object]]) -> Iterator[Entry]:
    for row in rows:
        values = {name: row[name] for name in _SCHEMA.names if name not in ("id", "lattice", "frac_coords", "species")}
        entry = Entry(
            species=tuple(row["species"]),  # type: ignore[arg-type]
            lattice=np.array(row["lattice"]).reshape(3, 3),
            frac_coords=np.array(row["frac_coords"]).reshape(-1, 3),
            **values,  # type: ignore[arg-type]
        )
        if entry.prototype not in PROTOTYPES and entry.prototype != MOLECULE:
            raise ValueError(f"no prototype {entry.prototype}")
        if len(entry.frac_coords) != len(entry.species):
            raise ValueError(f"{len(entry.species)} atoms and {len(entry.frac_coords)} places")
        yield entry
