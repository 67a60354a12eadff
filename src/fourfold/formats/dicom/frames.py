"""Place, echo and time of each frame of a DICOM series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fourfold.errors import InputError
from fourfold.formats.stacks import find_stacks
from fourfold.scan import FrameLabels, Geometry, Placement, Reconstruction, Vector

__all__ = ["FramePlace", "check_place", "frame_places", "number_text", "vector_text"]

NEEDED = ("voxel size", "orientation", "position")


@dataclass(frozen=True)
class FramePlace:
    """Where and when a frame was imaged. Numbers are counted from 1, as in DICOM."""

    frame: int
    """Index of the frame in the image."""
    stack: int
    """Number of its stack of parallel, equidistant slices."""
    slice: int
    """Number of its slice in the stack."""
    volume: int
    """Number of the volume: of the time, echo or other label by which repeated images of a slice differ."""
    volumes: int
    """How many volumes the stack has."""
    placement: Placement
    """Its placement."""
    corner: Vector
    """Position of the centre of the first pixel in mm: Image Position (Patient)."""
    spacing: float | None
    """Distance of the slices in mm, None of a single slice."""
    echo: int | None
    """Number of its contrast, None where frames have none."""
    echo_time: float | None
    """Its echo time in ms, None where it is not known."""

    @property
    def height(self) -> float:
        """Position along the slice axis in mm."""
        return sum(at * axis for at, axis in zip(self.corner, self.placement.slice_axis, strict=True))


def check_place(geometry: Geometry, output: str = "The image") -> None:
    """Refuse a geometry that does not say where each frame lies: DICOM has no word for an unknown place."""
    known = (
        None not in geometry.voxel_size[1:],
        bool(geometry.placements),
        all(placement.centre is not None for placement in geometry.placements) and bool(geometry.placements),
    )
    missing = [name for name, is_known in zip(NEEDED, known, strict=True) if not is_known]
    if missing:
        raise InputError(
            f"{output} is to be in DICOM, which needs the {' and '.join(missing)} of the frames, which are not "
            "known: say how the frames lie (--orientation, in Python image.geometry), or choose NIfTI (.nii.gz), "
            "which can leave it open."
        )


def frame_places(reconstruction: Reconstruction) -> list[FramePlace]:
    """Return the places of all frames, volume by volume, slices fastest, one stack after the other.

    Raises
    ------
    InputError
        Where the place of some frame is not known.
    """
    geometry, labels = reconstruction.geometry, reconstruction.labels
    check_place(geometry)
    _, ny, nx = reconstruction.image.shape
    places = []
    for number, stack in enumerate(find_stacks(geometry, labels, len(reconstruction.image)), start=1):
        for volume, row in enumerate(stack.rows, start=1):
            for index, frame in enumerate(row, start=1):
                corner = geometry.corner(frame, (ny, nx))
                assert corner is not None
                echo = labels.numbers["contrast"][frame] if "contrast" in labels.numbers else None
                places.append(
                    FramePlace(
                        frame,
                        number,
                        index,
                        volume,
                        len(stack.rows),
                        geometry.placements[frame],
                        corner,
                        stack.spacing,
                        None if echo is None else echo + 1,
                        _echo_time(reconstruction.protocol.echo_times, echo, labels),
                    )
                )
    return places


def _echo_time(times: tuple[float, ...], echo: int | None, labels: FrameLabels) -> float | None:
    """Return the echo time of a frame: of several times the one of its contrast, if there are as many contrasts."""
    if len(times) == 1 and "contrast" not in labels.varying:
        return times[0]
    return times[echo] if echo is not None and echo < len(times) else None


def number_text(value: Any) -> str:
    """Return a number as DICOM's decimal string, which has at most 16 characters."""
    for digits in range(15, 0, -1):
        text = f"{float(value):.{digits}g}"
        if len(text) <= 16:
            return text
    raise AssertionError(value)


def vector_text(values: Any) -> list[str]:
    """Return numbers as DICOM's decimal strings; negative zero is 0."""
    return [number_text(value + 0.0) for value in values]
