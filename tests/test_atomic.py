"""Files written whole or not at all, and one line when they cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dosmith
from dosmith.atomic import abandoned, owned, replacing, replacing_folder, write_text, writing_into
from dosmith.errors import DosmithError


def test_a_folder_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(DosmithError, match=r"^cannot write to \S*file: .*; choose another folder with --out$"),
        writing_into(tmp_path / "file"),
    ):
        raise AssertionError("it was made")
    with pytest.raises(DosmithError, match="No space left on device; choose another folder"), writing_into(tmp_path):
        raise OSError(28, "No space left on device")


def test_a_file_is_written_aside_under_a_name_of_its_own(tmp_path: Path) -> None:
    file, victim = tmp_path / "a.txt", tmp_path / "victim"
    victim.write_text("precious")
    for name in (".a.txt.writing", ".a.txt-00000000.writing"):
        (tmp_path / name).symlink_to(victim)
    with replacing(file) as one, replacing(file) as other:  # two programs at once
        assert len(list(tmp_path.glob(".a.txt-*.writing"))) == 3
        one.write(b"one")
        other.write(b"other")
    assert file.read_text() == "one" and victim.read_text() == "precious"
    assert [path.name for path in sorted(tmp_path.iterdir())] == [".a.txt-00000000.writing", ".a.txt.writing", "a.txt", "victim"]
    before = os.umask(0o027)
    try:
        write_text(file, "shared")
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o640


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(f"new {name}")


def test_a_folder_is_replaced_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    fill(model, "weights", "old", "notes.txt", "card")
    (model / "figures").mkdir()
    (model / "figures" / "a.png").write_text("a picture")
    with replacing_folder(model, {"weights", "old"}) as aside:
        fill(aside, "weights", "card")
    assert {path.name for path in model.iterdir()} == {"weights", "card", "card.kept", "notes.txt", "figures"}
    assert (model / "figures" / "a.png").read_text() == "a picture"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_goes_whole_where_all_of_it_is_ours(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "cache") as aside:
        fill(aside, "a")
    with replacing_folder(tmp_path / "cache") as aside:
        fill(aside, "b")
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["b"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "model") as aside:
        fill(aside, "a")
    with pytest.raises(ZeroDivisionError), replacing_folder(tmp_path / "model"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_between_the_renamings_loses_nothing(tmp_path: Path, step: int) -> None:
    with replacing_folder(tmp_path / "model") as aside:
        fill(aside, "a")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom dosmith.atomic import replacing_folder\ncalls, replace = [], os.replace\n"
        f"def killed(*names):\n    replace(*names); calls.append(names)\n    if len(calls) == {step}: os.kill(os.getpid(), 9)\n"
        "os.replace = killed\nwith replacing_folder(Path(sys.argv[1]), {'a', 'b'}) as aside:\n    (aside / 'b').write_text('b')\n"
    )
    assert subprocess.run([sys.executable, "-P", "-c", program, tmp_path / "model"], check=False).returncode == -9
    with replacing_folder(tmp_path / "model", {"a", "b"}) as aside:
        fill(aside, "c")
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"c", "notes.txt"}


def test_what_a_killed_program_left_aside_is_removed_and_what_others_fill_is_not(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom dosmith.atomic import replacing_folder\n"
        "with replacing_folder(Path(sys.argv[1])) as aside:\n    print(aside, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program, tmp_path / "model"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        long_ago = time.time() - 3600
        os.utime(left / ".owner", (long_ago, long_ago))
        assert not abandoned(left)
        with replacing_folder(tmp_path / "model"):
            assert left.is_dir()
        process.kill()
        process.wait()
    (tmp_path / ".model-mine.writing").mkdir()  # somebody else's
    assert abandoned(left)
    with replacing_folder(tmp_path / "model"):
        assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"model", ".model-mine.writing"}


def test_a_folder_in_use_is_known_as_such(tmp_path: Path) -> None:
    with owned(tmp_path):
        assert not abandoned(tmp_path)
    assert not abandoned(tmp_path) and not list(tmp_path.iterdir())


def test_that_a_folder_cannot_be_written_is_said_in_one_place() -> None:
    said = [path.name for path in Path(dosmith.__file__).parent.rglob("*.py") if "cannot write to {" in path.read_text("utf-8")]
    assert said == ["atomic.py"]
