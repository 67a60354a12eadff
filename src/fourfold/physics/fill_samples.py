"""Filling in the samples of k-space that a 2D pattern leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from fourfold.physics.kernels import interpolation_weights, unit_patches

__all__ = ["fill_samples"]

# Windows of up to 7×7 samples: wider ones reach more holes, but what they estimate there is noise.
_WIDEST_REACH = 3
# With at least this weight the kernels' equations are well enough conditioned for single precision.
_SINGLE_PRECISION = 1e-3
# Bounds what is held at a time: blocks that stay in a processor's cache, and larger ones for a GPU.
_CPU_BYTES, _GPU_BYTES = 1 << 21, 1 << 28


def fill_samples(
    kspace: Tensor,
    mask: Tensor,
    calibration: Tensor,
    samples: int,
    weight: float,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Tensor, Tensor]:
    """Estimate each missing sample from the acquired samples nearest to it (Griswold et al. 2002, MRM 47:1202).

    The window around a hole grows from 3×3 until it holds `samples` acquired samples, at most to 7×7 and to half
    the calibration region. Holes that see the same samples share one kernel; all kernels of a window come from one
    Gram matrix of its patches, and kernels of equally many samples are solved for together.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx).
    mask
        bool, (ky, kx): True where acquired.
    calibration
        complex, (coil, ky, kx); kernels are fitted in its precision where the weight is below 0.001.
    samples
        Acquired samples, nearest first, that estimate a hole.
    weight
        As in `fourfold.physics.kernels.interpolation_weights`.
    progress
        Called with the done fraction.

    Returns
    -------
    tuple of Tensor
        The filled k-space, complex64, (coil, ky, kx), and which samples are now known, bool, (ky, kx): not those
        without an acquired sample in the largest window.
    """
    filled = kspace.movedim(0, -1).contiguous()
    known = mask.clone()
    widest = min(_WIDEST_REACH, (min(calibration.shape[-2:]) // 2 - 1) // 2)
    total, done = int((~mask).sum()), 0
    for reach in range(1, widest + 1):
        needed = samples if reach < widest else 1
        ready = (_acquired_within(mask, reach) >= needed) & ~known
        for count in _fill(filled, mask, ready.nonzero(), calibration, reach, samples, weight):
            done += count
            progress(done / total)
        known |= ready
    return filled.movedim(-1, 0).contiguous(), known


def _acquired_within(mask: Tensor, reach: int) -> Tensor:
    """Return how many samples (ky, kx) were acquired in the window around each."""
    size = 2 * reach + 1
    return avg_pool2d(mask[None].float(), size, stride=1, padding=reach, divisor_override=1)[0].round().int()


def _fill(
    filled: Tensor, mask: Tensor, holes: Tensor, calibration: Tensor, reach: int, samples: int, weight: float
) -> Iterator[int]:
    """Fill the holes (hole, 2) of k-space (ky, kx, coil), in place, block by block; yield how many each block had."""
    offsets = _neighbours(reach).to(mask.device)
    holes, pattern_of_hole, patterns = _group(mask, holes, offsets, samples)
    positions = ((offsets + reach) * torch.tensor([2 * reach + 1, 1], device=mask.device)).sum(dim=1)
    gram = _gram(calibration, reach)
    if weight >= _SINGLE_PRECISION:
        gram = gram.to(filled.dtype)
    holes_of_pattern = torch.bincount(pattern_of_hole, minlength=len(patterns)).tolist()
    start = 0
    for used in _blocks(patterns, gram):
        kernels = _kernels(gram, positions[used], weight).to(filled.dtype)
        sizes, holes_of_pattern = holes_of_pattern[: len(used)], holes_of_pattern[len(used) :]
        mine = holes[start : start + sum(sizes)]
        start += sum(sizes)
        chosen = used.repeat_interleave(torch.tensor(sizes, device=mask.device), dim=0)
        at = mine[:, None] + offsets[chosen]
        sources = filled[at[..., 0], at[..., 1]].flatten(1)
        estimates = [group @ kernel for group, kernel in zip(torch.split(sources, sizes), kernels, strict=True)]
        filled[mine[:, 0], mine[:, 1]] = torch.cat(estimates)
        yield len(mine)


def _neighbours(reach: int) -> Tensor:
    """Return the offsets (neighbour, 2) of a window's samples from its middle, which is left out, nearest first."""
    axis = torch.arange(-reach, reach + 1)
    offsets = torch.cartesian_prod(axis, axis)
    distance = offsets.square().sum(dim=1)
    return offsets[distance.argsort(stable=True)][1:]


def _group(mask: Tensor, holes: Tensor, offsets: Tensor, samples: int) -> tuple[Tensor, Tensor, Tensor]:
    """Group holes by which of their neighbours are used.

    Returns
    -------
    tuple of Tensor
        The holes (hole, 2), sorted by pattern; each one's pattern, (hole,); and the patterns, bool, (pattern,
        neighbour), sorted by how many samples they use.
    """
    reach = int(offsets.max())
    at = holes[:, None] + offsets + reach
    acquired = pad(mask, [reach] * 4)[at[..., 0], at[..., 1]]
    used = acquired & (acquired.cumsum(dim=1) <= samples)
    # The bits of one integer, with their number on top: integers sort far faster than rows.
    bits = torch.arange(len(offsets), device=mask.device)
    codes = (used.long() << bits).sum(dim=1) | used.sum(dim=1) << len(offsets)
    distinct, pattern_of_hole = torch.unique(codes, return_inverse=True)
    order = pattern_of_hole.argsort(stable=True)
    return holes[order], pattern_of_hole[order], (distinct[:, None] >> bits & 1).bool()


def _gram(calibration: Tensor, reach: int) -> Tensor:
    """Return the Gram matrix (position, position, coil, coil) of the window's patches."""
    patches = unit_patches(calibration, (2 * reach + 1, 2 * reach + 1)).flatten(1, 2)
    positions, coils = patches.shape[1:]
    gram = patches.flatten(1).mH @ patches.flatten(1)
    return gram.view(positions, coils, positions, coils).transpose(1, 2).contiguous()


def _blocks(patterns: Tensor, gram: Tensor) -> Iterator[Tensor]:
    """Yield the used neighbours (pattern, source) of patterns that use equally many, a bounded block at a time."""
    start = 0
    for count, alike in enumerate(torch.bincount(patterns.sum(dim=1)).tolist()):
        used = patterns[start : start + alike].nonzero()[:, 1].view(alike, count)
        start += alike
        bytes_each = (count * gram.shape[-1]) ** 2 * gram.element_size()
        if alike:
            block = _CPU_BYTES if gram.device.type == "cpu" else _GPU_BYTES
            yield from torch.split(used, max(1, block // bytes_each))


def _kernels(gram: Tensor, positions: Tensor, weight: float) -> Tensor:
    """Return the kernels (pattern, source · coil, coil) for sources at `positions` (pattern, source) of the window."""
    middle = gram.shape[0] // 2
    between = gram[positions[:, :, None], positions[:, None, :]].transpose(2, 3)
    return interpolation_weights(between.flatten(3, 4).flatten(1, 2), gram[positions, middle].flatten(1, 2), weight)
