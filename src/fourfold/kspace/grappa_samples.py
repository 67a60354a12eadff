"""GRAPPA for the missing samples of a 2D pattern."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from fourfold.kspace.grappa_kernel import Equations, interpolation_weights, unit_patches
from fourfold.kspace.local_weights import LocalWeights

__all__ = ["fill_samples", "sample_equations"]

# Windows of up to 7×7 samples: the estimates of wider ones are mostly noise.
_WIDEST_REACH = 3
# Bytes per block: small enough for a processor's cache, larger for a GPU.
_CPU_BYTES, _GPU_BYTES = 1 << 21, 1 << 28
# Kernels with at least so many missing samples are applied one by one.
_MANY = 64
# The code of a missing sample: a bit for each of 48 neighbours, its region of k-space, and the number of neighbours.
_PART_BIT, _COUNT_BIT = 48, 54
_PARTS = 63


def fill_samples(
    kspace: Tensor,
    mask: Tensor,
    calibration: Tensor,
    samples: int,
    weights: LocalWeights,
    progress: Callable[[float], None] = lambda _: None,
) -> tuple[Tensor, Tensor]:
    """Estimate each missing sample from the acquired samples nearest to it (Griswold et al. 2002, MRM 47:1202).

    The window around a missing sample grows from 3×3 until it contains `samples` acquired samples, at most to 7×7 and
    to half the calibration region. Missing samples with the same source samples and the same region of k-space share
    one kernel. All kernels of a window come from one Gram matrix of its patches, and kernels with the same number of
    samples are solved together.

    Parameters
    ----------
    kspace
        complex64, (coil, ky, kx).
    mask
        bool, (ky, kx): True where acquired.
    calibration
        complex, (coil, ky, kx); kernels are fitted in its precision.
    samples
        Number of acquired samples, the nearest ones, that estimate a missing sample.
    weights
        Tikhonov weights of the kernels.
    progress
        Called with the completed fraction.

    Returns
    -------
    tuple of Tensor
        The filled k-space, complex64, (coil, ky, kx), and the samples that are now known, bool, (ky, kx): all but those
        without an acquired sample in the largest window.
    """
    filled = kspace.movedim(0, -1).contiguous()
    known = mask.clone()
    widest = _widest(calibration)
    total, done = int((~mask).sum()), 0
    neighbours = _acquired_neighbours(mask, widest)
    for reach in range(1, widest + 1):
        inside = neighbours & (1 << _window(reach)) - 1
        ready = (_count(mask, reach) >= (samples if reach < widest else 1)) & ~known
        if not bool(ready.any()):
            continue
        used, count = _nearest(inside[ready], samples)
        codes = used | weights.part[ready] << _PART_BIT | count << _COUNT_BIT
        for number in _fill(filled, ready.flatten().nonzero()[:, 0], codes, calibration, reach, weights.values):
            done += number
            progress(done / total)
        known |= ready
    return filled.movedim(-1, 0).contiguous(), known


def sample_equations(mask: Tensor, calibration: Tensor, samples: int, most: int) -> list[Equations]:
    """Return the equations of the `most` most frequent geometries; every step adds a sample, nearest first.

    Parameters
    ----------
    mask, calibration, samples
        As for `fill_samples`.
    most
        Number of geometries.
    """
    reach = _widest(calibration)
    used, _ = _nearest(_acquired_neighbours(mask, reach)[~mask], samples)
    distinct, counts = torch.unique(used, return_counts=True)
    patches = unit_patches(calibration, (2 * reach + 1, 2 * reach + 1)).flatten(1, 2)
    patches = patches.view(calibration.shape[1] - 2 * reach, -1, *patches.shape[1:])
    middle = patches.shape[2] // 2
    positions = _positions(_neighbours(reach), reach)
    equations = []
    for chosen in counts.argsort(descending=True)[:most].tolist():
        code = int(distinct[chosen])
        at = [position for bit, position in enumerate(positions.tolist()) if code >> bit & 1]
        if at:
            equations.append(Equations(patches[:, :, at], patches[:, :, middle], int(counts[chosen])))
    return equations


def _widest(calibration: Tensor) -> int:
    """Return the reach of the largest window to either side, at most half the calibration region."""
    return min(_WIDEST_REACH, (min(calibration.shape[-2:]) // 2 - 1) // 2)


def _positions(offsets: Tensor, reach: int) -> Tensor:
    """Return the flat positions in a window of the samples at offsets (neighbour, 2)."""
    return (offsets[:, 0] + reach) * (2 * reach + 1) + offsets[:, 1] + reach


def _neighbours(reach: int) -> Tensor:
    """Return the offsets (neighbour, 2) of a window's samples from its centre, nearest first, without the centre."""
    axis = torch.arange(-reach, reach + 1)
    offsets = torch.cartesian_prod(axis, axis)
    distance = offsets.square().sum(dim=1)
    return offsets[distance.argsort(stable=True)][1:]


def _window(reach: int) -> int:
    """Return the number of neighbours in a window."""
    return (2 * reach + 1) ** 2 - 1


def _count(mask: Tensor, reach: int) -> Tensor:
    """Return the number (ky, kx) of acquired samples in the window around each sample."""
    size = 2 * reach + 1
    acquired = pad(mask.to(torch.uint8), [reach] * 4)
    rows = acquired.unfold(0, size, 1).sum(dim=-1, dtype=torch.uint8)
    return rows.unfold(1, size, 1).sum(dim=-1, dtype=torch.uint8)


