"""The model of Bang et al. (J. Mater. Chem. A 2024, 12, 6004), trained from a library.

Centroid DOS of each element -> autoencoder -> element vectors -> composition vectors; a convolutional network from DOS to
composition vector, trained on the binaries of the library with counts up to three. The paper trains on cubic and
hexagonal crystals; here one network sees all crystal systems, and for each system with enough spectra a copy of it is
trained further on that system alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dosmith import formulas
from dosmith.errors import MissingExtraError, ModelError
from dosmith.formulas import Composition
from dosmith.library import Library
from dosmith.models.interface import ANY
from dosmith.models.paper import card
from dosmith.models.paper.accuracy import evaluate, share_with_interval
from dosmith.models.paper.composition_vectors import composition_vector
from dosmith.models.paper.element_vectors import ElementVectors, centroid_dos
from dosmith.models.paper.model import PaperModel
from dosmith.models.store import refuse_foreign, save_folder, write_folder
from dosmith.settings import PaperSettings, Settings
from dosmith.spectra.standard import Recipe, standardise_library

if TYPE_CHECKING:
    from torch import nn

    from dosmith.models.paper.augmentation import Variation
    from dosmith.models.training import Progress

FloatArray = NDArray[np.float64]

FEWEST = 100
"""A crystal system gets a network of its own from this many spectra."""


def train_paper(
    library: Library, folder: str | Path, settings: Settings | None = None, progress: Progress | None = None, name: str = "paper"
) -> PaperModel:
    """Train the paper's model on a library and save it.

    Args:
        library: unaries and binaries shape the element vectors; compositions of `n_elements` train the network.
        folder: of the checkpoint; replaced whole when training has ended, untouched before.
        settings: spectra and paper sections are used.
        progress: called after each epoch.
        name: of the model.

    Returns:
        the checkpoint, with its in-sample accuracy.

    Raises:
        MissingExtraError: PyTorch is not installed.
        ModelError: the library holds too few spectra to train on.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtraError("training", "train") from None
    final = Path(folder).resolve()
    refuse_foreign(final)
    settings = settings or Settings()
    paper, recipe = settings.paper, Recipe.from_settings(settings.spectra)
    rows, vectors = standardise_library(library, recipe)
    compositions = [formulas.parse(library.formulas[row]) for row in rows]
    systems = np.array([library.crystal_systems[row] for row in rows], dtype=object)
    fits = np.array(
        [len(c) == paper.n_elements and max((n for _, n in c), default=0) <= paper.max_ratio for c in compositions], dtype=bool
    )
    if np.count_nonzero(fits) < 20:
        raise ModelError(
            f"{library.name} holds {np.count_nonzero(fits)} spectra of {paper.n_elements}-element compositions with counts up to"
            f" {paper.max_ratio}; training needs 20 or more"
        )
    chosen = {ANY: np.flatnonzero(fits)}
    for system in sorted({s for s in systems[fits] if s}):
        members = np.flatnonzero(fits & (systems == system))
        if len(members) >= FEWEST:
            chosen[system] = members

    torch.manual_seed(paper.seed)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the autoencoder is too small to share
    tensors, elements = train_element_vectors(compositions, vectors, paper, recipe, progress)
    torch.set_num_threads(threads)
    networks: dict[str, nn.Module] = {}
    for network, members in chosen.items():
        targets = np.array([composition_vector(compositions[i], elements) for i in members])
        networks[network] = train_inverse(
            vectors[members], targets, paper, recipe, f"network for {network} crystals", progress, networks.get(ANY)
        )
        tensors |= {f"inverse-{network}.{key}": value.numpy() for key, value in networks[network].state_dict().items()}

    spec = _spec(name, library, settings, recipe, elements, {k: [compositions[i] for i in v] for k, v in chosen.items()})
    from dosmith.models.training import onnx_of

    with tempfile.TemporaryDirectory() as scratch:
        files = {
            spec["networks"][network]["file"]: onnx_of(module, recipe.grid.points, "vectors", "composition_vectors", "batch")
            for network, module in networks.items()
        }
        write_folder(Path(scratch), spec, card="", tensors=tensors, files=files)
        trained = PaperModel.open(scratch)
        for network, members in chosen.items():
            ranks, nearest = evaluate(trained, vectors[members], [compositions[i] for i in members], 5, network)
            spec["networks"][network]["in_sample"] = _accuracies(ranks, paper.seed)
            varied, cosine = _varied(vectors[members], paper, recipe)
            ranks, _ = evaluate(trained, varied, [compositions[i] for i in members], 5, network)
            spec["networks"][network]["in_sample_varied"] = _accuracies(ranks, paper.seed) | {"median_cosine": cosine}
            spec["networks"][network]["distance_95"] = float(np.quantile(nearest, 0.95))
    save_folder(final, spec, card=card.text(spec), tensors=tensors, files=files)
    return PaperModel.open(final)


