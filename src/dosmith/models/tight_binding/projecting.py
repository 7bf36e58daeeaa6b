"""Adding projections to a trained model: of its candidates, with their calibration from computed ones. Needs PyTorch."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
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
from dosmith.models.tight_binding.atoms import Atoms
from dosmith.models.tight_binding.band_centres import FILE as CENTRES
from dosmith.models.tight_binding.candidate_parts import FILE, SPIN_FILE, CandidateParts, predict_parts
from dosmith.models.tight_binding.candidates import Candidates, prepare
from dosmith.models.tight_binding.ensemble import ForwardModel, Label, Progress
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.models.tight_binding.orbital_shares import FILE as SHARES
from dosmith.records import Material
from dosmith.spectra.descriptors import standard_parts
from dosmith.spectra.standard import spin_difference, standardise

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
    """Let a trained model predict the projections of its candidates and the spins of those that are magnetic, and keep them in its folder.

    What was stopped goes on after the last candidates that were kept; those that the same networks have told of already are not predicted again.

    Args:
        folder: of the model, or the name of a shipped one.
        library: its materials with projections calibrate the model's, each by the member that has not seen its chemical system; and those with two
            spins its spins, which are left out where they are too few.
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
        calibration, of_spins = calibrated(model, library, progress), calibrated_spins(model, library, progress)
        kept = opened.folder.resolve().with_name(f".{opened.folder.resolve().name}-projecting")
        networks = hashlib.sha256(repr([sums.get(name) for name in (WEIGHTS, SHARES, CENTRES)]).encode()).hexdigest()[:12]
        facts = {"above_hull": above_hull, "networks": networks}
        told, spins_told = None, None
        if opened.spec.get("projected", {}).get("networks") == networks:
            wanted = np.where(np.isin(np.arange(len(atlas)), places), np.arange(len(atlas)), -1)
            told, spins_told = (each and each.moved(wanted) for each in (opened.candidate_parts, opened.candidate_spins))
        missing = places if told is None else np.setdiff1d(places, told.owners)
        parts = _parts(model, atlas.crystals, missing, calibration, False, kept / networks, pool, progress, told)
        add_file(opened.folder, FILE, parts.as_bytes(), {"projected": {"crystals": len(places)} | facts})
        if of_spins is not None:
            missing = places if spins_told is None else missing
            spins = _parts(model, atlas.crystals, missing, of_spins, True, kept / f"{networks}-spins", pool, progress, spins_told)
            add_file(opened.folder, SPIN_FILE, spins.as_bytes(), {"spins": {"crystals": len(np.unique(spins.owners))} | facts})
    shutil.rmtree(kept, ignore_errors=True)
    return TightBindingModel.open(opened.folder)


def calibrated(model: ForwardModel, library: Library, progress: Progress | None = None) -> Calibration:
    """What the errors of a model's projections are like, by the computed ones of a library.

    Raises:
        ModelError: there are too few.
    """
    from dosmith.models.tight_binding.projected import expected_parts

    def computed(material: Material) -> dict[Label, FloatArray]:
        assert material.projections is not None
        return standard_parts(material.spectrum, material.projections, model.recipe)

    def expected(without: ForwardModel, atoms: Atoms) -> dict[Label, tuple[FloatArray, float]]:
        return expected_parts(without, [atoms])[0]

    found, known = _calibrated(model, library, library.projected(), computed, expected, "computed projections", progress)
    if found is None:
        raise ModelError(
            f"{library.name} holds {known} computed projections of crystals that the model knows; {FEWEST} or more are needed to say"
            " how far its own may be trusted: join more libraries (--library)"
        )
    return found


def calibrated_spins(model: ForwardModel, library: Library, progress: Progress | None = None) -> Calibration | None:
    """What the errors of a model's spins are like, by the computed ones of a library; None where there are too few."""
    from dosmith.models.tight_binding.projected import DOWN, UP, expected_spins

    def computed(material: Material) -> dict[Label, FloatArray]:
        whole, more = standardise(material.spectrum, model.recipe).values, spin_difference(material.spectrum, model.recipe)
        return {UP: (whole + more) / 2, DOWN: (whole - more) / 2}

    return _calibrated(model, library, library.polarised(), computed, expected_spins, "computed spins", progress)[0]


