"""Finite differences, the sparsifying operators of total (generalised) variation."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.operators.axes import Axes
from fourfold.operators.linear_operator import LinearOperator

__all__ = ["FiniteDifferences", "SymmetrisedDifferences"]


class FiniteDifferences(LinearOperator):
    """Forward differences along the last two axes: image (…, y, x) to (2, …, y, x), zero across the border.

    ``D[0] = x[y+1, x] − x[y, x]`` and ``D[1] = x[y, x+1] − x[y, x]``, zero in the last row and column
    (Chambolle 2004, Section 2). The squared norm is below `SQUARED_NORM`.
    """

    SQUARED_NORM = 8.0
    domain = Axes(batch=..., y=None, x=None)
    codomain = Axes(direction=2, batch=..., y=None, x=None)

    def _forward(self, x: Tensor) -> Tensor:
        return self.forward_into(x, torch.empty((2, *x.shape), dtype=x.dtype, device=x.device))

    def forward_into(self, x: Tensor, out: Tensor) -> Tensor:
        """Write D x into `out` and return it, for loops that reuse their memory; not differentiable."""
        torch.sub(x[..., 1:, :], x[..., :-1, :], out=out[0, ..., :-1, :])
        torch.sub(x[..., :, 1:], x[..., :, :-1], out=out[1, ..., :, :-1])
        out[0, ..., -1:, :] = 0
        out[1, ..., :, -1:] = 0
        return out

    def _adjoint(self, y: Tensor) -> Tensor:
        """Return the negative divergence of the field `y`.

        The last row of ``y[0]`` and the last column of ``y[1]`` have no effect.
        """
        return self.add_adjoint_(torch.zeros_like(y[0]), y)

    def add_adjoint_(self, x: Tensor, y: Tensor, factor: float = 1.0) -> Tensor:
        """Add `factor` times Dᴴ y to the image `x` in place and return it; not differentiable."""
        down, right = y[0, ..., :-1, :], y[1, ..., :, :-1]
        x[..., 1:, :].add_(down, alpha=factor)
        x[..., :-1, :].sub_(down, alpha=factor)
        x[..., :, 1:].add_(right, alpha=factor)
        x[..., :, :-1].sub_(right, alpha=factor)
        return x


class SymmetrisedDifferences(LinearOperator):
    """The symmetrised differences of a field (2, …, y, x): the 2×2 matrix (3, …, y, x) of total generalised variation.

    ``E[0] = ∂y w[0]``, ``E[1] = ∂x w[1]`` and ``E[2] = (∂x w[0] + ∂y w[1]) / √2``, which counts for both entries
    off the diagonal; backward differences, zero in the first row or column, where forward ones made the field
    (Bredies, Kunisch & Pock 2010, Section 4.1). The squared norm is below `SQUARED_NORM`.
    """

    SQUARED_NORM = 8.0
    domain = Axes(direction=2, batch=..., y=None, x=None)
    codomain = Axes(entry=3, batch=..., y=None, x=None)

    def _forward(self, x: Tensor) -> Tensor:
        result = torch.empty((3, *x.shape[1:]), dtype=x.dtype, device=x.device)
        torch.sub(x[0, ..., 1:, :], x[0, ..., :-1, :], out=result[0, ..., 1:, :])
        torch.sub(x[1, ..., :, 1:], x[1, ..., :, :-1], out=result[1, ..., :, 1:])
        torch.sub(x[0, ..., :, 1:], x[0, ..., :, :-1], out=result[2, ..., :, 1:])
        result[0, ..., :1, :] = 0
        result[1:, ..., :, :1] = 0
        result[2, ..., 1:, :] += x[1, ..., 1:, :]
        result[2, ..., 1:, :] -= x[1, ..., :-1, :]
        result[2].mul_(math.sqrt(0.5))
        return result

    def _adjoint(self, y: Tensor) -> Tensor:
        return self.adjoint_into(y, torch.empty((2, *y.shape[1:]), dtype=y.dtype, device=y.device))

    def adjoint_into(self, y: Tensor, out: Tensor) -> Tensor:
        """Write the field Eᴴ y into `out` and return it, for loops that reuse their memory; not differentiable."""
        off_diagonal = y[2] * math.sqrt(0.5)
        for component, along_y, along_x in ((out[0], y[0], off_diagonal), (out[1], off_diagonal, y[1])):
            component.zero_()
            component[..., 1:, :] += along_y[..., 1:, :]
            component[..., :-1, :] -= along_y[..., 1:, :]
            component[..., :, 1:] += along_x[..., :, 1:]
            component[..., :, :-1] -= along_x[..., :, 1:]
        return out
