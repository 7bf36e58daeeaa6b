"""What an answer of the benchmark depends on: data, settings, and every module that it comes from."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from dosmith.benchmark.cases import OWN, PAPER
from dosmith.benchmark.data import survey_file, surveyed_pairs
from dosmith.library import ParquetLibrary
from dosmith.models.store import find_checkpoint, read_spec
from dosmith.settings import Settings

ANSWERS = "dosmith.benchmark.jobs"
"""The module that answers; whatever it imports, directly or not, is what answers come from."""

EXCEPTIONS = {
    "dosmith": "gives public names to modules and computes nothing",
    "dosmith.atomic": "decides how files are written, not what is in them",
    "dosmith.errors": "classes only; what an answer quotes of an error is written where it is raised",
    "dosmith.models.composition.model": "answers for other spectra, which the benchmark never asks for",
    "dosmith.models.composition.train": "learns other spectra, which the benchmark never asks for",
    "dosmith.models.paper.card": "describes a model after its training",
    "dosmith.models.tight_binding.card": "describes a model after its training",
    "dosmith.models.tight_binding.checkpoint": "saves and opens trained networks; the benchmark trains its own and keeps them in memory",
    "dosmith.models.tight_binding.unfinished": "resumes a training that was interrupted; the benchmark's are never resumed",
    "dosmith.settings": "its values are part of the fingerprint",
    "dosmith.sources.beside": "finds crystals beside a file; the benchmark's targets come from the library",
    "dosmith.sources.files": "reads files; the benchmark's targets come from the library",
    "dosmith.version": "a number",
}
"""Imported modules that no answer depends on, each with the reason; what only they import does not count either."""

CASES_ALONE = "dosmith.benchmark.cases"
"""Answers only the paper's examples: it and what only it imports, such as the designer, counts for those alone."""

_PACKAGE = Path(__file__).parents[1]
_PLACE = re.compile(r"[a-z_]+(\.[a-z_]+)+:\w+")
"""How `dosmith.models.registry` names what it imports on first use."""


def fingerprint(library: ParquetLibrary, settings: Settings, shipped: bool = False, package: Path = _PACKAGE) -> str:
    """One number for all that an answer depends on; an answer that was kept counts as long as it is the same.

    Args:
        library: the data.
        settings: of spectra, models and benchmark.
        shipped: whether the answer comes from the shipped models, as those of the paper's examples do.
        package: folder of the code.
    """
    sections = {name: getattr(settings, name).model_dump() for name in ("spectra", "paper", "forward", "design", "benchmark")}
    del sections["benchmark"]["processes"]  # changes nothing but the time
    exceptions = EXCEPTIONS.keys() if shipped else {*EXCEPTIONS, CASES_ALONE}
    code = {
        module: hashlib.sha256(_file(package, module).read_bytes()).hexdigest()
        for module in sorted(import_closure(package, ANSWERS, exceptions))
    }
    shards = sorted(shard["sha256"] for shard in library.manifest["shards"].values())
    survey = hashlib.sha256(repr(surveyed_pairs(survey_file())).encode()).hexdigest()
    models = [read_spec(find_checkpoint(name))["sha256"] for name in (PAPER, OWN)] if shipped else []
    return hashlib.sha256(json.dumps([code, shards, sections, survey, models], sort_keys=True).encode()).hexdigest()


def import_closure(package: Path, start: str, exceptions: Collection[str] = ()) -> set[str]:
    """The modules of a package that one of them imports, directly or through others, within functions too; itself among them.

    Args:
        package: folder of the package.
        start: name of the module, such as "dosmith.benchmark.jobs".
        exceptions: modules that are left out and not followed.
    """
    found: set[str] = set()
    waiting = {start}
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= set(_imports(package, module)) - found - set(exceptions)
    return found


def _imports(package: Path, module: str) -> Iterator[str]:
    """The package's modules that a module imports when it runs."""
    for name in _imported_names(_file(package, module).read_bytes()):
        yield from _modules(package, name)


@lru_cache(maxsize=256)
def _imported_names(code: bytes) -> tuple[str, ...]:
    """All names that code imports, such as "dosmith.formulas.parse", but those for type checking alone; "module:name" counts as one."""
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(code)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level  # imports are absolute throughout
            names += [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _PLACE.fullmatch(node.value):
            names.append(node.value.replace(":", "."))
        only_for_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        waiting += [] if only_for_types else ast.iter_child_nodes(node)
    return tuple(names)


def _modules(package: Path, name: str) -> Iterator[str]:
    """The modules that are run when a name is imported: the packages it lies in, and itself if it is a module."""
    parts = name.split(".")
    if parts[0] == package.name:
        yield from (module for count in range(1, len(parts) + 1) if _file(package, module := ".".join(parts[:count])).is_file())


def _file(package: Path, module: str) -> Path:
    path = package.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
