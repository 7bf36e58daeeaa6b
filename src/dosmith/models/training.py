"""Training loops that know no network: minibatches, Adam, a loss, progress. Needs PyTorch (dosmith[train]).

`fit` minimises a mean squared error. `descend` measures the error as it matters for spectra of norm 1: |p - t|^2, and by how
much the similarity to every known spectrum comes out wrong, which is (p - t) M (p - t) with M the mean of s s^T over the known
spectra s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dosmith.settings import DescentSettings

Progress = Callable[[str, int, int, float], None]
"""Called after each epoch: what is trained, epochs done, epochs in all, mean loss."""

Vary = Callable[[Tensor, torch.Generator], Tensor]
"""Inputs in, changed inputs of the same shape out."""


def fit(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    epochs: int,
    rate: float,
    batch: int | None = None,
    seed: int = 0,
    vary: Vary | None = None,
    plain_share: float = 0.0,
    name: str = "",
    progress: Progress | None = None,
) -> float:
    """Train by mean squared error with Adam; the learning rate falls to a hundredth along a cosine.

    Args:
        network: changed in place, left in evaluation mode.
        inputs: shape (M, ...).
        targets: shape (M, ...).
        epochs: passes over the data.
        rate: first learning rate.
        batch: samples a step; None for all at once.
        seed: of the order of samples.
        vary: makes other inputs of the inputs, anew for each epoch.
        plain_share: share of the epochs, the last ones, that see the inputs as they are.
        name: for `progress`.
        progress: called after each epoch.

    Returns:
        mean loss of the last epoch.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs, eta_min=rate / 100)
    generator = torch.Generator().manual_seed(seed)
    count = len(inputs)
    size = batch or count
    network.train()
    mean = float("nan")
    for epoch in range(1, epochs + 1):
        varied = vary is not None and epoch <= epochs * (1 - plain_share)
        seen = vary(inputs, generator) if vary is not None and varied else inputs
        order = torch.randperm(count, generator=generator) if size < count else torch.arange(count)
        total = 0.0
        for first in range(0, count, size):
            chosen = order[first : first + size]
            loss = nn.functional.mse_loss(network(seen[chosen]), targets[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(chosen)
        schedule.step()
        mean = total / count
        if progress is not None:
            progress(name, epoch, epochs, mean)
    network.eval()
    return mean


def shuffled(count: int, size: int, generator: torch.Generator) -> Iterator[list[int]]:
    """The batches of one epoch: rows 0 ... count - 1 in random order, at most `size` together."""
    order = torch.randperm(count, generator=generator).tolist()
    yield from (order[start : start + size] for start in range(0, count, size))


def descend(
    network: nn.Module,
    predict: Callable[[Sequence[int]], tuple[Tensor, Tensor | None]],
    batches: Callable[[], Iterator[list[int]]],
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
    rates: float | list[float],
    epochs: int,
    settings: DescentSettings,
    progress: Callable[[int, float], None],
    weights: Tensor | None = None,
) -> None:
    """One cycle of the learning rate; leaves the network in evaluation mode.

    Args:
        network: changed in place.
        predict: from rows to their spectra, shape (len(rows), points), and to the squared error of what else is to come out right, shape
            (len(rows),); None where that is all.
        batches: rows of each batch of one epoch.
        targets: spectra of norm 1, shape (M, points).
        optimizer: of the network's parameters.
        rates: largest learning rate of each of its groups.
        epochs: passes over the data.
        settings: weights of the two parts of the error, the largest gradient, the share of the warm-up.
        progress: called after each epoch with epochs done and mean loss.
        weights: how much each spectrum counts, shape (M,); all alike when None.
    """
    counts = torch.ones(len(targets)) if weights is None else weights
    moment = targets.T @ targets / len(targets)
    moment /= moment.trace()
    plan = [list(batches()) for _ in range(epochs)]
    steps = sum(map(len, plan))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=settings.warm_up)
    network.train()
    for epoch, planned in enumerate(plan, 1):
        total = 0.0
        for rows in planned:
            found, beside = predict(rows)
            error = found - targets[rows]
            squares, products = error.square().sum(1), (error @ moment * error).sum(1)
            squares = squares if beside is None else squares + beside
            loss = (counts[rows] * (settings.error_weight * squares + settings.similarity_weight * products)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), settings.largest_gradient)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        progress(epoch, total / len(targets))
    network.eval()


def onnx_of(network: nn.Module, width: int, reads: str, gives: str, rows: str) -> bytes:
    """A network as the contents of an ONNX file, for any number of rows.

    Args:
        network: takes rows of `width` numbers.
        width: of a row.
        reads: name of the input.
        gives: name of the output.
        rows: name of their number.
    """
    import logging
    import tempfile
    import warnings
    from pathlib import Path

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            network.eval(),
            (torch.zeros(2, width),),
            Path(scratch) / "network.onnx",
            input_names=[reads],
            output_names=[gives],
            dynamic_shapes={reads: {0: torch.export.Dim(rows)}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        return (Path(scratch) / "network.onnx").read_bytes()


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch works on one core: matrices as small as those of crystals gain nothing from more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
