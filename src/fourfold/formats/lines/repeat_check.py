"""Compares lines of a raw file that were acquired more than once, before they are averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.lines.assembly import Assembly
from fourfold.formats.lines.places import LinePlaces
from fourfold.formats.lines.repeats import LARGEST_DIFFERENCE, NOTED_DIFFERENCE, Repeats, difference
from fourfold.formats.lines.table import Indices, LineReader
from fourfold.formats.lines.vectors import known_or_nan, unit_vector

__all__ = ["check_repeats"]

Array = npt.NDArray[Any]

PLACES_COMPARED = 32
"""Places of k-space, nearest to its centre, whose repeated lines are compared."""
FRAMES_ADVICE = "--repeats frames (in Python repeats='frames')"
ECHOES = f"they seem to be echoes or contrasts rather than averages; make a frame of each repeat with {FRAMES_ADVICE}"


@dataclass(frozen=True, eq=False)
class _RepeatedLines:
    """The lines of a group whose place of k-space holds more than one.

    Attributes
    ----------
    places
        Where all lines lie.
    lines
        Indices of the repeated lines.
    cells
        The place of each, as a number.
    first, last
        Places of each line's first and last valid sample along the readout.
    """

    places: LinePlaces
    lines: Indices
    cells: Array
    first: Array
    last: Array

    @classmethod
    def of(cls, places: LinePlaces, group: Indices) -> _RepeatedLines:
        cells = places.cells(group)
        distinct, times = np.unique(cells, return_counts=True)
        repeated = np.isin(cells, distinct[times > 1])
        return cls(places, group[repeated], cells[repeated], *places.spans(group[repeated]))

    @property
    def alike(self) -> bool:
        """Whether the lines of each place cover the same part of the readout."""
        spans = np.column_stack([self.cells, self.first, self.last])
        return len(np.unique(spans, axis=0)) == len(np.unique(self.cells))

    @property
    def distance(self) -> float:
        """How far the lines lie apart along their slice axis, in mm; NaN where that is not known."""
        rows = self.places.table[self.lines]
        return float(np.ptp(known_or_nan(rows["position"]) @ unit_vector(rows["slice_dir"][0])))

    def near_centre(self) -> tuple[Indices, slice]:
        """Return the lines of the places nearest to the centre of k-space, and the part of the readout they cover."""
        grid, distinct = self.places.grid, np.unique(self.cells)
        rows, columns = np.divmod(distinct, grid.nz)
        distance = np.hypot(rows - grid.ny // 2, columns - grid.nz // 2)
        nearest = distinct[np.argsort(distance, kind="stable")[:PLACES_COMPARED]]
        # Lines of one place have one length; places whose lines are cut short otherwise are left out.
        chosen = np.isin(self.cells, nearest)
        first, last = self.first[chosen][0], self.last[chosen][0]
        chosen &= (self.first == first) & (self.last == last)
        return self.lines[chosen], slice(int(first), int(last) + 1)


def check_repeats(
    lines: LineReader, group: Indices, assembly: Assembly, choice: Repeats | None, frame: int
) -> tuple[str, ...]:
    """Return a note where repeated lines of a group differ beyond noise; refuse those that differ far beyond.

    Only the lines nearest to the centre of k-space are read, which hold most of the signal.

    Parameters
    ----------
    lines
        Reads them.
    group
        Indices of the group's lines.
    assembly
        How they become k-space.
    choice
        What the user wants to be done with repeats.
    frame
        The group's first frame, for messages.
    """
    repeated = _RepeatedLines.of(assembly.places, group)
    if not repeated.lines.size:
        return ()
    subject = f"Lines that '{assembly.places.path}' repeats in frame {frame}"
    if not repeated.alike:
        raise InputError(f"{subject} cover different parts of the readout: {ECHOES}.")
    if repeated.distance > (assembly.split.grid.dz or 1.0) / 2 and choice is None:
        raise InputError(
            f"{subject} lie {repeated.distance:.3g} mm apart: they seem to be slices without a slice counter; make a "
            f"frame of each repeat with {FRAMES_ADVICE}, or average them all the same with --repeats average."
        )
    share = difference(assembly.repeats(lines, *repeated.near_centre()))
    if share > LARGEST_DIFFERENCE and choice is None:
        raise InputError(
            f"{subject} differ by {share:.0%} of their signal, far more than noise: {ECHOES}, or average them all the "
            "same with --repeats average."
        )
    exceeded = [limit for limit in (LARGEST_DIFFERENCE, NOTED_DIFFERENCE) if share > limit]
    if not exceeded:
        return ()
    return (f"Repeated lines differ by more than {exceeded[0]:.0%} of their signal, which is not noise.",)
