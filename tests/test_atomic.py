"""Files written whole or not at all, and one line when they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from dosmith.atomic import write_texts, writing_into
from dosmith.errors import DosmithError


def test_texts_go_into_a_folder_that_is_made(tmp_path: Path) -> None:
    written = write_texts(tmp_path / "new" / "run", {"a.csv": "1\n", "structures/b.cif": "data_b\n"})
    assert written == [tmp_path / "new" / "run" / "a.csv", tmp_path / "new" / "run" / "structures" / "b.cif"]
    assert [path.read_text() for path in written] == ["1\n", "data_b\n"]
    assert {path.name for path in (tmp_path / "new" / "run").rglob("*") if path.is_file()} == {"a.csv", "b.cif"}


def test_a_folder_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DosmithError, match=r"^cannot write to \S*file: .*; choose another folder with --out$"):
        write_texts(tmp_path / "file", {"a.csv": "1\n"})
    with pytest.raises(DosmithError, match="No space left on device; choose another folder"), writing_into(tmp_path):
        raise OSError(28, "No space left on device")
