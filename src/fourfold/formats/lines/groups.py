"""The imaging lines of a raw file by frame, or by volume in three dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.formats.lines.repeats import Repeats, cell_numbers, describe, ranks
from fourfold.formats.lines.table import STEPS, Indices, Table
from fourfold.formats.lines.vectors import known_or_nan
from fourfold.formats.stacks import TURN

__all__ = ["LineGroups"]

Array = npt.NDArray[Any]

COUNTERS = ("repetition", "set", "phase", "contrast", "slice")
"""A group is one combination of these counters; the last one changes fastest."""


@dataclass(frozen=True, eq=False)
class LineGroups:
    """Imaging lines, sorted into groups; parallel slices are in the order of their positions."""

    table: Table
    """The headers of all lines."""
    lines: list[Indices]
    """Indices of each group's lines."""
    counters: Array
    """int, (group, counter): the repeat, then the values of `COUNTERS`."""
    notes: tuple[str, ...]
    """How often lines were acquired, where more than once."""
    repeat_label: str
    """What tells repeats apart: ``average``, or ``segment`` where these alone differ."""

    @classmethod
    def of(cls, table: Table, imaging: Indices, repeats: Repeats | None) -> LineGroups:
        """Sort imaging lines into groups; of repeated lines each repeat has its own where `repeats` says so."""
        idx = table["idx"][imaging]
        cells = np.stack([idx[name].astype(int) for name in (*COUNTERS, *STEPS)], axis=1)
        averages = idx["average"].astype(int)
        repeat = ranks(cells, averages) if repeats == "frames" else np.zeros(len(imaging), int)
        counters = np.column_stack([repeat, cells[:, : len(COUNTERS)]])
        numbers = cell_numbers(counters)
        keys = counters[np.unique(numbers, return_index=True)[1]]
        slices = {index: table[imaging[np.argmax(counters[:, -1] == index)]] for index in np.unique(counters[:, -1])}
        order = sorted(range(len(keys)), key=lambda key: (*keys[key][:-1], *_slice_order(slices, keys[key][-1])))
        sorted_lines = imaging[np.argsort(numbers, kind="stable")]
        by_key = np.split(sorted_lines, np.cumsum(np.bincount(numbers))[:-1])
        lines = [by_key[key] for key in order]
        segments = idx["segment"].astype(int)
        by_segment = (
            not np.ptp(averages)
            and bool(np.ptp(segments))
            and not ranks(np.column_stack([cells, segments]), averages).any()
        )
        label = "segment" if by_segment else "average"
        return cls(table, lines, keys[order], describe(cells, averages, repeats), label)

    def first_of_slice(self, group: int) -> int:
        """Return the first group of the same slice."""
        return int(np.argmax(self.counters[:, -1] == self.counters[group][-1]))

    def calibration(self, group: int, lines: Indices) -> Indices:
        """Return those calibration `lines` that are of the group's slice.

        Where there are any of its contrast, repetition and so on, these alone.
        """
        lines = lines[self.table["idx"]["slice"][lines] == self.counters[group][-1]]
        for name, value in zip(COUNTERS[:-1], self.counters[group][1:], strict=False):
            matching = lines[self.table["idx"][name][lines] == value]
            lines = matching if matching.size else lines
        return lines

    def label(self, group: int) -> dict[str, int]:
        """Return the counters of a group: the slice, and those that vary in the file."""
        varying = np.ptp(self.counters, axis=0) > 0
        names = enumerate((self.repeat_label, *COUNTERS))
        return {name: int(self.counters[group][i]) for i, name in names if varying[i] or name == "slice"}


def _slice_order(slices: Mapping[int, Any], index: int) -> tuple[int, float, int]:
    """Return by what a slice is sorted: the first slice parallel to it, its position, its counter."""
    line = slices[index]
    parallel = (
        other for other, first in slices.items() if np.allclose(first["slice_dir"], line["slice_dir"], atol=TURN)
    )
    height = float(np.nan_to_num(known_or_nan(line["position"]) @ known_or_nan(line["slice_dir"])))
    return next(parallel, index), round(height, 3), index
