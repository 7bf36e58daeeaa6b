from __future__ import annotations

import bz2
import gzip
import io
import json
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymatgen.core.structure import Structure

from atlas_samples import jarvis_entry, optimade_entry
from dosmith import symmetry
from dosmith.atlas.reading import LARGEST, crystal_of, items
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import DosmithError, NotFoundError

ROCK_SALT = PROTOTYPES["B1"].structure(("Na", "Cl"), 22.0)
ALLOY = PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 14.0)


def crystals(folder):
    """Label -> crystal or complaint, and id, of all items of a folder or file."""
    found = {}
    for item in items([folder]):
        try:
            found[item.label] = (crystal_of(item), item.id, item.source)
        except DosmithError as error:
            found[item.label] = (str(error), item.id, item.source)
    return found


def write_all(folder):
    (folder / "mp-22862.cif").write_text(symmetry.cif(ROCK_SALT))
    (folder / "two.cif").write_text(symmetry.cif(ROCK_SALT) + "\n" + symmetry.cif(ALLOY).replace("data_", "data_JVASP-7_"))
    (folder / "POSCAR").write_text(ROCK_SALT.to(fmt="poscar"))
    (folder / "b.json.gz").write_bytes(gzip.compress(json.dumps(ALLOY.as_dict()).encode()))
    summaries = [{"material_id": "mp-9", "structure": ALLOY.as_dict(), "energy_above_hull": 0.1}, {"material_id": "mp-8"}]
    (folder / "mp.json").write_text(json.dumps(summaries))
    (folder / "lines.jsonl").write_text("".join(json.dumps(each) + "\n" for each in summaries))
    (folder / "jarvis.json").write_text(json.dumps([jarvis_entry(ALLOY, "JVASP-1002")]))
    with zipfile.ZipFile(folder / "jarvis.json.zip", "w") as archive:
        archive.writestr("a.json", json.dumps([jarvis_entry(ROCK_SALT, "JVASP-3")]))
    (folder / "optimade.json").write_text(json.dumps({"data": [optimade_entry(ROCK_SALT, "cod-1")]}))
    (folder / "by-id.json").write_text(json.dumps({"mp-4": ALLOY.as_dict(), "mp-5": {"structure": ROCK_SALT.as_dict()}}))
    for name in ("one", "two"):
        (folder / name).mkdir()
        (folder / name / "POSCAR").write_text(ROCK_SALT.to(fmt="poscar"))
    (folder / "mp-6").mkdir()
    (folder / "mp-6" / "CONTCAR").write_text(ALLOY.to(fmt="poscar"))
    (folder / "comp-12.cif").write_text(symmetry.cif(ALLOY))


def test_every_format_gives_its_crystal_and_id(tmp_path):
    write_all(tmp_path)
    found = crystals(tmp_path)
    expected = {
        "mp-22862.cif": (ROCK_SALT, "mp-22862", "materials-project"),
        "two.cif #1": (ROCK_SALT, None, "file"),
        "two.cif #2": (ALLOY, "JVASP-7", "jarvis"),
        "POSCAR": (ROCK_SALT, None, "file"),
        "b.json.gz": (ALLOY, None, "file"),
        "mp.json #1": (ALLOY, "mp-9", "materials-project"),
        "lines.jsonl #1": (ALLOY, "mp-9", "materials-project"),
        "jarvis.json": (ALLOY, "JVASP-1002", "jarvis"),
        "jarvis.json.zip #1": (ROCK_SALT, "JVASP-3", "jarvis"),
        "optimade.json": (ROCK_SALT, "cod-1", "optimade"),
        "by-id.json #1": (ALLOY, "mp-4", "materials-project"),
        "by-id.json #2": (ROCK_SALT, "mp-5", "materials-project"),
        "one/POSCAR": (ROCK_SALT, None, "file"),  # each is named so that it can be found
        "two/POSCAR": (ROCK_SALT, None, "file"),
        "mp-6/CONTCAR": (ALLOY, "mp-6", "materials-project"),
        "comp-12.cif": (ALLOY, None, "file"),
    }
    for label, (structure, identifier, source) in expected.items():
        crystal, *facts = found.pop(label)
        assert isinstance(crystal, Structure), (label, crystal)
        assert crystal.matches(structure) and facts == [identifier, source], label
    assert {label: text for label, (text, *_) in found.items()} == {
        "mp.json #2": "is no crystal: it has neither structure nor lattice and sites",
        "lines.jsonl #2": "is no crystal: it has neither structure nor lattice and sites",
    }


