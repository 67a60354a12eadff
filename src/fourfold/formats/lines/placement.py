"""Where the frames of a raw file lie in the patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fourfold.formats.lines.grid import VolumeSplit
from fourfold.formats.lines.table import Indices, Table
from fourfold.formats.lines.vectors import as_triple, unit_vector
from fourfold.scan import Placement

__all__ = ["placement_notes", "placements"]


def placements(table: Table, groups: Sequence[Indices], split: VolumeSplit) -> list[Placement | None]:
    """Return how each frame lies in the patient, None where its directions are not known."""
    return [_placement(table[lines[0]], split, point) for lines in groups for point in split.points]


def _placement(line: np.void, split: VolumeSplit, point: int) -> Placement | None:
    """Return the placement of one point of a group, by the header of the group's first line."""
    axes = [unit_vector(line[name]) for name in ("read_dir", "phase_dir", "slice_dir")]
    if not Placement.are_orthonormal(axes):
        return None
    if split.by_readout:
        axes.reverse()
    thickness = split.voxel_size[0]
    known = bool(np.isfinite(line["position"]).all()) and (len(split.points) == 1 or thickness is not None)
    centre = as_triple(line["position"]) if known else None
    x_axis, y_axis, slice_axis = (as_triple(axis) for axis in axes)
    placement = Placement(x_axis, y_axis, slice_axis, centre)
    return placement.moved((point - split.size // 2) * (thickness or 0.0))


def placement_notes(places: Sequence[Placement | None]) -> tuple[str, ...]:
    """Return what a reader must know of frames whose place is not known."""
    without_directions = sum(place is None for place in places)
    without_position = sum(place is not None and place.centre is None for place in places)
    notes = []
    if without_directions:
        notes.append(
            f"The headers of {without_directions} of {len(places)} frame(s) give no three perpendicular directions: "
            "orientation not known."
        )
    if without_position:
        notes.append(
            f"The headers of {without_position} of {len(places)} frame(s) give no full position: position not known."
        )
    return tuple(notes)
