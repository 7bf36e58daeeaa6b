"""Densities of states on groups of orbitals, with a gradient that stays true where levels are degenerate. Needs PyTorch.

The density on an orbital is the diagonal element of a function of the Hamiltonian, a Gaussian of its distance to each energy. Its gradient
goes by divided differences of that function (Daleckii and Krein; N. J. Higham, Functions of Matrices, SIAM 2008, theorem 3.11), where that of
single eigenvectors would divide by the distance of their levels, which symmetry makes zero.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dosmith.models.tight_binding.filling import broadened, gathered

_SAME = 1e-3
"""Levels nearer than this, eV, have the slope between them as their divided difference."""


def projected_density(
    matrices: Tensor,
    solved: tuple[Tensor, Tensor],
    zero: Tensor,
    weights: Tensor,
    groups: Tensor,
    grid: Tensor,
    broadening: float,
) -> Tensor:
    """Densities by group of orbitals, Gaussians of height 1 about all eigenvalues, summed, shape (P, G).

    >>> one, grid = torch.diag(torch.tensor([-1.0, 1.0])).to(torch.complex64)[None], torch.linspace(-2, 2, 5)
    >>> projected_density(one, torch.linalg.eigh(one), torch.zeros(()), torch.ones(1), torch.eye(2), grid, 0.2).round(decimals=2)
    tensor([[0., 1., 0., 0., 0.],
            [0., 0., 0., 1., 0.]])

    Args:
        matrices: Hamiltonians, eV, shape (B, n, n).
        solved: their eigenvalues, shape (B, n), and eigenvectors; gradients go to the matrices, not by way of these.
        zero: of the energies, eV, shape ().
        weights: of the matrices, shape (B,).
        groups: 1 where an orbital belongs to a group, 0 elsewhere, shape (P, n).
        grid: even energies, eV, shape (G,).
        broadening: Gaussian sigma, eV.
    """
    levels, states = solved
    found: Tensor = _Projected.apply(  # type: ignore[no-untyped-call]
        matrices, levels.detach(), states.detach(), zero, weights, groups, grid, broadening
    )
    return found


class _Projected(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        matrices: Tensor,
        levels: Tensor,
        states: Tensor,
        zero: Tensor,
        weights: Tensor,
        groups: Tensor,
        grid: Tensor,
        broadening: float,
    ) -> Tensor:
        shares = torch.einsum("pa,kai->pki", groups, states.abs() ** 2) * weights[:, None]
        ctx.save_for_backward(levels - zero, states, weights, groups, shares, grid)
        ctx.broadening = broadening
        every = (levels - zero).flatten().expand(len(groups), -1)
        return broadened(every, shares.flatten(1), grid, broadening)

    @staticmethod
    def backward(ctx: Any, *wanted: Tensor) -> tuple[Tensor | None, ...]:
        levels, states, weights, groups, shares, grid = ctx.saved_tensors
        heights, slopes = gathered(levels, wanted[0], grid, ctx.broadening)  # (P, B, n)
        between = levels[:, :, None] - levels[:, None, :]
        same = between.abs() < _SAME
        between = torch.where(same, 1.0, between)
        turned = torch.zeros_like(states)
        for group, height, slope in zip(groups, heights, slopes, strict=True):
            rows = states[:, group > 0]
            divided = (height[:, :, None] - height[:, None, :]) / between
            divided = torch.where(same, (slope[:, :, None] + slope[:, None, :]) / 2, divided)
            turned = turned + divided * (rows.mH @ rows)
        gradient = weights[:, None, None] * (states @ turned @ states.mH)
        return gradient, None, None, -(shares * slopes).sum(), None, None, None, None
