"""GRAPPA for missing lines of a 1D pattern."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from fourfold.kspace.grappa_kernel import Equations, Folds, interpolation_weights, unit_patches
from fourfold.kspace.local_weights import LocalWeights

__all__ = ["fill_lines", "line_equations"]

# Fewest rows of patches that a kernel is fitted to; fewer would overfit the noise.
_FITTED_ROWS = 4
# Estimates whose factor is below this are counted.
_WEAK = 0.5
# Size of a block: it fits a processor's cache; larger blocks for a GPU.
_CPU_BYTES, _GPU_BYTES = 1 << 21, 1 << 28


@dataclass(frozen=True)
class _Geometry:
    """Offsets of the acquired lines in a kernel's window, and of the missing lines that are estimated."""

    sources: tuple[int, ...]
    missing: tuple[int, ...]

    @property
    def lines(self) -> int:
        return max(*self.sources, *self.missing) + 1


def fill_lines(
    kspace: Tensor, acquired: Tensor, calibration: Tensor, kernel_width: int, max_gap: int, weights: LocalWeights
) -> tuple[Tensor, Tensor, int]:
    """Estimate the lines between acquired ones (Griswold et al. 2002, MRM 47:1202).

    A gap of up to `max_gap` lines is filled from the acquired lines on both sides. All gaps of the same width share one
    kernel for each region of k-space. In wider gaps, every line is estimated from the nearest acquired line, up to a
    distance limited by the height of the calibration region, with one kernel for each distance. Lines beyond the
    outermost acquired ones are not filled, because extrapolation did not improve images of measured data. At the ends
    of the readout, a kernel stays inside k-space and estimates samples off its centre.

    With too few calibration lines, too many coils or too wide a gap, the estimates are scaled down, to zero if
    necessary (`fourfold.kspace.grappa_kernel.Folds.gains`).

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx).
    acquired
        bool, (ky,): True where all samples of a line were acquired.
    calibration
        complex, (coil, ky, kx); kernels are fitted in its precision where a weight is below 0.001.
    kernel_width
        Width of the kernel: samples of each source line; at most those of `calibration` and `kspace`.
    max_gap
        Widest gap, in lines, that is filled from both sides.
    weights
        Tikhonov weights of the kernels; the middle of a gap determines the region.

    Returns
    -------
    tuple
        The filled k-space, complex64, (coil, ky, kx); the lines that are now known, bool, (ky,); and the number of
        samples of a coil whose estimates were scaled by less than one half.
    """
    # Coils last, so that the samples of a kernel are adjacent in memory.
    filled = kspace.movedim(0, -1).contiguous()
    known, weakened = acquired.clone(), 0
    for geometry, places in _geometries(acquired, max_gap, calibration).items():
        first = torch.tensor(places, device=kspace.device)
        weakened += _fill_windows(filled, geometry, _Fit.of(calibration, geometry, kernel_width), first, weights)
        known[first[:, None] + torch.tensor(geometry.missing, device=kspace.device)] = True
    return filled.movedim(-1, 0).contiguous(), known, weakened


def line_equations(
    acquired: Tensor, calibration: Tensor, kernel_width: int, max_gap: int, most: int
) -> list[Equations]:
    """Return the equations of the `most` geometries with the most lines, in steps along the readout.

    A step adds the samples of all source lines at one readout position, beginning with the nearest to the target.

    Parameters
    ----------
    acquired, calibration, kernel_width, max_gap
        As for `fill_lines`.
    most
        Number of geometries.
    """
    windows = _geometries(acquired, max_gap, calibration)
    middle = kernel_width // 2
    order = (torch.arange(kernel_width, device=calibration.device) - middle).abs().argsort(stable=True)
    equations = []
    for geometry in sorted(windows, key=lambda each: -len(windows[each]) * len(each.missing))[:most]:
        patches = unit_patches(calibration, (geometry.lines, kernel_width))
        patches = patches.view(calibration.shape[1] - geometry.lines + 1, -1, *patches.shape[1:])
        sources = patches[:, :, geometry.sources][:, :, :, order].transpose(2, 3).flatten(3)
        targets = patches[:, :, geometry.missing, middle].flatten(2)
        equations.append(Equations(sources, targets, len(windows[geometry]) * len(geometry.missing)))
    return equations


