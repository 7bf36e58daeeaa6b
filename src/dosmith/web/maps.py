"""Pictures to find one's way by: the map of the elements, and the neighbourhood of a target among known spectra."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dosmith.errors import MissingExtraError
from dosmith.models.paper.model import PaperModel
from dosmith.web.messages import ElementMap, Neighbourhood, Place

FloatArray = NDArray[np.float64]

_PERPLEXITY = 10


@lru_cache(maxsize=4)
def element_map(name: str = "paper") -> ElementMap:
    """The element vectors of a model by t-SNE, as in Bang et al. 2024, Fig. 2b; scaled into the unit square.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingExtraError("the map of the elements", "web") from None
    vectors = PaperModel.open(name).element_vectors
    places = TSNE(perplexity=min(_PERPLEXITY, len(vectors.symbols) - 1), init="pca", random_state=0).fit_transform(vectors.values)
    low, high = places.min(axis=0), places.max(axis=0)
    x, y = ((places - low) / (high - low)).round(4).T.tolist()
    return ElementMap(symbols=list(vectors.symbols), x=x, y=y, method="t-SNE of the element vectors of Bang et al.")


def neighbourhood(target: FloatArray, vectors: FloatArray, rows: list[Place]) -> Neighbourhood:
    """Where materials stand around a target: at a distance of 1 - similarity, in the direction of what differs.

    Args:
        target: standard vector, shape (points,).
        vectors: of the materials, 1/eV, shape (M, points).
        rows: the materials; x and y are set here.
    """
    if not rows:
        return Neighbourhood(places=[])
    unit = target / np.linalg.norm(target)
    shapes = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    different = shapes - (shapes @ unit)[:, None] * unit
    different /= np.maximum(np.linalg.norm(different, axis=1, keepdims=True), 1e-12)
    different -= different.mean(axis=0)  # so that they stand all around
    _, _, axes = np.linalg.svd(different, full_matrices=False)
    flat = different @ axes[:2].T if len(rows) > 1 else np.ones((1, 2))
    signs = np.sign(flat[np.abs(flat).argmax(axis=0), range(flat.shape[1])])  # a picture that does not flip between answers
    flat = flat * np.where(signs == 0, 1, signs)
    angles = np.arctan2(flat[:, 1], flat[:, 0])
    places = [
        row.model_copy(
            update={
                "x": round((1 - row.similarity) * float(np.cos(a)), 5),
                "y": round((1 - row.similarity) * float(np.sin(a)), 5),
            }
        )
        for row, a in zip(rows, angles, strict=True)
    ]
    return Neighbourhood(places=places)
