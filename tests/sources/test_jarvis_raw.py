"""Whole curves of JARVIS: the vasprun.xml of each material's run, out of archives that a server on this machine hands out."""

from __future__ import annotations

import gzip
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dosmith import cli
from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.library import MemoryLibrary, ParquetLibrary
from dosmith.sources import jarvis, jarvis_raw
from dosmith.sources.fetching import Ledger, Query, patiently
from dosmith.sources.jarvis_raw import fetch, link, read_archive

requests = pytest.importorskip("requests")
ALN = gzip.decompress((Path(__file__).parents[1] / "fixtures" / "vasprun-AlN.xml.gz").read_bytes())
FIGSHARE = "https://ndownloader.figshare.com/files"


def archive(content: bytes = ALN, name: str = "run/vasprun.xml") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("run/INCAR", "ISMEAR = 0")
        whole.writestr(name, content)
    return packed.getvalue()


def entry(number: int, elements: str, files: object = None, **changes: Any) -> dict[str, Any]:
    listed = [f"OPT-LOPTICS,JVASP-{number}.zip,{FIGSHARE}/{number}", f"DFT-SCF,JVASP-{number}.zip,{FIGSHARE}/9{number}"]
    facts = {"optb88vdw_bandgap": 4.1, "crys": "hexagonal", "spg_symbol": "P6_3mc", "ehull": 0.0, "func": "OptB88vdW"}
    atoms = {"elements": elements.split()}
    return {"jid": f"JVASP-{number}", "atoms": atoms, "raw_files": listed if files is None else files, **facts, **changes}


class Figshare:
    """Archives by their number, and what should go wrong with the next requests."""

    def __init__(self, archives: dict[str, bytes]) -> None:
        self.archives, self.faults, self.asked = archives, list[str](), list[str]()
        figshare = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                number = self.path.rpartition("/")[2]
                figshare.asked.append(number)
                fault = figshare.faults.pop(0) if figshare.faults else ""
                content = figshare.archives.get(number, b"")
                self.send_response(int(fault) if fault.isdigit() else 200 if content else 404)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, url: str, **options: Any) -> Any:
        return requests.get(url.replace(FIGSHARE, f"http://127.0.0.1:{self.server.server_port}"), **options)


@pytest.fixture
def figshare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Figshare]:
    monkeypatch.setattr(jarvis_raw, "patiently", partial(patiently, sleep=lambda _: None))
    served = Figshare({"39": archive(), "40": archive(ALN.replace(b"<c>Al", b"<c>Ga")), "941": archive()})
    yield served
    served.server.shutdown()
    served.server.server_close()


