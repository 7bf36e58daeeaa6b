"""The values of a long JSON list, or of JSON lines, one at a time: a file of any length fits in memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from typing import IO, Any

PIECE = 2**20
"""Bytes read at once, at first."""
LONGEST = 2**25
"""Characters of one value: a longer one, of small things, could fill the memory."""
_BETWEEN = " ,\t\r\n"
_CLOSING = frozenset('}]"')
"""What ends a value that is no number or word."""
_AFTER = frozenset(f"{_BETWEEN}]")
"""What follows one that is."""


def values(stream: IO[bytes], list_alone: bool = False) -> Iterator[Any]:
    """The values of a list, or those that follow each other.

    Args:
        stream: UTF-8; what is not becomes question marks.
        list_alone: refuse anything but a list.

    Raises:
        ValueError: what follows is no JSON, or one value is longer than `LONGEST` or nested too deeply.
    """
    read, decode = codecs.getincrementaldecoder("utf-8-sig")("replace"), json.JSONDecoder().raw_decode
    text, piece = "", b" "
    while piece and not text:  # what comes before the first value
        piece = stream.read(PIECE)
        text = read.decode(piece).lstrip(_BETWEEN)
    listed = text.startswith("[")
    if list_alone and not listed:
        raise ValueError("it is not a list")
    text, place, size = text[listed:], 0, PIECE
    while True:
        while text[place : place + 1] and text[place] in _BETWEEN:
            place += 1
        if listed and text.startswith("]", place):
            return
        try:
            value, end = decode(text, place)
            whole = True
        except json.JSONDecodeError:
            whole, end = False, len(text) + 1
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if (
            piece and text[end - 1 : end] not in _CLOSING and text[end : end + 1] not in _AFTER
        ):  # a number may go on: 1 is a part of 1e5
            if len(text) - place > LONGEST:
                raise ValueError(
                    f"one of its values has more than {LONGEST >> 20} million letters; write a list, or a value on each line"
                )
            size = 2 * size if place == 0 else PIECE  # twice as much each time, lest a long value is read over and over
            piece = stream.read(size)
            text, place = text[place:] + read.decode(piece, not piece), 0
        elif whole:
            yield value
            place = end
        elif place == len(text) and not listed:
            return
        else:
            raise ValueError("it is not JSON")
