"""The built wheel in a fresh virtual environment: everything is in it, and it runs without PyTorch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("dosmith-*.whl")
    return built


def test_wheel_holds_data_models_and_licences_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for expected in (
        "dosmith/shipped/open-dos/manifest.json",
        "dosmith/shipped/open-dos/README.md",
        "dosmith/shipped/models/paper/checkpoint.json",
        "dosmith/shipped/models/paper/card.md",
        "dosmith/report/assets/vendor/uPlot.iife.min.js",
        "dosmith/report/assets/vendor/3Dmol-min.js",
        "dosmith/report/assets/vendor/LICENSE-3Dmol",
        "dosmith/web/static/index.html",
        "dosmith/web/static/main.js",
        "dosmith/py.typed",
    ):
        assert expected in names
    assert any(name.endswith("LICENSE") for name in names)
    assert any(name.endswith("LICENSE-DATA") for name in names)
    assert not [name for name in names if name.startswith(("tests", "docs")) or name.endswith((".pkl", ".pt"))]
    assert wheel.stat().st_size < 40 * 2**20


def test_core_runs_with_the_lowest_versions_that_it_asks_for(wheel, tmp_path):
    """Else a floor in pyproject.toml is untrue. What those packages need themselves is as new as it gets."""
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lowest = tmp_path / "lowest.txt"
    lowest.write_text("\n".join(text.replace(">=", "==") for text in facts["dependencies"]), encoding="utf-8")
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*install, "-r", str(lowest)], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    fixture = str(ROOT / "tests" / "fixtures" / "vasprun-AlN.xml.gz")
    for words in (
        ["design", fixture, "--out", "out"],
        ["similar", "Pt3Ni", "--format", "csv"],
        ["crystals", "Pt3Ni"],
        ["data", "info"],
    ):
        result = subprocess.run(
            [str(python.with_name("dosmith")), *words], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert result.returncode == 0, f"{words}: {result.stderr[-1000:]}"
    without = subprocess.run(
        [str(python.with_name("dosmith")), "benchmark", "--quick"], capture_output=True, text=True, cwd=tmp_path
    )
    assert without.returncode == 2 and "dosmith[benchmark,relax,train]" in without.stderr
    assert len(without.stderr.splitlines()) == 1


LIGHT = {
    "mp": "from mp_api.client import MPRester; import boto3, deltalake",
    "jarvis": "from jarvis.db.figshare import get_db_info",
    "formats": "import h5py",
    "cluster": "import distributed, dask_jobqueue.slurm",
    "benchmark": "import faiss, sklearn.kernel_ridge, matplotlib.pyplot",
    "web": "import dosmith.web.app",
}
"""What is used of each extra that brings no PyTorch."""


@pytest.mark.parametrize("extras", [("mp",), ("benchmark", "cluster", "formats", "jarvis", "web")], ids="+".join)
def test_extras_run_with_the_lowest_versions_that_they_ask_for(wheel, tmp_path, extras):
    """The Materials Project's client needs a newer SciPy than the core, which its own floor must say."""
    facts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*facts["dependencies"], *(text for name in extras for text in facts["optional-dependencies"][name])]
    lowest: dict[str, str] = {}
    for name, version in (text.split(">=") for text in needed):
        lowest[name] = max(version, lowest.get(name, version), key=lambda text: tuple(map(int, text.split("."))))
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*install, *(f"{name}=={version}" for name, version in lowest.items())], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    for extra in extras:
        result = subprocess.run(
            [str(python), "-W", "ignore", "-c", LIGHT[extra]], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert result.returncode == 0, f"{extra}: {result.stderr[-1000:]}"


def test_core_runs_in_a_fresh_environment_without_pytorch(wheel, tmp_path):
    home = tmp_path / "environment"
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*install, str(wheel)], check=True)
    assert subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode != 0
    command = [
        str(python.with_name("dosmith")),
        "design",
        "Pt3Ni",
        "--rank-by",
        "similarity",
        "--format",
        "json",
        "--out",
        str(tmp_path / "out"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "Pt3Ni" in [candidate["formula"] for candidate in json.loads(result.stdout)["candidates"]]
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000
    for model, extra in (("dosmith", "relax"), ("paper", "train")):
        training = subprocess.run(
            [command[0], "train", "--model", model], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert training.returncode == 2
        assert f"pip install 'dosmith[{extra}]'" in training.stderr


def test_the_conda_recipe_needs_what_the_package_needs():
    recipe = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (run,) = re.findall(r"^  run:\n((?:    - .+\n)+)", recipe, flags=re.MULTILINE)
    needed = {line.strip("- ").replace(" ", "") for line in run.splitlines()}
    assert needed == {f"python{project['requires-python']}", *project["dependencies"]}
    assert f"dosmith = {project['scripts']['dosmith']}" in recipe
    assert f"license: {project['license']}\n" in recipe
    pattern = re.search(r"regex_pattern='(.+)'\)", recipe)[1]
    assert re.search(pattern, (ROOT / "src" / "dosmith" / "version.py").read_text())[1]
