"""Masks for examples: a new one each time, or one of a fixed set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import torch
from torch import Tensor

from fourfold.datasets.random_streams import Draw
from fourfold.datasets.settings import Masks
from fourfold.datasets.shared_memory import shared_zeros
from fourfold.errors import InputError
from fourfold.sampling import make_sampling
from fourfold.scan import Axis, Sampling

__all__ = ["AnyMaskDrawer", "Grid", "MaskDrawer"]

Grid: TypeAlias = tuple[int, int, Axis]
"""Size (ny, nx), and the axis along which lines are left out unless the settings name one."""


OF_LINES = ("random", "equispaced", "gaussian", "kt-interleaved")
"""Patterns of a number of lines, which only some sizes share out evenly: others take the nearest number."""


class AnyMaskDrawer:
    """Draws the mask of each example from one of several kinds; see `MaskDrawer`."""

    def __init__(self, settings: Masks | tuple[Masks, ...], grids: Iterable[Grid], draw: Draw) -> None:
        kinds = settings if isinstance(settings, tuple) else (settings,)
        if not kinds:
            raise InputError("The data's setting 'masks' is empty; give one kind of masks at least.")
        grids = tuple(grids)
        self._kinds = [MaskDrawer(kind, grids, draw) for kind in kinds]

    def __call__(self, grid: Grid, draw: Draw) -> Tensor:
        """Return the mask, bool (ky, kx), of the example with this `draw`."""
        kind = draw.numbers("kind of mask").integers(len(self._kinds))
        return self._kinds[kind](grid, draw)

    def check_calibration(self, lines: int) -> None:
        """Refuse kinds with fewer than so many calibration lines; raises InputError."""
        for kind in self._kinds:
            kind.check_calibration(lines)


class MaskDrawer:
    """Draws the mask of each example.

    Every kind of mask that will be asked for is made once at the start, so that what cannot be met is refused there and
    not in the middle of a training.

    Parameters
    ----------
    settings
        Pattern, accelerations, calibration.
    grids
        All (ny, nx, line axis) that will be asked for.
    draw
        Seed and part of the data set; sets of masks of different parts have different seeds.

    Raises
    ------
    InputError
        As `fourfold.sampling.make_sampling`.
    """

    def __init__(self, settings: Masks, grids: Iterable[Grid], draw: Draw) -> None:
        self.settings = settings
        self.draw = draw
        self._sets: dict[Grid, _Set] = {}
        self._tried: list[Sampling] = []
        for grid in sorted(set(grids)):
            self._tried += [self._make(grid, choice, 0) for choice in range(len(settings.accelerations))]
            if settings.count is not None:
                self._sets[grid] = _Set(settings.count, grid)

    def __call__(self, grid: Grid, draw: Draw) -> Tensor:
        """Return the mask, bool (ky, kx), of the example with this `draw`."""
        rng = draw.numbers("mask")
        if self.settings.count is None:
            choice = int(rng.integers(len(self.settings.accelerations)))
            return self._make(grid, choice, int(rng.integers(2**31))).mask[0]
        number = int(rng.integers(self.settings.count))
        return self._of_set(grid, number)

    def check_calibration(self, lines: int) -> None:
        """Refuse masks with fewer than so many calibration lines; raises InputError."""
        for sampling in self._tried:
            if min(sampling.calibration) < lines:
                raise InputError(
                    f"The masks '{self.settings.kind}' of {sampling.mask.shape[1]}×{sampling.mask.shape[2]} have "
                    f"{min(sampling.calibration)} calibration lines and ESPIRiT needs {lines}; ask for more (lines, "
                    "centre or box), or choose maps 'true' or 'none'."
                )

    def _of_set(self, grid: Grid, number: int) -> Tensor:
        """Return a mask of the set, made when it is first asked for, by whichever process."""
        found = self._sets[grid]
        if not found.made[number]:
            rng = Draw(self.draw.seed, self.draw.part, 0, number).numbers("set of masks")
            choice = int(rng.integers(len(self.settings.accelerations)))
            found.masks[number] = self._make(grid, choice, int(rng.integers(2**31))).mask[0]
            found.made[number] = True
        return found.masks[number]

    def _make(self, grid: Grid, choice: int, seed: int) -> Sampling:
        ny, nx, axis = grid
        settings = self.settings
        axis = settings.axis or axis
        acceleration = settings.accelerations[choice]
        if settings.kind in OF_LINES:
            lines = ny if axis == "ky" else nx
            acceleration = lines / max(1, round(lines / acceleration))
        return make_sampling(settings.kind, (ny, nx), acceleration, seed=seed, axis=axis, **settings.options(choice))


class _Set:
    """Masks for one grid, in memory that worker processes share: what one has made none makes again."""

    def __init__(self, count: int, grid: Grid) -> None:
        self.masks = shared_zeros((count, *grid[:2]), torch.bool)
        self.made = shared_zeros((count,), torch.bool)
