"""The likely part of a long list of crystals: python tools/shorten_list.py LONG SHIPPED

LONG is a list that `dosmith data generate` made. Of what SHIPPED (data/survey/expected.parquet) lacks, those crystals are appended to it that have at most `ATOMS`
atoms and, by SevenNet's energies, lie at most `HIGHEST` above the hull of both lists and the open DOS set. Energies that LONG lacks are not computed
here: the first run writes what has few enough atoms to LONG.small.parquet, of which `python tools/energies.py` computes them, and the second goes on with that.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dosmith.atomic import replacing
from dosmith.crystals.hull import potential_hull
from dosmith.crystals.kinds import kind_of
from dosmith.crystals.survey import SurveyedCrystals, SurveyIndex
from dosmith.crystals.surveyed import SurveyedRows
from dosmith.designer import open_dos_set
from dosmith.library.stability import FORMATION, SEVENNET

ATOMS, HIGHEST = 12, 0.1
"""In the primitive cell, and eV/atom."""
ENERGY = FORMATION[SEVENNET]


def keys(table: pa.Table) -> list[tuple[str, tuple[str, ...]]]:
    """Prototype and elements of each crystal."""
    return [(name, tuple(each)) for name, each in zip(table["prototype"].to_pylist(), table["elements"].to_pylist(), strict=True)]


def write(table: pa.Table, path: Path) -> None:
    """Whole or not at all."""
    with replacing(path) as file:
        pq.write_table(table, file, compression="zstd", compression_level=15)


def small(long: pa.Table, shipped: pa.Table) -> pa.Table:
    """What the shipped list lacks and has few enough atoms."""
    have = set(keys(shipped))
    wanted = [key not in have and sum(kind_of(key[0]).counts) <= ATOMS for key in keys(long)]
    return long.filter(pa.array(wanted))


def likely(more: pa.Table, shipped: pa.Table) -> pa.Table:
    """Both lists, of the first only what lies low."""
    whole = pa.concat_tables([shipped, more.select(shipped.schema.names).cast(shipped.schema)])
    rows = SurveyedRows.from_table(whole)
    hull = potential_hull(SurveyIndex(SurveyedCrystals(rows)), open_dos_set())
    new = rows[len(shipped) :]
    above = map(hull.above, new.compositions, new.formation_energies.tolist())
    low = np.array([height is not None and height <= HIGHEST for height in above])
    return pa.concat_tables([shipped, whole.slice(len(shipped)).filter(pa.array(low))])


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("long", type=Path)
    parser.add_argument("shipped", type=Path)
    given = parser.parse_args()
    shipped, beside = pq.read_table(given.shipped), given.long.with_suffix(".small.parquet")
    if not beside.is_file():
        more = small(pq.read_table(given.long), shipped)
        write(more, beside)
        print(f"{len(more):,} crystals in {beside}; compute their energies: python tools/energies.py {beside}")
        return
    more = pq.read_table(beside)
    if ENERGY not in more.column_names:
        raise SystemExit(f"{beside} has no energies; compute them: python tools/energies.py {beside}")
    found = likely(more.filter(more[ENERGY].is_valid()), shipped)
    write(found.replace_schema_metadata(shipped.schema.metadata), given.shipped)
    print(f"{len(found) - len(shipped):,} of {len(more):,} crystals appended to the {len(shipped):,} of {given.shipped}")


if __name__ == "__main__":
    main()
