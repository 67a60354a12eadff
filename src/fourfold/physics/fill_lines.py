"""Filling in the lines of k-space that a 1D pattern leaves out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from fourfold.physics.kernels import interpolation_weights, unit_patches

__all__ = ["fill_lines"]

# A kernel is fitted to at least so many rows of patches; with fewer it follows the noise.
_FITTED_ROWS = 4
# Bounds what is held at a time; larger blocks are no faster.
_BLOCK_BYTES = 1 << 25


@dataclass(frozen=True)
class _Geometry:
    """Which lines of a kernel's window are acquired and used, and which are holes to be filled."""

    sources: tuple[int, ...]
    holes: tuple[int, ...]

    @property
    def lines(self) -> int:
        return max(*self.sources, *self.holes) + 1


def fill_lines(
    kspace: Tensor, acquired: Tensor, calibration: Tensor, readout: int, bridge: int, weight: float
) -> tuple[Tensor, Tensor]:
    """Estimate the lines between acquired ones (Griswold et al. 2002, MRM 47:1202).

    A gap of up to `bridge` lines is filled from the acquired lines on both its sides, and all gaps of this width
    share one kernel. In a wider one every line is estimated from the nearest acquired line, as far out as the
    calibration region is high, and all lines at this distance share one kernel. Lines beyond the outermost acquired
    ones are left as they are: extrapolation was worth nothing on real data. At the ends of the readout a kernel
    stays inside k-space and estimates samples off its middle.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx).
    acquired
        bool, (ky,): True where all samples of a line were acquired.
    calibration
        complex, (coil, ky, kx); kernels are fitted in its precision.
    readout
        Samples of each source line that a kernel uses; at most those of `calibration` and `kspace`.
    bridge
        Widest gap, in lines, that is filled from both its sides.
    weight
        As in `fourfold.physics.kernels.interpolation_weights`.

    Returns
    -------
    tuple of Tensor
        The filled k-space, complex64, (coil, ky, kx), and which lines are now known, bool, (ky,).
    """
    # Coils last: then the samples that a kernel needs are neighbours in memory.
    filled = kspace.movedim(0, -1).contiguous()
    known = acquired.clone()
    longest = calibration.shape[-2] - _FITTED_ROWS + 1
    for geometry, places in _geometries(acquired, bridge, longest).items():
        kernels = _kernels(calibration, geometry, readout, weight).to(kspace.dtype)
        first = torch.tensor(places, device=kspace.device)
        bytes_each = filled.shape[1] * kernels.shape[1] * filled.element_size()
        for block in torch.split(first, max(1, _BLOCK_BYTES // bytes_each)):
            _apply(filled, kernels, geometry, block)
        known[first[:, None] + torch.tensor(geometry.holes, device=kspace.device)] = True
    return filled.movedim(-1, 0).contiguous(), known


def _geometries(acquired: Tensor, bridge: int, longest: int) -> dict[_Geometry, list[int]]:
    """Return the first lines of all windows by geometry; no window has more than `longest` lines."""
    found: dict[_Geometry, list[int]] = defaultdict(list)
    for below, above in pairwise(acquired.nonzero().flatten().tolist()):
        gap = above - below - 1
        if 0 < gap <= min(bridge, longest - 2):
            found[_Geometry((0, gap + 1), tuple(range(1, gap + 1)))].append(below)
            continue
        for distance in range(1, min(gap // 2, longest - 1) + 1):
            found[_Geometry((0,), (distance,))].append(below)
        for distance in range(1, min(gap - gap // 2, longest - 1) + 1):
            found[_Geometry((distance,), (0,))].append(above - distance)
    return found


def _kernels(calibration: Tensor, geometry: _Geometry, readout: int, weight: float) -> Tensor:
    """Return the kernels (readout position of the target, source line · sample · coil, hole · coil)."""
    patches = unit_patches(calibration, (geometry.lines, readout))
    sources = patches[:, geometry.sources].flatten(1)
    targets = patches[:, geometry.holes].transpose(1, 2).flatten(1)
    kernels = interpolation_weights(sources.mH @ sources, sources.mH @ targets, weight)
    return kernels.view(len(kernels), readout, -1).transpose(0, 1)


def _apply(filled: Tensor, kernels: Tensor, geometry: _Geometry, first: Tensor) -> None:
    """Fill the holes of k-space (ky, kx, coil), in place, for the windows that begin at the lines `first`."""
    readout, (_, columns, coils) = kernels.shape[0], filled.shape
    device = filled.device
    lines = filled[first[:, None] + torch.tensor(geometry.sources, device=device)].flatten(2)
    windows = lines.unfold(-1, readout * coils, coils).transpose(1, 2).flatten(2)
    holes = first[:, None] + torch.tensor(geometry.holes, device=device)
    middle, last = readout // 2, columns - readout
    for target, kernel in enumerate(kernels):
        if target == middle:
            served = slice(middle, middle + last + 1)
            estimates = windows @ kernel
        else:
            served = slice(target, target + 1) if target < middle else slice(last + target, last + target + 1)
            estimates = windows[:, :1] @ kernel if target < middle else windows[:, -1:] @ kernel
        filled[holes, served] = estimates.view(*estimates.shape[:2], -1, coils).transpose(1, 2)
