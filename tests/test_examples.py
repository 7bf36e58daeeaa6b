"""The case studies say what today's data and models say."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dosmith.library.ledger import Ledger

pytest.importorskip("chgnet", reason="needs dosmith[relax]")

ROOT = Path(__file__).parents[1]
CASES = ROOT / "docs" / "cases"
TARGETS = {"orr": ("Pt3Ni", "cubic"), "perovskites": ("BaTiO3", "cubic")}


@pytest.fixture(scope="module")
def studies() -> ModuleType:
    spec = importlib.util.spec_from_file_location("case_studies", ROOT / "examples" / "case_studies.py")
    studies = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = studies  # dataclasses look for their module
    spec.loader.exec_module(studies)
    return studies


@pytest.mark.parametrize("kind", ["computed", "predicted"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_row_is_found_again(studies: ModuleType, name: str, kind: str) -> None:
    written = next((each for each in json.loads((CASES / f"{name}.json").read_text()) if each["kind"] == kind), None)
    if written is None:
        pytest.skip(f"no candidate of {name} is {kind}")
    found, _ = studies.row(*TARGETS[name], written["formula"], written["prototype"], None, "")
    for key in ("similarity", "formation_energy", "above_hull", "dft_formation_energy", "dft_above_hull", "centre", "price"):
        assert getattr(found, key) == (None if written[key] is None else pytest.approx(written[key], abs=2e-3, rel=1e-3)), key
    assert f"| {written['formula']} | {written['prototype']} |" in (CASES / f"{name}.md").read_text(encoding="utf-8")


def test_hydrogen_costs_what_the_calculations_say() -> None:
    (ledger,) = (CASES / "hydrogen-computed").glob("ledger-*")
    energies = {
        each.entry: float(each.material.provenance["energy_per_atom"]) * len(each.material.species)
        for each in Ledger(ledger).outcomes()
        if each.material is not None
    }
    sites = {
        each["environment"]: each["dft_formation_energy"] for each in json.loads((CASES / "hydrogen.json").read_text())["Pd"]
    }
    for environment, energy in sites.items():
        (filled,) = (value for name, value in energies.items() if name.startswith("Pd4H-") and f"-{environment}-" in name)
        assert energy == pytest.approx(filled - energies["Pd-host-1"] - energies["H-molecule"] / 2, abs=1e-6)
    assert set(sites) == {"Pd6", "Pd4"}
