"""Series that change little or slowly: total variation and sparse frequencies along time."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.operators.finite_differences import FiniteDifferences
from fourfold.regularisers.fields import MOST_MOMENTUM, bound_, counted, dual_floor, dual_iterations, modulus, planes_of
from fourfold.regularisers.regulariser import Regulariser
from fourfold.regularisers.warm import settled
from fourfold.regularisers.wavelet import soft_threshold_

__all__ = ["SeriesTotalVariationPenalty", "TemporalFourierPenalty"]

# Measured on a beating heart, clean and noisy, at weights from 0.003 to 0.3.
LEAST, EFFORT, MOST = 2, 9.0, 40


class SeriesTotalVariationPenalty:
    """R(x) = Σ |∂t x| + space · Σ √(|∂y x|² + |∂x x|²) of series (frame, set, y, x), moduli of complex differences.

    The proximal map is found in the dual by fast gradient projection (Beck & Teboulle 2009, Algorithm FGP), the
    field along time and the one in the plane being bounded apart. Within a solve it starts from the previous call's
    dual field, so that a few iterations are enough.

    Parameters
    ----------
    space
        Total variation in the plane in parts of the one along time; 0 for none.
    support
        bool, (1, set, y, x): differences in the plane count where both pixels lie in it.
    inner_iterations
        Dual iterations per proximal map of a solve; None chooses them at its first call.
    """

    def __init__(self, space: float = 0.0, support: Tensor | None = None, inner_iterations: int | None = None) -> None:
        self.space, self.inner_iterations = space, inner_iterations
        self._support, self._floor = support, dual_floor(support)
        self._differences = FiniteDifferences()

    def value(self, x: Tensor) -> float:
        """Return the total variation of the series `x`."""
        planes = planes_of(x)
        field = self._forward(planes, self._zero_field(planes))
        total = float(modulus(field[:1]).sum(dtype=torch.float64))
        if self.space:
            total += float(counted(modulus(field[1:]), self._floor).sum(dtype=torch.float64))
        return total

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u)."""
        return settled(self.warm(), x, weight)

    def warm(self) -> Regulariser:
        """Return R for one solve, whose proximal map goes on from call to call."""
        return _WarmSeriesTotalVariation(self.space, self._support, self.inner_iterations)

    def _enough(self, planes: Tensor) -> int:
        """Return how many dual iterations suffice for a series over its weight."""
        field = self._forward(planes, self._zero_field(planes))
        return dual_iterations(float(modulus(field[:1]).mean()), LEAST, EFFORT, MOST)

    def _zero_field(self, planes: Tensor) -> Tensor:
        return planes.new_zeros((3 if self.space else 1, *planes.shape))

    def _forward(self, planes: Tensor, out: Tensor) -> Tensor:
        """Return the differences along time and, weighted, in the plane: (1 or 3, part, frame, set, y, x)."""
        torch.sub(planes[:, 1:], planes[:, :-1], out=out[0, :, :-1])
        out[0, :, -1] = 0
        if self.space:
            self._differences.forward_into(planes, out[1:]).mul_(self.space)
        return out

    def _primal(self, planes: Tensor, dual: Tensor, factor: float, out: Tensor) -> Tensor:
        """Return planes − factor · Dᵀ dual."""
        out.copy_(planes)
        out[:, 1:].sub_(dual[0, :, :-1], alpha=factor)
        out[:, :-1].add_(dual[0, :, :-1], alpha=factor)
        return self._differences.add_adjoint_(out, dual[1:], -factor * self.space) if self.space else out


class _WarmSeriesTotalVariation(SeriesTotalVariationPenalty):
    """Total variation of series for one solve: the dual field is kept for the next call."""

    _dual: Tensor | None = None
    _iterations, _momentum = 0, 1.0

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the proximal map, approximately.

        The dual field is kept in units of the weight, so that it fits whatever the next step is.
        """
        if weight == 0:
            return x
        unit = (4 + FiniteDifferences.SQUARED_NORM * self.space**2) * weight
        planes = planes_of(x).mul_(1 / unit)
        if self._dual is None or self._dual.shape[1:] != planes.shape:
            self._dual = self._zero_field(planes)
            self._iterations = self.inner_iterations or self._enough(planes)
        dual, point, updated = self._dual, self._dual.clone(), torch.empty_like(self._dual)
        image = torch.empty_like(planes)
        momentum = min(self._momentum, MOST_MOMENTUM)
        for _ in range(self._iterations):
            self._forward(self._primal(planes, point, weight / unit, image), updated).add_(point)
            bound_(updated[:1], None)
            if self.space:
                bound_(updated[1:], self._floor)
            grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            torch.lerp(dual, updated, 1 + (momentum - 1) / grown, out=point)
            dual, updated, momentum = updated, dual, grown
        self._dual, self._momentum = dual, momentum
        real, imaginary = self._primal(planes, dual, weight / unit, image).mul_(unit)
        return torch.complex(real, imaginary)


class TemporalFourierPenalty:
    """R(x) = ‖F x‖₁, F being the orthonormal Fourier transform along time of series (frame, …)."""

    def value(self, x: Tensor) -> float:
        """Return the ℓ1 norm of the temporal spectrum of `x`."""
        return float(torch.fft.fft(x, dim=0, norm="ortho").abs().sum(dtype=torch.float64))

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return the exact proximal map: F is unitary, so the frequencies are shrunk one by one."""
        spectrum = torch.fft.fft(x, dim=0, norm="ortho")
        series: Tensor = torch.fft.ifft(soft_threshold_(spectrum, weight), dim=0, norm="ortho")
        return series
