"""What `import dosmith` offers: each name is there, is documented, and its examples run."""

from __future__ import annotations

import ast
import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import dosmith

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
TRAINING = {"train_paper"}
"""Need PyTorch."""
SOURCE = Path(dosmith.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("dosmith", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if any(">>>" in line and "+SKIP" not in line for line in path.read_text(encoding="utf-8").splitlines())
)
OF_TRAINING = ("dosmith.models.tight_binding.", "dosmith.crystals.potential", "dosmith.crystals.relaxation")
"""Beginnings of modules that may need PyTorch."""


@pytest.mark.parametrize("name", dosmith.__all__)
def test_a_public_name_is_there_documented_and_known_to_type_checkers(name: str) -> None:
    if name in TRAINING:
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    value = getattr(dosmith, name)
    assert value.__doc__
    assert re.search(rf"^::: dosmith\.[\w.]+\.{name}$", PAGE, flags=re.M)
    tree = ast.parse(Path(dosmith.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module.startswith("dosmith.")]
    (module,) = {node.module for node in imports for alias in node.names if alias.name == name}
    assert getattr(import_module(module), name) is value


def test_the_page_names_nothing_that_is_not_there() -> None:
    for path in re.findall(r"^::: (\S+)$", PAGE, flags=re.M):
        module, _, name = path.rpartition(".")
        if name in TRAINING:
            pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
        assert hasattr(import_module(module), name), path
    with pytest.raises(AttributeError, match="nonsense"):
        dosmith.nonsense  # noqa: B018


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_give_what_they_say(module: str) -> None:
    if module.startswith(OF_TRAINING):
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")
    opened, runner = import_module(module), doctest.DocTestRunner()
    for node in ast.walk(ast.parse(Path(opened.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
            runner.run(doctest.DocTestParser().get_doctest(text, dict(vars(opened)), getattr(node, "name", module), None, None))
    assert runner.tries > 0 and runner.failures == 0
