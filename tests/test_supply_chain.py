"""What dosmith is made of: everything locked by hash, everything vendored with its licence, and a bill that lists both."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import supply_chain  # noqa: E402

NOT_FREE_ENOUGH = re.compile(r"\bA?GPL|proprietary|non-?commercial", re.IGNORECASE)


def named(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_every_pin_is_locked_by_hash_and_nothing_else_is() -> None:
    pins, locked = supply_chain.pins(), supply_chain.locked()
    assert {name: version for name, (version, _) in locked.items()} == pins  # else: make lock
    assert all(hashes for _, hashes in locked.values())


def test_the_lock_holds_all_that_ci_installs() -> None:
    """Also what the dependencies need themselves, as far as they are installed here."""
    facts, locked = supply_chain.project(), supply_chain.locked()
    for texts in (facts["dependencies"], *facts["optional-dependencies"].values()):
        assert named(texts) <= set(locked)
    core = supply_chain.closure(facts["dependencies"])
    assert set(core) <= set(locked)
    assert set.union(*core.values()) <= set(core)


def test_versions_of_the_lock_satisfy_the_project() -> None:
    facts, locked = supply_chain.project(), supply_chain.locked()
    for text in (*facts["dependencies"], *(text for texts in facts["optional-dependencies"].values() for text in texts)):
        wanted = Requirement(text)
        if (name := canonicalize_name(wanted.name)) in locked:
            assert wanted.specifier.contains(locked[name][0].partition("+")[0]), text


@pytest.mark.parametrize("name", ["requirements.lock", "constraints.txt", "sbom.cdx.json"])
def test_no_address_is_written_down(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text and "index-url" not in text and "find-links" not in text


def test_everything_vendored_is_listed_with_its_licence() -> None:
    folder = supply_chain.VENDORED
    parts = json.loads((folder / "vendored.json").read_text(encoding="utf-8"))
    listed = {"vendored.json"}
    for part in parts:
        assert len((folder / part["licence_file"]).read_text(encoding="utf-8")) > 800 and part["licence"]
        for name, digest in part["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
        listed |= {part["licence_file"], *part["files"]}
    assert {path.name for path in folder.iterdir()} == listed
    assert "src/dosmith/report/assets/vendor/LICENSE-*" in supply_chain.project()["license-files"]
    for script in [*(ROOT / "src").rglob("*.min.js"), *(ROOT / "src").rglob("*-min.js")]:
        assert script.parent == folder, f"{script} is vendored elsewhere"


def test_the_bill_is_of_the_pinned_versions_and_of_the_vendored_files() -> None:
    bill = json.loads(supply_chain.SBOM.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    parts = {part["bom-ref"]: part for part in bill["components"]}
    assert len(parts) == len(bill["components"])
    pins, core = supply_chain.pins(), supply_chain.closure(supply_chain.project()["dependencies"])
    assert {f"pkg:pypi/{name}@{pins[name]}" for name in core} == {ref for ref in parts if ref.startswith("pkg:pypi")}  # make lock
    vendored = json.loads((supply_chain.VENDORED / "vendored.json").read_text(encoding="utf-8"))
    files = {file["name"]: file["hashes"][0]["content"] for part in parts.values() for file in part.get("components", ())}
    assert files == {name: digest for part in vendored for name, digest in part["files"].items()}
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    reached, waiting = {"dosmith"}, ["dosmith"]
    while waiting:
        new = set(needs.get(waiting.pop(), ())) - reached
        assert new <= set(parts)
        reached |= new
        waiting += new
    assert reached == {"dosmith", *parts}, "something is listed that nothing needs"


def test_every_licence_in_the_bill_lets_dosmith_be_apache() -> None:
    for part in json.loads(supply_chain.SBOM.read_text(encoding="utf-8"))["components"]:
        texts = [each.get("expression") or each["license"]["name"] for each in part["licenses"]]
        assert texts and all(texts)
        for text in texts:
            assert not NOT_FREE_ENOUGH.search(text), f"{part['name']}: {text}"


def test_ci_installs_from_the_lock() -> None:
    run, makefile = ((ROOT / name).read_text(encoding="utf-8") for name in (".ci/run", "Makefile"))
    assert re.search(r"^export LOCKED=1\b", run, re.MULTILINE)
    assert "pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock" in makefile
