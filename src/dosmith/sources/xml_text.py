"""Pieces of large XML files, cut out by their tags without building a tree; a file that declares entities is refused."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import FileFormatError

FloatArray = NDArray[np.float64]


def refuse_entities(xml: bytes) -> None:
    """Refuse what could grow without bound or fetch other files when it is parsed.

    Raises:
        FileFormatError: the file declares entities or a document type.
    """
    if re.search(rb"<!(?:DOCTYPE|ENTITY)", xml):
        raise FileFormatError("the XML declares entities or a document type, which no program writes there; it is not read")


def root_of(xml: bytes) -> bytes:
    """The name of the outermost element, b"" where there is none."""
    found = re.search(rb"<([A-Za-z_][\w:.-]*)", re.sub(rb"(?s)<!--.*?-->|<\?.*?\?>", b"", xml[:20_000]))
    return found[1] if found else b""


def value_of(xml: bytes, tag: bytes) -> bytes:
    """What stands between the first opening tag of that name and its closing one; b"" where there is none."""
    start = _opening(xml, tag)
    if start is None:
        return b""
    end = xml.find(b"</" + tag + b">", start)
    return xml[start:end] if end >= 0 else b""


def attribute(xml: bytes, tag: bytes, name: bytes) -> bytes | None:
    """An attribute of the first element of that name; None where it has none."""
    found = re.search(rb"<%s\b([^<>]{0,2000})>" % re.escape(tag), xml)
    stated = re.search(rb"\b%s\s*=\s*[\"']([^\"'<]*)[\"']" % re.escape(name), found[1]) if found else None
    return stated[1] if stated else None


def pieces(xml: bytes, tag: bytes, most: int) -> list[bytes]:
    """Every element of that name with its tags, in order; none within another of the same name.

    Raises:
        FileFormatError: there are more than `most`.
    """
    found = []
    place = 0
    opening = re.compile(rb"<%s(?=[\s>/])" % re.escape(tag))
    closing = b"</" + tag + b">"
    while (start := opening.search(xml, place)) is not None:
        end = xml.find(closing, start.end())
        if end < 0:
            break
        found.append(xml[start.start() : end])
        if len(found) > most:
            raise FileFormatError(f"has over {most:,} <{tag.decode('latin-1')}>; cut it down")
        place = end
    return found


def numbers(text: bytes) -> FloatArray:
    """The numbers of a text with blanks between them; NaN for what is none, shape (N,)."""
    words = text.split()
    try:
        return np.array(words, dtype=np.float64)
    except ValueError:
        return np.array([_number(word) for word in words], dtype=np.float64)


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def _opening(xml: bytes, tag: bytes) -> int | None:
    """Where the inside of the first element of that name begins."""
    found = re.search(rb"<%s(?:\s[^<>]{0,2000})?>" % re.escape(tag), xml)
    return found.end() if found else None
