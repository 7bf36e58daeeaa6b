"""Folders that a person named: what dosmith wrote is replaced, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dosmith import design
from dosmith.errors import DosmithError
from dosmith.outputs import RECORD, write_texts
from dosmith.report.output import write_design


def test_texts_go_into_a_folder_that_is_made(tmp_path: Path) -> None:
    written = write_texts(tmp_path / "new" / "run", {"a.csv": "1\n", "structures/b.cif": "data_b\n"})
    assert written == [tmp_path / "new" / "run" / "a.csv", tmp_path / "new" / "run" / "structures" / "b.cif"]
    assert [path.read_text() for path in written] == ["1\n", "data_b\n"]
    assert {path.name for path in (tmp_path / "new" / "run").rglob("*") if path.is_file()} == {"a.csv", "b.cif", RECORD}


def test_what_dosmith_wrote_is_replaced(tmp_path: Path) -> None:
    for text in ("one", "two", "two", "three"):
        write_texts(tmp_path, {"a.csv": text, "structures/b.cif": text})
        assert (tmp_path / "a.csv").read_text() == (tmp_path / "structures" / "b.cif").read_text() == text


def test_a_foreign_file_is_left_alone_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("my report")
    with pytest.raises(DosmithError, match=r"report\.html was not written by dosmith.*--out"):
        write_texts(tmp_path, {"a.csv": "1", "report.html": "ours"})
    assert (tmp_path / "report.html").read_text() == "my report" and not (tmp_path / "a.csv").exists()


def test_a_file_that_was_changed_since_is_left_alone(tmp_path: Path) -> None:
    write_texts(tmp_path, {"a.csv": "1", "b.csv": "2"})
    (tmp_path / "b.csv").write_text("2, with notes of mine")
    with pytest.raises(DosmithError, match="changed since"):
        write_texts(tmp_path, {"a.csv": "3", "b.csv": "4"})
    assert (tmp_path / "a.csv").read_text() == "1"


@pytest.mark.parametrize("linked", ["a.csv", "nowhere"])
def test_a_link_is_not_followed(tmp_path: Path, linked: str) -> None:
    write_texts(tmp_path / "out", {"a.csv": "1"})
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "out" / "a.csv").unlink()
    (tmp_path / "out" / "a.csv").symlink_to(tmp_path / linked)
    with pytest.raises(DosmithError, match="not written by dosmith"):
        write_texts(tmp_path / "out", {"a.csv": "2"})
    assert (tmp_path / "a.csv").read_text() == "1" and not (tmp_path / "nowhere").exists()


def test_several_commands_share_a_folder(tmp_path: Path) -> None:
    for _ in range(2):
        write_texts(tmp_path, {"design.csv": "1"})
        write_texts(tmp_path, {"verification.csv": "2"})
    assert (tmp_path / "design.csv").is_file() and (tmp_path / "verification.csv").is_file()


def test_only_stale_files_of_ours_go(tmp_path: Path) -> None:
    write_texts(tmp_path, {"a.csv": "1", "structures/x.cif": "x", "structures/y.cif": "y", "structures/z.cif": "z"})
    (tmp_path / "structures" / "y.cif").write_text("y, relaxed by me")
    (tmp_path / "structures" / "mine.cif").write_text("mine")
    write_texts(tmp_path, {"a.csv": "2", "structures/z.cif": "z"}, stale=lambda name: name.startswith("structures/"))
    assert {path.name for path in (tmp_path / "structures").iterdir()} == {"y.cif", "z.cif", "mine.cif"}


def test_an_answer_of_before_there_was_a_record_is_known_as_one(tmp_path: Path) -> None:
    write_texts(tmp_path, {"a.csv": "1", "b.csv": "2"})
    (tmp_path / RECORD).unlink()
    write_texts(tmp_path, {"a.csv": "3", "b.csv": "4"})
    assert (tmp_path / "a.csv").read_text() == "3"
    (tmp_path / RECORD).write_text("[1, 2")
    write_texts(tmp_path, {"a.csv": "5", "b.csv": "6"})


@pytest.mark.parametrize("step", range(1, 8))
def test_a_kill_midway_leaves_only_what_may_be_replaced(tmp_path: Path, step: int) -> None:
    write_texts(tmp_path, {"a.csv": "1", "b.csv": "2", "c.csv": "3"})
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom dosmith.outputs import write_texts\ncalls, replace = [], os.replace\n"
        f"def killed(*names):\n    calls.append(names)\n    if len(calls) == {step}: os.kill(os.getpid(), 9)\n    replace(*names)\n"
        "os.replace = killed\nwrite_texts(Path(sys.argv[1]), {'a.csv': '11', 'b.csv': '12', 'c.csv': '13'})\n"
    )
    subprocess.run([sys.executable, "-P", "-c", program, tmp_path], check=False)
    write_texts(tmp_path, {"a.csv": "21", "b.csv": "22", "c.csv": "23"})
    assert [(tmp_path / name).read_text() for name in ("a.csv", "b.csv", "c.csv")] == ["21", "22", "23"]


def test_a_design_does_not_replace_a_foreign_report(tmp_path: Path) -> None:
    answer = design("Pt3Ni", top=2)
    (tmp_path / "report.html").write_text("my report")
    with pytest.raises(DosmithError, match=r"report\.html was not written by dosmith"):
        write_design(answer, tmp_path)
    assert os.listdir(tmp_path) == ["report.html"]
    write_design(answer, tmp_path / "out")
    written = write_design(answer, tmp_path / "out")
    assert all(file.is_file() for file in written)
