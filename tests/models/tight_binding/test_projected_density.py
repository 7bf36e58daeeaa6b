"""Densities on orbitals: their gradient is that of differences, degenerate levels included, and they sum to the whole."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.training
torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'dosmith[train]'")

from dosmith.models.tight_binding.filling import broadened, gathered  # noqa: E402
from dosmith.models.tight_binding.projected_density import projected_density  # noqa: E402

GRID = torch.linspace(-3, 3, 61, dtype=torch.float64)
SIGMA = 0.3
GROUPS = torch.tensor([[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1]], dtype=torch.float64)
WEIGHTS = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)


def some_matrices(levels: list[float] | None = None) -> Any:
    """Hermitian, of given eigenvalues in turned bases, or of any."""
    any_ = torch.randn(3, 6, 6, dtype=torch.complex128, generator=torch.Generator().manual_seed(5))
    if levels is None:
        return (any_ + any_.mH) / 2
    turned = torch.linalg.qr(any_)[0]
    return turned @ torch.diag(torch.tensor(levels, dtype=torch.complex128)) @ turned.mH


def density(matrices: Any, zero: Any) -> Any:
    hermitian = (matrices + matrices.mH) / 2
    return projected_density(hermitian, torch.linalg.eigh(hermitian), zero, WEIGHTS, GROUPS, GRID, SIGMA)


@pytest.mark.parametrize("levels", [None, [-1, -1, 0, 0, 1, 1], [0.5] * 6], ids=["apart", "pairs", "all alike"])
def test_the_gradient_is_that_of_differences_where_levels_are_degenerate_too(levels: list[float] | None) -> None:
    matrices = some_matrices(levels).requires_grad_()
    zero = torch.tensor(0.13, dtype=torch.float64, requires_grad=True)
    curve = torch.randn(2, 61, dtype=torch.float64, generator=torch.Generator().manual_seed(6))

    def value(matrices: Any, zero: Any) -> Any:
        return (density(matrices, zero) * curve).sum()

    value(matrices, zero).backward()
    assert matrices.grad is not None and zero.grad is not None
    step = 1e-5
    for place in ((0, 0, 0), (0, 0, 3), (1, 2, 4), (2, 5, 1)):
        for unit in (1.0, 1.0j):
            change = torch.zeros_like(matrices)
            change[place] = unit * step
            with torch.no_grad():
                by_difference = (value(matrices + change, zero) - value(matrices - change, zero)) / (2 * step)
            found = matrices.grad[place].real if unit == 1.0 else matrices.grad[place].imag
            assert float(found) == pytest.approx(float(by_difference), abs=1e-6)
    with torch.no_grad():
        by_difference = (value(matrices, zero + step) - value(matrices, zero - step)) / (2 * step)
    assert float(zero.grad) == pytest.approx(float(by_difference), abs=1e-6)


def test_all_orbitals_together_give_the_whole() -> None:
    matrices = some_matrices()
    levels = torch.linalg.eigvalsh(matrices)
    parts = projected_density(
        matrices, torch.linalg.eigh(matrices), torch.tensor(0.0), WEIGHTS, torch.eye(6).double(), GRID, SIGMA
    )
    whole = broadened(levels.flatten()[None], WEIGHTS.repeat_interleave(6)[None], GRID, SIGMA)
    torch.testing.assert_close(parts.sum(dim=0), whole[0])
    assert (parts > -1e-9).all()


def test_what_is_gathered_is_the_overlap_with_what_is_broadened() -> None:
    levels = torch.linspace(-4, 4, 23, dtype=torch.float64)
    curves = torch.randn(2, 61, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    overlaps, slopes = gathered(levels, curves, GRID, SIGMA)
    every = broadened(levels[:, None], torch.ones(23, 1, dtype=torch.float64), GRID, SIGMA)
    torch.testing.assert_close(overlaps, curves @ every.T)
    above, below = (gathered(levels + step, curves, GRID, SIGMA)[0] for step in (1e-5, -1e-5))
    torch.testing.assert_close(slopes, (above - below) / 2e-5, atol=1e-6, rtol=1e-5)
