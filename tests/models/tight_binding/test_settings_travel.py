"""What a trained model needs in order to answer as it did travels with it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from dosmith.errors import ModelError
from dosmith.models.store import SPEC
from dosmith.models.tight_binding import model as module
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.settings import ForwardSettings

OLD = Path(__file__).parents[2] / "fixtures" / "models-1"


def test_a_model_that_does_not_state_a_setting_has_the_value_of_its_time() -> None:
    """So a changed default changes no model that is there already."""
    for model in (TightBindingModel.open("dosmith"), *map(TightBindingModel.open, _old())):
        unstated = ForwardSettings.model_fields.keys() - model.spec["settings"].keys()
        assert unstated <= module._BEFORE.keys()
        assert all(getattr(model.settings, name) == module._BEFORE[name] for name in unstated)
        for name, value in model.spec["settings"].items():
            assert getattr(model.settings, name) == value
    assert not module._BEFORE.keys() - ForwardSettings.model_fields.keys()


def _old() -> list[Path]:
    folders = [folder for folder in OLD.iterdir() if (folder / SPEC).is_file()]
    return [folder for folder in folders if json.loads((folder / SPEC).read_text(encoding="utf-8"))["kind"] == "forward"]


def test_the_penalty_of_the_model_ranks_its_crystals() -> None:
    model = TightBindingModel.open("dosmith")
    spec = model.spec | {"settings": model.spec["settings"] | {"height_penalty": 1.0}}
    other = dataclasses.replace(model, spec=spec)
    similarities = np.zeros(len(model.atlas))
    heights = np.maximum(np.nan_to_num(model.atlas.formation_energies), 0)  # what is unknown costs nothing
    assert heights.max() > 0
    np.testing.assert_allclose(model.atlas.scores(similarities), -0.1 * heights)
    np.testing.assert_allclose(other.atlas.scores(similarities), -heights)


def test_settings_that_are_none_are_damage(tmp_path: Path) -> None:
    model = TightBindingModel.open(_old()[0])
    spec = {**model.spec, "settings": model.spec["settings"] | {"members": "many"}}
    (tmp_path / SPEC).write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(ModelError, match="damaged: settings"):
        TightBindingModel.open(tmp_path)
