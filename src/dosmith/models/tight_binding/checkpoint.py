"""A trained forward model on disk: one folder, opened without executing anything in it. Needs PyTorch.

checkpoint.json       format version, recipe, settings, elements, calibration, SHA-256 of the rest
weights.safetensors   weights of every member, and the scales of its features
identity.safetensors  inverse covariance of its errors, to tell whose a spectrum is; not in every model
shares.safetensors    corrects the shares of orbitals; not in every model
centres.safetensors   then corrects the centres of bands; not in every model
candidates.parquet    crystals that a search may propose, each with the DOS expected of it; not in every model
card.md               what it is, how it was made, how good it is
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import MissingExtraError, ModelError
from dosmith.library import Library
from dosmith.models.identity import FILE as IDENTITY
from dosmith.models.store import read_checked, read_tensors, save_folder
from dosmith.models.tight_binding import card
from dosmith.models.tight_binding.atoms import Scale
from dosmith.models.tight_binding.band_centres import FILE as CENTRES
from dosmith.models.tight_binding.band_centres import BandCentres
from dosmith.models.tight_binding.candidates import FILE, Candidates
from dosmith.models.tight_binding.ensemble import ForwardModel, Member
from dosmith.models.tight_binding.model import TightBindingModel
from dosmith.models.tight_binding.orbital_shares import FILE as SHARES
from dosmith.models.tight_binding.orbital_shares import OrbitalShares
from dosmith.settings import ForwardSettings

_PARTS = ("tight_binding", "plain")


def save(model: ForwardModel, folder: Path, library: Library, name: str, candidates: Candidates | None = None) -> None:
    """Write a model, with what it expects of candidates; a folder that is there is replaced whole.

    Raises:
        ModelError: the folder holds something other than a model.
    """
    spec: dict[str, Any] = {
        "name": name,
        "kind": TightBindingModel.kind,
        "library": {"name": library.name, "count": len(library)},
        "recipe": model.recipe.as_dict(),
        "settings": model.settings.model_dump(),
        "elements": list(model.symbols),
        "formulas": sorted(set(library.formulas)),
        "calibration": model.calibration.as_dict(),
        "unseen": [
            " ".join(sorted(system for system, each in model.unseen.items() if each == number))
            for number in range(len(model.members))
        ],
    }
    files = {}
    if candidates is not None:
        files[FILE] = candidates.coded(model.recipe).as_bytes()
        spec["candidates"] = facts_of(candidates)
    if model.identity is not None:
        files[IDENTITY] = model.identity.as_bytes()
        spec["identity"] = model.identity.as_dict()
    if model.shares is not None:
        files[SHARES] = model.shares.as_bytes()
    if model.centres is not None:
        files[CENTRES] = model.centres.as_bytes()
    save_folder(folder, spec, card=card.text(spec), tensors=_numbered(model), files=files)


def fingerprint(model: ForwardModel) -> str:
    """Tells the networks of one model from those of another."""
    tensors = _numbered(model)
    return hashlib.sha256(
        b"".join(name.encode() + np.ascontiguousarray(tensors[name]).tobytes() for name in sorted(tensors))
    ).hexdigest()[:16]


def facts_of(candidates: Candidates) -> dict[str, Any]:
    """What a checkpoint says of its candidates."""
    return {
        "crystals": len(candidates.crystals),
        "compositions": len(set(candidates.crystals.compositions)),
        "sizes": np.unique(candidates.crystals.compositions.sizes).tolist(),
    }


def open_ensemble(name: str | Path) -> ForwardModel:
    """The networks of the model in a folder, or of the shipped one of that name.

    Raises:
        NotFoundError: there is none.
        ModelError: it is of another kind, damaged, or was written by a newer dosmith.
        MissingExtraError: PyTorch is not installed.
    """
    return TightBindingModel.open(name).ensemble


def ensemble_of(opened: TightBindingModel) -> ForwardModel:
    """The networks of an opened model; errors as of `open_ensemble`."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise MissingExtraError("predicting the DOS of a crystal", "relax") from None
    tensors = read_tensors(opened.folder, opened.spec)
    try:
        settings = opened.settings
        members = tuple(
            member_of(_of_number(tensors, number), len(opened.elements), opened.recipe.grid.points, settings)
            for number in range(settings.members)
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(f"the model in {opened.folder} is damaged: {error}") from None
    unseen = {system: number for number, each in enumerate(opened.spec.get("unseen", ())) for system in each.split()}
    shares = centres = None
    if SHARES in opened.spec["sha256"]:
        shares = OrbitalShares.read(read_checked(opened.folder, SHARES, opened.spec), opened.recipe.grid.points)
    if CENTRES in opened.spec["sha256"]:
        centres = BandCentres.read(read_checked(opened.folder, CENTRES, opened.spec))
    calibration, identity = opened.calibration, opened.identity
    return ForwardModel(members, opened.elements, opened.recipe, settings, calibration, identity, unseen, shares, centres)


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


def member_of(tensors: Mapping[str, NDArray[Any]], elements: int, points: int, settings: ForwardSettings) -> Member:
    """The member of such arrays.

    Raises:
        KeyError, RuntimeError: they are not those of a member with these settings.
    """
    import torch

    from dosmith.models.tight_binding.network import PlainNetwork, TightBinding

    bond, plain = (Scale(*tensors[scale]) for scale in ("bond_scale", "plain_scale"))
    networks = (
        TightBinding(torch.zeros(elements, 3), torch.ones(elements), len(bond.mean), settings),
        PlainNetwork(len(plain.mean), points, settings),
    )
    for part, network in zip(_PARTS, networks, strict=True):
        prefix = f"{part}."
        state = {key.removeprefix(prefix): torch.tensor(value) for key, value in tensors.items() if key.startswith(prefix)}
        network.load_state_dict(state)
        network.eval()
    return Member(*networks, bond, plain)