def _calibrated(
    model: ForwardModel,
    library: Library,
    rows: Sequence[int],
    computed: Callable[[Material], dict[Label, FloatArray]],
    expected: Callable[[ForwardModel, Atoms], dict[Label, tuple[FloatArray, float]]],
    what: str,
    progress: Progress | None,
) -> tuple[Calibration | None, int]:
    """A calibration, None where too few parts are known, and how many are; each crystal is told by the member that has not seen its system."""
    curves: list[FloatArray] = []
    vectors: list[FloatArray] = []
    systems, kinds = [], []
    for count, material in enumerate(library.materials(rows), 1):
        structure = material.structure
        if (
            structure is not None
            and len(structure) <= model.settings.largest_cell
            and set(material.species) <= set(model.symbols)
        ):
            with suppress(NotFoundError):
                found = expected(model.without(material.composition), model.prepare(structure))
                known = computed(material)
                whole = sum(float(curve.sum()) for curve in known.values())
                for label, (curve, certainty) in found.items():
                    if label in known and known[label].sum() > _SHARE * whole and curve.any():
                        curves.append(curve * certainty / np.linalg.norm(curve))
                        vectors.append(known[label] / (known[label].sum() * model.recipe.grid.step))
                        systems.append(formulas.chemical_system(material.composition))
                        kinds.append(label[1])
        if progress is not None:
            progress(what, count, len(rows), 0.0)
    if len(curves) < FEWEST:
        return None, len(curves)
    return calibrate(np.array(curves), np.array(vectors), systems, model.recipe, kinds), len(curves)


def _parts(
    model: ForwardModel,
    crystals: SurveyedRows,
    places: NDArray[np.intp],
    calibration: Calibration,
    spins: bool,
    kept: Path,
    pool: Executor | None,
    progress: Progress | None,
    told: CandidateParts | None = None,
) -> CandidateParts:
    """The projections or spins of candidates at some places, some at once, beside those told already; those that are in the folder are taken from it."""
    kept.mkdir(parents=True, exist_ok=True)
    together = [places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE)]
    files = [kept / f"{_mark(list(crystals.taken(part)))}.parquet" for part in together]
    missing = [(part, file) for part, file in zip(together, files, strict=True) if not _is_whole(file)]
    done = len(places) - sum(len(part) for part, _ in missing)
    for part, file, content in _each(model, crystals, missing, calibration, spins, pool):
        with replacing(file) as opened:
            opened.write(content)
        done += len(part)
        if progress is not None:
            progress("spins of candidates" if spins else "projections of candidates", done, len(places), 0.0)
    found = [CandidateParts.read(file.read_bytes()).moved(part) for part, file in zip(together, files, strict=True)]
    return CandidateParts.joined(found if told is None else [told, *found], calibration)


def _each(
    model: ForwardModel,
    crystals: SurveyedRows,
    missing: Sequence[tuple[NDArray[np.intp], Path]],
    calibration: Calibration,
    spins: bool,
    pool: Executor | None,
) -> Iterator[tuple[NDArray[np.intp], Path, bytes]]:
    if pool is None:
        for part, file in missing:
            yield part, file, predicted(model, crystals.taken(part), calibration, spins)
        return
    waiting = {pool.submit(predicted, model, crystals.taken(part), calibration, spins): (part, file) for part, file in missing}
    for each in as_completed(waiting):
        yield *waiting.pop(each), each.result()


def predicted(model: ForwardModel, some: SurveyedRows, calibration: Calibration, spins: bool = False) -> bytes:
    """The projections of a few crystals, or the spins of those that are magnetic, as the contents of a file. A function of a module, so that it travels to other processes."""
    import torch

    torch.set_num_threads(1)  # matrices this small gain nothing from more
    prepared = [atoms for _, atoms in prepare(list(some), model.settings)]
    spectra = np.zeros((len(some), model.recipe.grid.points), dtype=np.float32)  # which parts are no part of
    return predict_parts(model, prepared, Candidates(some, spectra), calibration, spins).as_bytes()


def _mark(crystals: Sequence[Surveyed]) -> str:
    return hashlib.sha256(repr([each.key for each in crystals]).encode()).hexdigest()[:20]


def _is_whole(file: Path) -> bool:
    try:
        CandidateParts.read(file.read_bytes())
    except (OSError, FileFormatError):  # it is not there, or the disk lost some of it
        return False
    return True
