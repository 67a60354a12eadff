"""Finite differences, the sparsifying operator of total variation."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.physics.operator import LinearOperator

__all__ = ["FiniteDifferences"]


class FiniteDifferences(LinearOperator):
    """Forward differences along the last two axes: image (…, y, x) to (2, …, y, x), zero across the border.

    ``D[0] = x[y+1, x] − x[y, x]`` and ``D[1] = x[y, x+1] − x[y, x]``, zero in the last row and column
    (Chambolle 2004, Section 2). The squared norm is below `SQUARED_NORM`.
    """

    SQUARED_NORM = 8.0

    def forward(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the differences of `x`; `out` takes the result where given."""
        result = torch.empty((2, *x.shape), dtype=x.dtype, device=x.device) if out is None else out
        torch.sub(x[..., 1:, :], x[..., :-1, :], out=result[0, ..., :-1, :])
        torch.sub(x[..., :, 1:], x[..., :, :-1], out=result[1, ..., :, :-1])
        result[0, ..., -1:, :] = 0
        result[1, ..., :, -1:] = 0
        return result

    def adjoint(self, y: Tensor, out: Tensor | None = None) -> Tensor:
        """Return the negative divergence of the field `y`; `out` takes the result where given.

        The last row of ``y[0]`` and the last column of ``y[1]`` have no effect.
        """
        down, right = y[0], y[1]
        result = torch.empty_like(down) if out is None else out
        result.zero_()
        result[..., 1:, :] += down[..., :-1, :]
        result[..., :-1, :] -= down[..., :-1, :]
        result[..., :, 1:] += right[..., :, :-1]
        result[..., :, :-1] -= right[..., :, :-1]
        return result