def _accuracies(ranks: NDArray[np.intp], seed: int) -> dict[str, Any]:
    shares = {f"top_{k}": share_with_interval(ranks <= k) for k in (1, 5)}
    return {"n": len(ranks), "seeds": [seed]} | {
        name: {"mean": mean, "low": low, "high": high} for name, (mean, low, high) in shares.items()
    }


def _variation(paper: PaperSettings, recipe: Recipe) -> Variation:
    from dosmith.models.paper.augmentation import Variation

    return Variation(recipe.grid.step, paper.shift, paper.stretch, paper.modulation)


def _varied(vectors: FloatArray, paper: PaperSettings, recipe: Recipe) -> tuple[FloatArray, float]:
    """The vectors as another program might have computed them, and their median cosine to the originals."""
    import torch

    # As in training, but with noise it has not seen.
    varied = (
        _variation(paper, recipe)(torch.tensor(vectors, dtype=torch.float32), torch.Generator().manual_seed(paper.seed + 1))
        .double()
        .numpy()
    )
    cosines = (varied * vectors).sum(axis=1) / np.linalg.norm(varied, axis=1) / np.linalg.norm(vectors, axis=1)
    return varied, float(np.median(cosines))


def train_element_vectors(
    compositions: Sequence[Composition],
    vectors: FloatArray,
    paper: PaperSettings,
    recipe: Recipe,
    progress: Progress | None = None,
) -> tuple[dict[str, NDArray[Any]], ElementVectors]:
    """Element vectors: the autoencoder's latent values of the centroid DOS.

    Args:
        compositions: M of them.
        vectors: standard vectors, shape (M, points).
        paper: widths, epochs, rate.
        recipe: of the vectors.
        progress: called after each epoch.

    Returns:
        the arrays to save by name; the element vectors of every element that occurs.
    """
    import torch

    from dosmith.models.paper.network import Autoencoder
    from dosmith.models.training import fit

    centroids = centroid_dos(compositions, vectors)
    mean = centroids.values.mean(axis=0)
    spread = float(centroids.values.std())
    inputs = torch.tensor((centroids.values - mean) / spread, dtype=torch.float32)
    network = Autoencoder(recipe.grid.points, paper.hidden, paper.latent)
    fit(
        network,
        inputs,
        inputs,
        epochs=paper.autoencoder_epochs,
        rate=paper.autoencoder_rate,
        name="element vectors",
        progress=progress,
    )
    with torch.no_grad():
        values = network.encoder(inputs).numpy()
    tensors = {f"autoencoder.{key}": value.numpy() for key, value in network.state_dict().items()}
    tensors |= {"element_vectors": values, "centroids": centroids.values}
    return tensors, ElementVectors(centroids.symbols, values.astype(np.float64))


def train_inverse(
    vectors: FloatArray,
    targets: FloatArray,
    paper: PaperSettings,
    recipe: Recipe,
    name: str = "",
    progress: Progress | None = None,
    start: nn.Module | None = None,
) -> nn.Module:
    """An inverse network, from scratch or, in fewer epochs, from the one for all crystals.

    Args:
        vectors: standard vectors, shape (M, points).
        targets: their composition vectors, shape (M, length).
        paper: kernels, epochs, batches, rate, variation, seed of the batches; weights start from PyTorch's own seed.
        recipe: of the vectors.
        name: for `progress`.
        progress: called after each epoch.
        start: a trained network of the same shape to go on from.
    """
    import torch

    from dosmith.models.paper.network import InverseNetwork
    from dosmith.models.training import fit

    network = InverseNetwork(recipe.grid.points, recipe.grid.step, targets.shape[1], paper.kernels, paper.kernel_size)
    if start is not None:
        network.load_state_dict(start.state_dict())
    fit(
        network,
        torch.tensor(vectors, dtype=torch.float32),
        torch.tensor(targets, dtype=torch.float32),
        epochs=paper.epochs if start is None else paper.system_epochs,
        rate=paper.rate,
        batch=paper.batch,
        seed=paper.seed,
        vary=_variation(paper, recipe),
        plain_share=paper.plain_share,
        name=name,
        progress=progress,
    )
    return network


def _spec(
    name: str,
    library: Library,
    settings: Settings,
    recipe: Recipe,
    elements: ElementVectors,
    chosen: dict[str, list[Composition]],
) -> dict[str, Any]:
    return {
        "name": name,
        "kind": PaperModel.kind,
        "library": {"name": library.name, "count": len(library)},
        "recipe": recipe.as_dict(),
        "settings": settings.paper.model_dump(),
        "n_elements": settings.paper.n_elements,
        "max_ratio": settings.paper.max_ratio,
        "elements": list(elements.symbols),
        "networks": {
            network: {
                "file": f"inverse-{network}.onnx",
                "spectra": len(compositions),
                "formulas": sorted({formulas.write(c) for c in compositions}),
            }
            for network, compositions in chosen.items()
        },
    }
