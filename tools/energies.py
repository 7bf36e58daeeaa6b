"""Energies by SevenNet-0 of the crystals in a list, beside it: python tools/energies.py LIST ENERGIES [--workers N]     (needs `pip install sevenn`)

LIST is a survey or a list that `dosmith data generate` made; ENERGIES (Parquet) gets its crystals' energies, eV/atom, in its order, NaN where the
potential does not know an element. What is there already stays, so that it goes on where it stopped, and a list that was made longer goes on too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dosmith import processes
from dosmith.atomic import replacing
from dosmith.crystals.sevennet import NAME, SevenNet
from dosmith.crystals.survey import read_survey
from dosmith.crystals.surveyed import Surveyed

TOGETHER = 256
"""Crystals that a process has at once, and that are kept together."""


@lru_cache(maxsize=1)
def potential() -> SevenNet:
    """One for each process."""
    import torch

    torch.set_num_threads(1)
    return SevenNet()


def energies(crystals: Sequence[Surveyed]) -> list[float | None]:
    """A function of a module, so that it travels to other processes."""
    return potential().energies([each.structure for each in crystals])


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("energies", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    crystals = read_survey(given.list)
    found = pq.read_table(given.energies)["energy"].to_pylist() if given.energies.is_file() else []
    parts = iter([crystals[start : start + TOGETHER] for start in range(len(found), len(crystals), TOGETHER)])
    with processes.side_by_side(given.workers) as pool:
        while some := list(islice(parts, 4 * given.workers)):
            for each in map(energies, some) if pool is None else pool.map(energies, some):
                found += each
            table = pa.table({"energy": pa.array(found, pa.float32())}, metadata={"potential": NAME})
            with replacing(given.energies) as file:
                pq.write_table(table, file, compression="zstd")
            print(f"{len(found):,} of {len(crystals):,}", flush=True)


if __name__ == "__main__":
    main()
