"""The lines or samples of a pattern outside its calibration centre, and those that are held back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.errors import InputError
from fourfold.sampling.hold_out import line_axis, protected_centre
from fourfold.scan import Scan

__all__ = ["FEWEST_UNITS", "Units"]

# Fewest calibration lines of which those of the outer half can be held back: the rest still calibrates coils.
_FEWEST_CENTRE = 16
FEWEST_UNITS = 5
"""Fewest acquired lines or samples outside the centre, of which each fold holds back one."""
# Gaps between lines that are drawn at random have a standard deviation of their mean's size. Those of regular patterns
# have one of 0, and those of equispaced patterns with a fractional spacing one of 0.2 at most.
_IRREGULAR = 0.35
# Part of the samples that a regular 2D pattern maps onto others by its shortest period; longer ones are not tried.
_PERIODIC, _LONGEST_PERIOD = 0.9, 8
# Standard deviation of the window in which the density of samples is counted, its reach, and what an empty one counts.
_WINDOW, _REACH, _SPARSEST = 0.8, 4, 0.2


@dataclass(frozen=True, eq=False)
class Units:
    """Lines of a line pattern, single samples of any other, outside the calibration centre.

    Attributes
    ----------
    index
        int64, (frame or 1, ky, kx): the number of the unit that a sample belongs to, −1 in the centre.
    acquired
        bool, (unit,).
    distance
        float64, (unit,): distance from the centre of k-space, relative to the matrix.
    frame
        int64, (unit,): the frame of the mask.
    axis
        1 where lines along kx are units, 2 where lines along ky are, None where samples are.
    exchangeable
        Whether acquired and missing units are alike but for chance: of patterns that are drawn at random.
    in_centre
        bool, (unit,), of regular line patterns with at least 16 calibration lines: those in the outer half of the
        centre that the pattern would leave out if it went on there. They alone are held back, since any other line
        would leave a gap that is twice as wide as those of missing lines.
    """

    index: Tensor
    acquired: Tensor
    distance: Tensor
    frame: Tensor
    axis: int | None
    exchangeable: bool
    in_centre: Tensor | None = None

    @classmethod
    def of(cls, scan: Scan) -> Units:
        """Return the units of a Cartesian scan.

        Raises
        ------
        InputError
            For a trajectory, where nothing is missing, and for fewer than five acquired units in a frame.
        """
        if scan.trajectory is not None:
            raise InputError(
                f"The scan has a trajectory ({scan.trajectory.kind}); samples are held back of Cartesian scans only."
            )
        mask = scan.mask
        axis = line_axis(mask)
        lines = mask if axis is None else mask.any(dim=3 - axis, keepdim=True)
        centre = protected_centre(mask, axis, max(scan.shape))
        whole_readout = axis is None or bool(mask.any(dim=axis).all())
        irregular = not (_is_lattice(mask[0]) if axis is None else _is_evenly_spaced(lines[0].flatten()))
        exchangeable = irregular and whole_readout
        in_centre = None
        if axis is not None and not exchangeable:
            in_centre = torch.stack(
                [_left_out_in_centre(*each) for each in zip(lines, centre.expand_as(lines), strict=True)]
            )
            if bool(in_centre.any(dim=2).any(dim=1).all()):
                centre = _inner_half(centre)
            else:
                in_centre = None
        outside = (~centre).expand_as(lines)
        frame, row, column = outside.nonzero(as_tuple=True)
        acquired = lines[frame, row, column]
        if bool(acquired.all()):
            raise InputError("Every sample outside the centre was acquired, so that nothing has to be estimated.")
        fewest = int(torch.bincount(frame[acquired], minlength=len(mask)).min())
        if fewest < FEWEST_UNITS:
            raise InputError(
                f"A frame has {fewest} lines or samples outside the calibration centre; to judge an image by some "
                f"that are held back there must be {FEWEST_UNITS} at least."
            )
        index = torch.full(lines.shape, -1, device=mask.device)
        index[frame, row, column] = torch.arange(len(frame), device=mask.device)
        return cls(
            index.expand_as(mask),
            acquired,
            _distance(lines.shape[1:], axis, row, column),
            frame,
            axis,
            exchangeable,
            None if in_centre is None else in_centre[frame, row, column],
        )

    @property
    def noun(self) -> str:
        """What a unit is."""
        return "samples" if self.axis is None else "lines"

    def sums(self, values: Tensor) -> Tensor:
        """Return the sum of `values`, float (frame, ky, kx), over every unit, float64 (unit,)."""
        if len(values) != len(self.index):
            values = values.sum(dim=0, keepdim=True)
        inside = self.index >= 0
        total = torch.zeros(len(self.acquired), dtype=torch.float64, device=values.device)
        return total.index_add_(0, self.index[inside], values[inside].double())

    def samples(self, which: Tensor) -> Tensor:
        """Return bool (frame or 1, ky, kx): the samples of the units in `which`, bool (unit,)."""
        return which[self.index.clamp_min(0)] & (self.index >= 0)

    def spacing(self, kept: Tensor) -> Tensor:
        """Return how far apart the acquired samples around each unit are, float64 (unit,), of order one and above zero.

        For a line it is the harmonic mean of its distances to the next lines on both sides. For a sample it is the
        inverse of the density of samples around it, itself left out, in a Gaussian window of 0.8 samples.

        Parameters
        ----------
        kept
            bool, (unit,): the units outside the centre that a method gets; it gets the centre too.
        """
        if self.axis is None:
            return self._spacing_of_samples(kept)
        lines = self.index[:, :, 0] if self.axis == 1 else self.index[:, 0]
        spacing = torch.ones(len(self.acquired), dtype=torch.float64, device=kept.device)
        for own in lines:
            available = (kept[own.clamp_min(0)] | (own < 0)).nonzero().flatten()
            outside = (own >= 0).nonzero().flatten()
            # K-space is periodic: beyond its edge the other one follows.
            below = _distance_to(outside, available - len(own), available)
            above = _distance_to(-outside, -available - len(own), -available)
            spacing[own[outside]] = 2 * below * above / (below + above)
        return spacing

    def _spacing_of_samples(self, kept: Tensor) -> Tensor:
        inside = self.index >= 0
        available = (kept[self.index.clamp_min(0)] | ~inside).double()[:, None]
        steps = torch.arange(-_REACH, _REACH + 1, device=kept.device).double()
        bell = (-steps.square() / (2 * _WINDOW**2)).exp()
        padded = torch.nn.functional.pad(available, [_REACH] * 4, mode="circular")
        density = torch.nn.functional.conv2d(padded, bell.view(1, 1, -1, 1))
        density = torch.nn.functional.conv2d(density, bell.view(1, 1, 1, -1))[:, 0] - available[:, 0]
        spacing = torch.ones(len(self.acquired), dtype=torch.float64, device=kept.device)
        spacing[self.index[inside]] = 1 / (density[inside].clamp_min(0) + _SPARSEST)
        return spacing

    def folds(self, number: int, period: int, seed: int) -> list[Tensor]:
        """Return `number` of `period` disjoint random parts of the acquired units of each frame, each bool (unit,).

        Neighbours in distance from the centre go to different parts, so that these are alike. Lines of the centre that
        a regular pattern would leave out (`in_centre`) are one part, and the only one.
        """
        if self.in_centre is not None:
            return [self.in_centre]
        generator = torch.Generator().manual_seed(seed)
        fold = torch.full((len(self.acquired),), -1)
        acquired, frames, distance = self.acquired.cpu(), self.frame.cpu(), self.distance.cpu()
        for frame in range(len(self.index)):
            own = (acquired & (frames == frame)).nonzero().flatten()
            by_distance = own[distance[own].argsort(stable=True)]
            group = torch.arange(len(own)) // period
            drawn = (group + torch.rand(len(own), generator=generator)).argsort()
            fold[by_distance[drawn]] = torch.arange(len(own)) % period
        return [(fold == each).to(self.acquired.device) for each in range(number)]


def _left_out_in_centre(acquired: Tensor, centre: Tensor) -> Tensor:
    """Return the lines of the outer half of the centre that an evenly spaced pattern leaves out, bool like `acquired`.

    The pattern goes on from the acquired lines on both sides with its most frequent gap.

    Parameters
    ----------
    acquired, centre
        bool, (ky, kx), one of the sizes being 1: the lines of a frame that were acquired, and the centre.
    """
    own, inner = acquired.flatten(), _inner_half(centre[None]).flatten()
    left_out = centre.flatten() & ~inner
    inside = centre.flatten().nonzero().flatten()
    gaps = own.nonzero().flatten().diff()
    gaps = gaps[gaps > 1]
    if len(inside) < _FEWEST_CENTRE or not len(gaps):
        return torch.zeros_like(acquired)
    gap = int(gaps.mode().values)
    for lines in (own, own.flip(0)):
        # Seen from the other end the upper side is the lower one.
        start = int(inside[0]) if lines is own else len(own) - 1 - int(inside[-1])
        before = lines[:start].nonzero().flatten()
        first = int(before[-1]) if len(before) else start - 1
        kept = torch.arange(first + gap, start + len(inside) // 4 + 1, gap, device=own.device)
        left_out[kept if lines is own else len(own) - 1 - kept] = False
    return left_out.view_as(acquired)


def _inner_half(centre: Tensor) -> Tensor:
    """Return the inner half of a centre, bool (1, ky, kx), of size one along the lines."""
    inside = centre.flatten().nonzero().flatten()
    inner = torch.zeros_like(centre).flatten()
    quarter = len(inside) // 4
    inner[inside[quarter : len(inside) - quarter]] = True
    return inner.view_as(centre)


def _distance(shape: torch.Size, axis: int | None, row: Tensor, column: Tensor) -> Tensor:
    rows, columns = ((each - size // 2).double() / size for each, size in zip((row, column), shape, strict=True))
    if axis is None:
        return torch.hypot(rows, columns)
    return (rows if axis == 1 else columns).abs()


def _is_evenly_spaced(acquired: Tensor) -> bool:
    """Return whether the acquired lines (position,) beyond the centre follow each other at nearly equal distances."""
    gaps = acquired.nonzero().flatten().diff().double()
    # In the centre every line was acquired.
    outside = gaps[gaps > 1]
    if len(outside) < 2:
        return True
    neighbours = int((gaps == 1).sum()) - _longest_run(acquired) + 1
    gaps = torch.cat([outside, outside.new_ones(max(0, neighbours))])
    return bool(gaps.std(correction=0) < _IRREGULAR * gaps.mean())


def _longest_run(acquired: Tensor) -> int:
    """Return the length of the longest row of acquired lines (position,)."""
    ends = torch.cat([acquired.new_tensor([-1], dtype=torch.int64), (~acquired).nonzero().flatten()])
    ends = torch.cat([ends, ends.new_tensor([len(acquired)])])
    return int(ends.diff().max()) - 1


def _is_lattice(mask: Tensor) -> bool:
    """Return whether a short step maps most acquired samples (ky, kx) beyond the centre onto others."""
    rows, columns = (min(_LONGEST_PERIOD, size // 2) for size in mask.shape)
    outer = mask.clone()
    middle = [slice(size // 4, size - size // 4) for size in mask.shape]
    outer[middle[0], middle[1]] = False
    for row in range(rows + 1):
        for column in range(columns + 1):
            if row + column < 2:
                continue
            moved = outer[: mask.shape[0] - row, : mask.shape[1] - column]
            target = mask[row:, column:]
            if int(moved.sum()) and int((moved & target).sum()) > _PERIODIC * int(moved.sum()):
                return True
    return False


def _distance_to(positions: Tensor, *available: Tensor) -> Tensor:
    """Return the distance of positions from the next available one below, float64; itself does not count."""
    ordered = torch.cat(available).sort().values
    below = ordered[(torch.searchsorted(ordered, positions) - 1).clamp_min(0)]
    return (positions - below).double()
