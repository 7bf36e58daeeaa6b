"""Adding projections to a trained model: of its candidates, with their calibration from computed ones. Needs PyTorch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.atomic import replacing
from dosmith.errors import FileFormatError, MissingExtraError, ModelError, NotFoundError
from dosmith.library import Library
from dosmith.models.calibration import Calibration, calibrate
from dosmith.models.store import add_file
from dosmith.models.tight_binding.candidate_parts import FILE, CandidateParts, predict_parts
from dosmith.models.tight_binding.candidates import Candidates, prepare
from dosmith.models.tight_binding.ensemble import ForwardModel, Progress
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.spectra.descriptors import standard_parts

FloatArray = NDArray[np.float64]

FEWEST = 30
"""Computed parts that a calibration needs."""
_SHARE = 0.05
"""Of the states: computed parts with fewer do not count in it."""
_AT_ONCE = 256  # candidates that are kept together


def project(folder: str | Path, library: Library, progress: Progress | None = None) -> TightBindingModel:
    """Let a trained model predict the projections of all its candidates, and keep them in its folder.

    What was stopped goes on after the last candidates that were kept.

    Args:
        folder: of the model, or the name of a shipped one.
        library: its materials with projections calibrate the model's, each by the member that has not seen its chemical system.
        progress: called after each few crystals.

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
    candidates, model = opened.atlas.candidates, opened.ensemble
    with one_thread():
        calibration = calibrated(model, library, progress)
        kept = opened.folder.resolve().with_name(f".{opened.folder.resolve().name}-projecting")
        mark = hashlib.sha256(repr(sorted(opened.spec["sha256"].items())).encode()).hexdigest()[:12]
        parts = _parts(model, candidates, calibration, kept, mark, progress)
    add_file(opened.folder, FILE, parts.as_bytes())
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
    model: ForwardModel, candidates: Candidates, calibration: Calibration, kept: Path, mark: str, progress: Progress | None
) -> CandidateParts:
    """The projections of all candidates, some at once; those that are in the folder already are taken from it."""
    found: list[CandidateParts] = []
    kept.mkdir(parents=True, exist_ok=True)
    count = len(candidates.crystals)
    for start in range(0, count, _AT_ONCE):
        file = kept / f"{mark}-{start:06d}.parquet"
        try:
            part = CandidateParts.read(file.read_bytes())
        except (OSError, FileFormatError):
            stop = min(start + _AT_ONCE, count)
            some = Candidates(candidates.crystals[start:stop], candidates.expected[start:stop])
            prepared = prepare(some.crystals, model.settings)
            part = predict_parts(model, [atoms for _, atoms in prepared], some, calibration)
            with replacing(file) as opened:
                opened.write(part.as_bytes())
        found.append(part)
        if progress is not None:
            progress("projections of candidates", min(start + _AT_ONCE, count), count, 0.0)
    return _joined(found, calibration)


def _joined(found: Sequence[CandidateParts], calibration: Calibration) -> CandidateParts:
    owners = [part.owners + number * _AT_ONCE for number, part in enumerate(found)]
    return CandidateParts(
        np.concatenate(owners),
        tuple(label for part in found for label in part.labels),
        np.concatenate([part.certainties for part in found]),
        np.concatenate([part.shares for part in found]),
        calibration,
    )
