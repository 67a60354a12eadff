"""Series that change little or slowly: total variation and sparse frequencies along time."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.optimize.wavelet import soft_threshold_
from fourfold.physics.differences import FiniteDifferences

__all__ = ["SeriesTotalVariationPenalty", "TemporalFourierPenalty"]


class SeriesTotalVariationPenalty:
    """R(x) = Σ |∂t x| + space · Σ √(|∂y x|² + |∂x x|²) of series (frame, …, y, x), moduli of complex differences.

    The proximal map is found in the dual by fast gradient projection (Beck & Teboulle 2009, Algorithm FGP), the
    field along time and the one in the plane being bounded apart. It starts from the previous call's dual field, so
    that a few iterations are enough.

    Parameters
    ----------
    space
        Total variation in the plane in parts of the one along time; 0 for none.
    inner_iterations
        Dual iterations per proximal map.
    """

    def __init__(self, space: float = 0.0, inner_iterations: int = 3) -> None:
        self.space, self.inner_iterations = space, inner_iterations
        self._differences = FiniteDifferences()
        self._dual: Tensor | None = None

    def value(self, x: Tensor) -> float:
        """Return the total variation of the series `x`."""
        field = self._forward(_planes(x))
        return sum(float(_modulus(part).sum(dtype=torch.float64)) for part in _directions(field))

    def prox(self, x: Tensor, weight: float) -> Tensor:
        """Return argmin over u of ½‖u − x‖² + weight · R(u), approximately."""
        if weight == 0:
            return x
        planes = _planes(x)
        if self._dual is None or self._dual.shape[1:] != planes.shape:
            self._dual = planes.new_zeros((3 if self.space else 1, *planes.shape))
        dual = point = self._dual
        momentum = 1.0
        rate = 1 / ((4 + FiniteDifferences.SQUARED_NORM * self.space**2) * weight)
        for _ in range(self.inner_iterations):
            image = torch.sub(planes, self._adjoint(point), alpha=weight)
            updated = self._forward(image).mul_(rate).add_(point)
            for part in _directions(updated):
                part.div_(_modulus(part).clamp_min_(1))
            grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            point = torch.lerp(dual, updated, 1 + (momentum - 1) / grown)
            dual, momentum = updated, grown
        self._dual = dual
        real, imaginary = planes.sub_(self._adjoint(dual), alpha=weight)
        return torch.complex(real, imaginary)

    def _forward(self, planes: Tensor) -> Tensor:
        """Return the differences along time and, weighted, in the plane: (1 or 3, part, frame, …, y, x)."""
        field = planes.new_empty((3 if self.space else 1, *planes.shape))
        torch.sub(planes[:, 1:], planes[:, :-1], out=field[0, :, :-1])
        field[0, :, -1] = 0
        if self.space:
            self._differences.forward(planes, out=field[1:])
            field[1:] *= self.space
        return field

    def _adjoint(self, field: Tensor) -> Tensor:
        image = torch.zeros_like(field[0])
        if self.space:
            self._differences.adjoint(field[1:], out=image)
            image *= self.space
        image[:, 1:] += field[0, :, :-1]
        image[:, :-1] -= field[0, :, :-1]
        return image


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


def _planes(x: Tensor) -> Tensor:
    """Return the real and imaginary parts one after the other: real arithmetic on them is several times faster."""
    return torch.stack([x.real, x.imag])


def _directions(field: Tensor) -> tuple[Tensor, ...]:
    """Return the part of a field that is along time and, where there is one, the part in the plane."""
    return (field[:1], field[1:]) if field.shape[0] > 1 else (field,)


def _modulus(field: Tensor) -> Tensor:
    """Return the modulus over direction and complex part of a field (direction, part, …)."""
    first, *others = field.flatten(0, 1)
    total = first.square()
    for part in others:
        total.addcmul_(part, part)
    modulus: Tensor = total.sqrt_()
    return modulus
