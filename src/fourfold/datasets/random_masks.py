"""Random sampling masks of examples: a new mask for each, or one of a fixed set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor

from fourfold.datasets.random_streams import RandomStreams
from fourfold.datasets.settings import Masks
from fourfold.datasets.shared_memory import shared_zeros
from fourfold.errors import InputError
from fourfold.sampling import make_sampling
from fourfold.scan import Axis, Sampling

__all__ = ["Grid", "MaskDrawer", "MaskMixture"]

Grid: TypeAlias = tuple[int, int, Axis]
"""Size (ny, nx), and the default axis of the undersampling."""

_LINE_PATTERNS = ("random", "equispaced", "gaussian", "kt-interleaved")
"""Patterns of whole lines; the acceleration is rounded to the nearest number of lines."""


class MaskMixture:
    """Draws the mask of each example with one of several `MaskDrawer`s, chosen at random."""

    def __init__(self, settings: Masks | tuple[Masks, ...], grids: Iterable[Grid], streams: RandomStreams) -> None:
        each_settings = settings if isinstance(settings, tuple) else (settings,)
        if not each_settings:
            raise InputError("The data's setting 'masks' is empty; give one kind of masks at least.")
        grids = tuple(grids)
        self._drawers = [MaskDrawer(one, grids, streams) for one in each_settings]

    def __call__(self, grid: Grid, streams: RandomStreams) -> Tensor:
        """Return the mask, bool (ky, kx), of the example with these random streams."""
        kind = streams.numpy_generator("kind of mask").integers(len(self._drawers))
        return self._drawers[kind](grid, streams)

    def check_calibration(self, lines: int) -> None:
        """Raise InputError if any mask has fewer calibration lines than `lines`."""
        for drawer in self._drawers:
            drawer.check_calibration(lines)


class MaskDrawer:
    """Draws the mask of each example.

    One mask of each grid and acceleration is made at the start, so that impossible settings are rejected before the
    training begins.

    Parameters
    ----------
    settings
        Settings of the masks.
    grids
        All grids of the examples.
    streams
        Random streams of the data set, with its seed and part; the fixed sets of different parts differ.

    Raises
    ------
    InputError
        As `fourfold.sampling.make_sampling`.
    """

    def __init__(self, settings: Masks, grids: Iterable[Grid], streams: RandomStreams) -> None:
        self.settings = settings
        self.streams = streams
        self._fixed_sets: dict[Grid, _FixedSet] = {}
        self._samplings: list[Sampling] = []
        for grid in sorted(set(grids)):
            self._samplings += [self._make(grid, choice, 0) for choice in range(len(settings.accelerations))]
            if settings.count is not None:
                self._fixed_sets[grid] = _FixedSet(settings.count, grid)

    def __call__(self, grid: Grid, streams: RandomStreams) -> Tensor:
        """Return the mask, bool (ky, kx), of the example with these random streams."""
        rng = streams.numpy_generator("mask")
        if self.settings.count is None:
            choice = int(rng.integers(len(self.settings.accelerations)))
            return self._make(grid, choice, int(rng.integers(2**31))).mask[0]
        number = int(rng.integers(self.settings.count))
        return self._from_fixed_set(grid, number)

    def check_calibration(self, lines: int) -> None:
        """Raise InputError if a mask has fewer calibration lines than `lines`."""
        for sampling in self._samplings:
            if min(sampling.acs_shape) < lines:
                raise InputError(
                    f"The masks '{self.settings.kind}' of {sampling.mask.shape[1]}×{sampling.mask.shape[2]} have "
                    f"{min(sampling.acs_shape)} calibration lines and ESPIRiT needs {lines}; set more (lines, "
                    "centre or box), or choose maps 'true' or 'none'."
                )

    def _from_fixed_set(self, grid: Grid, number: int) -> Tensor:
        """Return a mask of the fixed set; the first process that needs it makes it."""
        fixed_set = self._fixed_sets[grid]
        if not fixed_set.is_made[number]:
            rng = RandomStreams(self.streams.seed, self.streams.part, 0, number).numpy_generator("set of masks")
            choice = int(rng.integers(len(self.settings.accelerations)))
            fixed_set.masks[number] = self._make(grid, choice, int(rng.integers(2**31))).mask[0]
            fixed_set.is_made[number] = True
        return fixed_set.masks[number]

    def _make(self, grid: Grid, choice: int, seed: int) -> Sampling:
        ny, nx, axis = grid
        settings = self.settings
        axis = settings.axis or axis
        acceleration = settings.accelerations[choice]
        if settings.kind in _LINE_PATTERNS:
            lines = ny if axis == "ky" else nx
            acceleration = lines / max(1, round(lines / acceleration))
        return make_sampling(settings.kind, (ny, nx), acceleration, seed=seed, axis=axis, **settings.options(choice))


class _FixedSet:
    """The masks of one grid, in memory that worker processes share."""

    def __init__(self, count: int, grid: Grid) -> None:
        self.masks = shared_zeros((count, *grid[:2]), torch.bool)
        self.is_made = shared_zeros((count,), torch.bool)
