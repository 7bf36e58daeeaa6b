"""Folders that a person named: dosmith replaces what it wrote there itself, and nothing else.

`.dosmith.json` in the folder says what that is: the SHA-256 of each file, as it was written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from dosmith.atomic import write_text, writing_into
from dosmith.errors import DosmithError

RECORD = ".dosmith.json"


def write_texts(folder: Path, texts: Mapping[str, str], stale: Callable[[str], bool] | None = None) -> list[Path]:
    """Write texts to files of a folder that a person named, by name of the file; returns their paths.

    Args:
        folder: made when missing.
        texts: name in the folder -> text. A file of that name is replaced if it is as dosmith wrote it.
        stale: which of the files that dosmith wrote earlier, by name, go where they are not written again.

    Raises:
        DosmithError: a file of that name is not dosmith's, or was changed since; or the folder cannot be written.
    """
    contents = {name: text.encode("utf-8", "replace") for name, text in texts.items()}
    with writing_into(folder):
        earlier = refuse_foreign(folder, texts)
        sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        old = [name for name in earlier if name not in texts and stale is not None and stale(name)]
        either = {name: [*earlier.get(name, []), *([sums[name]] if name in sums else [])] for name in {**earlier, **sums}}
        write_text(folder / RECORD, json.dumps(either) + "\n")  # so that a kill leaves nothing that is nobody's
        for name in old:
            if (folder / name).exists() and _ours(folder / name, earlier[name]):
                (folder / name).unlink()
        for name, text in texts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            write_text(folder / name, text)
        kept = {name: known[-1:] for name, known in either.items() if name not in old}
        write_text(folder / RECORD, json.dumps(kept, indent=1) + "\n")
    return [folder / name for name in texts]


def refuse_foreign(folder: Path, names: Collection[str]) -> dict[str, list[str]]:
    """What dosmith wrote to a folder earlier: the SHA-256 of each file, the latest one last.

    Args:
        folder: made when missing.
        names: of the files that are to be written there.

    Raises:
        DosmithError: a file of that name is not dosmith's, or was changed since; or the folder cannot be written.
    """
    with writing_into(folder):
        earlier = _record(folder)
        if not earlier and all((folder / name).is_file() for name in names if "/" not in name):
            earlier = {name: [_sum(folder / name)] for name in names}  # of a dosmith that kept no record
        foreign = next((name for name in names if not _ours(folder / name, earlier.get(name, []))), None)
    if foreign is not None:
        raise DosmithError(
            f"{folder / foreign} was not written by dosmith, or was changed since, and is left alone; move it away, or choose another folder with --out"
        )
    return earlier


def _record(folder: Path) -> dict[str, list[str]]:
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {str(name): [str(each) for each in known] for name, known in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _ours(file: Path, known: list[str]) -> bool:
    return not (file.exists() or file.is_symlink()) or (file.is_file() and not file.is_symlink() and _sum(file) in known)


def _sum(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:  # not there
        return ""