def _geometries(acquired: Tensor, max_gap: int, calibration: Tensor) -> dict[_Geometry, list[int]]:
    """Return the first lines of all windows by geometry, as far as the calibration region is high enough."""
    longest = calibration.shape[-2] - _FITTED_ROWS + 1
    windows: dict[_Geometry, list[int]] = defaultdict(list)
    for below, above in pairwise(acquired.nonzero().flatten().tolist()):
        gap = above - below - 1
        if 0 < gap <= min(max_gap, longest - 2):
            windows[_Geometry((0, gap + 1), tuple(range(1, gap + 1)))].append(below)
            continue
        for distance in range(1, min(gap // 2, longest - 1) + 1):
            windows[_Geometry((0,), (distance,))].append(below)
        for distance in range(1, min(gap - gap // 2, longest - 1) + 1):
            windows[_Geometry((distance,), (0,))].append(above - distance)
    return windows


@dataclass(frozen=True, eq=False)
class _Fit:
    """The equations of a geometry's kernels: SᴴS, and SᴴT for targets (readout position, source, missing · coil).

    `folds` are the cross-validation folds of the central target.
    """

    gram: Tensor
    targets: Tensor
    folds: Folds
    missing: int

    @classmethod
    def of(cls, calibration: Tensor, geometry: _Geometry, kernel_width: int) -> _Fit:
        patches = unit_patches(calibration, (geometry.lines, kernel_width))
        sources = patches[:, geometry.sources].flatten(1)
        targets = patches[:, geometry.missing].permute(2, 0, 1, 3).flatten(2)
        rows = calibration.shape[1] - geometry.lines + 1
        by_row = [each.reshape(rows, -1, each.shape[-1]) for each in (sources, targets[kernel_width // 2])]
        folds = Folds.of(*by_row)
        return cls(sources.mH @ sources, sources.mH @ targets, folds, len(geometry.missing))

    def gains(self, weights: Tensor) -> Tensor:
        """Return the gains (kernel, missing) of the kernels with these weights."""
        return torch.stack([self.folds.gains(float(weight), self.missing) for weight in weights])

    def for_coils(self, gains: Tensor) -> Tensor:
        """Return the gains (kernel, missing) for all coils, (kernel, missing · coil)."""
        return gains.repeat_interleave(self.targets.shape[-1] // self.missing, dim=1)

    def kernels(self, targets: int | list[int], weights: Tensor) -> Tensor:
        """Return the kernels (kernel, source line · sample · coil, missing · coil).

        Either one target position with many weights, or many target positions with one weight.
        """
        load = weights[:, None].to(self.gram.real.dtype)
        return interpolation_weights(self.gram.expand(len(weights), -1, -1), self.targets[targets], load)


def _fill_windows(filled: Tensor, geometry: _Geometry, fit: _Fit, first: Tensor, weights: LocalWeights) -> int:
    """Fill the missing samples of k-space (ky, kx, coil), in place, for the windows that begin at the lines `first`.

    Return the number of estimates that were scaled by less than one half.
    """
    columns, kernel_width = filled.shape[1], len(fit.targets)
    middle, last = kernel_width // 2, columns - kernel_width
    part = weights.part[first + geometry.lines // 2]
    served = part[:, middle : middle + last + 1]
    used = torch.unique(served)
    gains = fit.gains(weights.values[used])
    kernels = fit.kernels(middle, weights.values[used]) * fit.for_coils(gains)[:, None]
    weakened = 0
    for chosen, kernel, gain in zip(used, kernels, gains, strict=True):
        window, column = (served == chosen).nonzero(as_tuple=True)
        weakened += len(window) * int((gain < _WEAK).sum())
        _apply(filled, geometry, kernel, first[window] * columns + column, middle)
    # The few samples at the ends of the readout, off the kernel's centre, share their mean weight.
    ends = [target for target in range(kernel_width) if target != middle]
    begins = [0 if target < middle else last for target in ends]
    weight = weights.values[part[:, [begin + target for begin, target in zip(begins, ends, strict=True)]]].mean()
    kernels = fit.kernels(ends, weight[None]) * fit.for_coils(fit.gains(weight[None]))
    for begin, target, kernel in zip(begins, ends, kernels, strict=True):
        _apply(filled, geometry, kernel, first * columns + begin, target)
    return weakened


def _apply(filled: Tensor, geometry: _Geometry, kernel: Tensor, start: Tensor, target: int) -> None:
    """Fill the samples at the offset `target` from the flat indices where windows start."""
    columns, coils = filled.shape[1:]
    samples = filled.view(-1, coils)
    sources = columns * torch.tensor(geometry.sources, device=filled.device)
    missing = columns * torch.tensor(geometry.missing, device=filled.device) + target
    runs = filled.flatten().unfold(0, len(kernel) // len(sources), coils)
    block_bytes = _CPU_BYTES if filled.device.type == "cpu" else _GPU_BYTES
    for block in torch.split(start, max(1, block_bytes // (len(kernel) * filled.element_size()))):
        estimates = runs[block[:, None] + sources].flatten(1) @ kernel.to(filled.dtype)
        samples[block[:, None] + missing] = estimates.view(len(block), -1, coils)
