"""Isotropic total variation and its proximal map."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.optimize.fields import bound_, counted, dual_floor, modulus, planes_of
from fourfold.physics.differences import FiniteDifferences

__all__ = ["TotalVariationPenalty"]

# Measured on two heads at weights from 0.001 to 0.02: fewer or more of either take up to twice the time.
MOST_ITERATIONS, MOST_MOMENTUM = 12, 4.0


class TotalVariationPenalty:
    """R(x) = Σ √(|∂y x|² + |∂x x|²) of images (…, y, x), the modulus being that of complex differences.

    The proximal map has no closed form. It is found in the dual by fast gradient projection (Beck & Teboulle 2009,
    Algorithm FGP), which goes on where the previous call stopped, so that a few iterations are enough: the more, the
    larger the weight is beside the differences of the image.

    Parameters
    ----------
    support
        bool, broadcast to (…, y, x): differences count where both pixels lie in it. Outside, where no coil sees
        anything, values would otherwise creep in from the border for hundreds of iterations.
    inner_iterations
        Dual iterations per proximal map; None chooses them at the first call.
    """

    def __init__(self, support: Tensor | None = None, inner_iterations: int | None = None) -> None:
        self.inner_iterations = inner_iterations
        self._floor = dual_floor(support)
        self._ascent: _DualAscent | None = None

    def value(self, x: Tensor) -> float:
        """Return the total variation of `x`."""
        lengths = counted(modulus(FiniteDifferences().forward(planes_of(x))), self._floor)
        return float(lengths.sum(dtype=torch.float64))

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u), approximately.

        The dual field is kept for the next call in units of the weight, so that it fits whatever the next step is.
        """
        if weight == 0:
            return x
        unit = FiniteDifferences.SQUARED_NORM * weight
        planes = planes_of(x).mul_(1 / unit)
        if self._ascent is None or self._ascent.image.shape != planes.shape:
            iterations = self.inner_iterations or _enough(planes, self._floor)
            self._ascent = _DualAscent(planes, self._floor, iterations)
        real, imaginary = self._ascent(planes).mul_(unit)
        return torch.complex(real, imaginary)


def _enough(planes: Tensor, floor: Tensor | None) -> int:
    """Return how many dual iterations suffice: the dual moves by the mean difference, within the unit ball."""
    mean = float(counted(modulus(FiniteDifferences().forward(planes)), floor).mean())
    return min(MOST_ITERATIONS, round(2 + 4 / max(mean, 1e-3)))


class _DualAscent:
    """Minimises ½‖u − planes‖² + R(u) / 8 by its dual, in place: v = planes − Dᵀp / 8 and p ← P(p + D v).

    With that weight the dual's step is 1. Some momentum is kept from one call to the next, as the dual is, so that
    large features settle too; more of it would overshoot, because each call asks for another minimiser.
    """

    def __init__(self, planes: Tensor, floor: Tensor | None, iterations: int) -> None:
        self.iterations = iterations
        self.image = torch.empty_like(planes)
        self._floor = floor
        self._differences = FiniteDifferences()
        self._dual, self._point, self._updated = (planes.new_zeros((2, *planes.shape)) for _ in range(3))
        self._momentum = 1.0

    def __call__(self, planes: Tensor) -> Tensor:
        """Return the minimiser, in a tensor that the next call overwrites."""
        self._momentum = min(self._momentum, MOST_MOMENTUM)
        for _ in range(self.iterations):
            self._differences.forward(self._primal(planes, self._point), out=self._updated).add_(self._point)
            bound_(self._updated, self._floor)
            self._advance()
        return self._primal(planes, self._dual)

    def _primal(self, planes: Tensor, dual: Tensor) -> Tensor:
        """Return v = planes − Dᵀ dual / 8."""
        self.image.copy_(planes)
        self._differences.add_adjoint_(self.image, dual, -1 / FiniteDifferences.SQUARED_NORM)
        return self.image

    def _advance(self) -> None:
        """Take the updated dual, and the next point beyond it."""
        grown = (1 + (1 + 4 * self._momentum**2) ** 0.5) / 2
        torch.lerp(self._dual, self._updated, 1 + (self._momentum - 1) / grown, out=self._point)
        self._dual, self._updated, self._momentum = self._updated, self._dual, grown
