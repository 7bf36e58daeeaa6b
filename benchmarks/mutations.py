"""What can happen to a file on its way to a reader, by accident or on purpose; every mutation is a function of content and seed."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]

_NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?")
_ODD = (
    *(b"nan NaN -nan inf -Infinity 1e400 -1e400 1e-400 1e308 -1e308 1e30 0 -0 -1 +1 . - + e E 1e 0x1F 1_000".split()),
    *(b"1000000000 999999999999999999999 4294967296 2147483648 -2147483648 65536 99999 16777217 ******** 1D+01 0.12-101".split()),
    *(b"1,5 1.2.3 --1 true null None NULL {} [] \"\" '' ;; ,, \x00 \xff \xc3\x28 \xef\xbb\xbf".split()),
    "\N{ARABIC-INDIC DIGIT ONE}\N{MINUS SIGN}\N{EN DASH}½".encode(),
    b"",
    b"9" * 400,
    b"1" * 5000,
)
_ENTITIES = (
    b'<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12))
    + b"]>"
)
_OUTSIDE = b'<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd"><!ENTITY % net SYSTEM "http://127.0.0.1:9/x"> %net;]>'
BOMB = 300 * 2**20
"""Bytes that a bomb would unpack to: more than dosmith reads of any file."""


def _place(content: bytes, random: Random) -> int:
    """Somewhere; half of the time in the head, where counts and names stand."""
    return random.randrange(min(len(content), 400) if random.random() < 0.5 else len(content)) if content else 0


def _lines(content: bytes, random: Random) -> tuple[list[bytes], int, int]:
    lines = content.splitlines(keepends=True) or [b""]
    first = random.randrange(min(len(lines), 12) if random.random() < 0.4 else len(lines))
    return lines, first, min(len(lines), first + random.choice((1, 1, 2, 5, 50)))


def flip_bytes(content: bytes, random: Random) -> bytes:
    """Bits flipped."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[_place(content, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut_short(content: bytes, random: Random) -> bytes:
    """The end, or the beginning, missing."""
    place = random.randrange(len(content) + 1)
    return content[:place] if random.random() < 0.8 else content[place:]


def cut_out(content: bytes, random: Random) -> bytes:
    """A piece missing."""
    place = _place(content, random)
    return content[:place] + content[place + random.choice((1, 3, 17, 300, 5000)) :]


def insert_bytes(content: bytes, random: Random) -> bytes:
    """Bytes of any kind put in."""
    place = _place(content, random)
    return content[:place] + random.randbytes(random.choice((1, 2, 8, 100))) + content[place:]


