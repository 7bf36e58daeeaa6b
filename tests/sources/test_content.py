from __future__ import annotations

import gzip
import io

import pytest

from dosmith.errors import FileFormatError
from dosmith.sources import content


def test_what_is_packed_is_unpacked_up_to_the_limit() -> None:
    packed = gzip.compress(b"a" * 2**21)
    assert content.unpack(io.BytesIO(packed), 2) == b"a" * 2**21
    with pytest.raises(FileFormatError, match="larger than 1 MiB unpacked"):
        content.unpack(io.BytesIO(packed), 1)


def test_a_file_that_outgrows_the_memory_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> bytes:
        raise MemoryError

    monkeypatch.setattr(gzip.GzipFile, "read", full)
    with pytest.raises(FileFormatError, match="larger than the memory of this machine when unpacked; split it"):
        content.unpack(io.BytesIO(gzip.compress(b"a")), 1)
