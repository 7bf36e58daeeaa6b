"""The folder of a model, whatever its kind: checkpoint.json, arrays, networks and card, opened without executing anything in it.

checkpoint.json       format version, kind, settings, elements, accuracies, SHA-256 of the rest
weights.safetensors   arrays
*.onnx, *.parquet     what the kind adds
card.md               what it is, how it was made, how good it is
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from dosmith.errors import ModelError, NotFoundError
from dosmith.shipped import shipped_folder

FORMAT_VERSION = 1
SPEC, WEIGHTS, CARD = "checkpoint.json", "weights.safetensors", "card.md"


def find_checkpoint(name: str | Path) -> Path:
    """The folder of a checkpoint, given by folder or by the name of a shipped model.

    Raises:
        NotFoundError: there is none.
    """
    folder = Path(name)
    if (folder / SPEC).is_file():
        return folder
    models = shipped_folder("models")
    shipped = models / str(name)
    if Path(name).name == str(name) and (shipped / SPEC).is_file():
        return shipped
    names = ", ".join(sorted(path.parent.name for path in models.glob(f"*/{SPEC}"))) or "none"
    raise NotFoundError(f"there is no model '{name}': give the folder of a checkpoint or the name of a shipped one ({names})")


def refuse_foreign(folder: Path) -> None:
    """Raise ModelError unless the folder is new, empty or a checkpoint, since it is going to be replaced whole."""
    if folder.is_dir() and ((folder / SPEC).is_file() or not any(folder.iterdir())):
        return
    if folder.exists():
        raise ModelError(f"{folder} holds something other than a model and is left alone; name a new folder with --out")


def read_spec(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Raises:
        ModelError: it is damaged, or was written by a newer dosmith.
    """
    try:
        spec = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"the model in {folder} is damaged: {SPEC}: {error}") from None
    version = spec.get("format_version") if isinstance(spec, dict) else None
    if not isinstance(version, int):
        raise ModelError(f"the model in {folder} is damaged: {SPEC} names no format version")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"the model in {folder} was written by a newer dosmith (format {version}, this one reads {FORMAT_VERSION}): upgrade dosmith"
        )
    return dict(spec)


def read_checked(folder: Path, file: str, spec: Mapping[str, Any]) -> bytes:
    """The contents of a checkpoint's file.

    Raises:
        ModelError: it is missing, or not what was saved.
    """
    path = folder / Path(file).name  # never outside the folder
    try:
        content = path.read_bytes()
    except OSError:
        raise ModelError(f"the model in {folder} is damaged: {file} is missing") from None
    if hashlib.sha256(content).hexdigest() != spec["sha256"].get(file):
        raise ModelError(f"the model in {folder} is damaged: {file} is not what was saved; train or install it again")
    return content


def read_tensors(folder: Path, spec: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """All arrays of a checkpoint's weights file by name.

    Raises:
        ModelError: the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(read_checked(folder, WEIGHTS, spec))
    except SafetensorError as error:
        raise ModelError(f"the model in {folder} is damaged: {WEIGHTS}: {error}") from None
