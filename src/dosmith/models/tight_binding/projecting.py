"""Adding projections to a trained model: of its candidates, with their calibration from computed ones. Needs PyTorch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas, processes
from dosmith.atomic import replacing
from dosmith.crystals.surveyed import Surveyed, SurveyedRows
from dosmith.errors import FileFormatError, MissingExtraError, ModelError, NotFoundError
from dosmith.library import Library
from dosmith.models.calibration import Calibration, calibrate
from dosmith.models.store import WEIGHTS, add_file
from dosmith.models.tight_binding.band_centres import FILE as CENTRES
from dosmith.models.tight_binding.candidate_parts import FILE, CandidateParts, predict_parts
from dosmith.models.tight_binding.candidates import Candidates, prepare
from dosmith.models.tight_binding.ensemble import ForwardModel, Progress
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.models.tight_binding.orbital_shares import FILE as SHARES
from dosmith.spectra.descriptors import standard_parts

FloatArray = NDArray[np.float64]

FEWEST = 30
"""Computed parts that a calibration needs."""
_SHARE = 0.05
"""Of the states: computed parts with fewer do not count in it."""
_AT_ONCE = 256  # candidates that are kept together


def project(
    folder: str | Path,
    library: Library,
    progress: Progress | None = None,
    above_hull: float | None = None,
    workers: int = 1,
) -> TightBindingModel:
    """Let a trained model predict the projections of its candidates, and keep them in its folder.

    What was stopped goes on after the last candidates that were kept.

    Args:
        folder: of the model, or the name of a shipped one.
        library: its materials with projections calibrate the model's, each by the member that has not seen its chemical system.
        progress: called after each few crystals.
        above_hull: only of candidates up to so high, eV/atom; of all when None.
        workers: processes side by side.

    Raises:
        ModelError: the model has no candidates, or the library too few projections.
        MissingExtraError: CHGNet, which brings PyTorch, is not installed.
    """
    try:
        import chgnet  # noqa: F401
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("predicting projections (CHGNet)", "relax") from None
    from dosmith.models.training import one_thread

    opened = TightBindingModel.open(folder)
    atlas, model, sums = opened.atlas, opened.ensemble, opened.spec["sha256"]
    places = np.arange(len(atlas)) if above_hull is None else np.flatnonzero(atlas.heights.above <= above_hull)
    with one_thread(), processes.side_by_side(workers) as pool:
        calibration = calibrated(model, library, progress)
        kept = opened.folder.resolve().with_name(f".{opened.folder.resolve().name}-projecting")
        networks = hashlib.sha256(repr([sums.get(name) for name in (WEIGHTS, SHARES, CENTRES)]).encode()).hexdigest()[:12]
        parts = _parts(model, atlas.crystals, places, calibration, kept / networks, pool, progress)
    add_file(opened.folder, FILE, parts.as_bytes(), {"projected": {"crystals": len(places), "above_hull": above_hull}})
    shutil.rmtree(kept, ignore_errors=True)
    return TightBindingModel.open(opened.folder)


def calibrated(model: ForwardModel, library: Library, progress: Progress | None = None) -> Calibration:
    """What the errors of a model's projections are like, by the computed ones of a library.

    Raises:
        ModelError: there are too few.
    """
    from dosmith.models.tight_binding.projected import expected_parts

    expected: list[FloatArray] = []
    vectors: list[FloatArray] = []
    systems, kinds = [], []
    rows = library.projected()
    for count, material in enumerate(library.materials(rows), 1):
        structure, projections = material.structure, material.projections
        fits = (
            structure is not None
            and len(structure) <= model.settings.largest_cell
            and set(material.species) <= set(model.symbols)
        )
        if fits and structure is not None and projections is not None:
            with suppress(NotFoundError):
                found = expected_parts(model.without(material.composition), [model.prepare(structure)])[0]
                computed = standard_parts(material.spectrum, projections, model.recipe)
                whole = sum(float(curve.sum()) for curve in computed.values())
                for label, (curve, certainty) in found.items():
                    if label in computed and computed[label].sum() > _SHARE * whole and curve.any():
                        expected.append(curve * certainty / np.linalg.norm(curve))
                        vectors.append(computed[label] / (computed[label].sum() * model.recipe.grid.step))
                        systems.append(formulas.chemical_system(material.composition))
                        kinds.append(label[1])
        if progress is not None:
            progress("computed projections", count, len(rows), 0.0)
    if len(expected) < FEWEST:
        raise ModelError(
            f"{library.name} holds {len(expected)} computed projections of crystals that the model knows; {FEWEST} or more are needed to say"
            " how far its own may be trusted: join more libraries (--library)"
        )
    return calibrate(np.array(expected), np.array(vectors), systems, model.recipe, kinds)


def _parts(
    model: ForwardModel,
    crystals: SurveyedRows,
    places: NDArray[np.intp],
    calibration: Calibration,
    kept: Path,
    pool: Executor | None,
    progress: Progress | None,
) -> CandidateParts:
    """The projections of candidates at some places, some at once; those that are in the folder already are taken from it."""
    kept.mkdir(parents=True, exist_ok=True)
    together = [places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE)]
    files = [kept / f"{_mark(list(crystals.taken(part)))}.parquet" for part in together]
    missing = [(part, file) for part, file in zip(together, files, strict=True) if not _is_whole(file)]
    done = len(places) - sum(len(part) for part, _ in missing)
    for part, file, content in _each(model, crystals, missing, calibration, pool):
        with replacing(file) as opened:
            opened.write(content)
        done += len(part)
        if progress is not None:
            progress("projections of candidates", done, len(places), 0.0)
    found = [CandidateParts.read(file.read_bytes()) for file in files]
    return CandidateParts(
        np.concatenate([part[each.owners] for part, each in zip(together, found, strict=True)]),
        np.concatenate([each.elements for each in found]),
        np.concatenate([each.orbitals for each in found]),
        np.concatenate([each.certainties for each in found]),
        np.concatenate([each.shares for each in found]),
        calibration,
    )


def _each(
    model: ForwardModel,
    crystals: SurveyedRows,
    missing: Sequence[tuple[NDArray[np.intp], Path]],
    calibration: Calibration,
    pool: Executor | None,
) -> Iterator[tuple[NDArray[np.intp], Path, bytes]]:
    if pool is None:
        for part, file in missing:
            yield part, file, predicted(model, crystals.taken(part), calibration)
        return
    waiting = {pool.submit(predicted, model, crystals.taken(part), calibration): (part, file) for part, file in missing}
    for each in as_completed(waiting):
        yield *waiting.pop(each), each.result()


def predicted(model: ForwardModel, some: SurveyedRows, calibration: Calibration) -> bytes:
    """The projections of a few crystals, as the contents of a file. A function of a module, so that it travels to other processes."""
    import torch

    torch.set_num_threads(1)  # matrices this small gain nothing from more
    prepared = [atoms for _, atoms in prepare(list(some), model.settings)]
    spectra = np.zeros((len(some), model.recipe.grid.points), dtype=np.float32)  # which parts are no part of
    return predict_parts(model, prepared, Candidates(some, spectra), calibration).as_bytes()


def _mark(crystals: Sequence[Surveyed]) -> str:
    return hashlib.sha256(repr([each.key for each in crystals]).encode()).hexdigest()[:20]


def _is_whole(file: Path) -> bool:
    try:
        CandidateParts.read(file.read_bytes())
    except (OSError, FileFormatError):  # it is not there, or the disk lost some of it
        return False
    return True
