"""Isotropic total variation and its proximal map."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.physics.differences import FiniteDifferences

__all__ = ["TotalVariationPenalty"]


class TotalVariationPenalty:
    """R(x) = Σ √(|∂y x|² + |∂x x|²) of images (…, y, x), the modulus being that of complex differences.

    The proximal map has no closed form. It is found in the dual by fast gradient projection (Beck & Teboulle 2009,
    Algorithm FGP), started from the previous call's dual field, so that a few iterations are enough.

    Parameters
    ----------
    inner_iterations
        Dual iterations per proximal map.
    """

    def __init__(self, inner_iterations: int = 5) -> None:
        self.inner_iterations = inner_iterations
        self._differences = FiniteDifferences()
        self._dual: Tensor | None = None
        self._scratch: tuple[Tensor, Tensor] | None = None

    def value(self, x: Tensor) -> float:
        """Return the total variation of `x`."""
        return float(torch.linalg.vector_norm(self._differences.forward(x), dim=0).sum(dtype=torch.float64))

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u), approximately; the dual field is kept for the next call.

        The dual field is kept in units of the weight, so that it fits the next call whatever its step.
        """
        if weight == 0:
            return x
        if self._dual is None or self._dual.shape[1:] != x.shape:
            self._dual = torch.zeros((2, *x.shape), dtype=x.dtype, device=x.device)
            self._scratch = (torch.empty_like(self._dual), torch.empty_like(x))
        assert self._scratch is not None
        field, image = self._scratch
        dual, point = self._dual, self._dual
        momentum = 1.0
        rate = 1 / (FiniteDifferences.SQUARED_NORM * weight)
        for _ in range(self.inner_iterations):
            torch.sub(x, self._differences.adjoint(point, out=image), alpha=weight, out=image)
            updated = point + self._differences.forward(image, out=field).mul_(rate)
            updated /= torch.linalg.vector_norm(updated, dim=0).clamp_min_(1)
            grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            point = torch.lerp(dual, updated, 1 + (momentum - 1) / grown)
            dual, momentum = updated, grown
        self._dual = dual
        return torch.sub(x, self._differences.adjoint(dual, out=image), alpha=weight)