def packed(path: Path, rows: list[dict[str, Any]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("set.json", json.dumps(rows))
    return path


ROWS = [
    entry(39, "Al Al N N"),
    entry(40, "Ga Ga N N"),
    entry(41, "Al Al N N", [f"DFT-SCF,JVASP-41.zip,{FIGSHARE}/941"]),
    entry(42, "Al Al N N", "na"),
    entry(43, "Al Al N N", ["OPT-LOPTICS,JVASP-43.zip,https://figshare.com.example.org/43"]),
    entry(44, "Mg O"),  # not there
    entry(45, "Al Ga N O"),
]


def test_whole_curves_by_id_and_by_elements(tmp_path: Path, figshare: Figshare) -> None:
    get_set = lambda name, folder: packed(tmp_path / "d.zip", ROWS)  # noqa: E731
    library, ledger = MemoryLibrary([]), Ledger(tmp_path / "ledger")
    tally = fetch(tmp_path, Query(), ["JVASP-39"], library, ledger, get=figshare.get, download=get_set)
    assert (tally.added, tally.refused, library.ids) == (1, {}, ["JVASP-39"])
    aln = library.material("JVASP-39")
    assert (aln.formula, aln.crystal_system, aln.space_group) == ("AlN", "hexagonal", "P6_3mc")
    assert aln.structure is not None and len(aln.structure) == 4
    assert (aln.provenance["set"], aln.provenance["n_electrons"], aln.provenance["band_gap_stated"]) == ("OPT-LOPTICS", 16, 4.1)
    assert aln.spectrum.energies[0] < -10  # more than the interpolated set has

    figshare.faults = ["429", "500", "cut", ""]
    tally = fetch(tmp_path, Query(("Al", "Ga", "N", "Mg", "O")), None, library, ledger, get=figshare.get, download=get_set)
    assert library.ids == ["JVASP-39", "JVASP-40", "JVASP-41"]
    assert (tally.added, tally.present) == (2, 1)
    assert library.material("JVASP-41").provenance["set"] == "DFT-SCF"
    for number, words in ((42, "none at all"), (43, "not at figshare.com"), (44, "HTTP 404")):
        assert words in tally.refused[f"JVASP-{number}"]
    assert len(tally.refused) == 3
    assert not list(tmp_path.glob("raw-*"))

    asked = len(figshare.asked)
    again = fetch(tmp_path, Query(), None, library, Ledger(tmp_path / "ledger"), get=figshare.get, download=get_set)
    assert (again.added, again.present, len(figshare.asked)) == (0, 3, asked)


def test_an_archive_of_another_material_is_refused(tmp_path: Path, figshare: Figshare) -> None:
    rows = [entry(39, "Ga Ga N N"), entry(40, "Ga Ga N N")]
    tally = fetch(
        tmp_path, Query(), None, library := MemoryLibrary([]), Ledger(tmp_path / "l"),
        get=figshare.get, download=lambda name, folder: packed(tmp_path / "d.zip", rows),
    )  # fmt: skip
    assert library.ids == ["JVASP-40"]
    assert tally.refused == {"JVASP-39": "its archive holds AlN, not GaN"}


def test_a_server_that_stays_down_ends_the_run_and_keeps_what_came(tmp_path: Path, figshare: Figshare) -> None:
    figshare.faults = ["", *["503"] * 7]
    library = MemoryLibrary([])
    with pytest.raises(DosmithError, match="did not answer in 7 tries"):
        fetch(
            tmp_path, Query(), ["JVASP-39", "JVASP-40"], library, Ledger(tmp_path / "l"),
            get=figshare.get, download=lambda name, folder: packed(tmp_path / "d.zip", ROWS),
        )  # fmt: skip
    assert library.ids == ["JVASP-39"]


def test_unknown_ids_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="JVASP-1: not in JARVIS"):
        fetch(
            tmp_path, Query(), ["JVASP-1"], MemoryLibrary([]), Ledger(tmp_path / "l"),
            download=lambda name, folder: packed(tmp_path / "d.zip", ROWS),
        )  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"<html>", archive()[:-40], archive(name="run/OUTCAR")])
def test_archives_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FileFormatError, match="its archive"):
        read_archive(tmp_path / "a.zip")


def test_the_best_run_is_taken() -> None:
    files = [f"DFT-SCF,a.zip,{FIGSHARE}/1", f"OPT-Bandst,a.zip,{FIGSHARE}/2", f"OPT-LOPTICS,a.zip,{FIGSHARE}/3"]
    assert link(files) == ("OPT-LOPTICS", f"{FIGSHARE}/3")
    assert link(files[:2]) == ("DFT-SCF", f"{FIGSHARE}/1")
    for bad in (None, "na", [], files[1:2], ["DFT-SCF"], ["DFT-SCF,a.zip,file:///etc/passwd"], [3]):
        with pytest.raises(NotFoundError):
            link(bad)


def test_the_command(
    tmp_path: Path, figshare: Figshare, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jarvis, "download_set", lambda name, folder: packed(tmp_path / "d.zip", ROWS))
    monkeypatch.setattr(jarvis_raw, "_get", lambda: figshare.get)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    command = ["dosmith", "data", "fetch", "jarvis", "--id", "JVASP-39,JVASP-44", "--library", str(tmp_path / "mine")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capsys.readouterr()
    assert (ended.value.code, shown.err) == (0, "")
    assert shown.out.startswith("1 added, 0 were there, 1 without a usable DOS; 1 materials")
    assert ParquetLibrary(tmp_path / "mine").ids == ["JVASP-39"]
