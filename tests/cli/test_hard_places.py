"""Commands where the disk is full, a folder cannot be written, or names are no text: one line, and nothing half-written."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from dosmith import cli
from dosmith.library import ParquetLibrary
from fake_cp2k import script

ODD = os.fsdecode(b"Pt3Ni-\xff\xe9")


def dosmith(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dosmith", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    shown = capfd.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def curve(tmp_path: Path, open_set: ParquetLibrary) -> Path:
    spectrum = open_set.material("Pt3Ni-L1_2").spectrum
    rows = zip(spectrum.energies, spectrum.total, strict=True)
    folder = tmp_path / ODD
    folder.mkdir()
    file = folder / f"{ODD}.csv"
    file.write_text("E-Ef (eV),DOS\n" + "".join(f"{energy:.4f},{density:.5g}\n" for energy, density in rows))
    return file


def test_names_that_are_no_text(
    curve: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / os.fsdecode(b"library-\xfe")
    for arguments in (
        ("design", curve, "--top", 2, "--out", curve.parent / ODD),
        ("data", "add", curve.parent, "--formula", "name", "--library", library),
        ("data", "list", "--library", library),
        ("data", "export", tmp_path / f"{ODD}.jsonl", "--library", library),
        ("show", curve),
    ):
        code, out, err = dosmith(monkeypatch, capfd, *arguments)
        assert code == 0 and out.isprintable() <= 1 and "Traceback" not in err, (arguments, err)
    assert len(ParquetLibrary(library)) == 1 and (tmp_path / f"{ODD}.jsonl").read_text().count("\n") == 1
    page = (curve.parent / ODD / "report.html").read_text(encoding="utf-8")
    assert "Pt3Ni-??" in page
    code, _, err = dosmith(monkeypatch, capfd, "show", tmp_path / f"{ODD}-not-there")
    assert code == 2 and err.count("\n") == 1 and "Pt3Ni-??-not-there" in err


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (("design", "Pt3Ni", "--top", "2", "--out", "new"), ("structures", ".dosmith.json")),
        (("data", "export", "new/curves.jsonl", "--library", "open"), ()),
        (("data", "add", "{curve}", "--formula", "Pt3Ni", "--library", "new"), (".lock", "manifest.json")),  # of an empty library
    ],
)
def test_a_full_disk(arguments: tuple[str, ...], left: tuple[str, ...], curve: Path, tmp_path: Path) -> None:
    """No file may grow beyond some hundred bytes: the kernel refuses the rest."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))

    (tmp_path / "new").mkdir()
    command = [sys.executable, "-B", "-m", "dosmith", *(text.format(curve=curve) for text in arguments)]
    ran = subprocess.run(command, cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True, errors="replace", check=False)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1 and "File too large" in ran.stderr, ran.stderr
    assert {path.name for path in (tmp_path / "new").iterdir()} <= set(left)


_SMALL = 'mount -t tmpfs -o size=24m none tmp && dd if=/dev/zero of=tmp/others bs=1M count=20 status=none && exec "$@"'
"""A command where TMPDIR has 4 MiB left, by a file system that is its own alone."""


@pytest.mark.parametrize("says", ["", "echo '[host:7] PMIX ERROR: OUT-OF-RESOURCE'"])
def test_a_full_tmpdir(says: str, tmp_path: Path) -> None:
    """CP2K, which says nothing of it, or nothing that helps, fills what is left."""
    apart = ["unshare", "-rm", "sh", "-c", _SMALL, "sh"]
    (tmp_path / "tmp").mkdir()
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("no file system of one's own here")
    program = Path(
        script(tmp_path, f"#!/bin/sh\ndd if=/dev/zero of=run-RESTART.kp bs=1M count=8 2>/dev/null && exit 0\n{says}\nexit 1\n")
    )
    environment = os.environ | {"TMPDIR": str(tmp_path / "tmp"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    program.rename(tmp_path / "cp2k.psmp")
    ran = subprocess.run(
        [*apart, sys.executable, "-B", "-m", "dosmith", "compute", "Al", "--out", "Al"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1, ran.stderr
    assert "No space left on device" in ran.stderr and str(tmp_path / "tmp") in ran.stderr
    assert not list((tmp_path / "Al").iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("design", "Pt3Ni", "--top", "1", "--out", "{file}/out"),
        ("data", "add", "{curve}", "--library", "{file}/library"),
        ("data", "export", "{file}/curves.csv", "--library", "open"),
        ("data", "fetch", "mp", "--key", "k" * 32, "--library", "{file}/library"),
        ("train", "--model", "paper", "--out", "{file}/model"),
        ("crystals", "Pt3Ni", "--out", "{file}/crystals"),
    ],
)
def test_a_place_that_cannot_be_written(
    arguments: tuple[str, ...], curve: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file where a folder should be; permissions do not hold for root, who may run the tests."""
    for name in ("EPOCHS", "SYSTEM_EPOCHS", "AUTOENCODER_EPOCHS"):
        monkeypatch.setenv(f"DOSMITH_PAPER__{name}", "1")
    (tmp_path / "file").write_text("mine")
    code, _, err = dosmith(monkeypatch, capfd, *(text.format(curve=curve, file=tmp_path / "file") for text in arguments))
    assert code == 2 and err.splitlines()[-1].startswith("dosmith: ") and "Traceback" not in err, err
    assert (tmp_path / "file").read_text() == "mine"


def test_what_nothing_foresaw_is_one_line_too(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/where")
    with mock.patch.object(cli, "program", side_effect=error):
        code, _, err = dosmith(monkeypatch, capfd)
    assert code == 2
    assert err == "dosmith: cannot read or write /some/where (No space left on device); free space, or choose another place\n"
