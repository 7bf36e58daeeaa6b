"""What dosmith is made of: the lock that CI installs from, and the bill of materials.

python tools/supply_chain.py lock     # requirements.lock: every pin of constraints.txt with the SHA-256 of its files (needs uv)
python tools/supply_chain.py sbom     # sbom.cdx.json: CycloneDX, of the core's dependencies and of the vendored files
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONSTRAINTS, LOCK, SBOM = ROOT / "constraints.txt", ROOT / "requirements.lock", ROOT / "sbom.cdx.json"
VENDORED = ROOT / "src" / "dosmith" / "report" / "assets" / "vendor"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def project() -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def pins() -> dict[str, str]:
    """Versions in constraints.txt by normalised name."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    found = (line.partition("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, _, version in found}


def locked() -> dict[str, tuple[str, set[str]]]:
    """Version and SHA-256 of the files of each package in the lock."""
    entries = re.split(r"\n(?=\S)", LOCK.read_text(encoding="utf-8"))
    found = (re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry) for entry in entries)
    return {
        canonicalize_name(match.group(1)): (match.group(2), set(_HASH.findall(match.string)))
        for match in found
        if match is not None
    }


def closure(requirements: list[str], extras: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """Every installed package that these need, by normalised name, with what it needs itself."""
    graph: dict[str, set[str]] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        needs = [Requirement(text) for text in importlib.metadata.requires(name) or ()]
        used = [each for each in needs if _applies(each, wanted.extras)]
        if not {canonicalize_name(each.name) for each in used} <= graph.get(name, set()) or name not in graph:
            graph.setdefault(name, set()).update(canonicalize_name(each.name) for each in used)
            waiting += used
    return dict(sorted(graph.items()))


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in (extras or {""}) | {""})


def licence(name: str) -> dict[str, Any]:
    """What an installed package says of its licence, as CycloneDX has it."""
    facts = importlib.metadata.metadata(name)
    if expression := facts.get("License-Expression"):
        return {"expression": expression}
    classified = [text.rpartition(" :: ")[2] for text in facts.get_all("Classifier", []) if text.startswith("License :: OSI")]
    stated = (facts.get("License") or "").strip().splitlines()
    names = classified or stated[:1]
    if not names:
        raise SystemExit(f"{name} states no licence; look it up")
    return {"license": {"name": " or ".join(names)}}


def bill() -> dict[str, Any]:
    """The bill of materials: the same for the same versions."""
    facts, graph = project(), closure(project()["dependencies"])
    components = []
    for name in graph:
        version = pins()[name]
        purl = f"pkg:pypi/{name}@{version}"
        components.append(
            {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "licenses": [licence(name)]}
        )
    places = {part["name"]: part["bom-ref"] for part in components}
    vendored = json.loads((VENDORED / "vendored.json").read_text(encoding="utf-8"))
    for each in vendored:
        purl = f"pkg:npm/{each['name'].lower()}@{each['version']}"
        files = [
            {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for name, digest in each["files"].items()
        ]
        components.append(
            {
                **{"type": "library", "bom-ref": purl, "name": each["name"], "version": each["version"], "purl": purl},
                **{"licenses": [{"expression": each["licence"]}], "components": files},
            }
        )
    needs = [{"ref": places[name], "dependsOn": sorted(places[other] for other in used)} for name, used in graph.items()]
    direct = sorted(places[canonicalize_name(Requirement(text).name)] for text in facts["dependencies"])
    own = {"type": "application", "bom-ref": "dosmith", "name": "dosmith", "licenses": [{"expression": facts["license"]}]}
    return {
        **{
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": own},
            "components": components,
        },
        "dependencies": [
            {"ref": "dosmith", "dependsOn": direct + [part["bom-ref"] for part in components[len(graph) :]]},
            *needs,
        ],
    }


def lock() -> str:
    """The lock. Of PyTorch the files of every place that uv and PIP_FIND_LINKS know count, since its builds differ by machine."""
    torch = f"torch=={pins()['torch']}"
    text = _compile(CONSTRAINTS.read_text(encoding="utf-8"))
    if links := os.environ.get("PIP_FIND_LINKS"):
        here = _HASH.findall(_compile(torch, "--find-links", links))
        text = text.replace(f"{torch} \\\n", "".join([f"{torch} \\\n", *(f"    --hash=sha256:{each} \\\n" for each in here)]))
    return "# Written by `make lock`: every pin of constraints.txt with the SHA-256 of its files. CI installs from it.\n" + text


def _compile(requirements: str, *options: str) -> str:
    quiet = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--no-deps", "--generate-hashes", *quiet, *options]
    return subprocess.run(command, input=requirements, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    if sys.argv[1:] == ["lock"]:
        LOCK.write_text(lock(), encoding="utf-8")
    elif sys.argv[1:] == ["sbom"]:
        SBOM.write_text(json.dumps(bill(), indent=1) + "\n", encoding="utf-8")
    else:
        sys.exit(__doc__)
