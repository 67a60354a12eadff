"""Size and place of a file's frames as JSON types, and what of them is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fourfold.formats.orientation import axis_codes
from fourfold.scan import Geometry, Placement

__all__ = ["geometry_facts", "missing_of"]


def geometry_facts(first: Geometry, placements: Sequence[Placement]) -> dict[str, Any]:
    """Return facts about size and place, lengths in mm; None for what is not known.

    Parameters
    ----------
    first
        Geometry of the first frame.
    placements
        Those of all frames.
    """
    centres = [placement.centre for placement in placements] or [None]
    return {
        "voxel_size_mm": _rounded(first.voxel_size),
        "slice_thickness_mm": None if first.slice_thickness is None else round(first.slice_thickness, 4),
        "orientation": " ".join(dict.fromkeys(map(axis_codes, placements))) or None,
        "first_centre_mm": None if centres[0] is None else _rounded(centres[0]),
        "last_centre_mm": None if centres[-1] is None else _rounded(centres[-1]),
        "right_handed": placements[0].right_handed if placements else None,
        "phase_axis": first.phase_axis,
    }


def missing_of(geometry: Geometry) -> list[str]:
    """Return the names of what is not known of size and place."""
    known = {
        "voxel_size": None not in geometry.voxel_size,
        "slice_thickness": geometry.slice_thickness is not None,
        "orientation": bool(geometry.placements),
        "position": bool(geometry.placements) and all(each.centre is not None for each in geometry.placements),
        "phase_axis": geometry.phase_axis is not None,
    }
    return [name for name, is_known in known.items() if not is_known]


def _rounded(sizes: Sequence[float | None]) -> list[float | None] | None:
    if all(size is None for size in sizes):
        return None
    return [None if size is None else round(size, 4) for size in sizes]
