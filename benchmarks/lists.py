"""Lists of crystals and atlases that the fuzzers start from, and what reads them."""

from __future__ import annotations

import functools
import gzip
import io
import json
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from written import Named, materials

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from atlas_samples import RECIPE, jarvis_entry, make_crystals, optimade_entry, peaks
from dosmith import symmetry
from dosmith.atlas import Atlas
from dosmith.atlas.adding import Addition, Record
from dosmith.atlas.reading import crystal_of, items
from dosmith.atlas.search import search
from dosmith.errors import DosmithError
from dosmith.spectra.code import Basis

SOUND = 20
"""Crystals of the atlas."""


def crystal_lists() -> list[Named]:
    """Every kind of list that `dosmith atlas add` reads."""
    crystals = [each.structure for each in materials() if each.structure is not None]
    summaries = [
        {"material_id": f"mp-{number}", "structure": each.as_dict(), "energy_above_hull": 0.1}
        for number, each in enumerate(crystals)
    ]
    jarvis = json.dumps([jarvis_entry(each, f"JVASP-{number}") for number, each in enumerate(crystals)])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.json", jarvis)
    return [
        ("mp.json", json.dumps(summaries).encode()),
        ("lines.jsonl", "".join(json.dumps(each) + "\n" for each in summaries).encode()),
        ("b.json.gz", gzip.compress(json.dumps(crystals[0].as_dict()).encode())),
        ("jarvis.json", jarvis.encode()),
        ("jarvis.json.zip", packed.getvalue()),
        ("optimade.json", json.dumps({"data": [optimade_entry(each, "cod-1") for each in crystals]}).encode()),
        ("two.cif", "\n".join(map(symmetry.cif, crystals)).encode()),
        ("frames.extxyz", b"".join(_frame(each) for each in crystals)),
        ("POSCAR", str(crystals[0].to(fmt="poscar")).encode()),
        *_made_by_programs(crystals),
    ]


def _frame(crystal: object) -> bytes:
    from ase.io import write
    from pymatgen.io.ase import AseAtomsAdaptor

    text = io.StringIO()
    write(text, AseAtomsAdaptor.get_atoms(crystal, msonable=False), format="extxyz")
    return text.getvalue().encode()


def _made_by_programs(crystals: list[object]) -> list[Named]:
    """An ASE database, and a list as `dosmith data generate` writes it."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from ase.db import connect
    from pymatgen.io.ase import AseAtomsAdaptor

    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "a.db"
        for number, each in enumerate(crystals):
            connect(database).write(AseAtomsAdaptor.get_atoms(each, msonable=False), material_id=f"mp-{number}a")
        rows = {
            "prototype": ["B1", "L1_2", "A_cF4_225_a"],
            "elements": [["Na", "Cl"], ["Pt", "Ni"], ["Cu"]],
            "volume": [22.0, 14.0, 12.0],
            "stretch": [1.0, 1.0, None],
        }
        pq.write_table(pa.table(rows), Path(folder) / "list.parquet")
        return [(path.name, path.read_bytes()) for path in sorted(Path(folder).iterdir())]


def read_list(path: Path) -> int:
    """The crystals of a list, as many as can be read; its first complaint where none can."""
    refused: list[DosmithError] = []
    read = 0
    for item in items([path]):
        try:
            crystal_of(item)
            read += 1
        except DosmithError as error:
            refused.append(error)
    if refused and not read:
        raise refused[0]
    return read


@functools.cache
def atlas_files() -> list[Named]:
    """The files of a sound atlas, its record among them."""
    with tempfile.TemporaryDirectory() as folder:
        basis = Basis.of(peaks(np.random.default_rng(0), 200), RECIPE)
        made = Atlas.at(Path(folder) / "atlas", "fuzzed", lambda: basis)
        made.add(make_crystals(SOUND))
        Record(made.folder).write([Addition(f"key {n}", f"file #{n}", "added", f"mp-{n}") for n in range(SOUND)])
        assert len(made.index) == SOUND
        return [
            (path.name, path.read_bytes()) for path in sorted(made.folder.iterdir()) if path.is_file() and path.stat().st_size
        ]


def read_atlas(path: Path) -> object:
    """An atlas of which one file is not what it was: all that a search and an addition read of it."""
    for name, content in atlas_files():
        if name != path.name:
            (path.parent / name).write_bytes(content)
    opened = Atlas(path.parent)
    target = peaks(np.random.default_rng(1), 1)[0]
    found = search(opened.index, opened.basis, target, 5)
    return opened.facts(found.rows), opened.crystals(found.rows), list(opened), Record(opened.folder).aliases(), opened.summary()
