"""Holds out part of the acquired samples, by which a result can be validated."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from fourfold.errors import InputError
from fourfold.sampling.validation import generator
from fourfold.scan import Sampling, centre_slice

__all__ = ["hold_out", "line_axis", "protected_centre"]

# Coil maps, phase and scale come from the centre of k-space: this number of its lines is never held out.
CENTRE = 24
# Distance of the positions over which the sampling density is averaged.
_REACH = 16
# Odds of a position all of whose neighbours were acquired.
_LEAST_ODDS = 1e-3


def hold_out(
    mask: Tensor, share: float = 0.15, *, seed: int = 0, whole_lines: bool = True, centre: int = CENTRE
) -> Tensor:
    """Return which acquired samples to hold out, for cross-validation of a reconstruction.

    Whole lines or shots are held out of patterns that consist of these, single samples of any other. They are drawn for
    each frame and represent the samples that were *not* acquired: a position around which the share p was acquired is
    drawn with odds (1 − p) / p, so held-out samples are distributed like the missing ones.

    Parameters
    ----------
    mask
        bool, (frame, ky, kx), or (frame, shot, sample) of a non-Cartesian scan: True where a sample was acquired.
    share
        Fraction of the lines or samples outside the centre to hold out, above 0 and below 1; rounded to a whole number
        of at least one in every frame.
    seed
        Seed of the draw.
    whole_lines
        False holds out single samples of line patterns too, for methods that cannot bridge gaps wider than those of
        the pattern.
    centre
        Number of calibration lines or samples along each axis that are never held out; 0 where the centre needs no
        protection, as with shots that all pass through it.

    Returns
    -------
    Tensor
        bool, shape and device as `mask`: True where held out. ``mask & ~held_out`` is what the method gets.

    Raises
    ------
    InputError
        For a share outside its range, or a frame with fewer than two lines or samples outside the centre.
    """
    if not 0 < share < 1:
        raise InputError(f"The share of samples to hold out is {share:g}; it must lie above 0 and below 1.")
    rng = generator(seed)
    axis = line_axis(mask) if whole_lines else None
    # Lines along kx differ along ky alone: one column tells all of them.
    positions = mask if axis is None else mask.any(dim=3 - axis, keepdim=True)
    free = positions & ~protected_centre(mask, axis, centre).expand_as(positions)
    odds = _odds(positions)
    drawn = torch.stack([_draw(*frame, share, rng) for frame in zip(free.cpu(), odds.cpu(), strict=True)])
    return drawn.to(mask.device) & mask


def line_axis(mask: Tensor) -> Literal[1, 2] | None:
    """Return the axis along which whole lines were left out, 1 where none were; None for single samples."""
    rows, columns = mask.any(dim=2, keepdim=True), mask.any(dim=1, keepdim=True)
    if not torch.equal(rows & columns, mask):
        return None
    gaps = [_has_gaps(rows.flatten(1)), _has_gaps(columns.flatten(1))]
    if all(gaps):
        return None
    return 2 if gaps[1] else 1


def _has_gaps(acquired: Tensor) -> bool:
    """Return whether acquired positions (frame, position) are more than one range, which a partial echo leaves."""
    starts = acquired[:, :1].sum(dim=1) + (acquired[:, 1:] & ~acquired[:, :-1]).sum(dim=1)
    return bool((starts > 1).any())


def protected_centre(mask: Tensor, axis: int | None, centre: int) -> Tensor:
    """Return the positions that must not be held out, since coil maps, phase and scale come from them.

    Parameters
    ----------
    mask
        bool, (frame, ky, kx).
    axis
        As `line_axis` gives it.
    centre
        Largest width of the centre along each axis.

    Returns
    -------
    Tensor
        bool, (1, ky, kx), of size one along the lines.
    """
    kept = torch.zeros_like(mask[:1])
    widths = (min(width, centre) for width in Sampling(mask).acs_shape)
    rows, columns = (centre_slice(size, width) for size, width in zip(mask.shape[1:], widths, strict=True))
    kept[:, rows, columns] = True
    return kept if axis is None else kept.any(dim=3 - axis, keepdim=True)


def _odds(acquired: Tensor) -> Tensor:
    """Return (1 − p) / p for the sampling density p around every position (frame, ky, kx), float32."""
    reach = [_REACH if size > 1 else 0 for size in acquired.shape[1:]]
    window = [2 * steps + 1 for steps in reach]
    density = avg_pool2d(acquired.float(), window, stride=1, padding=reach, count_include_pad=False)
    return ((1 - density) / density.clamp_min(1e-6)).clamp_min(_LEAST_ODDS)


def _draw(free: Tensor, odds: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    """Return which `free` positions (ky, kx) were drawn, without replacement (Efraimidis and Spirakis 2006)."""
    available = int(free.sum())
    if available < 2:
        raise InputError(
            f"A frame has {available} lines or samples outside the calibration centre; to judge a result by some that "
            "were held out there must be two at least: choose the weight yourself."
        )
    keys = torch.from_numpy(rng.gumbel(size=free.shape)).float() + odds.log()
    keys[~free] = -torch.inf
    drawn = torch.zeros_like(free).flatten()
    drawn[keys.flatten().topk(max(1, round(share * available))).indices] = True
    return drawn.reshape(free.shape)
