"""A trained forward model on disk: one folder, opened without executing anything in it. Needs PyTorch.

checkpoint.json       format version, recipe, settings, elements, calibration, SHA-256 of the rest
weights.safetensors   weights of every member, and the scales of its features
candidates.parquet    crystals that a search may propose, each with the DOS expected of it; not in every model
card.md               what it is, how it was made, how good it is
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.atomic import replacing_folder
from dosmith.errors import MissingExtraError, ModelError
from dosmith.library import Library
from dosmith.models.calibration import Calibration
from dosmith.models.store import CARD, FORMAT_VERSION, SPEC, WEIGHTS, find_checkpoint, read_spec, read_tensors, refuse_foreign
from dosmith.models.tight_binding import card
from dosmith.models.tight_binding.candidates import FILE, Candidates
from dosmith.models.tight_binding.ensemble import ForwardModel, Member, Scale
from dosmith.settings import ForwardSettings
from dosmith.spectra.grid import EnergyGrid
from dosmith.spectra.standard import Recipe

KIND = "forward"
_PARTS = ("tight_binding", "plain")


def save(model: ForwardModel, folder: Path, library: Library, name: str, candidates: Candidates | None = None) -> None:
    """Write a model, with what it expects of candidates; a folder that is there is replaced whole.

    Raises:
        ModelError: the folder holds something other than a model.
    """
    from safetensors.numpy import save as as_bytes

    from dosmith.version import __version__

    refuse_foreign(folder)
    weights = as_bytes({key: np.ascontiguousarray(value) for key, value in _numbered(model).items()})
    spec: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "kind": KIND,
        "dosmith_version": __version__,
        "library": {"name": library.name, "count": len(library)},
        "recipe": {
            "grid": model.recipe.grid.key,
            "broadening": model.recipe.broadening,
            "zero": model.recipe.zero,
            "min_coverage": model.recipe.min_coverage,
        },
        "settings": model.settings.model_dump(),
        "elements": list(model.symbols),
        "formulas": sorted(set(library.formulas)),
        "calibration": model.calibration.as_dict(),
        "sha256": {WEIGHTS: hashlib.sha256(weights).hexdigest()},
    }
    with replacing_folder(folder) as aside:
        (aside / WEIGHTS).write_bytes(weights)
        if candidates is not None:
            candidates.write(aside / FILE)
            spec["sha256"][FILE] = hashlib.sha256((aside / FILE).read_bytes()).hexdigest()
            spec["candidates"] = {
                "crystals": len(candidates.crystals),
                "compositions": len({crystal.composition for crystal in candidates.crystals}),
                "sizes": sorted({len(crystal.composition) for crystal in candidates.crystals}),
            }
        (aside / SPEC).write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
        (aside / CARD).write_text(card.text(spec), encoding="utf-8")


def open_model(name: str | Path) -> ForwardModel:
    """The forward model in a folder, or the shipped one of that name.

    Raises:
        NotFoundError: there is none.
        ModelError: it is of another kind, damaged, or was written by a newer dosmith.
        MissingExtraError: PyTorch is not installed.
    """
    folder = find_checkpoint(name)
    spec = read_spec(folder)
    if spec.get("kind") != KIND:
        raise ModelError(f"the model in {folder} does not predict a DOS; it is of kind '{spec.get('kind')}'")
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("predicting the DOS of a crystal", "relax") from None
    tensors = read_tensors(folder, spec)
    try:
        recipe = spec["recipe"]
        model = ForwardModel(
            (),
            tuple(spec["elements"]),
            Recipe(EnergyGrid.from_key(recipe["grid"]), recipe["broadening"], recipe["zero"], recipe["min_coverage"]),
            ForwardSettings(**spec["settings"]),
            Calibration(**spec["calibration"]),
        )
        members = tuple(
            member_of(_of_number(tensors, number), len(model.symbols), model.recipe.grid.levels, model.settings)
            for number in range(model.settings.members)
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the model in {folder} is damaged: {error}") from None
    return ForwardModel(members, model.symbols, model.recipe, model.settings, model.calibration)


def _numbered(model: ForwardModel) -> dict[str, NDArray[Any]]:
    return {f"{number}.{key}": value for number, each in enumerate(model.members) for key, value in tensors_of(each).items()}


def _of_number(tensors: Mapping[str, NDArray[Any]], number: int) -> dict[str, NDArray[Any]]:
    return {key.removeprefix(f"{number}."): value for key, value in tensors.items() if key.startswith(f"{number}.")}


def tensors_of(member: Member) -> dict[str, NDArray[Any]]:
    """All arrays of a member by name."""
    found: dict[str, NDArray[Any]] = {}
    for part in _PARTS:
        found |= {f"{part}.{key}": value.numpy() for key, value in getattr(member, part).state_dict().items()}
    for scale in ("bond_scale", "plain_scale"):
        found[scale] = np.stack([getattr(member, scale).mean, getattr(member, scale).spread])
    return found


def member_of(tensors: Mapping[str, NDArray[Any]], elements: int, levels: int, settings: ForwardSettings) -> Member:
    """The member of such arrays.

    Raises:
        KeyError, RuntimeError: they are not those of a member with these settings.
    """
    import torch

    from dosmith.models.tight_binding.network import PlainNetwork, TightBinding

    bond, plain = (Scale(*tensors[scale]) for scale in ("bond_scale", "plain_scale"))
    networks = (
        TightBinding(torch.zeros(elements, 3), torch.ones(elements), len(bond.mean), settings.hidden, settings.dropout),
        PlainNetwork(len(plain.mean), levels, settings.plain_hidden, settings.plain_dropout),
    )
    for part, network in zip(_PARTS, networks, strict=True):
        prefix = f"{part}."
        state = {key.removeprefix(prefix): torch.tensor(value) for key, value in tensors.items() if key.startswith(prefix)}
        network.load_state_dict(state)
        network.eval()
    return Member(*networks, bond, plain)
