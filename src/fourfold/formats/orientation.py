"""Orientation of images: letters of the axes, and how images are turned for display."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.scan import Geometry, Placement, Vector

__all__ = ["View", "axis_codes", "orient_for_display", "placement_of_codes", "plane_name", "views"]

# The ends of DICOM's patient axes: (towards lower, towards higher) coordinates in mm.
ENDS = (("R", "L"), ("A", "P"), ("I", "S"))
# What a radiologist expects (to the right, downwards) in axial, coronal and sagittal images.
VIEWS = {2: ("L", "P"), 1: ("L", "I"), 0: ("P", "I")}
PLANES = ("sagittal", "coronal", "axial")
# Cosine of the tilt, 1°, from which a plane counts as oblique.
STRAIGHT = math.cos(math.radians(1))
# Cosine beyond which an oblique direction is named after a side of the patient: up to 70° from it.
OBLIQUE = math.cos(math.radians(70))


def axis_codes(placement: Placement) -> str:
    """Return the letters towards which x, y and the frame index grow, such as ``LPS``."""
    return "".join(_letter(axis) for axis in (placement.x_axis, placement.y_axis, placement.slice_axis))


def placement_of_codes(codes: str) -> Placement:
    """Return a placement, without a position, from the letters towards which x, y and the slice index grow.

    Raises
    ------
    InputError
        For text that is not one letter of each of L or R, A or P, S or I.
    """
    letters = codes.upper()
    lines = sorted(index for letter in letters for index, ends in enumerate(ENDS) if letter in ends)
    if len(letters) != 3 or lines != [0, 1, 2]:
        raise InputError(
            f"The orientation is '{codes}'; give the sides of the patient to which x (columns), y (rows) and slices "
            "count, one letter of each of L or R, A or P, S or I, such as LPS."
        )
    x_axis, y_axis, slice_axis = (_direction(letter) for letter in letters)
    return Placement(x_axis, y_axis, slice_axis)


def _direction(letter: str) -> Vector:
    left, back, head = ((letter == ends[1]) - (letter == ends[0]) for ends in ENDS)
    return float(left), float(back), float(head)


def plane_name(placement: Placement) -> str:
    """Return the anatomical plane that a frame is nearest to, ``oblique`` where it is tilted against it."""
    normal = np.abs(placement.slice_axis)
    name = PLANES[int(normal.argmax())]
    return name if normal.max() > STRAIGHT else f"oblique {name}"


def _letter(axis: Vector) -> str:
    main = int(np.abs(axis).argmax())
    return ENDS[main][int(axis[main] > 0)]


@dataclass(frozen=True)
class View:
    """How a stored frame is shown: rows and columns exchanged first, then turned upside down, then mirrored."""

    exchanged: bool = False
    upside_down: bool = False
    mirrored: bool = False

    @classmethod
    def radiological(cls, placement: Placement) -> View:
        """Return the radiological view that is nearest to the frame's plane.

        Axial: patient's left on the right, back below. Coronal: left on the right, feet below. Sagittal: back on the
        right, feet below.
        """
        across, down = np.abs(placement.x_axis).argmax(), np.abs(placement.y_axis).argmax()
        if across == down:
            return cls()
        to_right, to_bottom = VIEWS[3 - int(across) - int(down)]
        letters = [_letter(placement.y_axis), _letter(placement.x_axis)]
        exchanged = not _same_line(letters[1], to_right)
        if exchanged:
            letters.reverse()
        return cls(exchanged, letters[0] != to_bottom, letters[1] != to_right)

    def show(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return images (…, y, x) as they are shown."""
        images = images.swapaxes(-2, -1) if self.exchanged else images
        images = images[..., ::-1, :] if self.upside_down else images
        return images[..., ::-1] if self.mirrored else images

    def edges(self, placement: Placement) -> tuple[str, str, str, str]:
        """Return the letters at the left, upper, right and lower edge of a frame that is shown so."""
        across, down = np.array(placement.x_axis), np.array(placement.y_axis)
        if self.exchanged:
            across, down = down, across
        across, down = -across if self.mirrored else across, -down if self.upside_down else down
        return _letters(-across), _letters(-down), _letters(across), _letters(down)


def _letters(direction: npt.NDArray[np.float64]) -> str:
    """Return the patient's sides that a direction points to, the nearest first."""
    order = np.argsort(-np.abs(direction), kind="stable")
    return "".join(ENDS[axis][int(direction[axis] > 0)] for axis in order if abs(direction[axis]) > OBLIQUE)


def views(geometry: Geometry) -> tuple[View, ...]:
    """Return how each frame is shown, so that all have one shape; empty where the orientation is not known."""
    nearest = tuple(View.radiological(placement) for placement in geometry.placements)
    return nearest if len({view.exchanged for view in nearest}) < 2 else (View(),) * len(nearest)


def orient_for_display(images: npt.NDArray[Any], geometry: Geometry) -> npt.NDArray[Any]:
    """Return images (frame, y, x) in the radiological view, as they are where the orientation is not known.

    They stay as they are too where some have their rows and columns exchanged in that view and others have not.
    """
    chosen = views(geometry)
    if len(set(chosen)) < 2:
        return chosen[0].show(images) if chosen else images
    return np.stack([view.show(image) for view, image in zip(chosen, images, strict=True)])


def _same_line(letter: str, other: str) -> bool:
    return any(letter in ends and other in ends for ends in ENDS)
