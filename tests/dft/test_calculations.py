"""Calculations of JSON lines: what they say is kept, and what was computed without its moments is not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dosmith.dft.calculations import read_calculations
from dosmith.errors import FileFormatError, NotFoundError
from dosmith.sources.open_set import FIRST_BASIS


def row(symbols: list[str], edge: float = 4.0, **facts: Any) -> dict[str, Any]:
    places = [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]][: len(symbols)]
    return {
        "ok": True,
        "species": symbols,
        "lattice": (edge * np.eye(3)).tolist(),
        "frac": places,
        "spin_polarized": False,
        "energy_ev": -10.0,
        "electrons": 8,
        "fermi_ev": 3.0,
        "gap_ev": 0.0,
        "moment": 0.0,
        "energy_first": -10.0,
        "energy_step": 0.05,
        "broadening": 0.1,
        "dos_total": [1.0] * 401,
        "seconds": 12.0,
        "provenance": {"code": "CP2K 2023.1", "settings": {"cutoff": 400}, "lanthanide_4f_in_core": []},
        "info": {"structure_from": "a book"},
    } | facts


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_bytes(gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode()))
    return path


def test_a_calculation_is_a_material_of_its_prototype(tmp_path: Path) -> None:
    (found,) = read_calculations(written(tmp_path / "a.jsonl.gz", row(["Cs", "Cl"], gap_ev=4.0)), "textbook", "2026-01-01")
    material = found.material
    assert material is not None
    assert (found.entry, material.prototype, material.space_group) == ("CsCl-B2", "B2", "Pm-3m")
    assert (material.spectrum.gap, material.spectrum.valence_top) == (4.0, -2.0)
    facts = material.provenance
    assert (facts["energy_per_atom"], facts["settings"], facts["protocol"]) == (-5.0, "converged", "converged 1")
    assert (facts["volume_from"], facts["purpose"]) == ("a book", "textbook")
    assert material.projections is None


def test_what_lacks_its_moments_or_failed_is_left_out(tmp_path: Path) -> None:
    rows = [
        row(["Cr"]),
        row(["Fe", "Al"]),
        row(["O"]),
        row(["Fe", "Al"], spin_polarized=True, edge=2.9),
        row(["Mg", "O"]),
        {"ok": False, "id": "He-ground", "reason": "the DOS is zero everywhere"},
    ]
    found = [outcome.entry for outcome in read_calculations(written(tmp_path / "a.jsonl.gz", *rows), "", "2026-01-01")]
    assert found == ["FeAl-B2", "MgO-B2"]


def test_lanthanides_of_the_first_basis_have_a_label_of_their_own(tmp_path: Path) -> None:
    (found,) = read_calculations(written(tmp_path / "a.jsonl.gz", row(["Dy", "Ag"])), "lanthanide", "2026-01-01")
    assert found.material is not None
    assert found.material.provenance["settings"] == FIRST_BASIS
    assert "protocol" not in found.material.provenance


def test_what_is_no_calculation_is_named_by_line(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="line 2"):
        list(read_calculations(written(tmp_path / "a.jsonl.gz", row(["Mg", "O"]), {"ok": True}), "", ""))
    with pytest.raises(NotFoundError):
        list(read_calculations(tmp_path / "none.jsonl", "", ""))
