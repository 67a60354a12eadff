"""Stacks, the frames that one volume can hold: parallel slices at equal distances, imaged once or repeatedly."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from operator import mul

import numpy as np

from fourfold.memory import require_memory
from fourfold.scan import (
    PLACES,
    FrameLabels,
    Geometry,
    Placement,
    Reconstruction,
    Record,
    common_details,
    mean_scale,
)

__all__ = ["TURN", "Stack", "find_stacks", "slice_spacing", "split_stacks"]

DEVIATION = 0.1
"""How far a slice may lie beside its place in a stack, as a part of the smallest side of a voxel."""
FRAME_BYTES = 1000
"""What label, placement and index of a frame take in memory."""
SMALL = 0.1
"""The side of a voxel in mm where none is known."""
TURN = 1e-3
"""How far the directions of parallel slices may differ."""


@dataclass(frozen=True)
class Stack:
    """Frames that one volume can hold."""

    rows: tuple[tuple[int, ...], ...]
    """Indices of its frames: a row for each time that its slices were imaged, in the order of their positions.

    Rows are in the order of their labels, so that contrasts change faster than phases, and these than repetitions.
    """
    spacing: float | None
    """Distance of neighbouring slices in mm; None of a single slice, and where positions are not known."""

    @property
    def frames(self) -> list[int]:
        """Indices of its frames, slices fastest."""
        return [frame for row in self.rows for frame in row]


def find_stacks(geometry: Geometry, labels: FrameLabels, frames: int) -> list[Stack]:
    """Sort frames into stacks by their placements, or by their labels where positions are not known.

    Slices that are parallel, equidistant and not shifted sideways are one stack, also where all of them were imaged
    repeatedly. A time that lacks some slices is a separate stack, for example the last time of a scan that ended early.

    Parameters
    ----------
    geometry
        Size and place of the frames.
    labels
        What each frame is.
    frames
        Their number.
    """
    require_memory(frames * FRAME_BYTES, f"Sorting {frames} frames into stacks", "choose a part of the frames")
    tolerance = DEVIATION * min((size for size in geometry.voxel_size if size is not None), default=SMALL)
    columns = _columns(geometry.placements, tolerance) or [0] * frames
    known = _heights(geometry.placements, columns)
    heights = _merge(known, tolerance) if known else _ranks(labels, frames)
    volumes: dict[Hashable, list[int]] = defaultdict(list)
    counts: dict[Hashable, int] = defaultdict(int)
    for frame in range(frames):
        time = _time(labels, frame)
        # A frame that was imaged again, without a label for it, belongs to a separate time.
        again = counts[columns[frame], time, heights[frame]]
        counts[columns[frame], time, heights[frame]] += 1
        volumes[columns[frame], time, again].append(frame)
    rows: dict[Hashable, list[tuple[int, ...]]] = defaultdict(list)
    for volume in volumes.values():
        for row in _equidistant(sorted(volume, key=heights.__getitem__), heights, tolerance):
            rows[columns[row[0]], tuple(heights[frame] for frame in row)].append(row)
    for group in rows.values():
        group.sort(key=lambda row: _time(labels, row[0]))
    stacks = [Stack(tuple(group), _spacing(heights, group[0]) if known else None) for group in rows.values()]
    return sorted(stacks, key=lambda stack: stack.frames[0])


def slice_spacing(geometry: Geometry, labels: FrameLabels | None = None) -> float | None:
    """Return the distance of neighbouring slices in mm where all frames are one stack of several, else None."""
    stacks = find_stacks(geometry, labels or FrameLabels(), len(geometry.placements))
    return stacks[0].spacing if len(stacks) == 1 else None


def split_stacks(reconstruction: Reconstruction) -> list[tuple[Reconstruction, int]]:
    """Return a reconstruction's stacks, slices fastest, each with the number of its slices."""
    stacks = find_stacks(reconstruction.geometry, reconstruction.labels, len(reconstruction.image))
    return [(_part(reconstruction, stack), len(stack.rows[0])) for stack in stacks]


def _part(reconstruction: Reconstruction, stack: Stack) -> Reconstruction:
    frames = stack.frames
    geometry = reconstruction.geometry
    spacing, dy, dx = geometry.voxel_size
    everything = frames == list(range(len(reconstruction.image)))
    return replace(
        reconstruction,
        image=reconstruction.image if everything else reconstruction.image[frames],
        std=None if reconstruction.std is None else reconstruction.std[frames],
        members=None,
        before_data_consistency=None,
        interval=None if reconstruction.interval is None else reconstruction.interval[:, frames],
        geometry=replace(
            geometry.select(frames),
            voxel_size=(stack.spacing or spacing, dy, dx),
        ),
        record=_part_of_record(reconstruction.record, frames),
        labels=reconstruction.labels.select(frames),
    )


