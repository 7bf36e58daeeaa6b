"""A long JSON list is read value by value, as the standard library reads it whole."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosmith.sources import json_values
from dosmith.sources.json_values import values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(text: str | bytes, piece: int = 2**20) -> list[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "PIECE", piece)
        return list(values(io.BytesIO(text.encode() if isinstance(text, str) else text)))


@given(st.lists(JSON, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_a_list_comes_out_as_it_went_in_whatever_the_pieces(
    things: list[Any], piece: int, indent: int | None, plain: bool
) -> None:
    assert read(json.dumps(things, indent=indent, ensure_ascii=plain), piece) == things
    assert read("\ufeff" + json.dumps(things), piece) == things


@pytest.mark.parametrize("piece", range(1, 9))
def test_a_number_is_not_cut_where_a_piece_ends(piece: int) -> None:
    assert read("[1e-300, -0.5E+2,12]", piece) == [1e-300, -50.0, 12]


@given(st.lists(JSON.filter(lambda value: not isinstance(value, list)), max_size=6), st.integers(1, 40))
def test_lines_come_out_as_they_went_in(things: list[Any], piece: int) -> None:
    assert read("\n".join(map(json.dumps, things)) + "\n", piece) == things


@pytest.mark.parametrize("text", ["[1, 2", '[{"a": 1}, {"b"', "[1, 2, {}", "words", '{"a": 1} words', "[", '["a'])
@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_damage_is_told_after_what_is_whole(text: str, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "PIECE", piece)
    found = values(io.BytesIO(text.encode()))
    with pytest.raises(ValueError, match=r"."):
        list(found)


def test_what_is_whole_comes_before_the_damage() -> None:
    found = values(io.BytesIO(b'[{"a": 1}, {"b"'))
    assert next(found) == {"a": 1}
    with pytest.raises(ValueError, match="it is not JSON"):
        next(found)


def test_what_could_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_values, "PIECE", 100)
    monkeypatch.setattr(json_values, "LONGEST", 1000)
    with pytest.raises(ValueError, match="million letters"):
        list(values(io.BytesIO(b'{"a": [' + b"[]," * 2000 + b"[]]}")))
    with pytest.raises(ValueError, match="nested too deeply"):
        read("[" * 100_000)
    with pytest.raises(ValueError, match="not a list"):
        list(values(io.BytesIO(b"{}"), list_alone=True))


def test_a_long_list_is_never_held_whole() -> None:
    class Stream(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1) -> bytes:
            Stream.largest = max(Stream.largest, size or 0)
            return super().read(size)

    whole = json.dumps([{"material_id": f"mp-{number}", "numbers": list(range(100))} for number in range(5000)]).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_values, "PIECE", 1000)
        assert sum(1 for _ in values(Stream(whole))) == 5000
    assert Stream.largest <= 4000
