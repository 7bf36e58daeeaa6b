"""Formation energies by SevenNet-0, which are better than CHGNet's (docs/potentials.md). Needs `pip install sevenn`.

    python tools/energies.py [--workers N]         of the open DOS set's crystals, into data/campaign/sevennet.parquet, which its build reads
    python tools/energies.py LIST [--workers N]    of the crystals of a list that `dosmith data generate` made, as one more column of it

Elements are in the crystal of the open DOS set that is lowest in the same potential. A list is written anew now and then, and what it has is not computed
again, so that it goes on where it stopped, and a list that was made longer too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dosmith import formulas, processes
from dosmith.atomic import replacing
from dosmith.crystals.potential import Potential
from dosmith.crystals.sevennet import NAME, SevenNet
from dosmith.crystals.survey import read_survey
from dosmith.crystals.surveyed import Surveyed
from dosmith.designer import open_dos_set
from dosmith.formulas import Composition
from dosmith.library.stability import FORMATION, formation_energy

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

TOGETHER = 256
"""Crystals that a process has at once, and that are kept together."""
OF_SET = Path(__file__).parents[1] / "data" / "campaign" / "sevennet.parquet"


@lru_cache(maxsize=1)
def potential() -> SevenNet:
    """One for each process."""
    import torch

    torch.set_num_threads(1)
    return SevenNet()


def energies(structures: Sequence[Structure]) -> list[float | None]:
    """A function of a module, so that it travels to other processes."""
    return potential().energies(structures)


def of_surveyed(crystals: Sequence[Surveyed]) -> list[float | None]:
    """The same of a part of a list."""
    return energies([each.structure for each in crystals])


def formation(
    compositions: Sequence[Composition], found: Sequence[float | None], elements: dict[str, float]
) -> list[float | None]:
    """eV/atom, None where the energy of the crystal or of an element is unknown."""
    return [
        None if energy is None else formation_energy(composition, energy, elements)
        for composition, energy in zip(compositions, found, strict=True)
    ]


def of_set(workers: int) -> None:
    """Those of the open DOS set, and of elements that it lacks, as CHGNet finds them lowest; energies beside them, since all is counted from elements'."""
    library = open_dos_set()
    crystals = {each.id: each.structure for each in library.materials(list(range(len(library)))) if each.structure is not None}
    held = {composition[0][0] for composition in library.compositions if len(composition) == 1}
    for symbol in sorted({symbol for composition in library.compositions for symbol, _ in composition} - held):
        crystals[f"{symbol}-lowest"] = Potential().reference(symbol).structure
    structures = list(crystals.values())
    parts = [structures[start : start + TOGETHER] for start in range(0, len(structures), TOGETHER)]
    with processes.side_by_side(workers) as pool:
        told = map(energies, parts) if pool is None else pool.map(energies, parts)
        found = [energy for part in told for energy in part]
    compositions = [formulas.reduce((site.specie.symbol, 1) for site in structure) for structure in structures]
    columns = {
        "id": list(crystals),
        "formula": [formulas.write(each) for each in compositions],
        "energy": found,
        FORMATION[NAME]: formation(compositions, found, lowest(compositions, found)),
    }
    with replacing(OF_SET) as file:
        pq.write_table(pa.table(columns, metadata={"potential": NAME}), file, compression="zstd")
    print(f"{len(crystals):,} crystals")


def lowest(compositions: Sequence[Composition], found: Sequence[float | None]) -> dict[str, float]:
    """eV/atom of the elements among some crystals, each in its lowest."""
    elements: dict[str, float] = {}
    for composition, energy in zip(compositions, found, strict=True):
        if len(composition) == 1 and energy is not None:
            elements[composition[0][0]] = min(energy, elements.get(composition[0][0], np.inf))
    return elements


def of_elements() -> dict[str, float]:
    """eV/atom of the elements that all formation energies are counted from."""
    kept = pq.read_table(OF_SET, columns=["formula", "energy"]).to_pydict()
    return lowest([formulas.parse(each) for each in kept["formula"]], kept["energy"])


def of_list(path: Path, workers: int) -> None:
    """Those that a list lacks."""
    column, table, crystals, elements = FORMATION[NAME], pq.read_table(path), read_survey(path), of_elements()
    told = table[column].to_pylist() if column in table.column_names else [None] * len(crystals)
    plain = table.drop_columns([column]) if column in table.column_names else table
    missing = [place for place, energy in enumerate(told) if energy is None]
    parts = iter([missing[start : start + TOGETHER] for start in range(0, len(missing), TOGETHER)])
    with processes.side_by_side(workers) as pool:
        while some := list(islice(parts, 16 * workers)):
            asked = [[crystals[place] for place in part] for part in some]
            for part, found in zip(some, map(of_surveyed, asked) if pool is None else pool.map(of_surveyed, asked), strict=True):
                formed = formation([crystals[place].composition for place in part], found, elements)
                for place, energy in zip(part, formed, strict=True):
                    told[place] = energy
            with replacing(path) as file:
                pq.write_table(plain.append_column(column, pa.array(told, pa.float32())), file, compression="zstd")
            print(f"{some[-1][-1] + 1:,} of {len(crystals):,}", flush=True)


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if given.list is None:
        of_set(given.workers)
    else:
        of_list(given.list, given.workers)


if __name__ == "__main__":
    main()
