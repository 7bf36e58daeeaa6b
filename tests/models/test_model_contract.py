"""Every kind of model keeps the same promises: it opens, refuses damage and what it cannot honour, proposes, and reads old folders."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import dosmith
from dosmith.constraints import Constraints
from dosmith.designer import Designer
from dosmith.errors import ConstraintError, ModelError, OptionError
from dosmith.models import registry
from dosmith.models.interface import COMPOSITIONS, CRYSTALS, CURVES, Model
from dosmith.models.registry import KINDS, open_model
from dosmith.models.store import FORMAT_VERSION, SPEC

ROOT = Path(__file__).parents[2]
RELEASED = {version: ROOT / "tests" / "fixtures" / f"models-{version}" for version in range(1, FORMAT_VERSION + 1)}
"""Tiny models of each version of the format, one of each kind."""
FOLDERS = [folder for models in RELEASED.values() for folder in sorted(models.iterdir()) if folder.is_dir()]


@pytest.fixture(params=FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def folder(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def model(folder: Path) -> Model:
    return open_model(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(folder, tmp_path / "copy")
    return tmp_path / "copy"


def target_of(model: Model) -> np.ndarray:
    return np.exp(-((model.axis - model.axis.mean()) ** 2))


def test_a_tiny_model_of_every_kind_and_version_is_kept() -> None:
    for version, models in RELEASED.items():
        specs = [json.loads((folder / SPEC).read_text(encoding="utf-8")) for folder in sorted(models.iterdir())]
        assert {spec["kind"] for spec in specs} == set(KINDS)
        assert {spec["format_version"] for spec in specs} == {version}


def test_it_says_what_it_is(model: Model, folder: Path) -> None:
    assert model.name == folder.name and model.kind in KINDS
    assert model.sizes == tuple(sorted(model.sizes)) and min(model.sizes) >= 1
    assert all(counts == tuple(sorted(counts, reverse=True)) for counts in model.ratios)
    assert {len(counts) for counts in model.ratios} <= set(model.sizes)
    assert max(max(counts) for counts in model.ratios) <= model.max_ratio
    assert (np.diff(model.axis) > 0).all()
    assert {symbol for composition in model.trained_on() for symbol, _ in composition} <= set(model.elements)
    assert model.of_dos == hasattr_recipe(model)
    json.dumps(model.as_dict())
    summary = model.summary()
    width = len(summary.columns) or 2
    assert summary.rows and all(len(row) == width for row in summary.rows)
    assert len({len(row) for row in summary.table}) == 1


def hasattr_recipe(model: Model) -> bool:
    try:
        _ = model.recipe
    except ModelError as error:
        assert "damaged" not in str(error)
        return False
    return True


def test_it_proposes_the_best_first_under_constraints(model: Model) -> None:
    found = model.propose(target_of(model), 6)
    assert len(found) == 6 and len({each.composition for each in found}) == 6
    ranked = [-each.distance if each.distance is not None else each.similarity for each in found]
    if model.atlas is None:  # else by similarity less a penalty for what is unstable
        assert ranked == sorted(ranked, reverse=True)
    known = found[2].composition
    symbol = known[0][0]
    constrained = model.propose(target_of(model), 4, Constraints.of(require=symbol))
    assert constrained and all(symbol in dict(each.composition) for each in constrained)
    assert all(text.endswith(".") for text in model.remarks(found, model.part_for(None)))
    with pytest.raises(ConstraintError):
        model.propose(target_of(model), 4, Constraints.of(n_elements=9))


def test_it_honours_known_options_and_refuses_the_others_in_one_line(model: Model) -> None:
    assert COMPOSITIONS <= model.honours <= COMPOSITIONS | CRYSTALS | CURVES
    model.refuse(model.honours)
    for name in (COMPOSITIONS | CRYSTALS | CURVES) - model.honours:
        with pytest.raises(OptionError, match=f"--{name.replace('_', '-')}") as caught:
            model.refuse([name])
        assert "\n" not in str(caught.value)


def test_a_curve_of_another_grid_is_refused(model: Model) -> None:
    with pytest.raises(ModelError, match="points"):
        model.propose(np.ones(len(model.axis) + 1), 3)


def test_a_designer_answers_or_says_why_not(model: Model) -> None:
    library = dosmith.MemoryLibrary([])
    if model.of_dos:
        energies = np.linspace(-10, 10, 401)
        answer = Designer(library, model, dosmith.Settings()).design((energies, np.exp(-(energies**2))), top=3)
        assert len(answer.candidates) == 3 and answer.model["kind"] == model.kind
    else:
        for asked in (model, str(model.folder)):
            with pytest.raises(ModelError, match="no densities of states") as caught:
                Designer(library, asked, dosmith.Settings())
            assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_file_is_named(copy: Path, damage: str) -> None:
    for file in json.loads((copy / SPEC).read_text(encoding="utf-8"))["sha256"]:
        path = copy / file
        whole = path.read_bytes()
        if damage == "flip":
            path.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
        elif damage == "truncate":
            path.write_bytes(whole[: len(whole) // 2])
        else:
            path.unlink()
        with pytest.raises(ModelError, match=re.escape(file)) as caught:
            read_everything(open_model(copy))
        assert "\n" not in str(caught.value)
        path.write_bytes(whole)
    read_everything(open_model(copy))


def read_everything(model: Model) -> None:
    found = model.propose(target_of(model), 1)
    if not model.of_dos:
        model.predict([dosmith.formulas.write(found[0].composition)], dosmith.MemoryLibrary([]))
    if "weights.safetensors" in model.spec["sha256"]:
        _ = model.tensors


def test_a_spec_that_lacks_something_is_refused(copy: Path) -> None:
    spec = json.loads((copy / SPEC).read_text(encoding="utf-8"))
    for key in open_model(copy).keys:
        (copy / SPEC).write_text(json.dumps({name: value for name, value in spec.items() if name != key}), encoding="utf-8")
        with pytest.raises(ModelError, match=f"lacks .*{key}"):
            open_model(copy)
    for changed, words in (
        (spec | {"format_version": 99}, "newer dosmith"),
        (spec | {"format_version": "one"}, "no format version"),
        (spec | {"kind": "crystal ball"}, "unknown kind 'crystal ball'"),
        ([1], "no format version"),
    ):
        (copy / SPEC).write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(ModelError, match=words):
            open_model(copy)
    (copy / SPEC).write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        open_model(copy)


def test_another_kind_is_refused_by_name(model: Model) -> None:
    for kind in KINDS.values():
        cls = registry.named(kind.model)
        if cls.kind != model.kind:
            with pytest.raises(ModelError, match=f"it is of kind '{model.kind}'"):
                cls.open(model.folder)


def test_the_kind_of_the_guide_works_by_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The example of CONTRIBUTING.md, as it stands there."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(# models/nearest.*?)```", page, flags=re.S)
    line = re.search(r'"nearest": (Kind\(.*?\))', page)
    assert code and line
    module = ModuleType("dosmith.models.nearest")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code[1], "CONTRIBUTING.md", "exec"), module.__dict__)
    monkeypatch.setitem(KINDS, "nearest", eval(line[1], {"Kind": registry.Kind}))
    curves = np.eye(5)
    module.save(tmp_path / "mine", np.arange(5.0), curves, ["NaCl", "KCl", "MgO", "CaO", "LiF"])
    opened = open_model(tmp_path / "mine")
    assert [dosmith.formulas.write(each.composition) for each in opened.propose(curves[2], 1)] == ["MgO"]
    with pytest.raises(OptionError):
        opened.refuse(["stability"])
