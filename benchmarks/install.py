"""What an installation takes, into docs/install.md: `python benchmarks/install.py [PYTHON...]` (needs uv).

Builds the wheel, installs it by uv into a fresh environment of each Python given, and asks a design there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = Path(__file__).with_suffix(".json"), ROOT / "docs" / "install.md"
_MEBIBYTE = 2**20


def build(folder: Path) -> Path:
    """The wheel of this tree."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(python: str, wheel: Path, folder: Path) -> dict[str, Any]:
    """One fresh environment: seconds to install, packages, size, and whether a design is answered."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", python, str(folder)], check=True)
    own = folder / "bin" / "python"
    start = time.perf_counter()
    subprocess.run([*uv, "pip", "install", "-q", "--python", str(own), str(wheel)], check=True)
    seconds = time.perf_counter() - start
    command = [*uv, "pip", "list", "-q", "--python", str(own), "--format", "json"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    names = {each["name"] for each in json.loads(listed.stdout)} - {"dosmith"}
    command = [own.with_name("dosmith"), "design", "Pt3Ni", "--format", "json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    version = subprocess.run([own, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True)
    return {
        "python": version.stdout.strip(),
        "seconds": round(seconds, 1),
        "packages": len(names),
        "mebibytes": round(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / _MEBIBYTE),
        "first": json.loads(answer.stdout)["candidates"][0]["formula"],
    }


def packages(extra: str) -> int:
    """How many packages the core, or an extra with it, needs; resolved, not installed."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--no-emit-index-url"]
    command += ["--no-emit-find-links", "pyproject.toml", *(["--extra", extra] if extra else [])]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return sum("==" in line for line in lines)


def page(results: dict[str, Any]) -> str:
    """The page."""
    rows = [
        f"| {each['python']} | {each['seconds']:g} s | {each['packages']} | {each['mebibytes']} MiB |"
        for each in results["environments"]
    ]
    extras = [f"| `{name}` | {count} |" for name, count in results["extras"].items()]
    return f"""# Install

You need Python 3.11 or newer on a laptop, but no compiler and no PyTorch. After the installation dosmith needs no network.

    pip install .

Some commands need extra packages: `pip install 'dosmith[relax]'`. If an extra is missing, the command names it.
With conda: `conda build conda` makes a package from `conda/meta.yaml`, with the core's dependencies from conda-forge. We checked this recipe against `pyproject.toml` but did not build it.

This adds completion of commands and options to your shell:

    dosmith --install-completion

## What it takes

Measured by `python benchmarks/install.py`: the wheel ({results["wheel_mebibytes"]:.1f} MiB, data and models in it) by uv into a fresh environment, and a design run there. The time includes
downloading whatever uv had not cached, on a machine busy with other work, so it is only a rough guide. One of the tests installs with pip into a fresh environment.

| Python | time | packages beside dosmith | environment |
|---|---|---|---|
{chr(10).join(rows)}

## What it keeps

The first command that designs writes some 70 MB into the user's cache folder (Linux: `~/.cache/dosmith/kept`): arrays of the included model and set, unpacked. Later commands map them into
memory and start in half the time. You can remove the folder at any time. If it cannot be written, dosmith works without it.

## Packages by extra

Numbers of packages as resolved for this machine, those of the core included.

| extra | packages |
|---|---|
| none | {results["core"]} |
{chr(10).join(extras)}
"""


def main(pythons: list[str]) -> None:
    """Measure, and write results and page."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    with tempfile.TemporaryDirectory() as scratch:
        wheel = build(Path(scratch))
        results = {
            "wheel_mebibytes": round(wheel.stat().st_size / _MEBIBYTE, 2),
            "environments": [installed(python, wheel, Path(scratch, f"environment-{n}")) for n, python in enumerate(pythons)],
            "core": packages(""),
            "extras": {name: packages(name) for name in sorted(extras) if name != "dev"},
        }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or [sys.executable])
