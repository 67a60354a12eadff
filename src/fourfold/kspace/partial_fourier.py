"""Partial Fourier acquisitions: k-space extends farther on one side of the centre than on the other."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from fourfold.errors import InputError
from fourfold.operators.fourier import ifft
from fourfold.scan import Axis

__all__ = ["Coverage", "PartialFourier", "has_gaps", "lacks_a_side", "noise_gain"]

# Fewest samples on both sides of the centre that are needed to estimate the phase.
_FEWEST = 4
# A side shorter than this fraction of the other one is a partial Fourier acquisition.
_SHORTER_SIDE = 0.8
# Fraction of the known samples, the outermost ones, from which the noise is estimated.
_NOISE = 0.02
# Width of the neighbourhood over which the energy is averaged.
_NEIGHBOURS = 9
_AXES: tuple[tuple[int, Axis], ...] = ((-2, "ky"), (-1, "kx"))


@dataclass(frozen=True)
class Coverage:
    """The acquired samples along one axis: `first` to `last` of `size`, with the centre at ``size // 2``."""

    size: int
    first: int
    last: int

    @property
    def reach(self) -> int:
        """Number of acquired samples on both sides of the centre."""
        return min(self.size // 2 - self.first, self.last - self.size // 2)

    @property
    def left_is_longer(self) -> bool:
        """Whether the acquired samples extend farther below the centre than above."""
        return self.size // 2 - self.first > self.last - self.size // 2

    @property
    def partial(self) -> bool:
        """Whether one side extends farther; for an even size the leftmost sample has no counterpart."""
        first = max(self.first, 1 - self.size % 2)
        return self.last - self.size // 2 != self.size // 2 - first

    def taper(self, like: Tensor) -> Tensor:
        """Return Hann weights (size,) over the symmetrically acquired samples, zero elsewhere."""
        offsets = torch.arange(self.size, device=like.device) - self.size // 2
        window = (1 + torch.cos(torch.pi * offsets / (self.reach + 1))) / 2
        return torch.where(offsets.abs() <= self.reach, window, 0).to(like.real.dtype)

    def homodyne_weights(self, like: Tensor) -> Tensor:
        """Return weights (size,) with W(k) + W(−k) = 2: zero on the missing side, a ramp over the symmetric samples."""
        offsets = torch.arange(self.size, device=like.device) - self.size // 2
        towards = -offsets if self.left_is_longer else offsets
        weights = (1 + towards / (self.reach + 1)).clamp(0, 2)
        # For even sizes this sample is its own mirror image.
        return torch.where(2 * offsets == -self.size, 1.0, weights).to(like.real.dtype)


@dataclass(frozen=True)
class PartialFourier:
    """The acquired rectangle of a k-space whose coverage is partial along ky, kx or both."""

    coverage: tuple[Coverage, Coverage]
    """Along ky and along kx."""

    @classmethod
    def of(cls, known: Tensor) -> PartialFourier:
        """Return the coverage of the pattern `known`, bool (ky, kx).

        Raises
        ------
        InputError
            For a pattern with gaps, a symmetric pattern, or one that does not cover the centre on both sides.
        """
        rows, columns = known.any(dim=1).nonzero().flatten(), known.any(dim=0).nonzero().flatten()
        ny, nx = known.shape
        acquired = cls((Coverage(ny, int(rows[0]), int(rows[-1])), Coverage(nx, int(columns[0]), int(columns[-1]))))
        if has_gaps(known):
            raise InputError(
                "The acquired samples have gaps; partial Fourier methods need a full rectangle of k-space, or several "
                "coils with calibration lines for GRAPPA to fill the gaps: choose the method 'tv' or 'wavelet'."
            )
        for side, (_, axis) in zip(acquired.coverage, _AXES, strict=True):
            if side.reach < _FEWEST and side.partial:
                raise InputError(
                    f"Along {axis} {max(side.reach, 0)} samples were acquired on both sides of the k-space centre; "
                    f"partial Fourier methods need at least {_FEWEST} to estimate the phase."
                )
        if not acquired.axes:
            raise InputError(
                "The acquired k-space is symmetric about its centre, so partial Fourier methods do not apply: "
                "choose 'zero-filled', or another method for gaps."
            )
        return acquired

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes along which the coverage is partial."""
        return tuple(axis for side, (_, axis) in zip(self.coverage, _AXES, strict=True) if side.partial)

    def shortened(self, known: Tensor) -> Tensor | None:
        """Return the pattern `known` with half the reach on the missing sides; None if that is too little."""
        shortened = known.clone()
        for side, (dim, axis) in zip(self.coverage, _AXES, strict=True):
            if axis not in self.axes:
                continue
            if side.reach // 2 < _FEWEST:
                return None
            offsets = torch.arange(side.size, device=known.device) - side.size // 2
            outwards = offsets if side.left_is_longer else -offsets
            shortened &= _along(outwards <= side.reach // 2, dim)
        return shortened

    def phase(self, kspace: Tensor) -> Tensor:
        """Return the phase factors (coil, y, x) of the coil images at the resolution of the symmetric samples."""
        for side, (dim, axis) in zip(self.coverage, _AXES, strict=True):
            if axis in self.axes:
                kspace = kspace * _along(side.taper(kspace), dim)
        angle = ifft(kspace).angle()
        return torch.polar(torch.ones_like(angle), angle)

    def weighted(self, kspace: Tensor) -> Tensor:
        """Return k-space (coil, ky, kx) with homodyne weights along its partial axis."""
        for side, (dim, axis) in zip(self.coverage, _AXES, strict=True):
            if axis in self.axes:
                kspace = kspace * _along(side.homodyne_weights(kspace), dim)
        return kspace


def _along(vector: Tensor, dim: int) -> Tensor:
    return vector[:, None] if dim == -2 else vector


def has_gaps(known: Tensor) -> bool:
    """Return whether the pattern, bool (ky, kx), is not a full rectangle."""
    return int(known.sum()) != int(known.any(dim=1).sum()) * int(known.any(dim=0).sum()) or any(
        int(lines[-1] - lines[0]) + 1 != len(lines)
        for lines in (known.any(dim=1).nonzero().flatten(), known.any(dim=0).nonzero().flatten())
    )


def lacks_a_side(acquired: Tensor) -> bool:
    """Return whether the pattern, bool (ky, kx), extends clearly less far to one side of the centre along an axis.

    Random patterns may lack an edge, too. The missing part must therefore be more than twice as wide as any gap.
    """
    for lines in (acquired.any(dim=1), acquired.any(dim=0)):
        places = lines.nonzero().flatten()
        half = len(lines) // 2
        shorter, longer = sorted((half - int(places[0]), int(places[-1]) - half))
        widest = int((places.diff() - 1).max()) if len(places) > 1 else 0
        if shorter < _SHORTER_SIDE * longer and half - shorter > 2 * widest:
            return True
    return False


def noise_gain(kspace: Tensor, known: Tensor, predicted: Tensor) -> Tensor:
    """Return the Wiener gain 1 − σ²/|S|², at least 0, of predicted k-space; float, (coil, ky, kx).

    Parameters
    ----------
    kspace, known
        complex64, (coil, ky, kx), and bool, (ky, kx). The noise variance σ² of each coil is estimated from the
        outermost known samples.
    predicted
        complex64, (coil, ky, kx). |S|² is its mean energy over neighbouring samples.
    """
    ny, nx = known.shape
    rows, columns = (torch.arange(n, device=known.device) / n - (n // 2) / n for n in (ny, nx))
    distance = torch.where(known, rows[:, None].square() + columns.square(), -1)
    outer = distance.flatten().topk(max(1, round(_NOISE * int(known.sum())))).indices
    noise = kspace.flatten(1)[:, outer].abs().square().mean(dim=1)
    energy = avg_pool2d(
        predicted.abs().square()[None], _NEIGHBOURS, stride=1, padding=_NEIGHBOURS // 2, count_include_pad=False
    )[0]
    return (1 - noise[:, None, None] / energy.clamp_min(torch.finfo(energy.dtype).tiny)).clamp_min(0)
