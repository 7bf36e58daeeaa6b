"""What happens to files: ways to damage one, for tests of what reads it."""

from __future__ import annotations

from pathlib import Path


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def overwrite_the_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-64] + b"\0" * 64)


def replace_by_text(file: Path) -> None:
    file.write_text("<html>404 not found</html>\n" * 50)


def replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
