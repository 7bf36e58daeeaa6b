"""JARVIS' spin-up curves: the assumed axis is borne out by insulators, or nothing is taken over."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.errors import DosmithError, FileFormatError, SpectrumError
from dosmith.records import Material
from dosmith.sources.fetching import Ledger, Query
from dosmith.sources.jarvis import ENERGIES, check_axis, download, entries, fetch, gap_fits, material


class Memory(dict[str, Material]):
    def add(self, materials: Any) -> None:
        for one in materials:
            assert one.id not in self
            self[one.id] = one


def density(gap: float, shift: float = 0.0) -> np.ndarray:
    """Bands with a gap from the zero on, on the assumed axis moved by `shift`, normalised."""
    at = ENERGIES - shift
    curve = np.where((at <= 0) | (at >= gap), 1 + 0.3 * np.sin(3 * at), 0.0) if gap else 1 + 0.3 * np.sin(3 * at)
    return curve / curve.sum()


def entry(number: int, gap: float, shift: float = 0.0, **changes: Any) -> dict[str, Any]:
    atoms = {
        "elements": ["Mg", "O"] if gap else ["Ni", "Al"],
        "lattice_mat": (3.0 * np.eye(3)).tolist(),
        "coords": [[0, 0, 0], [1.5, 1.5, 1.5]],
        "cartesian": True,
    }
    return {"jid": f"JVASP-{number}", "atoms": atoms, "edos_up": density(gap, shift).tolist(), **changes}


def facts(number: int, gap: float) -> dict[str, Any]:
    return {
        "jid": f"JVASP-{number}",
        "optb88vdw_bandgap": gap,
        "crys": "cubic",
        "spg_symbol": "Fm-3m",
        "ehull": 0.0,
        "filler": [0] * 50,
    }


def packed(path: Path, rows: list[dict[str, Any]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("set.json", json.dumps(rows, indent=1))
    return path


GAPS = [0.5 + 0.02 * i for i in range(25)] + [1.0 + 0.2 * i for i in range(27)] + [0.0] * 10


def sets(folder: Path, shift: float = 0.0, **more: Any) -> Any:
    curves = [entry(i, gap, shift) for i, gap in enumerate(GAPS)] + more.get("curves", [])
    files = {
        "edos_pdos": packed(folder / "e.zip", curves),
        "dft_3d": packed(folder / "d.zip", [facts(i, gap) for i, gap in enumerate(GAPS)] + more.get("facts", [])),
    }
    return lambda name, where: files[name]


def test_curves_are_taken_over_once_the_axis_is_borne_out(tmp_path: Path) -> None:
    odd = [
        entry(100, 0.0, edos_up="na"),
        entry(101, 2.0),  # without facts
        entry(102, 2.0, shift=1.5),  # its gap is elsewhere
        entry(103, 2.0, edos_up=[1.0] * 200),
        entry(104, 2.0, atoms={"elements": ["Mg"]}),
        entry(105, 2.0, atoms={"elements": ["Mg"], "lattice_mat": [[10**400] * 3] * 3, "coords": [[0, 0, 0]]}),
    ]
    get = sets(tmp_path, curves=odd, facts=[facts(number, 2.0) for number in (102, 103, 104, 105)])
    store, ledger = Memory(), Ledger(tmp_path / "ledger")
    tally = fetch(tmp_path, Query(), store, ledger, download=get)
    assert tally.added == len(store) == len(GAPS)
    reasons = [tally.refused[f"JVASP-{number}"] for number in range(100, 106)]
    for reason, words in zip(
        reasons,
        [
            "no density",
            "cannot be checked",
            "does not show the stated gap of 2",
            "200 points",
            "crystal cannot",
            "crystal cannot",
        ],
        strict=True,
    ):
        assert words in reason
    found = store["JVASP-3"]
    assert found.formula == "MgO" and found.crystal_system == "cubic" and found.spectrum.fermi == 0.0
    np.testing.assert_allclose(found.frac_coords, [[0, 0, 0], [0.5, 0.5, 0.5]])
    np.testing.assert_allclose(found.spectrum.energies[[0, -1]], [-5.0, 9.95])
    assert "assumed" in found.spectrum.notes[0] and "spin up alone" in found.spectrum.notes[1]
    again = fetch(tmp_path, Query(), store, Ledger(tmp_path / "ledger"), download=get)
    assert (again.added, again.refused, again.present) == (0, {}, len(GAPS))
    fetched = Memory()
    fetch(tmp_path, Query(("Al", "Ni"), 2, "cubic"), fetched, Ledger(tmp_path / "other"), download=get)
    assert {one.formula for one in fetched.values()} == {"NiAl"}


@pytest.mark.parametrize("shift", [-1.0, 1.0, 3.0])
def test_another_axis_is_noticed_and_nothing_taken_over(shift: float, tmp_path: Path) -> None:
    store = Memory()
    with pytest.raises(DosmithError, match=r"is not borne out.*nothing is taken over"):
        fetch(tmp_path, Query(), store, Ledger(tmp_path / "ledger"), download=sets(tmp_path, shift))
    assert not store


def test_too_few_insulators_prove_nothing() -> None:
    known = {f"JVASP-{i}": facts(i, 0.8) for i in range(19)}
    with pytest.raises(DosmithError, match="19 of 19 insulators"):
        check_axis((entry(i, 0.8) for i in range(19)), known)


@given(st.floats(0.6, 6.0))
def test_a_gap_fits_its_own_curve_and_no_other(gap: float) -> None:
    assert gap_fits(density(gap), gap)
    assert not gap_fits(density(0.0), gap)
    assert not gap_fits(density(gap, shift=2.0), gap)
    if gap > 1.2:
        assert not gap_fits(density(gap), 0.0)  # said to be a metal


def test_entries_are_read_one_at_a_time_whatever_their_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [entry(i, gap) for i, gap in enumerate(GAPS)]
    for piece in (7, 1000, 1 << 20):
        monkeypatch.setattr("dosmith.sources.json_values.PIECE", piece)
        part = rows[:3] if piece == 7 else rows
        assert list(entries(packed(tmp_path / "a.zip", part))) == part


def test_damaged_archives_are_named(tmp_path: Path) -> None:
    whole = packed(tmp_path / "a.zip", [entry(0, 2.0)]).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"<html>404</html>"):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(FileFormatError, match=r"a\.zip is damaged"):
            list(entries(tmp_path / "a.zip"))
    for text in ("{}", "[{]", '[{"a": 1}', ""):
        with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
            archive.writestr("set.json", text)
        with pytest.raises(FileFormatError, match=r"b\.zip is damaged"):
            list(entries(tmp_path / "b.zip"))


def test_a_download_is_whole_or_not_there(tmp_path: Path) -> None:
    whole = packed(tmp_path / "source.zip", [entry(0, 2.0)]).read_bytes()

    class Answer(SimpleNamespace):
        def __enter__(self) -> Answer:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def get(content: bytes) -> Any:
        return lambda url, **_: Answer(raise_for_status=lambda: None, iter_content=lambda size: iter([content]))

    target = tmp_path / "cache" / "set.zip"
    with pytest.raises(zipfile.BadZipFile):
        download("u", target, get(whole[:-30]))
    assert not target.exists() and not list(target.parent.iterdir())
    download("u", target, get(whole))
    assert target.read_bytes() == whole


def test_no_curve_no_material() -> None:
    for curve in (None, "na", [], [float("nan")] * 300, [0.0] * 300, ["x"] * 300):
        with pytest.raises(SpectrumError, match="no density of states"):
            material(entry(1, 2.0, edos_up=curve), facts(1, 2.0))
