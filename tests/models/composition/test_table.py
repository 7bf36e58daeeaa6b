"""Tables of spectra: what is read, and what is refused with a line that helps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.errors import DosmithError, FileFormatError, NotFoundError
from dosmith.models.composition.table import SpectraTable


def write(path: Path, **columns: list) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_table_is_read_with_its_axis(table_file, axis, law) -> None:
    table = SpectraTable.read(table_file)
    assert len(table) == 12 * 6 * 3 - 3 and not table.skipped
    assert table.axis == pytest.approx(axis)
    assert table.values[5] == pytest.approx(law(table.compositions[5]))
    assert np.linalg.norm(table.unit, axis=1) == pytest.approx(1.0)


def test_a_table_comes_back_from_its_bytes(table_file) -> None:
    table = SpectraTable.read(table_file)
    again = SpectraTable.read(table.as_bytes())
    assert again.ids == table.ids and again.compositions == table.compositions
    assert again.values == pytest.approx(table.values, rel=1e-6, abs=1e-6) and again.axis == pytest.approx(table.axis)


def test_rows_that_cannot_be_used_are_told(tmp_path) -> None:
    file = write(
        tmp_path / "t.parquet",
        formula=["NaCl", "Ca(BC)2", "what?", "KCl", "LiF", None],
        spectrum=[[1.0, -2.0], [0.5, 1.0], [1.0, 1.0], [float("nan"), 1.0], [0.0, 0.0], [1.0, 1.0]],
    )
    table = SpectraTable.read(file)
    assert table.ids == ("0", "1") and table.axis.tolist() == [0.0, 1.0]
    assert table.compositions[1] == (("B", 2), ("C", 2), ("Ca", 1))
    assert table.skipped == {"formula not understood": 2, "values that are not numbers": 1, "spectrum empty": 1}


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"formula": ["NaCl"]}, "lacks the column spectrum"),
        ({"formula": ["NaCl", "KCl"], "spectrum": [[1.0, 2.0], [1.0]]}, "1 to 2 points"),
        ({"formula": ["NaCl"], "spectrum": [["a"]]}, "not a Parquet table"),
        ({"formula": ["NaCl"], "spectrum": [[1.0, 2.0]], "axis": [[2.0, 1.0]]}, "must rise"),
        ({"formula": ["NaCl", "KCl"], "spectrum": [[1.0, 2.0]] * 2, "axis": [[0.0, 1.0], [0.0, 2.0]]}, "same in every row"),
        ({"formula": ["?"], "spectrum": [[1.0, 2.0]]}, "no usable spectrum"),
        ({"formula": pa.array([], pa.string()), "spectrum": pa.array([], pa.list_(pa.float64()))}, "no spectrum"),
    ],
)
def test_what_is_no_table_says_why(tmp_path, columns, why) -> None:
    with pytest.raises(FileFormatError, match=why):
        SpectraTable.read(write(tmp_path / "t.parquet", **columns))


def test_a_missing_file_and_one_of_another_kind(tmp_path) -> None:
    with pytest.raises(NotFoundError):
        SpectraTable.read(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("formula,spectrum")
    with pytest.raises(FileFormatError):
        SpectraTable.read(tmp_path / "text.parquet")


@given(st.data())
def test_a_damaged_table_is_refused_or_read(table_file, data) -> None:
    content = bytearray(SpectraTable.read(table_file).as_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        table = SpectraTable.read(bytes(content))
    except DosmithError:
        return
    assert np.isfinite(table.values).all()


def test_another_curve_is_put_on_the_axis(table_file) -> None:
    table = SpectraTable.read(table_file)
    fine = np.linspace(-12, 12, 1001)
    found = table.on_axis(fine[::-1], np.exp(-(fine[::-1] ** 2)), "curve.csv")
    assert found == pytest.approx(np.exp(-(table.axis**2)), abs=1e-3)
    with pytest.raises(FileFormatError, match="reaches from 0 to 1"):
        table.on_axis(np.array([0.0, 1.0]), np.array([1.0, 1.0]), "curve.csv")
