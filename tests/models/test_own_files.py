"""A model is replaced by its successor; what else a person keeps in its folder stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dosmith.errors import ModelError
from dosmith.models.store import SPEC, read_spec, save_folder


def test_notes_beside_a_model_stay(tmp_path: Path) -> None:
    model = tmp_path / "model"
    save_folder(model, {"name": "first"}, card="first", tensors={"a": np.zeros(2)}, files={"network.onnx": b"old"})
    (model / "notes.txt").write_text("mine")
    save_folder(model, {"name": "second"}, card="second", tensors={"a": np.ones(2)})
    assert {path.name for path in model.iterdir()} == {SPEC, "card.md", "weights.safetensors", "notes.txt"}
    assert (model / "notes.txt").read_text() == "mine" and read_spec(model)["name"] == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ModelError, match="left alone"):
        save_folder(tmp_path, {"name": "first"}, card="first")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