def repeat_piece(content: bytes, random: Random) -> bytes:
    """A piece repeated, up to some megabytes."""
    place = _place(content, random)
    piece = content[place : place + random.choice((1, 5, 80, 2000))] or b" "
    return content[:place] + piece * min(random.choice((2, 10, 1000, 100_000)), 4 * 2**20 // len(piece)) + content[place:]


def delete_lines(content: bytes, random: Random) -> bytes:
    """Lines missing."""
    lines, first, last = _lines(content, random)
    return b"".join(lines[:first] + lines[last:])


def double_lines(content: bytes, random: Random) -> bytes:
    """Lines twice."""
    lines, first, last = _lines(content, random)
    return b"".join(lines[:last] + lines[first:])


def move_lines(content: bytes, random: Random) -> bytes:
    """Lines elsewhere, or all in another order."""
    lines, first, last = _lines(content, random)
    if random.random() < 0.2:
        random.shuffle(lines)
        return b"".join(lines)
    rest = lines[:first] + lines[last:]
    place = random.randrange(len(rest) + 1)
    return b"".join(rest[:place] + lines[first:last] + rest[place:])


def change_numbers(content: bytes, random: Random) -> bytes:
    """Numbers, those of the head most often, replaced by what is none, or by enormous ones."""
    found = list(_NUMBER.finditer(content, 0, 2_000_000))
    if not found:
        return content
    head = found[:30] if random.random() < 0.6 else found
    chosen = {each.start(): each for each in random.choices(head, k=random.choice((1, 1, 2, 10)))}
    parts, end = [], 0
    for start in sorted(chosen):
        parts += [content[end:start], random.choice(_ODD)]
        end = chosen[start].end()
    return b"".join([*parts, content[end:]])


def change_count(content: bytes, random: Random) -> bytes:
    """One whole number in the first lines, such as a count, multiplied, off by one, or negative."""
    found = list(re.finditer(rb"(?<![\d.])\d+(?![\d.])", content[:3000]))
    if not found:
        return content
    chosen = random.choice(found)
    count = int(chosen.group()[:18])
    new = random.choice((count + 1, max(count - 1, 0), -count, count * 10, count * 1000, 10**6, 10**9, 10**15, 0))
    return content[: chosen.start()] + str(new).encode() + content[chosen.end() :]


def change_separators(content: bytes, random: Random) -> bytes:
    """Other blanks, line ends, or decimal commas."""
    old, new = random.choice(
        (
            (b".", b","),
            (b" ", b"\t"),
            (b"\n", b"\r"),
            (b"\n", b"\r\n"),
            (b"\n", b" "),
            (b",", b";"),
            (b" ", b""),
            (b"\n", b"\n\n"),
        )
    )
    return content.replace(old, new)


def encode_otherwise(content: bytes, random: Random) -> bytes:
    """In another encoding, with or without its mark."""
    text = content.decode("latin-1")
    if random.random() < 0.3:
        text = text.replace("e", random.choice(("é", "\N{GREEK SMALL LETTER OMEGA}", "\N{SNOWMAN}", "\u2028")))
    name = random.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp500", "utf-7", "cp1252"))
    return text.encode(name, "replace")


def entities(content: bytes, random: Random) -> bytes:
    """XML entities that would grow without bound, or fetch files."""
    declared = random.choice((_ENTITIES, _OUTSIDE))
    head, sep, rest = content.partition(b"?>")
    content = head + sep + declared + rest if sep else declared + content
    used = random.choice((b"&m;", b"&file;", b"&lt;", b"&#0;", b"&nothing;"))
    place = len(declared) + random.randrange(len(content) - len(declared) + 1)
    return content[:place] + used + content[place:]


def nest(content: bytes, random: Random) -> bytes:
    """Tags, brackets or quotes within each other, thousands deep."""
    depth = random.choice((10, 1000, 100_000))
    opening, closing = random.choice(
        ((b"<set>", b"</set>"), (b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"<r>", b""), (b'"', b""))
    )
    place = _place(content, random)
    return content[:place] + opening * depth + (b"1" + closing * depth if random.random() < 0.7 else b"") + content[place:]


def pack(content: bytes, random: Random) -> bytes:
    """Packed, whole or damaged, once or several times."""
    packer = random.choice((gzip.compress, gzip.compress, gzip.compress, bz2.compress, lzma.compress, _zipped))
    packed = packer(content)
    for _ in range(random.choice((0, 0, 0, 1, 3))):
        packed = gzip.compress(packed)
    return random.choice((lambda c, r: c, flip_bytes, cut_short, cut_out))(packed, random)


def bomb(content: bytes, random: Random) -> bytes:
    """Little that unpacks to more than dosmith reads: the file itself, then one byte again and again."""
    which = random.choice((*_PIECES, None))
    return _zip_bomb() if which is None else gzip.compress(content[:100_000]) + _gzip_bomb(which)


_PIECES = (b"\0", b" ", b"1 ")


def make_bombs() -> None:
    """All of them, once, before processes fork."""
    _zip_bomb()
    for piece in _PIECES:
        _gzip_bomb(piece)


@functools.cache
def _gzip_bomb(piece: bytes) -> bytes:
    return gzip.compress(piece * (BOMB // len(piece)), 9)


@functools.cache
def _zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"<c>1</c>" * (BOMB // 8))
    return file.getvalue()


def _zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("content", content)
    return file.getvalue()


def mutate_zip(content: bytes, random: Random) -> bytes:
    """What is inside a zip archive (a spreadsheet) mutated; anything else as it is."""
    if not content.startswith(b"PK"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, OSError, EOFError):
        return content
    if not members:
        return content
    name = random.choice(list(members))
    members[name] = random.choice(PLAIN)(members[name], random)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, inside in members.items():
            archive.writestr(each, inside)
    return file.getvalue()


PLAIN: tuple[Mutation, ...] = (
    *(flip_bytes, cut_short, cut_out, insert_bytes, repeat_piece, delete_lines, double_lines, move_lines),
    *(change_numbers, change_numbers, change_numbers, change_count, change_count),
    *(change_separators, encode_otherwise, entities, nest),
)
"""Those that keep a file of its size; numbers and counts oftener, since they get furthest into a reader."""


def mutated(content: bytes, other: bytes, random: Random) -> bytes:
    """The content after one to four mutations; `other` is a file that a piece may come from."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        chance = random.random()
        if chance < 0.04:
            place, size = _place(content, random), random.choice((50, 2000, 10**6))
            start = _place(other, random)
            content = content[:place] + other[start : start + size] + content[place:]
        elif chance < 0.14 and content.startswith(b"PK"):
            content = mutate_zip(content, random)
        else:
            content = random.choice(PLAIN)(content, random)
    last = random.random()
    if last < 0.05:
        return pack(content, random)
    return bomb(content, random) if last < 0.055 else content
