"""The folder of a model, whatever its kind: checkpoint.json, arrays, networks and card, opened without executing anything in it.

checkpoint.json       format version, kind, settings, elements, accuracies, SHA-256 of the rest
weights.safetensors   arrays
*.onnx, *.parquet     what the kind adds
card.md               what it is, how it was made, how good it is
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith.atomic import replacing, replacing_folder, write_text
from dosmith.errors import ModelError, NotFoundError, did_you_mean
from dosmith.shipped import shipped_folder
from dosmith.version import __version__

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FORMAT_VERSION = 2
SPEC, WEIGHTS, CARD = "checkpoint.json", "weights.safetensors", "card.md"


def _with_gap_rule(spec: dict[str, Any]) -> dict[str, Any]:
    """Version 1 did not say how a gap is read off a curve: as the first version that does."""
    rule = {
        "empty": 0.02,
        "reach": 0.3,
        "valence_tail": 1.5,
        "conduction_tail": 0.0,
        "smallest": 0.3,
        "deep": 0.25,
        "narrowing": 0.52,
        "blur": 0.4,
        "inside": 0.2,
        "spikes": 0.6,
    }
    recipe = spec.get("recipe")
    return spec | {"recipe": {"gap": rule} | recipe} if isinstance(recipe, dict) and recipe else spec


UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _with_gap_rule}
"""By version of the format, how the spec of a model of that version becomes one of the next."""


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
    names = sorted(path.parent.name for path in models.glob(f"*/{SPEC}"))
    raise NotFoundError(
        f"there is no model '{name}': give the folder of a checkpoint or the name of a shipped one ({', '.join(names) or 'none'}){did_you_mean(str(name), names)}"
    )


def refuse_foreign(folder: Path) -> set[str]:
    """The names of the files of the model in a folder, which are going to be replaced; none when it is new or empty.

    Raises:
        ModelError: it holds something other than a model.
    """
    if folder.is_dir() and (folder / SPEC).is_file():
        return {SPEC, CARD, *read_spec(folder).get("sha256", ())}
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ModelError(f"{folder} holds something other than a model and is left alone; name a new folder with --out")
    return set()


def read_spec(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of itself.

    Raises:
        ModelError: it is damaged, or was written by a newer dosmith.
    """
    try:
        spec = json.loads((folder / SPEC).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"the model in {folder} is damaged: {SPEC}: {error}") from None
    version = spec.get("format_version") if isinstance(spec, dict) else None
    if not isinstance(version, int):
        raise ModelError(f"the model in {folder} is damaged: {SPEC} names no format version")
    spec = dict(spec)
    while version in UPGRADES and version < FORMAT_VERSION:
        spec, version = UPGRADES[version](spec), version + 1
    if version > FORMAT_VERSION:
        raise ModelError(
            f"the model in {folder} was written by a newer dosmith (format {version}, this one reads {FORMAT_VERSION}): upgrade dosmith"
        )
    return dict(spec)


def save_folder(
    folder: Path,
    spec: Mapping[str, Any],
    *,
    card: str,
    tensors: Mapping[str, NDArray[Any]] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Write a model; a folder of one that is there is replaced whole.

    Args:
        folder: of the model.
        spec: what it says of itself, its kind among it; versions and checksums are added here.
        card: describes it to a person, Markdown.
        tensors: its arrays by name.
        files: contents of further files by name.

    Raises:
        ModelError: the folder holds something other than a model.
    """
    with replacing_folder(folder, refuse_foreign(folder)) as aside:
        write_folder(aside, spec, card=card, tensors=tensors, files=files)


def write_folder(
    folder: Path,
    spec: Mapping[str, Any],
    *,
    card: str,
    tensors: Mapping[str, NDArray[Any]] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> None:
    """The same into an empty folder."""
    from safetensors.numpy import save

    contents = dict(files or {})
    if tensors is not None:
        contents[WEIGHTS] = save({name: np.ascontiguousarray(values) for name, values in tensors.items()})
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    versions = {"format_version": FORMAT_VERSION, "dosmith_version": __version__}
    (folder / SPEC).write_text(json.dumps(versions | dict(spec) | {"sha256": sums}, indent=1) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card, encoding="utf-8")


def add_file(
    folder: Path, name: str, content: bytes, facts: Mapping[str, Any] | None = None, without: Collection[str] = ()
) -> None:
    """Put one more file into the folder of a model, or another in its place: first the file, then what checkpoint.json says of it.

    Args:
        folder: of the model.
        name: of the file.
        content: of the file.
        facts: what checkpoint.json is to say besides.
        without: files that the new one makes untrue, where they are there.

    Raises:
        ModelError: there is no model, or the folder cannot be written.
    """
    spec = read_spec(folder)
    try:
        with replacing(folder / name) as file:
            file.write(content)
        sums = {each: known for each, known in spec["sha256"].items() if each not in without}
        sums[name] = hashlib.sha256(content).hexdigest()
        write_text(folder / SPEC, json.dumps(spec | dict(facts or {}) | {"sha256": sums}, indent=1) + "\n")
        for each in without:
            (folder / each).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(f"the folder {folder} of the model cannot be written ({error})") from None


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


def open_session(folder: Path, file: str, spec: Mapping[str, Any]) -> InferenceSession:
    """A network of a checkpoint, ready to run on one thread: networks this small gain nothing from more, and starting threads takes time.

    Raises:
        ModelError: the file is damaged.
    """
    import onnxruntime

    content = read_checked(folder, file, spec)
    onnxruntime.set_default_logger_severity(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own for bad files
        raise ModelError(f"the model in {folder} is damaged: {str(error).splitlines()[0]}") from None