def _part_of_record(record: Record, frames: Sequence[int]) -> Record:
    """Return the record with what it says of these frames; seconds and iterations stay those of all frames."""
    if not record.by_frame:
        return record
    chosen = tuple(record.by_frame[frame] for frame in frames)
    return replace(record, by_frame=chosen, scale=mean_scale(chosen), details=common_details(chosen))


def _columns(placements: Sequence[Placement], tolerance: float) -> list[int]:
    """Return for each frame the first one of its column: parallel slices that lie straight behind one another."""
    first: list[int] = []
    columns = []
    for frame, placement in enumerate(placements):
        # The latest column first: most frames belong to it, also after a patient has moved.
        column = next((each for each in reversed(first) if _aligned(placement, placements[each], tolerance)), frame)
        if column == frame:
            first.append(frame)
        columns.append(column)
    return columns


def _aligned(placement: Placement, other: Placement, tolerance: float) -> bool:
    # Plain numbers: arrays of three would take ten times as long, and a series has thousands of frames.
    axes = (
        (placement.x_axis, other.x_axis),
        (placement.y_axis, other.y_axis),
        (placement.slice_axis, other.slice_axis),
    )
    if any(math.dist(one, two) > TURN for one, two in axes):
        return False
    if placement.centre is None or other.centre is None:
        return placement.centre is other.centre
    shift = [one - two for one, two in zip(placement.centre, other.centre, strict=True)]
    return all(abs(sum(map(mul, axis, shift))) <= tolerance for axis in (other.x_axis, other.y_axis))


def _heights(placements: Sequence[Placement], columns: Sequence[int]) -> list[float]:
    """Return the position of each frame along its column; none where one of them is not known."""
    centres = [placement.centre for placement in placements if placement.centre is not None]
    if len(centres) < len(placements):
        return []
    return [
        float(np.dot(centre, placements[column].slice_axis)) for centre, column in zip(centres, columns, strict=False)
    ]


def _merge(heights: Sequence[float], tolerance: float) -> list[float]:
    """Return heights of which those that differ by no more than rounding are equal."""
    merged = list(heights)
    for lower, upper in pairwise(sorted(range(len(heights)), key=heights.__getitem__)):
        if heights[upper] - merged[lower] <= tolerance:
            merged[upper] = merged[lower]
    return merged


def _ranks(labels: FrameLabels, frames: int) -> list[float]:
    """Return the places of frames in their order, counted from 0: by their labels, else one after another."""
    if set(labels.numbers) <= {"member"}:
        members = labels.numbers.get("member", (0,) * frames)
        return [float(members[:frame].count(member)) for frame, member in enumerate(members)]
    unknown = (0,) * frames
    places = list(zip(labels.numbers.get("slice", unknown), labels.numbers.get(_place(labels), unknown), strict=True))
    order = {place: float(rank) for rank, place in enumerate(sorted(set(places)))}
    return [order[place] for place in places]


def _place(labels: FrameLabels) -> str:
    return next((name for name in PLACES if name in labels.numbers), "")


def _time(labels: FrameLabels, frame: int) -> tuple[int, ...]:
    """Return the labels but for the place, the slowest first: what distinguishes times, and slabs of partitions."""
    place = _place(labels)
    return tuple(values[frame] for name, values in reversed([*labels.numbers.items()]) if name != place)


def _equidistant(frames: Sequence[int], heights: Sequence[float], tolerance: float) -> Iterator[tuple[int, ...]]:
    """Yield the longest rows of frames, given in order of height, that are equidistant."""
    start = 0
    for stop in range(1, len(frames) + 1):
        row = np.array([heights[frame] for frame in frames[start : stop + 1]])
        if stop == len(frames) or np.abs(row - np.linspace(row[0], row[-1], len(row))).max() > tolerance:
            yield tuple(frames[start:stop])
            start = stop


def _spacing(heights: Sequence[float], row: Sequence[int]) -> float | None:
    return (heights[row[-1]] - heights[row[0]]) / (len(row) - 1) if len(row) > 1 else None