def test_the_key_of_a_crystal_is_that_of_its_content(tmp_path):
    write_all(tmp_path)
    keys = [item.key for item in items([tmp_path])]
    assert keys == [item.key for item in items([tmp_path])]
    (tmp_path / "POSCAR").rename(tmp_path / "other.vasp")
    assert set(keys) == {item.key for item in items([tmp_path])}
    by_label = {item.label: item for item in items([tmp_path])}
    assert by_label["mp.json #1"].key == by_label["lines.jsonl #1"].key
    assert by_label["mp.json #1"].facts == {"above_hull": 0.1}


def test_extended_xyz_and_ase_databases(tmp_path):
    db = pytest.importorskip("ase.db")
    from ase import Atoms
    from ase.io import write

    made = [
        Atoms(
            [site.specie.symbol for site in each],
            cell=each.lattice.matrix,
            scaled_positions=each.frac_coords,
            pbc=True,
            info={"material_id": name},
        )
        for each, name in ((ROCK_SALT, "mp-1"), (ALLOY, "mp-2"))
    ]
    write(tmp_path / "all.extxyz", [*made, Atoms("H2", positions=[[0, 0, 0], [0, 0, 1]])])
    for name in ("all.db", "all.json"):
        with db.connect(tmp_path / name) as database:
            for each in made:
                database.write(each, mp_id=each.info["material_id"])
    charged = made[0].copy()
    charged.info["charge"] = 2
    write(tmp_path / "charged.extxyz", charged)
    write(tmp_path / "plain.xyz", made[0], format="xyz")
    found = crystals(tmp_path)
    assert found["charged.extxyz #1"][0] == "carries a charge of +2; crystals are neutral"
    assert "holds no lattice; write extended XYZ" in found["plain.xyz"][0]
    for label in ("all.db #{}", "all.json #{}", "all.extxyz #{}"):
        for number, structure in ((1, ROCK_SALT), (2, ALLOY)):
            crystal, identifier, _ = found[label.format(number)]
            assert crystal.matches(structure) and identifier == f"mp-{number}"
    assert "is no crystal" in found["all.extxyz #3"][0]


def test_standard_input_is_read_by_its_content(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(symmetry.cif(ALLOY).encode())))
    (item,) = items(["-"])
    assert crystal_of(item).matches(ALLOY)


REFUSED = {
    "is disordered": {"Na": 0.5, "K": 0.5},
    "is disordered: a site is shared by several elements or partly empty": {"Na": 0.7},
}


@pytest.mark.parametrize(("message", "site"), REFUSED.items())
def test_disorder_is_refused(tmp_path, message, site):
    structure = Structure(ROCK_SALT.lattice, [site, "Cl"], ROCK_SALT.frac_coords)
    (tmp_path / "a.cif").write_text(symmetry.cif(structure))
    (tmp_path / "a.json").write_text(json.dumps(structure.as_dict()))
    for text, *_ in crystals(tmp_path).values():
        assert message in text and "\n" not in text


def test_charges_of_ions_are_left_out_and_those_of_cells_refused(tmp_path):
    ions = ROCK_SALT.copy().add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    (tmp_path / "ions.json").write_text(json.dumps(ions.as_dict()))
    (tmp_path / "charged.json").write_text(json.dumps(ROCK_SALT.as_dict() | {"charge": 1}))
    found = crystals(tmp_path)
    assert [site.specie.symbol for site in found["ions.json"][0]] == ["Na", "Cl"]
    assert found["charged.json"][0] == "carries a charge of +1; crystals are neutral"


def test_a_site_that_is_full_but_for_rounding_is_full(tmp_path):
    for share, fine in ((0.9995, True), (0.99, False)):
        structure = Structure(ROCK_SALT.lattice, [{"Na": share}, "Cl"], ROCK_SALT.frac_coords)
        (tmp_path / "a.json").write_text(json.dumps(structure.as_dict()))
        found, *_ = crystals(tmp_path)["a.json"]
        assert found.matches(ROCK_SALT) if fine else "is disordered" in found


def test_atoms_in_one_place_are_refused(tmp_path):
    doubled = Structure(ROCK_SALT.lattice, ["Na", "Cl", "Cl"], [*ROCK_SALT.frac_coords, [0.501, 0.5, 0.5]])
    (tmp_path / "a.json").write_text(json.dumps(doubled.as_dict()))
    assert "has two atoms 0.00 Angstrom apart" in crystals(tmp_path)["a.json"][0]


