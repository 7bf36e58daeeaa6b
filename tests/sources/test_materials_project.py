"""Fetching from the Materials Project: the real client against a server and a Delta table on this machine, and both clients' shapes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.electronic_structure.core import Spin
from pymatgen.electronic_structure.dos import Dos

from dosmith.errors import DosmithError, NotFoundError, SpectrumError
from dosmith.library import ParquetLibrary
from dosmith.records import Material
from dosmith.sources import fetching
from dosmith.sources.fetching import Ledger, Query, TransientError, fill, key_for_materials_project, patiently
from dosmith.sources.materials_project import fetch, material
from dosmith.sources.mp_client import Client, TaskDos, letters_of, task_of
from mp_server import ENERGIES, FERMI, MaterialsProject, curve, serving, summaries, write_table

KEY = "0123456789abcdef0123456789abcdef"


class Memory(dict[str, Material]):
    def add(self, materials: Sequence[Material]) -> None:
        for one in materials:
            assert one.id not in self, "doubled"
            self[one.id] = one


def project(count: int) -> MaterialsProject:
    documents = summaries(count)
    return MaterialsProject(documents, {entry["material_id"]: f"mp-{50_000 + 3 * i}" for i, entry in enumerate(documents)})


# --- the real client ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("deltalake")
    folder = tmp_path_factory.mktemp("delta") / "total-dos"
    write_table(folder, list(project(60).tasks.values())[:57])
    return folder


def client_of(served: MaterialsProject, table: Path, waits: list[float]) -> Client:
    pytest.importorskip("mp_api")
    return Client(KEY, endpoint=served.url, table=str(table), options={}, sleep=waits.append)


def test_filters_then_fetches_then_has_nothing_left_to_do(table: Path, tmp_path: Path) -> None:
    store, ledger = Memory(), Ledger(tmp_path / "mp.jsonl")
    with serving(project(60)) as served:
        client = client_of(served, table, [])
        tally = fetch(client, Query(("Ni", "Pt", "Co"), 2, "cubic"), store, ledger)
        assert tally.added == len(store) > 10 and not tally.refused
        for one in store.values():
            assert set(one.species) <= {"Ni", "Pt", "Co"} and one.crystal_system == "cubic"
            assert one.provenance["deprecated"] is False
            np.testing.assert_allclose(
                one.spectrum.total, curve(one.provenance["task_id"]) * (1 if one.spectrum.spin_polarized else 0.5)
            )
            np.testing.assert_array_equal(one.spectrum.energies, ENERGIES)
            assert one.spectrum.fermi == FERMI and one.spectrum.gap is None  # read off the curve, not stated
        assert {one.provenance["run_type"] for one in store.values()} == {"GGA", "GGA_U"}
        everything = fetch(client, Query(None, 2, None, deprecated=True), store, ledger)
        assert everything.present == tally.added and len(store) == 57
        assert set(everything.refused) == {"mp-1399", "mp-1406", "mp-1413"}
        again = fetch(client, Query(None, 2, None, deprecated=True), store, Ledger(tmp_path / "mp.jsonl"))
        assert (again.added, again.present, again.refused) == (0, 57, {})


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "truncated", "timeout"])
def test_faults_of_the_server_pass(fault: str, table: Path, tmp_path: Path) -> None:
    store, waits = Memory(), list[float]()
    with serving(project(60)) as served:
        client = client_of(served, table, waits)
        served.faults = [fault, None, fault, fault, None, None]
        fetch(client, Query(None, 2, None, deprecated=True), store, Ledger(tmp_path / "mp.jsonl"))
    assert len(store) == 57


def test_a_server_that_stays_down_loses_nothing(table: Path, tmp_path: Path) -> None:
    waits: list[float] = []
    with serving(project(60)) as served:
        client = client_of(served, table, waits)
        served.faults = ["500"] * 100
        with pytest.raises(DosmithError, match=r"did not answer in 7 tries .* run the same command later to go on") as caught:
            fetch(client, Query(), Memory(), Ledger(tmp_path / "mp.jsonl"))
        assert KEY not in str(caught.value) and waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


@pytest.mark.parametrize(
    ("status", "message"), [("401", "refuses the key"), ("403", "refuses the key"), ("400", "client failed")]
)
def test_what_will_not_pass_is_not_repeated(status: str, message: str, table: Path, tmp_path: Path) -> None:
    waits: list[float] = []
    with serving(project(20)) as served:
        client = client_of(served, table, waits)
        served.faults = [status] * 9
        with pytest.raises(DosmithError, match=message) as caught:
            fetch(client, Query(), Memory(), Ledger(tmp_path / "mp.jsonl"))
    assert KEY not in str(caught.value) and not waits


def test_a_file_of_the_table_that_is_cut_short_loses_nothing(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 5)
    mine = tmp_path / "table"
    shutil.copytree(table, mine)
    store, ledger = Memory(), Ledger(tmp_path / "mp.jsonl")
    victim = sorted(mine.rglob("*.parquet"))[3]
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2])
    with serving(project(60)) as served:
        client = client_of(served, mine, [])
        with pytest.raises(DosmithError, match="run the same command later"):
            fetch(client, Query(None, 2, None, deprecated=True), store, ledger)
        assert 0 < len(store) < 57 and not ledger.refused
        victim.write_bytes(whole)
        again = fetch(client, Query(None, 2, None, deprecated=True), store, ledger)
    assert len(store) == 57 and again.present + again.added == 57


RUN = """
import sys
from pathlib import Path
from dosmith.library import ParquetLibrary
from dosmith.sources import fetching
from dosmith.sources.fetching import Ledger, Query
from dosmith.sources.materials_project import fetch
from dosmith.sources.mp_client import Client
fetching.BATCH = 3
url, table, folder = sys.argv[1:]
store = ParquetLibrary.at(folder, "mine")
client = Client("{key}", endpoint=url, table=table, options={{}}, sleep=lambda s: None)
print("ready", flush=True)
fetch(client, Query(None, 2, None, deprecated=True), store, Ledger(Path(folder) / "fetch" / "mp.jsonl"))
print("done")
"""


def rows_in(folder: Path) -> int:
    try:
        return int(json.loads((folder / "manifest.json").read_text())["rows"])
    except FileNotFoundError:
        return 0


def test_kill_minus_nine_midway_nothing_lost_or_doubled(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("mp_api")
    folder = tmp_path / "library"
    with serving(project(60)) as served:
        command = [sys.executable, "-c", RUN.format(key=KEY), served.url, str(table), str(folder)]
        kills, before = 0, -1
        for rows in (3, 15, 36):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)
            while process.poll() is None and rows_in(folder) < rows:
                time.sleep(0.002)
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.communicate()
            left = ParquetLibrary(folder)
            assert not left.damaged and len(set(left.ids)) == len(left.ids) > before
            before = len(left.ids)
        assert kills == 3 and before < 57
        subprocess.run(command, check=True, capture_output=True)
    whole = ParquetLibrary(folder)
    assert not whole.damaged and len(whole.ids) == len(set(whole.ids)) == 57
    assert set(Ledger(folder / "fetch" / "mp.jsonl").refused) == {"mp-1399", "mp-1406", "mp-1413"}


# --- the older client, by the shapes of its objects --------------------------------------------------------------


class LazyRoute(SimpleNamespace):
    """A route as the client loads it: it seems to have every attribute."""

    def __getattr__(self, name: str) -> None:
        return None


class OldRester:
    """mp-api until 0.46.0: documents with the task under total, one CompleteDos-like object for each task."""

    def __init__(self, served: MaterialsProject, behave: Callable[[str], Any]) -> None:
        self.materials = SimpleNamespace(
            summary=SimpleNamespace(
                search=lambda **limits: [SimpleNamespace(model_dump=lambda e=e: e) for e in served.summaries]
            ),
            electronic_structure=SimpleNamespace(search=lambda material_ids, fields: self._tasks(served, material_ids)),
            electronic_structure_dos=LazyRoute(get_dos_from_task_id=behave),
        )

    @staticmethod
    def _tasks(served: MaterialsProject, identifiers: list[str]) -> list[dict[str, Any]]:
        return [{"material_id": name, "dos": {"total": {"1": {"task_id": served.tasks[name]}}}} for name in identifiers]


def test_the_older_client(tmp_path: Path) -> None:
    served, calls = project(6), dict[str, int]()
    names = list(served.tasks.values())

    def behave(task: str) -> Any:
        calls[task] = calls.get(task, 0) + 1
        if task == names[1]:
            return None
        if task == names[2]:
            raise RuntimeError("No object found: s3://materialsproject-parsed/dos/x.json.gz")
        if task == names[3] and calls[task] < 3:
            raise TimeoutError("read timed out")
        return Dos(FERMI, ENERGIES, {Spin.up: curve(task)})

    store = Memory()
    client = Client(KEY, OldRester(served, behave), sleep=lambda seconds: None)
    assert not client.has_table
    tally = fetch(client, Query(), store, Ledger(tmp_path / "mp.jsonl"))
    assert (tally.added, len(tally.refused), calls[names[3]]) == (4, 2, 3)
    assert [reason[:14] for reason in tally.refused.values()] == ["no DOS of task", "RuntimeError: "]
    assert len(store["mp-1000"].spectrum.densities) == 1


# --- pieces ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "task"),
    [
        (None, None),
        ({}, None),
        ({"task_id": "mp-5"}, "mp-5"),
        ({"task_id": None, "total": {"1": {"task_id": "mp-7"}}}, "mp-7"),
        ({"total": {1: SimpleNamespace(model_dump=lambda: {"task_id": "mp-8"})}}, "mp-8"),
        (SimpleNamespace(dict=lambda: {"task_id": "mp-9"}, model_dump=lambda: {"task_id": "mp-9"}), "mp-9"),
        ({"total": {}}, None),
    ],
)
def test_the_task_is_found_where_it_stands(document: Any, task: str | None) -> None:
    assert task_of(document) == task


@given(st.integers(0, 10**8))
def test_letters_are_those_of_the_client(number: int) -> None:
    emmet = pytest.importorskip("emmet.core.mpid")
    assert letters_of(f"mp-{number}") == letters_of(str(number)) == str(emmet.AlphaID(str(number), padlen=8))


def test_letters_stay_letters() -> None:
    assert letters_of("mp-149") == letters_of("mp-ft") == "aaaaaaft"


def entry_and_dos() -> tuple[dict[str, Any], TaskDos]:
    return summaries(1)[0] | {"dos_task": "mp-5"}, TaskDos(ENERGIES, {1: curve("mp-5")}, FERMI, "GGA")


def test_a_wrong_fermi_level_gives_way_to_the_summarys() -> None:
    entry, dos = entry_and_dos()
    assert material(entry, dos).spectrum.fermi == FERMI
    for wrong in (None, 99.0, float("nan")):
        found = material(entry | {"efermi": 3.0}, replace(dos, efermi=wrong)).spectrum
        assert found.fermi == 3.0 and "that of the summary" in found.notes[0]
    with pytest.raises(SpectrumError, match="outside the energies"):
        material(entry | {"efermi": None}, replace(dos, efermi=99.0))


@pytest.mark.parametrize("densities", [{}, {-1: curve("mp-5")}, {1: [1.0]}, {1: -curve("mp-5")}, {1: [None] * len(ENERGIES)}])
def test_curves_that_are_none_are_refused(densities: dict[int, Any]) -> None:
    entry, dos = entry_and_dos()
    with pytest.raises(SpectrumError):
        material(entry, replace(dos, densities=densities))
    huge = {"lattice": {"matrix": [[10**400] * 3] * 3}, "sites": []}
    for structure in (None, huge):
        with pytest.raises(SpectrumError, match="structure cannot be read"):
            material(entry | {"structure": structure}, dos)


def test_the_key_is_looked_up_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    import pymatgen.core

    monkeypatch.setattr(pymatgen.core, "SETTINGS", {"PMG_MAPI_KEY": "third"})
    environ = {"MP_API_KEY": "second"}
    assert key_for_materials_project("first", environ.get) == "first"
    assert key_for_materials_project(None, environ.get) == "second"
    assert key_for_materials_project(None, {}.get) == "third"
    origins = [
        key_for_materials_project(*given).origin for given in (("first", environ.get), (None, environ.get), (None, {}.get))
    ]
    assert origins[:2] == ["--key", "MP_API_KEY"] and "pymatgen" in origins[2]
    monkeypatch.setattr(pymatgen.core, "SETTINGS", {})
    with pytest.raises(NotFoundError, match="set MP_API_KEY"):
        key_for_materials_project(None, {}.get)


def test_patience_ends() -> None:
    waits: list[float] = []

    def busy() -> None:
        raise TransientError("429")

    with pytest.raises(DosmithError, match="3 tries"):
        patiently(busy, waits.append, tries=3)
    assert waits == [1.0, 2.0]


def test_ledger_survives_a_torn_line(tmp_path: Path) -> None:
    Ledger(tmp_path / "l").refuse({"a": "1", "b": "2"})
    content = (tmp_path / "l").read_bytes()
    for cut in range(len(content)):
        (tmp_path / "l").write_bytes(content[:cut])
        ledger = Ledger(tmp_path / "l")
        assert set(ledger.refused) <= {"a", "b"}
        ledger.refuse({"c": "3"})
        assert set(Ledger(tmp_path / "l").refused) == set(ledger.refused) and ledger.refused["c"] == "3"


def test_an_interruption_keeps_what_was_found(
    tmp_path: Path, make_material: Callable[..., Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "BATCH", 4)

    def found() -> Any:
        for number in range(7):
            yield f"m{number}", make_material(f"m{number}", "Pt3Ni")
        raise KeyboardInterrupt

    store = ParquetLibrary.at(tmp_path, "mine")
    with pytest.raises(KeyboardInterrupt):
        fill(store, Ledger(tmp_path / "l"), found())
    assert len(store) == 7
    assert len(ParquetLibrary(tmp_path).ids) == 7
    assert json.loads((tmp_path / "manifest.json").read_text())["rows"] == 7
