"""Training a model of other spectra: from a composition, without a crystal, to what its spectrum is like. Needs PyTorch.

Every element of a composition contributes what a network makes of it and of the whole; contributions add up by their shares. Members
leave one fold of the chemical systems out each, which shows what the model is worth on new chemistry. The loss is that of the
forward model: what matters is how wrong similarities come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import MissingExtraError, ModelError
from dosmith.formulas import Composition
from dosmith.models.composition.features import Parts
from dosmith.models.composition.model import KNOWN, NETWORK, CompositionModel
from dosmith.models.composition.table import SpectraTable
from dosmith.models.splits import held_out_system
from dosmith.models.store import refuse_foreign, save_folder
from dosmith.settings import OtherSpectraSettings, Settings

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Progress = Callable[[str, int, int, float], None]


def train_other_spectra(
    table: SpectraTable,
    folder: str | Path,
    settings: Settings | None = None,
    progress: Progress | None = None,
    name: str = "other",
) -> CompositionModel:
    """Train on a table of spectra and save the model.

    Args:
        table: what to learn from; it is saved with the model.
        folder: of the checkpoint; replaced whole when training has ended, untouched before.
        settings: the section `other_spectra` is used.
        progress: called after each epoch.
        name: of the model.

    Raises:
        MissingExtraError: PyTorch is not installed.
        ModelError: there are too few chemical systems.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("training", "train") from None
    from dosmith.models.composition.network import Mean
    from dosmith.models.training import onnx_of

    options = (settings or Settings()).other_spectra
    final = Path(folder).resolve()
    refuse_foreign(final)
    wanted = np.ones(len(table), dtype=bool)
    splits = held_out_system(table.compositions, wanted, options.members, options.seed)
    if any(len(split.test) == 0 for split in splits):
        raise ModelError(f"training needs spectra of {options.members} chemical systems or more")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        members, unseen = [], np.zeros_like(table.values)
        for number, split in enumerate(splits):
            member = train_member(table, split.train, options, options.seed + number, _numbered(progress, number, options))
            unseen[split.test] = expected_of(member, [table.compositions[row] for row in split.test])
            members.append(member)
    finally:
        torch.set_num_threads(threads)
    spec = _spec(table, options, name, held_out(unseen, table))
    network = onnx_of(Mean(members), members[0].inputs, "features", "contributions", "elements")
    save_folder(final, spec, card=_card(spec), files={NETWORK: network, KNOWN: table.as_bytes()})
    return CompositionModel.open(final)


def train_member(
    table: SpectraTable, rows: IntArray, settings: OtherSpectraSettings, seed: int, progress: Progress | None = None
) -> Any:
    """One network (a torch module), trained on some rows of a table."""
    import torch

    from dosmith.models.composition.network import CompositionNetwork
    from dosmith.models.training import descend, shuffled

    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    parts = [Parts.of([table.compositions[row]]) for row in rows]
    every = np.concatenate([each.features for each in parts])
    network = CompositionNetwork(every.mean(axis=0), every.std(axis=0), len(table.axis), settings.hidden, settings.dropout)
    features = [torch.tensor(each.features, dtype=torch.float32) for each in parts]
    shares = [torch.tensor(each.shares, dtype=torch.float32) for each in parts]
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)

    def predict(places: Sequence[int]) -> tuple[torch.Tensor, None]:
        owners = torch.repeat_interleave(torch.arange(len(places)), torch.tensor([len(features[place]) for place in places]))
        contributions = network(torch.cat([features[place] for place in places]))
        weighted = contributions * torch.cat([shares[place] for place in places])[:, None]
        return torch.zeros(len(places), weighted.shape[1]).index_add(0, owners, weighted), None

    descend(
        network,
        predict,
        lambda: shuffled(len(rows), settings.batch, generator),
        torch.tensor(table.unit[rows], dtype=torch.float32),
        optimizer,
        settings.rate,
        settings.epochs,
        settings,
        lambda done, loss: progress("network", done, settings.epochs, loss) if progress else None,
    )
    return network


def expected_of(network: Any, compositions: Sequence[Composition]) -> FloatArray:
    """What one network expects of compositions, shape (C, L)."""
    import torch

    parts = Parts.of(compositions)
    with torch.no_grad():
        contributions = network(torch.tensor(parts.features, dtype=torch.float32))
    return parts.total(contributions.double().numpy())


def held_out(unseen: FloatArray, table: SpectraTable) -> dict[str, float]:
    """What predictions for chemistry that was not seen are worth.

    Args:
        unseen: predictions of spectra of norm 1, shape (M, L).
        table: the true ones.
    """
    true = table.unit
    norms = np.linalg.norm(unseen, axis=1)
    cosines = (unseen * true).sum(axis=1) / np.where(norms > 0, norms, 1.0)
    mean = true.mean(axis=0)
    spread = ((true - mean) ** 2).sum()
    return {
        "count": len(table),
        "cosine": float(cosines.mean()),
        "mean_cosine": float((true @ mean / np.linalg.norm(mean)).mean()),
        "determination": float(1 - ((unseen - true) ** 2).sum() / spread),
    }


def _numbered(progress: Progress | None, number: int, settings: OtherSpectraSettings) -> Progress | None:
    if progress is None:
        return None
    return lambda what, done, count, loss: progress(f"{what} {number + 1} of {settings.members}", done, count, loss)


def _spec(table: SpectraTable, settings: OtherSpectraSettings, name: str, found: dict[str, float]) -> dict[str, Any]:
    return {
        "name": name,
        "kind": CompositionModel.kind,
        "spectra": len(table),
        "axis": [float(table.axis[0]), float(table.axis[-1]), len(table.axis)],
        "settings": settings.model_dump(),
        "elements": sorted({s for each in table.compositions for s, _ in each}, key=formulas.atomic_number),
        "held_out": found,
    }


def _card(spec: dict[str, Any]) -> str:
    found, (lower, upper, points) = spec["held_out"], spec["axis"]
    options = "\n".join(f"| {key} | {value} |" for key, value in spec["settings"].items())
    return f"""# Model card: {spec["name"]}

From a composition to its spectrum ({points} points from {lower:g} to {upper:g}), trained on {spec["spectra"]:,} spectra of {len(spec["elements"])} elements by `dosmith train --spectra`.
{spec["settings"]["members"]} networks, averaged; each is told of every element what it is like and what the whole composition is like, and contributions add up.

## How good it is on chemistry it has not seen

Split: **held-out chemical systems**; each network predicts the fold that it left out, {found["count"]:,} spectra in all, one seed.

| | |
|---|---|
| mean cosine to the true spectrum | {found["cosine"]:.3f} |
| the same of the mean spectrum (in-sample) | {found["mean_cosine"]:.3f} |
| R^2 of spectra of norm 1, against the mean spectrum | {found["determination"]:.3f} |

| setting | value |
|---|---|
{options}
"""
