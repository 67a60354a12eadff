"""Variable-density Poisson-disc sampling in two dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.sampling.validation import check_box, check_frames, check_shape, count_for, generator
from fourfold.scan import Sampling, centre_slice

__all__ = ["poisson_disc"]

SURPLUS = 0.01
"""Up to this fraction of the samples may be drawn too many; the surplus is removed at random."""
EVALUATIONS = 16


def poisson_disc(
    shape: Sequence[int],
    acceleration: float = 4.0,
    *,
    box: Sequence[int] = (24, 24),
    power: float = 1.0,
    elliptical: bool = False,
    seed: int = 0,
    frames: int = 1,
) -> Sampling:
    """Return samples that keep a distance from each other, which grows with the distance from the centre.

    Dart throwing (Cook 1986, ACM Trans. Graph. 5:51): points of the grid are tried in random order, and each accepted
    sample excludes later ones from a disc of radius ``1 + slope · ρ^power``. ρ is the distance from the centre, 1 at
    the middle of the edges, as in SigPy's masks (Ong and Lustig 2019). The radius is at most an eighth of the longer
    side. Distances on the grid are 1, √2, 2, √5, …: a radius between two of them is rounded to either at random, so
    that the density falls smoothly and without rings. The secant method finds the slope. The surplus, usually below
    one per cent, is removed at random, which keeps the distances and makes the acceleration exact.

    Parameters
    ----------
    shape, seed, frames
        As in `fourfold.sampling.random`.
    acceleration
        Points of the whole grid (cut corners included) over samples; reached within 1 %.
    box
        Fully sampled calibration box (ny, nx) at the centre; its samples are exempt from the distance.
    power
        How the radius grows from the centre: 0 not at all (uniform density), 1 linearly.
    elliptical
        Leave the corners of k-space out, beyond the ellipse that touches the edges. At the same number of
        samples this costs detail in the diagonal directions.

    Returns
    -------
    Sampling
        mask bool, (frames, ny, nx).

    Raises
    ------
    InputError
        Where the acceleration cannot be met: below 1, less than the box takes, or more samples than the
        ellipse has.
    """
    ny, nx = check_shape(shape)
    height, width = check_box(box, (ny, nx))
    if not power >= 0:
        raise InputError(f"The radius grows with the power {power:g}; give 0 (uniform density) or more.")
    rng = generator(seed)
    free = count_for(acceleration, ny * nx, "samples") - height * width
    if free < 0:
        raise InputError(
            f"Acceleration {acceleration:g} allows {free + height * width} of {ny}×{nx} samples but the box "
            f"{height}×{width} alone takes {height * width}; ask for a smaller box or a lower acceleration."
        )
    inside = np.zeros((ny, nx), dtype=bool)
    inside[centre_slice(ny, height), centre_slice(nx, width)] = True
    distance = _distance(ny, nx)
    board = ~inside & ((distance <= 1) | (not elliptical))
    if free > board.sum():
        raise InputError(
            f"Acceleration {acceleration:g} needs {free + height * width} samples but the ellipse holds "
            f"{int(board.sum()) + height * width} of {ny}×{nx}; sample the corners too (elliptical=False)."
        )
    count = check_frames(frames, (ny, nx))
    masks = np.stack([inside | _place_discs(board, distance**power, free, rng) for _ in range(count)])
    details = {"box": [height, width], "power": float(power), "elliptical": bool(elliptical)}
    return Sampling(torch.from_numpy(masks), "poisson-disc", int(seed), float(acceleration), details)


def _distance(ny: int, nx: int) -> NDArray[np.float64]:
    """Return the distance from the centre, 1 at the middle of the edges."""
    y = (np.arange(ny) - ny // 2) / max(ny // 2, 1)
    x = (np.arange(nx) - nx // 2) / max(nx // 2, 1)
    return np.hypot(y[:, None], x)


def _place_discs(
    board: NDArray[np.bool_], growth: NDArray[np.float64], count: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return a mask with `count` cells of `board`, no two closer than 1 + slope · growth; the slope is searched for."""
    mask = np.zeros(board.shape, dtype=bool)
    if count == 0:
        return mask
    candidates = _RandomCells(board, growth, rng)
    kept = np.arange(candidates.cells.size)
    low, high, slope = 0.0, float(max(board.shape)), 1.0
    last_slope, last_spacing = 0.0, kept.size**-0.5
    wanted = (count * (1 + SURPLUS / 2)) ** -0.5
    for _ in range(EVALUATIONS):
        if kept.size <= count * (1 + SURPLUS):
            break
        trial = candidates.without_conflicts(slope)
        if trial.size >= count:
            low, kept = slope, trial
        else:
            high = slope
        # The mean spacing, count^(-1/2), is nearly linear in the slope, which suits the secant method.
        spacing = trial.size**-0.5
        step = (wanted - spacing) * (slope - last_slope) / (spacing - last_spacing or math.inf)
        last_slope, last_spacing = slope, spacing
        slope = slope + step if low < slope + step < high else (low + high) / 2
    mask.flat[candidates.cells[rng.choice(kept, count, replace=False)]] = True
    return mask


class _RandomCells:
    """The cells of a board in one random order, which is tried with several radii.

    Covered cells are marked in a flat array with a border wider than any radius, so that a disc is a list of fixed
    offsets from its centre: in plain Python, which is faster than array calls on so few elements.
    """

    def __init__(self, board: NDArray[np.bool_], growth: NDArray[np.float64], rng: np.random.Generator) -> None:
        self.cells = rng.permutation(np.flatnonzero(board))
        self.growth = growth.flat[self.cells]
        self.dither = rng.random(self.cells.size)
        self.shape = board.shape
        self.largest = max(8, max(board.shape) // 8)

    def without_conflicts(self, slope: float) -> NDArray[np.intp]:
        """Return the indices into `cells` of those that lie outside the discs of all cells accepted before them."""
        ny, nx = self.shape
        squared = np.minimum(1 + slope * self.growth, self.largest) ** 2
        grid = _grid_distances(int(squared.max(initial=1)))
        below = np.searchsorted(grid, squared, side="right") - 1
        between = (squared - grid[below]) / (grid[below + 1] - grid[below])
        levels = below + (self.dither < between)

        border = math.isqrt(int(grid[levels.max(initial=0)])) + 1
        width = nx + 2 * border
        y, x = np.divmod(self.cells, nx)
        places = (y + border) * width + x + border
        discs = [_disc(int(distance), width) for distance in grid[: levels.max(initial=0) + 1]]
        covered = bytearray((ny + 2 * border) * width)
        kept = []
        for index, (place, level) in enumerate(zip(places.tolist(), levels.tolist(), strict=True)):
            if not covered[place]:
                kept.append(index)
                for offset in discs[level]:
                    covered[place + offset] = 1
        return np.array(kept, dtype=np.intp)


@cache
def _grid_distances(limit: int) -> NDArray[np.int64]:
    """Return the squared distances on the grid, 1, 2, 4, 5, 8, …, to the first one beyond `limit`."""
    reach = np.arange(math.isqrt(limit) + 2) ** 2
    sums = np.unique(reach[:, None] + reach)
    return sums[1 : np.searchsorted(sums, limit, side="right") + 1]


def _disc(squared: int, width: int) -> list[int]:
    """Return the offsets of the other cells nearer than √`squared` to a cell, on a board `width` cells wide."""
    reach = math.isqrt(squared - 1)
    steps = range(-reach, reach + 1)
    return [y * width + x for y in steps for x in steps if 0 < y * y + x * x < squared]