def test_deuterium_is_hydrogen(tmp_path):
    lithium = PROTOTYPES["B1"].structure(("Li", "H"), 8.5)
    (tmp_path / "a.cif").write_text(symmetry.cif(lithium).replace("  H  H", "  D  D"))
    (tmp_path / "b.json").write_text(json.dumps(lithium.as_dict()).replace('"H"', '"D"'))
    for found, *_ in crystals(tmp_path).values():
        assert found.matches(lithium)


def test_large_cells_are_refused_with_their_size_and_supercells_reduced(tmp_path):
    places = np.stack(np.unravel_index(np.arange(62), (4, 4, 4)), axis=1) / 4 + np.random.default_rng(0).random((62, 3)) / 20
    large = Structure(np.eye(3) * 12, ["Na"] * 62, places)
    (tmp_path / "large.json").write_text(json.dumps(large.as_dict()))
    (tmp_path / "super.json").write_text(json.dumps((ROCK_SALT * (4, 4, 4)).as_dict()))
    found = crystals(tmp_path)
    assert found["large.json"][0].startswith(f"has 62 atoms in its primitive cell; cells of up to {LARGEST}")
    assert len(found["super.json"][0]) == 2


BROKEN = {
    "empty.cif": b"",
    "half.cif": symmetry.cif(ALLOY).encode()[:300],
    "words.json": b"[1, 2, {}",
    "list.json": b'[1, "a", null]',
    "nan.json": json.dumps(ALLOY.as_dict()).replace("3.8258", "NaN, ").encode(),
    "deep.json": b"[" * 100_000,
    "poscar": b"no crystal\n",
    "a.extxyz": b'2\nLattice="1 0 0 0 1 0 0 0 1"\nNa 0 0 0\n',
    "back.extxyz": b'-2\nLattice="1 0 0 0 1 0 0 0 1"\nNa 0 0 0\n',
    "many.extxyz": b'1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:1000000000000\nNa 0 0 0\n',
    "b.db": b"SQLite format 3\x00 and nothing",
    "c.json.zip": b"PK\x03\x04 and nothing",
    "d.json.gz": b"\x1f\x8b and nothing",
    "e.cif": bytes(range(256)) * 20,
    "f.cif.bz2": bz2.compress(symmetry.cif(ALLOY).encode()),
    "g.cif.zip": b"PK\x03\x04 and nothing",
}


@pytest.mark.parametrize(
    ("stated", "facts"), [(0.1, {"above_hull": 0.1}), (10**400, {}), (float("nan"), {}), (-(10**9), {}), ("0.1", {})]
)
def test_a_height_that_is_none_is_left_out(tmp_path, stated, facts):
    entry = {"material_id": "mp-9", "structure": ALLOY.as_dict(), "energy_above_hull": stated}
    (tmp_path / "mp.json").write_text(json.dumps([entry]))
    (found,) = items([tmp_path / "mp.json"])
    assert found.facts == facts


def test_a_list_with_a_damaged_text_is_one_line(tmp_path):
    columns = {"prototype": pa.array(["B1"]), "elements": pa.array([["Na", "Cl"]]), "volume": [22.0], "stretch": [1.0]}
    pq.write_table(pa.table(columns), tmp_path / "list.parquet", compression="none")
    content = (tmp_path / "list.parquet").read_bytes()
    assert content.count(b"\x02\x00\x00\x00Na") >= 1
    (tmp_path / "list.parquet").write_bytes(content.replace(b"\x02\x00\x00\x00Na", b"\x02\x00\x00\x00N\xe9"))
    ((label, (text, *_)),) = crystals(tmp_path).items()
    assert label == "list.parquet" and text.startswith("is no list of crystals ('utf-8' codec can't decode")


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(BROKEN[name])
    (tmp_path / "good.cif").write_text(symmetry.cif(ALLOY))
    found = crystals(tmp_path)
    assert found.pop("good.cif")[0].matches(ALLOY)
    for label, (text, *_) in found.items():
        assert label.startswith(name) and isinstance(text, str) and "\n" not in text and len(text) < 300


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="no file"):
        list(items([tmp_path / "nothing.cif"]))
    with pytest.raises(NotFoundError, match="no structure file"):
        list(items([tmp_path]))
