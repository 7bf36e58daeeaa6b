from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from atlas_samples import RECIPE
from dask_worker import third_killed
from dosmith import formulas, symmetry
from dosmith.atlas import Atlas, Cell
from dosmith.atlas.adding import RECORD, Record, add, executor
from dosmith.atlas.expecting import Expectation, basis_for, expected, fingerprint, forward_model
from dosmith.atlas.reading import items
from dosmith.atlas.same import mark_of, same
from dosmith.crystals.prototypes import PROTOTYPES
from dosmith.errors import LibraryError, ModelError

SALTS = [(a, b) for a in ("Li", "Na", "K", "Rb", "Cs") for b in ("F", "Cl", "Br", "I")]


def stand_in(cells, model):
    """What is expected, at once: a peak whose place is the volume's; nothing of caesium iodide."""
    found = []
    for cell in cells:
        if set(cell.species) == {"Cs", "I"}:
            found.append("the atoms of CsI are too far apart")
            continue
        volume = abs(np.linalg.det(cell.lattice))
        curve = np.exp(-0.5 * ((RECIPE.grid.energies + 3 - volume % 5) / 0.5) ** 2)
        found.append(Expectation((curve / np.linalg.norm(curve)).astype(np.float32), 1.0, -3.0, -0.5))
    return found


@pytest.fixture
def salts(tmp_path):
    folder = tmp_path / "salts"
    folder.mkdir()
    for number, pair in enumerate(SALTS):
        structure = PROTOTYPES["B1"].structure(pair, 15.0 + number)
        (folder / f"{''.join(pair)}.cif").write_text(symmetry.cif(structure))
    return folder


@pytest.fixture
def atlas(tmp_path, basis):
    return Atlas.at(tmp_path / "atlas", "mine", lambda: basis)


def outcomes(additions):
    found: dict[str, int] = {}
    for each in additions:
        found[each.outcome] = found.get(each.outcome, 0) + 1
    return found


def test_crystals_are_added_once_and_what_was_not_is_named(atlas, salts):
    told = list(add(atlas, items([salts]), "dosmith", predict=stand_in, batch=6))
    assert outcomes(told) == {"added": 19, "skipped": 1}
    assert [each.reason for each in told if each.outcome == "skipped"] == ["the atoms of CsI are too far apart"]
    found = {crystal.formula: crystal for crystal in atlas}
    assert len(found) == len(atlas) == 19
    salt = found["NaCl"]
    assert (salt.prototype, salt.space_group, salt.origin, salt.gap, salt.source) == ("B1", 225, "NaCl.cif", 1.0, "file")
    assert salt.model == fingerprint(forward_model("dosmith"))
    again = list(add(Atlas(atlas.folder), items([salts]), "dosmith", predict=stand_in))
    assert outcomes(again) == {"there already": 19, "skipped": 1}
    assert len((atlas.folder / RECORD).read_text().splitlines()) == 20


def test_an_interruption_keeps_what_was_done_and_the_next_run_goes_on(atlas, salts):
    some = add(atlas, items([salts]), "dosmith", predict=stand_in, batch=4)
    for _ in range(9):
        next(some)
    some.close()
    assert 7 <= len(Atlas(atlas.folder)) <= 12
    (atlas.folder / RECORD).write_text("")  # killed between keeping and recording
    calls = []

    def counted(cells, model):
        calls.extend(cells)
        return stand_in(cells, model)

    before = len(Atlas(atlas.folder))
    told = list(add(Atlas(atlas.folder), items([salts]), "dosmith", predict=counted))
    assert outcomes(told) == {"there already": before, "added": 19 - before, "skipped": 1}
    assert len(calls) == 20 - before
    assert len(Atlas(atlas.folder)) == 19


def test_a_line_cut_off_by_a_kill_is_passed_over(atlas, salts):
    list(add(atlas, items([salts]), "dosmith", predict=stand_in))
    path = atlas.folder / RECORD
    path.write_text(path.read_text()[:-20])
    assert len(Record(atlas.folder).found) == 19
    assert outcomes(add(Atlas(atlas.folder), items([salts]), "dosmith", predict=stand_in)) == {"there already": 19, "skipped": 1}
    assert len(Record(atlas.folder).found) == 20


