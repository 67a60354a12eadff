"""Size and place of frames in the patient."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from fourfold.errors import InputError

__all__ = ["Geometry", "Placement", "Vector", "check_placements"]

Vector = tuple[float, float, float]
"""Coordinates or a direction along DICOM's patient axes: left, posterior, superior."""


@dataclass(frozen=True)
class Placement:
    """How one frame lies in the patient: millimetres along DICOM's patient axes (left, posterior, superior).

    Attributes
    ----------
    x_axis, y_axis, slice_axis
        Unit vectors along which x, y and the slice index grow.
    centre
        Position of the centre voxel ``(ny // 2, nx // 2)``; None where only the directions are known.
    """

    x_axis: Vector
    y_axis: Vector
    slice_axis: Vector
    centre: Vector | None = None

    def __post_init__(self) -> None:
        vectors = [self.x_axis, self.y_axis, self.slice_axis, *([] if self.centre is None else [self.centre])]
        if not all(math.isfinite(value) for vector in vectors for value in vector):
            raise InputError(f"The placement {vectors} has values that are no numbers; leave out what is not known.")

    def moved(self, distance: float) -> Placement:
        """Return the placement so many millimetres further along the slice axis."""
        if self.centre is None:
            return self
        x, y, z = (at + distance * axis for at, axis in zip(self.centre, self.slice_axis, strict=True))
        return dataclasses.replace(self, centre=(x, y, z))


@dataclass(frozen=True)
class Geometry:
    """Size and place of the frames. What is not known is None or empty.

    Attributes
    ----------
    voxel_size
        (slice spacing, y, x) of one voxel in mm, None for each that is not known. The thickness stands for the spacing
        of a single slice and of frames that are no equidistant stack.
    image_size
        (ny, nx) that the scanner shows; reconstructions are cut to it around the centre. None keeps the full grid.
    placements
        One for each frame; empty where the orientation is not known.
    """

    voxel_size: tuple[float | None, float | None, float | None] = (None, None, None)
    image_size: tuple[int, int] | None = None
    placements: tuple[Placement, ...] = ()

    def __post_init__(self) -> None:
        for size in self.voxel_size:
            if size is not None and not 0 < size < math.inf:
                raise InputError(
                    f"The voxel size is {self.voxel_size} mm; give positive numbers, and None where unknown."
                )

    @classmethod
    def stack(
        cls,
        voxel_size: tuple[float, float, float],
        first: Placement,
        frames: int = 1,
        image_size: tuple[int, int] | None = None,
    ) -> Geometry:
        """Return the geometry of equidistant parallel frames, of which the `first` one's placement is given."""
        return cls(voxel_size, image_size, tuple(first.moved(index * voxel_size[0]) for index in range(frames)))

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) of one pixel in mm, None unless both are known."""
        _, dy, dx = self.voxel_size
        return None if dy is None or dx is None else (dy, dx)

    def part(self, start: int, stop: int) -> Geometry:
        """Return the geometry of the frames from `start` up to and without `stop`."""
        return dataclasses.replace(self, placements=self.placements[start:stop])

    def select(self, frames: Sequence[int]) -> Geometry:
        """Return the geometry of the frames with these indices, in this order."""
        placements = tuple(self.placements[frame] for frame in frames) if self.placements else ()
        return dataclasses.replace(self, placements=placements)


def check_placements(geometry: Geometry, frames: int) -> None:
    """Refuse a geometry that has neither no placement nor one for each frame."""
    if len(geometry.placements) not in (0, frames):
        raise InputError(
            f"The geometry has {len(geometry.placements)} placement(s) but there are {frames} frame(s); give one for "
            "each frame, or none."
        )
