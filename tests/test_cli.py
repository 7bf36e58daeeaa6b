"""The command line as a person meets it: real processes, exit codes, one line for what went wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIXTURE = Path(__file__).parent / "fixtures" / "vasprun-AlN.xml.gz"
BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><modeling>&b;</modeling>'


def run(*arguments, cwd=None, **environment):
    env = {k: v for k, v in os.environ.items() if not k.startswith("DOSMITH_")} | {"COLUMNS": "100"} | environment
    return subprocess.run(
        [sys.executable, "-m", "dosmith", *map(str, arguments)], capture_output=True, text=True, env=env, cwd=cwd, check=False
    )


def answer(*arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize("formula", ["Pt3Ni", "Al3Zr", "Sn3Bi"])
def test_design_finds_the_target_among_five(formula):
    candidates = json.loads(answer("design", formula, "--rank-by", "similarity", "--format", "json"))["candidates"]
    assert len(candidates) == 5
    assert formula in [candidate["formula"] for candidate in candidates]


def test_design_table_shows_candidates_baseline_and_caveats():
    text = answer("design", "Pd")
    for words in (
        "Candidates with the DOS of Pd",
        "P is the probability",
        "Known materials whose DOS is most like it",
        "Pd-A1 (itself)",
        "A similar DOS is a hint",
    ):
        assert words in text


def test_design_of_a_vasp_file():
    text = answer("design", FIXTURE)
    assert "valence-band top" in text
    assert "AlN-B3" in text


def test_out_writes_everything(tmp_path):
    folder = tmp_path / "deep" / "run"
    text = answer("design", "Pt3Ni", "--out", folder, "--top", "3", "--rank-by", "similarity")
    assert "report.html" in text
    stored = json.loads((folder / "candidates.json").read_text())
    rows = list(csv.DictReader(io.StringIO((folder / "candidates.csv").read_text())))
    assert [c["formula"] for c in stored["candidates"]] == [row["formula"] for row in rows]
    page = (folder / "report.html").read_text()
    assert "dosmith design Pt3Ni" in page
    from pymatgen.core.structure import Structure

    structure = Structure.from_file(folder / "structures" / "Pt3Ni-L1_2.cif")
    assert structure.composition.reduced_formula in ("Pt3Ni", "NiPt3")
    assert structure.get_space_group_info()[0] == "Pm-3m"
    (folder / "structures" / "mine.cif").write_text("mine")
    answer("design", "Sn3Bi", "--out", folder)  # a second answer leaves nothing of the first
    assert not (folder / "structures" / "Pt3Ni-L1_2.cif").exists()
    assert (folder / "structures" / "mine.cif").read_text() == "mine"  # but leaves what is not its own
    assert [path for path in folder.rglob("*") if "writing" in path.name] == []


def test_similar_show_and_info():
    assert json.loads(answer("similar", "Pt3Ni", "--format", "json"))["similar"][0]["id"] == "Pt3Ni-L1_2"
    assert answer("similar", "Pt3Ni", "--format", "csv", "--top", "2").count("\n") == 3
    assert "Sn3Sb" in answer("similar", "Sn3Bi", "--crystal-system", "cubic", "--metric", "tanimoto")
    shown = answer("show", "Pt3Ni")
    assert "energy from the energy zero (eV)" in shown
    curve = json.loads(answer("show", "Pt3Ni", "--format", "json"))
    assert len(curve["energies_ev"]) == len(curve["dos_per_ev"]) == 151
    assert sum(curve["dos_per_ev"]) * 0.1 == pytest.approx(1.0)
    assert len(answer("show", "Pt3Ni", "--format", "csv").splitlines()) == 152
    info = json.loads(answer("data", "info", "--format", "json"))
    assert info["count"] == sum(info["by_n_elements"].values()) >= 1204
    assert f"{info['count']:,} materials" in answer("data", "info")
    assert "Held-out" in answer("model", "info")
    assert "in-sample" in answer("model", "info", "paper")
    assert json.loads(answer("model", "info", "--format", "json"))["name"] == "dosmith"


def test_help_and_version_import_nothing_heavy():
    code = (
        "import sys; sys.argv=['dosmith','--help']\n"
        "from dosmith.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy={'numpy','pyarrow','pymatgen','onnxruntime','torch','pydantic'}&set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "design" in result.stdout
    assert answer("--version").startswith("dosmith 0.")


def broken_files(folder):
    """Files that are no DOS: name -> (content, words of the complaint)."""
    grid = [-10 + 0.1 * i for i in range(201)]

    def table(value):
        return "energy,dos\n" + "\n".join(f"{e:.2f},{value(i)}" for i, e in enumerate(grid))

    contents = {
        "empty.csv": ("", "empty"),
        "prose.txt": ("It was a dark and stormy night.\n" * 50, ""),
        "picture.png": ("\x89PNG\r\n\x1a\n\x00\x00", ""),
        "nan.csv": (table(lambda i: "nan" if i == 7 else 1.0), ""),
        "negative.csv": (table(lambda i: -1.0 if i > 50 else 1.0), "negative"),
        "unsorted.csv": ("\n".join(f"{e},{1.0}" for e in [*grid[100:], *grid[:100]]), "increase"),
        "narrow.csv": ("\n".join(f"{e / 8},{1.0}" for e in grid), "wider window"),
        "huge.csv": (table(lambda i: 1e307), "impossible"),
        "nofermi.csv": ("\n".join(f"{e + 20},{1.0}" for e in grid), "--fermi"),
        "bomb.xml": (BOMB, "entit"),
        "cut.xml": ('<?xml version="1.0"?><modeling><calculation><dos><i name="efermi">5.0</i><total><array><set>', ""),
        "other.json": ('{"a": 1}', ""),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content.encode("latin-1"))
    (folder / "cut.gz").write_bytes(FIXTURE.read_bytes()[:5000])
    return {name: words for name, (_, words) in contents.items()} | {"cut.gz": "truncated"}


def complaint(*arguments, **options):
    result = run(*arguments, **options)
    assert result.returncode == 2, (result.returncode, result.stdout, result.stderr)
    assert result.stdout == ""
    assert result.stderr.startswith("dosmith: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def test_bad_files_get_one_line_and_write_nothing(tmp_path):
    for name, words in broken_files(tmp_path).items():
        line = complaint("design", tmp_path / name, "--out", tmp_path / "out")
        assert words in line, (name, line)
        assert name in line or name == "narrow.csv", (name, line)  # that one is found too narrow after reading
    assert not (tmp_path / "out").exists()


def test_too_large_a_file_is_refused(tmp_path):
    import gzip

    bomb = tmp_path / "large.csv.gz"
    bomb.write_bytes(gzip.compress(b"0.0,1.0\n" * 400_000))
    line = complaint("design", bomb, DOSMITH_FILES__MAX_MEBIBYTES="1")
    assert "1 MiB" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("design", "Xx3"), "Xx"),
        (("design", "Pt19Ni7"), "has no DOS of Pt19Ni7"),
        (("design", "missing.csv"), "does not exist"),
        (("design", "Pt3Ni", "--elements", "Pt", "--n-elements", "2"), "allow more"),
        (("design", "Pt3Ni", "--n-elements", "5"), "proposes compositions of 1"),
        (("design", "Pt3Ni", "--crystal-system", "round"), "not a crystal system"),
        (("design", "Pt3Ni", "--window", "a:b"), "window"),
        (("design", "Pt3Ni", "--metric", "euclid"), "euclid"),
        (("design", "Pt3Ni", "--model", "nope"), "no model 'nope'"),
        (("design", "Pt3Ni", "--library", "nope"), "holds no library"),
        (("design",), "there is no target"),
        (("design", "Pt3Ni", "--frobnicate"), "frobnicate"),
        (("--settings", "nope.toml", "design", "Pt3Ni"), "nope.toml"),
        (("train", "--model", "nope"), "no model 'nope'"),
        (("train", "--seed", "-1"), "--seed"),
        (("similar", "Pt3Ni", "--crystal-system", "round"), "not a crystal system"),
        (("show", "Pt3Ni", "--crystal-system", "round"), "not a crystal system"),
        (("--settings", "nope.toml", "data", "info"), "nope.toml"),
        (("design", "Pt3Ni", "--fermi", "nan"), "Fermi level"),
        (("data", "build-open-set", "nope.gz"), "does not exist"),
    ],
)
def test_bad_requests_get_one_line(tmp_path, arguments, words):
    assert words in complaint(*arguments, cwd=tmp_path)


def test_unknown_setting_is_refused(tmp_path):
    assert "no such setting" in complaint("design", "Pt3Ni", DOSMITH_SPECTRA__BROADNING="0.2")


def test_an_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert "cannot write" in complaint("design", "Pt3Ni", "--out", tmp_path / "file" / "run")


def test_training_never_replaces_what_is_no_model(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    assert "left alone" in complaint("train", "--out", tmp_path / "home")
    assert "left alone" in complaint("train", "--out", tmp_path / "home" / "thesis.tex")
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"


def test_names_with_markup_and_folders_named_as_formulas(tmp_path):
    energies = [-10 + 0.1 * i for i in range(201)]
    (tmp_path / "x[red].csv").write_text("\n".join(f"{e},{2 + e / 10}" for e in energies))
    text = answer("design", "x[red].csv", "--out", "o[/b]", cwd=tmp_path)
    assert "Candidates with the DOS of x[red].csv" in text
    assert "o[/b]" in text
    for _ in range(2):  # the second run meets a folder named Pt3Ni
        assert "Pt3Ni-L1_2" in answer("design", "Pt3Ni", "--out", "Pt3Ni", cwd=tmp_path)


def test_without_arguments_there_is_help():
    assert "Find materials:" in answer()
    assert "Commands:" in answer("data")


def test_a_damaged_shard_is_named_and_the_rest_served(tmp_path, open_set):
    import shutil

    shutil.copytree(open_set.folder, tmp_path / "set")
    shard = sorted((tmp_path / "set").glob("part-*.parquet"))[0]
    shard.write_bytes(shard.read_bytes()[:1000])
    text = answer("design", "Sn3Bi", "--library", tmp_path / "set", "--format", "json")
    assert any(shard.name in caveat for caveat in json.loads(text)["caveats"])
    assert shard.name in answer("data", "info", "--library", tmp_path / "set")


@pytest.mark.parametrize("options", ["--top 3000 --format csv", "--top 3000 --format json", ""])
def test_a_reader_that_stops_reading_is_no_error(options):
    command = f"{sys.executable} -m dosmith design Pt3Ni {options} | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-1] == "0" and len(result.stdout.splitlines()) == 2
    assert result.stderr == ""


@pytest.mark.parametrize(
    "way", ["{dosmith} - < {file}", "zcat {file} | {dosmith} -", "{dosmith} <(zcat {file})", "{dosmith} {fifo}"]
)
def test_a_target_may_come_through_a_pipe(tmp_path, way):
    os.mkfifo(tmp_path / "dos")
    (tmp_path / "POSCAR").write_text("of another crystal, and beside nothing")
    dosmith = f"{sys.executable} -m dosmith similar --format csv"
    command = f"zcat {FIXTURE} > {tmp_path}/dos & " if "fifo" in way else ""
    command += way.format(dosmith=dosmith, file=FIXTURE, fifo=tmp_path / "dos")
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == run("similar", FIXTURE, "--format", "csv").stdout


def test_nothing_is_read_from_a_pipe_within_a_folder(tmp_path):
    os.mkfifo(tmp_path / "dos.csv")
    result = run("data", "add", tmp_path, "--library", tmp_path / "library")
    assert "not a regular file" in result.stdout + result.stderr


def test_an_answer_that_nobody_can_read_is_no_success():
    result = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m dosmith design Pt3Ni >&-"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2 and "standard output is closed" in result.stderr and len(result.stderr.splitlines()) == 1


def test_closed_errors_and_input_become_no_files_of_ours(tmp_path):
    command = f"{sys.executable} -m dosmith design Pt3Ni --top 2 --out {tmp_path} 2>&- <&-"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 0 and "Pt3Ni" in result.stdout and (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("number", "code", "words"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by SIGTERM")]
)
def test_a_signal_is_told_in_a_line(tmp_path, number, code, words):
    os.mkfifo(tmp_path / "dos")
    command = [sys.executable, "-m", "dosmith", "design", tmp_path / "dos"]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process,
        open(tmp_path / "dos", "w"),  # opened when it reads
    ):
        time.sleep(0.5)
        process.send_signal(number)
        said = process.stderr.read()
    assert said == f"dosmith: {words}\n" and process.wait() == code


def test_benchmark_needs_what_it_needs_and_help_says_so():
    assert "dosmith[benchmark,relax,train]" in answer("benchmark", "--help")
