"""dosmith data fetch, as a person runs it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from dosmith import cli
from dosmith.library import ParquetLibrary
from dosmith.sources import mp_client
from mp_server import MaterialsProject, serving, summaries, write_table

KEY = "0123456789abcdef0123456789abcdef"


def dosmith(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dosmith", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


def test_fetch_fills_a_library_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mp_api")
    documents = summaries(30)
    tasks = {entry["material_id"]: f"mp-{70_000 + i}" for i, entry in enumerate(documents)}
    write_table(tmp_path / "table", list(tasks.values())[:-1])
    monkeypatch.setenv("MP_API_KEY", KEY)
    folder = tmp_path / "library"
    with serving(MaterialsProject(documents, tasks)) as served:
        there = partial(mp_client.Client, endpoint=served.url, table=str(tmp_path / "table"), options={}, sleep=lambda _: None)
        monkeypatch.setattr(mp_client, "Client", there)
        code, out, err = dosmith(
            monkeypatch, capsys, "data", "fetch", "mp", "--library", folder, "--elements", "Ni,Pt", "--crystal-system", "cubic"
        )
        assert (code, err) == (0, "")
        some = len(ParquetLibrary(folder).ids)
        assert out.startswith(f"{some} added, 0 were there, 0 without a usable DOS") and some > 0
        code, out, err = dosmith(monkeypatch, capsys, "data", "fetch", "mp", "--library", folder, "--deprecated")
    assert code == 0 and out.startswith(f"{29 - some} added, {some} were there, 1 without a usable DOS; 29 materials")
    assert "is not in the table" in out
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert KEY not in out + err and KEY.encode() not in everything


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the Materials Project asks for a key: get one at https://materialsproject.org/api and set MP_API_KEY"),
        (("--elements", "Ni,Xx"), "Xx"),
        (("--crystal-system", "round"), "'round' is not a crystal system"),
    ],
)
def test_fetch_says_what_is_missing(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import pymatgen.core

    monkeypatch.delenv("MP_API_KEY", raising=False)
    monkeypatch.setattr(pymatgen.core, "SETTINGS", {})
    code, out, err = dosmith(monkeypatch, capsys, "data", "fetch", "mp", "--library", tmp_path / "new", *arguments)
    assert (code, out) == (2, "") and message in err and err.count("\n") == 1
    assert not (tmp_path / "new").exists()