def _acquired_neighbours(mask: Tensor, reach: int) -> Tensor:
    """Return which neighbours of every sample were acquired, as the bits of an int64, nearest first; (ky, kx).

    A smaller window's neighbours are the first bits: what a larger one adds is farther away.
    """
    acquired = pad(mask.long(), [reach] * 4)
    codes = torch.zeros_like(mask, dtype=torch.int64)
    for bit, (y, x) in enumerate((_neighbours(reach) + reach).tolist()):
        codes.add_(acquired[y : y + mask.shape[0], x : x + mask.shape[1]], alpha=1 << bit)
    return codes


def _nearest(neighbours: Tensor, samples: int) -> tuple[Tensor, Tensor]:
    """Return the first `samples` set bits of every integer, and how many these are."""
    left, used = neighbours.clone(), torch.zeros_like(neighbours)
    count = torch.zeros_like(neighbours)
    for _ in range(min(samples, _window(_WIDEST_REACH))):
        lowest = left & -left
        left ^= lowest
        used |= lowest
        count += lowest != 0
    return used, count


def _fill(
    filled: Tensor, missing: Tensor, codes: Tensor, calibration: Tensor, reach: int, values: Tensor
) -> Iterator[int]:
    """Fill the samples `missing` of k-space (ky, kx, coil), in place, block by block; yield how many each block had.

    Missing samples of the same code (missing,) share a kernel. Sorted by code, those that use equally many samples are
    adjacent.
    """
    columns, coils = filled.shape[1:]
    lines = filled.view(-1, coils)
    offsets = _neighbours(reach).to(filled.device)
    steps = offsets[:, 0] * columns + offsets[:, 1]
    positions = _positions(offsets, reach)
    gram = _gram(calibration, reach)
    ordered, order = codes.sort(stable=True)
    distinct, shared = torch.unique_consecutive(ordered, return_counts=True)
    missing = missing[order]
    first, start = 0, 0
    for used in _blocks(distinct, len(offsets), gram):
        chosen = slice(first, first + len(used))
        weights = values[distinct[chosen] >> _PART_BIT & _PARTS]
        kernels = _kernels(gram, positions[used], weights).to(filled.dtype)
        block_missing = missing[start : start + int(shared[chosen].sum())]
        first, start = first + len(used), start + len(block_missing)
        _apply(lines, block_missing, shared[chosen], steps[used], kernels)
        yield len(block_missing)


def _apply(lines: Tensor, missing: Tensor, shared: Tensor, steps: Tensor, kernels: Tensor) -> None:
    """Fill the missing samples with flat indices (missing,) in all samples (sample, coil), in place.

    The first `shared[0]` of them use the first kernel with the first row of `steps`, and so on.
    """
    sizes = shared.tolist()
    if max(sizes) < _MANY:
        at = missing[:, None] + steps.repeat_interleave(shared, dim=0)
        sources = lines.index_select(0, at.flatten()).view(len(missing), -1)
        estimates = [group @ kernel for group, kernel in zip(torch.split(sources, sizes), kernels, strict=True)]
        lines.index_copy_(0, missing, torch.cat(estimates))
        return
    for group, step, kernel in zip(torch.split(missing, sizes), steps, kernels, strict=True):
        for few in torch.split(group, max(1, _block_bytes(lines) // (len(kernel) * lines.element_size()))):
            sources = lines.index_select(0, (few[:, None] + step).flatten()).view(len(few), -1)
            lines.index_copy_(0, few, sources @ kernel)


def _gram(calibration: Tensor, reach: int) -> Tensor:
    """Return the Gram matrix (position, position, coil, coil) of the window's patches."""
    patches = unit_patches(calibration, (2 * reach + 1, 2 * reach + 1)).flatten(1, 2)
    positions, coils = patches.shape[1:]
    gram = patches.flatten(1).mH @ patches.flatten(1)
    return gram.view(positions, coils, positions, coils).transpose(1, 2).contiguous()


def _blocks(codes: Tensor, neighbours: int, gram: Tensor) -> Iterator[Tensor]:
    """Yield blocks of the neighbours (kernel, source) of kernels with the same number of sources."""
    bits = torch.arange(neighbours, device=codes.device)
    start = 0
    for count, alike in enumerate(torch.bincount(codes >> _COUNT_BIT).tolist()):
        used = (codes[start : start + alike, None] >> bits & 1).nonzero()[:, 1].view(alike, count)
        start += alike
        bytes_each = (count * gram.shape[-1]) ** 2 * gram.element_size()
        if alike:
            yield from torch.split(used, max(1, _block_bytes(gram) // bytes_each))


def _block_bytes(values: Tensor) -> int:
    return _CPU_BYTES if values.device.type == "cpu" else _GPU_BYTES


def _kernels(gram: Tensor, positions: Tensor, weights: Tensor) -> Tensor:
    """Return the kernels (kernel, source · coil, coil) for sources at `positions` (kernel, source) of the window."""
    middle = gram.shape[0] // 2
    between = gram[positions[:, :, None], positions[:, None, :]].transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return interpolation_weights(between, gram[positions, middle].flatten(1, 2), weights[:, None].to(gram.real.dtype))
