"""What is in a file, unpacked if gzipped, never more than a limit."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from dosmith.errors import FileFormatError

_GZIP = b"\x1f\x8b"
LARGEST_BESIDE = 32
"""MiB of a file that is looked at since it lies beside another."""


def unpack(file: BinaryIO, max_mebibytes: int) -> bytes:
    """The content of a file, unpacked if gzipped; of either form, never more than the limit is read.

    Raises:
        FileFormatError: it is larger, or its gzip data are damaged.
    """
    limit = max_mebibytes * 2**20
    content = file.read(limit + 1)
    if content.startswith(_GZIP):
        try:
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(limit + 1)
        except EOFError:
            raise FileFormatError("is truncated: its gzip data end early; copy the file again") from None
        except (OSError, zlib.error) as error:
            raise FileFormatError(f"is damaged: its gzip data cannot be unpacked ({error}); copy the file again") from None
        except MemoryError:
            raise FileFormatError("is larger than the memory of this machine when unpacked; split it") from None
    if len(content) > limit:
        raise FileFormatError(f"is larger than {max_mebibytes} MiB unpacked; raise the setting files.max_mebibytes to read it")
    return content


def content_of(path: Path) -> bytes:
    """What is in a file beside another.

    Raises:
        OSError: it cannot be opened.
        FileFormatError: it is larger than `LARGEST_BESIDE`, or its gzip data are damaged.
    """
    with open(path, "rb") as file:
        return unpack(file, LARGEST_BESIDE)


def text_of(path: Path) -> str:
    """The same as text."""
    return content_of(path).decode("latin-1")
