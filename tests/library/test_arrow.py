"""Arrow columns and NumPy arrays, without pandas."""

from __future__ import annotations

import subprocess
import sys

import hypothesis
import hypothesis.extra.numpy as arrays
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies

from dosmith.library.arrow import floats, integers, numbers, taken, view

ANY = arrays.arrays(np.float64, strategies.integers(0, 40), elements=strategies.floats(allow_nan=True, width=64))


@hypothesis.given(ANY)
def test_numbers_come_back_and_nan_is_what_is_missing(values: np.ndarray) -> None:
    column = floats(values)
    assert column.to_pylist() == [None if np.isnan(each) else each for each in values]
    np.testing.assert_array_equal(numbers(column), values)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int32(), pa.uint8()])
def test_numbers_of_any_kind_and_of_many_pieces(kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.array([1, None, 3], kind), pa.array([4], kind)]).slice(1)
    np.testing.assert_array_equal(numbers(column), [np.nan, 3.0, 4.0])


def test_rows_in_any_order() -> None:
    table = pa.table({"a": [10, 11, 12], "b": ["x", None, "z"]})
    assert taken(table, [2, 0]).to_pylist() == [{"a": 12, "b": "z"}, {"a": 10, "b": "x"}]
    assert taken(table, []).num_rows == 0
    assert integers(pa.array([3, 1], pa.int16())).tolist() == [3, 1]
    assert view(pa.array([3, 1, 4], pa.uint64()).slice(1)).tolist() == [1, 4]


@pytest.mark.parametrize(
    "code",
    [
        "from dosmith.crystals.survey import shipped_survey; assert shipped_survey().crystals.get((('Ni', 1), ('Pt', 3)))",
        "from dosmith.designer import open_dos_set; assert open_dos_set().material('Pt3Ni-L1_2').spectrum is not None",
    ],
)
def test_the_shipped_data_are_read_without_pandas(code: str) -> None:
    subprocess.run([sys.executable, "-c", f"{code}\nimport sys\nassert 'pandas' not in sys.modules"], check=True)
