"""Any file: its format is seen in its content, and whatever is in it, the outcome is a DOS or one line."""

from __future__ import annotations

import errno
import functools
import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import DOWN, UP, E, assert_curve, dos_json, doscar, mutated, parse, survives, table, vasprun

from dosmith.errors import FileFormatError, NotFoundError, SpectrumError
from dosmith.sources.files import read_dos

ALN = Path(__file__).parents[1] / "fixtures" / "vasprun-AlN.xml.gz"


def test_format_is_seen_in_the_content(tmp_path: Path) -> None:
    for content, kind in [
        (vasprun(UP), "vasprun.xml"),
        (doscar(UP), "DOSCAR"),
        (dos_json(densities={"1": UP.tolist()}), "pymatgen JSON"),
        (table(E, UP, head="\ufeff# Ef = 1.25\n"), "table"),
    ]:
        for packed in (content, gzip.compress(content)):
            path = tmp_path / "a.png"
            path.write_bytes(packed)
            dos = read_dos(str(path))
            assert dos.format == kind
            assert_curve(dos.spectrum, UP, fermi=1.25)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path, message in [
        (tmp_path / "nothing.xml", "cannot be opened .No such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "a\nb", r"a\?b cannot be opened"),
        ("a\0b", r"a\?b cannot be opened"),
        ("/dev/null", "not a regular file"),
        ("x" * 5000, "cannot be opened .File name too long"),
    ]:
        with pytest.raises(NotFoundError, match=message) as caught:
            read_dos(path)
        assert "\n" not in str(caught.value)


def test_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:  # root, who may run the tests, may read everything
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "DOSCAR").write_bytes(doscar(UP))
    monkeypatch.setattr("dosmith.sources.files.open", refuse, raising=False)
    with pytest.raises(NotFoundError, match=r"DOSCAR cannot be opened \(Permission denied\)"):
        read_dos(tmp_path / "DOSCAR")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n" * 9000, "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (gzip.compress(table(E, UP))[:-300], "is truncated"),
        (b"\x1f\x8b", "is truncated"),
        (b"\x1f\x8bgarbage and more", "cannot be unpacked"),
        (gzip.compress(gzip.compress(table(E, UP))), "is binary"),
        (b"PK\x03\x04rest", "give the DOS as a table"),
        (b"- of UlmGPAW\0\0", "a file of GPAW's or ASE's own; unpack it, or give the DOS as a table"),
        (b"\x89PNG\r\n\x1a\n\0\0", r"is a picture; draw its curve on the drawing board \(dosmith web\)"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "is a picture"),
        (b"%PDF-1.7", "is a picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "is a picture"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "a">\n<svg width="3">', "is a picture"),
        (bytes(range(256)), "is binary"),
    ],
)
def test_content_refused(content: bytes, message: str) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        parse(content)
    assert str(caught.value).startswith("upload is ") and "\n" not in str(caught.value)


def test_size_is_limited() -> None:
    padded = table(E, UP, head="# " + "x" * 900 + "\n") + (b" " * 1023 + b"\n") * 2**10
    for content in (padded, gzip.compress(padded), b"0" * 2**21):
        with pytest.raises(FileFormatError, match=r"^upload is larger than 1 MiB unpacked; raise the setting files.max"):
            parse(content, max_mebibytes=1)
    assert_curve(parse(padded, max_mebibytes=2).spectrum, UP, fermi=0.0)


def test_gzip_bomb_is_not_unpacked() -> None:
    import tracemalloc

    bomb = gzip.compress(b"\0" * 2**28, 9)
    tracemalloc.start()
    try:
        with pytest.raises(FileFormatError, match="larger than 1 MiB"):
            parse(bomb, max_mebibytes=1)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "negative.dat"
    path.write_bytes(table(E, UP - 5))
    with pytest.raises(SpectrumError, match=r"negative\.dat: the DOS is negative"):
        read_dos(path)


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_random_bytes(content: bytes) -> None:
    survives(content)
    survives(b"\x1f\x8b\x08\x00" + content)


@given(st.text(alphabet='0123456789.,;-+eE \t\n#fermi:=()[]{}<>"', max_size=300))
@settings(max_examples=200, deadline=None)
def test_random_text(text: str) -> None:
    survives(text.encode())
    survives(table(E, UP, head=text + "\n"))


@functools.cache
def samples() -> tuple[bytes, ...]:
    return (gzip.decompress(ALN.read_bytes()), vasprun(UP, DOWN), doscar(UP), dos_json(), table(E, UP, DOWN, sep=";", comma=True))


EDIT = st.tuples(st.floats(0, 1), st.binary(max_size=12), st.integers(0, 40))


@given(st.integers(0, 4), st.lists(EDIT, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_mutated_files(which: int, edits: list[tuple[float, bytes, int]]) -> None:
    survives(mutated(samples()[which], edits))


@given(st.floats(0, 1), st.integers(0, 255))
@settings(max_examples=100, deadline=None)
def test_damaged_gzip(where: float, byte: int) -> None:
    packed = bytearray(gzip.compress(samples()[4]))
    packed[int(where * (len(packed) - 1))] = byte
    survives(bytes(packed))
    survives(bytes(packed[: int(where * len(packed))]))