def test_a_line_of_brackets_without_end_is_passed_over(atlas, salts):
    list(add(atlas, items([salts]), "dosmith", predict=stand_in))
    path = atlas.folder / RECORD
    path.write_text("[" * 100_000 + "\n" + path.read_text())
    assert len(Record(atlas.folder).found) == 20


def test_what_was_removed_can_be_added_again(atlas, salts):
    list(add(atlas, items([salts]), "dosmith", predict=stand_in))
    atlas.remove([next(iter(atlas)).id])
    assert outcomes(add(atlas, items([salts]), "dosmith", predict=stand_in)) == {"there already": 18, "added": 1, "skipped": 1}


def test_batches_side_by_side_lose_and_double_nothing(atlas, salts):
    with ThreadPoolExecutor(3) as pool:
        told = list(add(atlas, items([salts]), "dosmith", pool, 3, predict=stand_in, batch=2))
    assert outcomes(told) == {"added": 19, "skipped": 1}
    assert len({crystal.id for crystal in atlas}) == 19


def test_the_same_crystal_from_elsewhere_is_recognised(atlas, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    salt = PROTOTYPES["B1"].structure(("Na", "Cl"), 22.0)
    other = PROTOTYPES["B1"].structure(("Na", "Cl"), 22.8) * (1, 2, 1)  # of another functional, in another cell
    high_pressure = PROTOTYPES["B2"].structure(("Na", "Cl"), 20.0)
    squeezed = PROTOTYPES["B1"].structure(("Na", "Cl"), 18.0)
    for name, structure in (("mp-1", salt), ("mp-2", other), ("mp-3", high_pressure), ("mp-4", squeezed)):
        (folder / f"{name}.json").write_text(json.dumps(structure.as_dict() | {"material_id": name}))
    told = {each.label: (each.outcome, each.id) for each in add(atlas, items([folder]), "dosmith", predict=stand_in)}
    assert told == {
        "mp-1.json": ("added", "mp-1"),
        "mp-2.json": ("the same as", "mp-1"),
        "mp-3.json": ("added", "mp-3"),
        "mp-4.json": ("added", "mp-4"),
    }
    assert Record(atlas.folder).aliases() == {"mp-2": "mp-1"}


def test_another_crystal_under_the_same_name_is_kept_under_a_name_of_its_own(atlas, tmp_path):
    for place, volume in (("mp-149.cif", 20.0), ("mp-149-strained.cif", 26.0), ("mp-149/POSCAR", 20.1)):
        path = tmp_path / "si" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        structure = PROTOTYPES["A4"].structure(("Si",), volume)
        path.write_text(symmetry.cif(structure) if place.endswith("cif") else structure.to(fmt="poscar"))
    found = {each.label: each for each in add(atlas, items([tmp_path / "si"]), "dosmith", predict=stand_in)}
    assert {label: each.outcome for label, each in found.items()} == {
        "mp-149/POSCAR": "added",
        "mp-149-strained.cif": "added",
        "mp-149.cif": "the same as",
    }
    assert {each.id.partition("-")[0]: each.source for each in atlas} == {"mp": "materials-project", "Si": "file"}
    assert found["mp-149/POSCAR"].id == found["mp-149.cif"].id


def test_elements_that_the_model_does_not_know_are_named(atlas, tmp_path):
    path = tmp_path / "a.cif"
    path.write_text(symmetry.cif(PROTOTYPES["B1"].structure(("Pu", "O"), 15.0)))
    (told,) = add(atlas, items([path]), "dosmith", predict=stand_in)
    assert (told.outcome, told.reason) == ("skipped", "holds Pu, which the model does not know")


def test_models_that_predict_no_crystals_are_refused(atlas, tmp_path):
    with pytest.raises(ModelError, match="predicts no crystals"):
        list(add(atlas, [], "paper"))


def test_an_atlas_of_another_grid_is_refused(tmp_path):
    from dosmith.spectra.code import Basis
    from dosmith.spectra.standard import Recipe

    recipe = Recipe.from_dict(RECIPE.as_dict() | {"grid": "-5.0:5.0:101"})
    other = Atlas.at(tmp_path / "other", "other", lambda: Basis.of(np.empty((0, 101)), recipe))
    with pytest.raises(LibraryError, match="not those of the model"):
        list(add(other, [], "dosmith"))


PAIRS = [
    ("B3", "B4", ("Zn", "S")),
    ("B1", "B2", ("Na", "Cl")),
    ("L1_2", "D0_19", ("Al", "Ti")),
    ("C1", "C32", ("Al", "B")),
]


@pytest.mark.parametrize(("one", "other", "elements"), PAIRS)
def test_marks_tell_polymorphs_apart_and_not_cells(one, other, elements):
    here, there = (symmetry.primitive(PROTOTYPES[name].structure(elements, 15.0)) for name in (one, other))
    assert not same(mark_of(here), mark_of(there))
    turned = symmetry.primitive(here * (2, 1, 1))
    assert same(mark_of(here), mark_of(turned))
    slightly = here.copy()
    slightly.scale_lattice(here.volume * 1.03)
    assert same(mark_of(here), mark_of(slightly))


def test_the_model_itself_predicts(tmp_path):
    model = forward_model("dosmith")
    library_like = PROTOTYPES["L1_2"].structure(("Pt", "Ni"), 13.9)
    path = tmp_path / "mp-1.cif"
    path.write_text(symmetry.cif(library_like))
    atlas = Atlas.at(tmp_path / "atlas", "mine", lambda: basis_for(model))
    (told,) = add(atlas, items([path]), "dosmith")
    assert told.outcome == "added"
    (crystal,) = atlas
    assert crystal.formula == "Pt3Ni" and crystal.gap == 0.0
    assert crystal.formation_energy == pytest.approx(-0.05, abs=0.1)
    places = [
        n
        for n, each in enumerate(model.atlas.crystals)
        if each.composition == formulas.parse("Pt3Ni") and each.prototype == "L1_2"
    ]
    theirs = model.atlas.candidates.spectrum(int(places[0]))
    assert crystal.expected @ theirs / np.linalg.norm(crystal.expected) / np.linalg.norm(theirs) > 0.99
    assert expected.__module__ == "dosmith.atlas.expecting"  # it travels by its name


def test_gaps_that_are_expected_are_those_of_eigenvalues():
    """The mean of several spectra fills a gap up; see `ForwardModel.predict_atoms`."""
    kinds = (("B1", ("Li", "F"), 8.1), ("B1", ("Mg", "O"), 9.4), ("A1", ("Cu",), 11.8), ("L1_2", ("Pt", "Ni"), 14.0))
    found = expected([Cell.of(PROTOTYPES[name].structure(elements, volume)) for name, elements, volume in kinds], "dosmith")
    assert [each.gap > 2 for each in found] == [True, True, False, False]
    assert [each.gap == 0 for each in found] == [False, False, True, True]
    assert all(each.gap_spread > 0 for each in found[:2]) and all(each.signed_gap < 0 for each in found[2:])


def test_a_dask_worker_killed_midway_loses_and_doubles_nothing(atlas, salts, tmp_path):
    distributed = pytest.importorskip("distributed")
    tracks = tmp_path / "workers"
    expectation, grid = Expectation, RECIPE.grid.energies

    def slowly(cells, model):  # of no module, so that it travels whole
        with open(tracks, "a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.3)
        curve = np.exp(-0.5 * (grid / 0.5) ** 2)
        return [expectation((curve / np.linalg.norm(curve)).astype(np.float32), 1.0, -3.0, -0.5) for _ in cells]

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        third_killed(tracks) as killed,
        executor(2, cluster.scheduler_address) as pool,
    ):
        told = list(add(atlas, items([salts]), "dosmith", executor=pool, workers=2, predict=slowly, batch=2))
    assert outcomes(told) == {"added": 20}
    kept = [identifier for table in Atlas(atlas.folder).tables(("id",)) for identifier in table["id"].to_pylist()]
    assert sorted(kept) == sorted(each.id for each in told) and len(set(kept)) == 20
    assert killed and len(set(tracks.read_text().split())) >= 2 and len(tracks.read_text().split()) > 10
