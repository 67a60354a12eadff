"""Isotropic total variation and its proximal map."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.optimize.fields import bound_, counted, dual_floor, modulus, planes_of
from fourfold.physics.differences import FiniteDifferences

__all__ = ["TotalVariationPenalty"]


class TotalVariationPenalty:
    """R(x) = Σ √(|∂y x|² + |∂x x|²) of images (…, y, x), the modulus being that of complex differences.

    The proximal map has no closed form. It is found in the dual by fast gradient projection (Beck & Teboulle 2009,
    Algorithm FGP), started from the previous call's dual field, so that a few iterations are enough.

    Parameters
    ----------
    support
        bool, broadcast to (…, y, x): differences count where both pixels lie in it. Outside, where no coil sees
        anything, values would otherwise creep in from the border for hundreds of iterations.
    inner_iterations
        Dual iterations per proximal map.
    """

    def __init__(self, support: Tensor | None = None, inner_iterations: int = 5) -> None:
        self.inner_iterations = inner_iterations
        self._differences = FiniteDifferences()
        self._dual: Tensor | None = None
        self._floor = dual_floor(support)

    def value(self, x: Tensor) -> float:
        """Return the total variation of `x`."""
        lengths = counted(modulus(self._differences.forward(planes_of(x))), self._floor)
        return float(lengths.sum(dtype=torch.float64))

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u), approximately.

        The dual field is kept for the next call in units of the weight, so that it fits whatever the next step is.
        """
        if weight == 0:
            return x
        planes = planes_of(x)
        if self._dual is None or self._dual.shape[1:] != planes.shape:
            self._dual = planes.new_zeros((2, *planes.shape))
        dual = point = self._dual
        image = torch.empty_like(planes)
        momentum = 1.0
        rate = 1 / (FiniteDifferences.SQUARED_NORM * weight)
        for _ in range(self.inner_iterations):
            torch.sub(planes, self._differences.adjoint(point, out=image), alpha=weight, out=image)
            updated = self._differences.forward(image).mul_(rate).add_(point)
            bound_(updated, self._floor)
            grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            point = torch.lerp(dual, updated, 1 + (momentum - 1) / grown)
            dual, momentum = updated, grown
        self._dual = dual
        real, imaginary = planes.sub_(self._differences.adjoint(dual, out=image), alpha=weight)
        return torch.complex(real, imaginary)
