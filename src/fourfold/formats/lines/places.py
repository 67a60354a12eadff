"""The place of each line of a raw file on the encoded grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.lines.centre import Centre
from fourfold.formats.lines.grid import Grid
from fourfold.formats.lines.ramp import Ramp
from fourfold.formats.lines.table import STEPS, Indices, Table, is_reversed, valid_range

__all__ = ["LinePlaces"]

Array = npt.NDArray[Any]

LARGEST_GAP = 16
"""An encoded matrix that is so many times larger than what all lines together cover is not that of these lines."""


@dataclass(frozen=True, eq=False)
class LinePlaces:
    """Where lines lie on the encoded grid."""

    path: Path
    """The file."""
    table: Table
    """The lines' headers."""
    grid: Grid
    """The encoded grid."""
    centre: Centre
    """The encoding steps and the sample at its centre."""
    ky: Array
    """int, (line,): index of each line along the grid's lines."""
    kz: Array
    """int, (line,): index of each line along the grid's partitions."""
    ramp: Ramp | None = None
    """The readout gradient where samples were taken on its ramps too; such lines cover the whole readout."""

    @classmethod
    def of(
        cls, path: Path, table: Table, grid: Grid, centre: Centre, has_partitions: bool, ramp: Ramp | None = None
    ) -> LinePlaces:
        """Return the places that follow from the encoding steps; all lines lie in one partition if there are none."""
        step_1, step_2 = (table["idx"][name].astype(int) for name in STEPS)
        kz = step_2 - centre.partition + grid.nz // 2 if has_partitions else np.zeros_like(step_2)
        return cls(path, table, grid, centre, step_1 - centre.line + grid.ny // 2, kz, ramp)

    def cells(self, lines: Indices) -> Array:
        """Return a number for the place of each of these lines; lines of one place have the same."""
        cells: Array = self.ky[lines] * self.grid.nz + self.kz[lines]
        return cells

    def starts(self, lines: Indices) -> Array:
        """Return the place on the encoded grid of each line's first sample."""
        rows = self.table[lines]
        shift = np.where(is_reversed(rows), self.centre.reverse, self.centre.forward)
        return self.grid.nx // 2 - rows["center_sample"].astype(int) - shift

    def spans(self, lines: Indices) -> tuple[Array, Array]:
        """Return the places on the encoded grid of each line's first and last valid sample."""
        if self.ramp is not None:
            return np.zeros(len(lines), int), np.full(len(lines), self.grid.nx - 1)
        first, end = valid_range(self.table[lines])
        starts = self.starts(lines)
        return starts + first, starts + end - 1

    def partitions_are_full(self, groups: Sequence[Indices]) -> bool:
        """Whether every line position was acquired in all partitions (in one range around the centre)."""
        for lines in groups:
            pattern = np.zeros((self.grid.ny, self.grid.nz), bool)
            pattern[self.ky[lines], self.kz[lines]] = True
            partitions = np.flatnonzero(pattern.any(axis=0))
            whole = pattern[pattern.any(axis=1)][:, partitions[0] : partitions[-1] + 1]
            if not whole.all() or not partitions[0] <= self.grid.nz // 2 <= partitions[-1]:
                return False
        return True

    def check(self, lines: Indices) -> None:
        """Refuse lines that do not fit the encoded grid, and lines of different coils."""
        self._check_steps(lines)
        first, last = self._check_samples(lines)
        self._check_covered(lines, last.max() - first.min() + 1)
        coils = np.unique(self.table["active_channels"][lines])
        if 0 in coils or self.table["number_of_samples"][lines].min() == 0:
            raise InputError(f"'{self.path}' has lines without coils or samples: export the scan again.")
        if len(coils) > 1:
            raise InputError(f"'{self.path}' has lines of {', '.join(map(str, coils))} coils; all must have the same.")

    def _check_steps(self, lines: Indices) -> None:
        grid = self.grid
        for name, places, size in zip(STEPS, (self.ky, self.kz), (grid.ny, grid.nz), strict=True):
            if places[lines].min() < 0 or places[lines].max() >= size:
                steps = self.table["idx"][name][lines]
                raise InputError(
                    f"'{self.path}' has {name} from {steps.min()} to {steps.max()}, not fitting the {size} steps "
                    "of its encoded matrix around the header's centre: export the scan again, or take the "
                    "centre from the data with --centre data (in Python centre='data')."
                )

    def _check_samples(self, lines: Indices) -> tuple[Array, Array]:
        """Refuse lines that do not fit along the readout; return the places of their first and last samples."""
        first, last = self.spans(lines)
        if first.min() < 0 or last.max() >= self.grid.nx:
            line = self.table[lines[np.argmax((first < 0) | (last >= self.grid.nx))]]
            raise InputError(
                f"'{self.path}' has lines of {line['number_of_samples']} samples with the centre at "
                f"{line['center_sample']}, which do not fit its encoded matrix of {self.grid.nx}: export the "
                "scan again."
            )
        return first, last

    def _check_covered(self, lines: Indices, samples: int) -> None:
        """Refuse a grid of which the lines, with so many samples along the readout, cover next to nothing."""
        extents = np.ptp(self.ky[lines]) + 1, np.ptp(self.kz[lines]) + 1, samples
        sizes = self.grid.ny, self.grid.nz, self.grid.nx
        for name, covered, size in zip((*STEPS, "samples"), extents, sizes, strict=True):
            if covered * LARGEST_GAP < size:
                raise InputError(
                    f"The lines of '{self.path}' cover {covered} {name} of the {size} of the encoded matrix, less than "
                    "a sixteenth of it: lines are missing or the header is of another scan; export the scan "
                    "again."
                )
