"""The spectra that a model expects of a survey's crystals, in parts: side by side, and what was stopped goes on where it was. Needs PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dosmith.atomic import replacing
from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.errors import FileFormatError
from dosmith.models.tight_binding.candidates import Candidates, joined, predict, prepare

if TYPE_CHECKING:
    from dosmith.crystals.potential import Potential
    from dosmith.models.tight_binding.ensemble import ForwardModel

_AT_ONCE = 512  # crystals that are kept together

Progress = Callable[[int, int], None]
"""Called after each part: how many crystals are done, and how many there are."""


def expected_spectra(
    model: ForwardModel,
    survey: Sequence[Surveyed],
    kept: Path,
    pool: Executor | None = None,
    progress: Progress | None = None,
    before: Candidates | None = None,
) -> Candidates:
    """The crystals of a survey whose elements a model knows, all polymorphs, with the spectra and gaps that it expects of them; without heights.

    Args:
        model: that predicts.
        survey: crystals.
        kept: folder of parts that are done; made, and left for the next time.
        pool: processes that predict parts side by side; this one when None.
        progress: called after each part.
        before: crystals of which the same model has told already what it expects; those of the survey are not predicted again.
    """
    known = frozenset(model.symbols)
    wanted = [each for each in survey if known.issuperset(each.elements)]
    told = {} if before is None else {each.key: place for place, each in enumerate(before.crystals)}
    chosen = [each for each in wanted if each.key not in told]
    kept.mkdir(parents=True, exist_ok=True)
    parts = [chosen[start : start + _AT_ONCE] for start in range(0, len(chosen), _AT_ONCE)]
    files = [kept / f"{_mark(part)}.parquet" for part in parts]
    done = sum(len(part) for part, file in zip(parts, files, strict=True) if file.is_file())
    missing = [(part, file) for part, file in zip(parts, files, strict=True) if not file.is_file()]

    def keep(part: Sequence[Surveyed], file: Path, content: bytes) -> None:
        nonlocal done
        with replacing(file) as opened:
            opened.write(content)
        done += len(part)
        if progress is not None:
            progress(done, len(chosen))

    if pool is None:
        for part, file in missing:
            keep(part, file, predicted(model, part))
    else:
        waiting = {pool.submit(predicted, model, part): (part, file) for part, file in missing}
        for each in as_completed(waiting):
            keep(*waiting.pop(each), each.result())
    found = [_read(part, file, model) for part, file in zip(parts, files, strict=True)]
    if before is not None:
        again = [each for each in wanted if each.key in told]
        places = np.array([told[each.key] for each in again], dtype=np.intp)
        found.insert(0, replace(before.taken(places), crystals=SurveyedRows.of(again)))  # with the energies that the list has now
    whole = joined(found, model.recipe.grid.points)
    order = {each.key: place for place, each in enumerate(whole.crystals)}
    return whole.taken(np.array([order[each.key] for each in wanted if each.key in order], dtype=np.intp))


def predicted(model: ForwardModel, part: Sequence[Surveyed]) -> bytes:
    """A few crystals with what a model expects of them, as the contents of a file. A function of a module, so that it travels to other processes."""
    import torch

    torch.set_num_threads(1)  # matrices this small gain nothing from more
    return predict(model, prepare(part, model.settings, _potential())).as_bytes()


@lru_cache(maxsize=1)
def _potential() -> Potential:
    from dosmith.crystals.potential import Potential

    return Potential()


def _mark(part: Sequence[Surveyed]) -> str:
    return hashlib.sha256(repr(list(part)).encode()).hexdigest()[:20]


def _read(part: Sequence[Surveyed], file: Path, model: ForwardModel) -> Candidates:
    try:
        return Candidates.read(file.read_bytes(), model.recipe)
    except FileFormatError:  # the disk lost some of it
        with replacing(file) as opened:
            opened.write(predicted(model, part))
        return Candidates.read(file.read_bytes(), model.recipe)
