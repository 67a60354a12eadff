"""From `Geometry` to what viewers need: an affine, the letters of the axes, the way up on a page."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.scan import Geometry

__all__ = ["affine", "axis_codes", "orient_for_display"]

# The ends of DICOM's patient axes: (towards lower, towards higher) coordinates in mm.
ENDS = (("R", "L"), ("A", "P"), ("I", "S"))
# What a radiologist expects (to the right, downwards) in axial, coronal and sagittal images.
VIEWS = {2: ("L", "P"), 1: ("L", "I"), 0: ("P", "I")}


def affine(geometry: Geometry, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the 4×4 map from voxel (x, y, frame) to millimetres in NIfTI's axes (right, anterior, superior).

    Parameters
    ----------
    geometry
        Position of the images.
    shape
        (ny, nx) of the images, whose centre voxel ``(ny // 2, nx // 2)`` lies at ``geometry.centre``.
    """
    spacing, dy, dx = geometry.voxel_size
    columns = np.stack(
        [
            dx * np.array(geometry.x_axis),
            dy * np.array(geometry.y_axis),
            spacing * np.array(geometry.slice_axis),
        ],
        axis=1,
    )
    origin = np.array(geometry.centre) - columns @ (shape[1] // 2, shape[0] // 2, 0)
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = columns, origin
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ result


def axis_codes(geometry: Geometry) -> str:
    """Return the letters towards which x, y and the frame index grow, such as ``LPS``."""
    return "".join(_letter(axis) for axis in (geometry.x_axis, geometry.y_axis, geometry.slice_axis))


def _letter(axis: tuple[float, float, float]) -> str:
    main = int(np.abs(axis).argmax())
    return ENDS[main][int(axis[main] > 0)]


def orient_for_display(images: npt.NDArray[Any], geometry: Geometry) -> npt.NDArray[Any]:
    """Return images (frame, y, x) turned and flipped to the radiological view that is nearest to their plane.

    Axial: patient's left on the right, back below. Coronal: left on the right, feet below. Sagittal: back on the
    right, feet below.
    """
    across, down = np.abs(geometry.x_axis).argmax(), np.abs(geometry.y_axis).argmax()
    if across == down:
        return images
    to_right, to_bottom = VIEWS[3 - int(across) - int(down)]
    letters = [_letter(geometry.y_axis), _letter(geometry.x_axis)]
    if not _same_line(letters[1], to_right):
        images, letters = images.swapaxes(1, 2), letters[::-1]
    if letters[0] != to_bottom:
        images = images[:, ::-1]
    if letters[1] != to_right:
        images = images[:, :, ::-1]
    return images


def _same_line(letter: str, other: str) -> bool:
    return any(letter in ends and other in ends for ends in ENDS)
