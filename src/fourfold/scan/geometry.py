"""Size and place of frames in the patient, and the affine matrices that follow from them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, check_type

__all__ = ["Affine", "Geometry", "Placement", "Vector", "check_placements"]

Vector = tuple[float, float, float]
"""Coordinates or a direction along DICOM's patient axes: left, posterior, superior (LPS)."""
Affine = npt.NDArray[np.float64]
"""4×4 map from voxel (x, y, frame, 1) to millimetres (…, 1)."""

ORTHONORMAL = 1e-3
"""How far the length of an axis may differ from 1, and the product of two axes from 0."""
BESIDE = 0.5
"""How far a slice may lie beside its place in an equidistant stack, as a part of the smallest side of a voxel."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Placement:
    """How one frame lies in the patient: millimetres along DICOM's patient axes (left, posterior, superior).

    Attributes
    ----------
    x_axis, y_axis, slice_axis
        Direction cosines: unit vectors along which x, y and the slice index grow, perpendicular to each other.
    centre
        Position of the centre voxel ``(ny // 2, nx // 2)``; None where only the directions are known.

    Raises
    ------
    InputError
        For values that are no numbers, and for axes that are no unit vectors or not perpendicular.
    """

    x_axis: Vector
    y_axis: Vector
    slice_axis: Vector
    centre: Vector | None = None

    def __post_init__(self) -> None:
        axes = [self.x_axis, self.y_axis, self.slice_axis]
        vectors = [*axes, *([] if self.centre is None else [self.centre])]
        if not all(math.isfinite(value) for vector in vectors for value in vector):
            raise InputError(f"The placement {vectors} has values that are no numbers; leave out what is not known.")
        if not Placement.are_orthonormal(axes):
            raise InputError(
                f"The axes {axes} of a placement are not of length 1 and perpendicular to each other; give the "
                "direction cosines of x, y and slices, or leave the placement out where they are not known."
            )

    @staticmethod
    def are_orthonormal(axes: npt.ArrayLike) -> bool:
        """Return whether the rows of a 3×3 matrix have the length 1 and are perpendicular to each other."""
        matrix = np.asarray(axes, float)
        return bool(np.abs(matrix @ matrix.T - np.eye(3)).max() <= ORTHONORMAL)

    @property
    def right_handed(self) -> bool:
        """Whether x, y and slice axis form a right-handed system: the slice index grows along x × y."""
        return bool(np.linalg.det([self.x_axis, self.y_axis, self.slice_axis]) > 0)

    def moved(self, distance: float) -> Placement:
        """Return the placement so many millimetres further along the slice axis."""
        if self.centre is None:
            return self
        x, y, z = (at + distance * axis for at, axis in zip(self.centre, self.slice_axis, strict=True))
        return dataclasses.replace(self, centre=(x, y, z))

    def position(self, x: float, y: float) -> Vector | None:
        """Return the place so many millimetres from the centre along x and y; None where the centre is not known."""
        if self.centre is None:
            return None
        left, back, head = np.array(self.centre) + x * np.array(self.x_axis) + y * np.array(self.y_axis)
        return float(left), float(back), float(head)


@dataclass(frozen=True)
class Geometry:
    """Size and place of the frames. What is not known is None or empty.

    The pixel ``image[frame, y, x]`` is a voxel whose centre lies at ``lps_affine(shape) @ (x, y, frame, 1)``.

    Attributes
    ----------
    voxel_size
        (slice spacing, y, x) of one voxel in mm, None for each that is not known. The spacing is the distance of the
        centres of neighbouring slices. The thickness stands for the spacing of a single slice and of frames that are
        no equidistant stack.
    image_size
        (ny, nx) that the scanner shows; reconstructions are cut to it around the centre. None keeps the full grid.
    placements
        One for each frame; empty where the orientation is not known.
    slice_thickness
        Thickness of the excited slice, or of a partition, in mm. Slices have a gap where the spacing is larger.
    phase_axis
        The image axis, ``y`` or ``x``, along which lines were phase encoded; the other one is the readout. None where
        that is not known, and where both axes are phase encodings.

    Raises
    ------
    InputError
        For sizes that are not positive, and for another phase axis.
    """

    voxel_size: tuple[float | None, float | None, float | None] = (None, None, None)
    image_size: tuple[int, int] | None = None
    placements: tuple[Placement, ...] = ()
    slice_thickness: float | None = None
    phase_axis: Literal["y", "x"] | None = None

    def __post_init__(self) -> None:
        for size in (*self.voxel_size, self.slice_thickness):
            if size is not None and not 0 < size < math.inf:
                raise InputError(
                    f"The voxel size is {self.voxel_size} mm and the slice thickness {self.slice_thickness} mm; give "
                    "positive numbers, and None where unknown."
                )
        if self.phase_axis not in (None, "y", "x"):
            raise InputError(f"The phase axis is '{self.phase_axis}'; give 'y' or 'x', and None where unknown.")

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

    @classmethod
    def of_affine(cls, lps_affine: Affine, shape: tuple[int, int], slices: int) -> Geometry:
        """Return the geometry of a stack of slices from its affine matrix.

        Parameters
        ----------
        lps_affine
            4×4, as `Geometry.lps_affine` returns it.
        shape
            (ny, nx) of the images.
        slices
            Their number.

        Raises
        ------
        InputError
            Where the matrix is singular or has a shear.
        """
        columns = np.asarray(lps_affine, float)[:3, :3].T
        lengths = np.linalg.norm(columns, axis=1)
        if (
            not np.isfinite(lps_affine).all()
            or not lengths.all()
            or not Placement.are_orthonormal(columns / lengths[:, None])
        ):
            raise InputError(
                f"The affine matrix {np.round(lps_affine, 4).tolist()} has a shear or gives some axis no length; give "
                "the image on a grid with perpendicular axes."
            )
        x_axis, y_axis, slice_axis = (_vector(axis) for axis in columns / lengths[:, None])
        dx, dy, spacing = map(float, lengths)
        ny, nx = shape
        centre = _vector((np.asarray(lps_affine, float) @ (nx // 2, ny // 2, 0, 1))[:3])
        return cls.stack((spacing, dy, dx), Placement(x_axis, y_axis, slice_axis, centre), slices)

    @classmethod
    def join(cls, parts: Sequence[Geometry]) -> Geometry:
        """Return the geometry of the frames of all parts; placements are known where all parts have them.

        Spacing and image size are those of the first part.

        Raises
        ------
        InputError
            For parts of different pixel sizes.
        """
        sizes = {part.voxel_size[1:] for part in parts}
        if len(sizes) > 1:
            raise InputError(f"Frames with pixels of {sorted(map(str, sizes))} mm cannot be joined: keep them apart.")
        placements = [part.placements for part in parts]
        return dataclasses.replace(
            parts[0],
            placements=tuple(chain.from_iterable(placements)) if all(placements) else (),
            slice_thickness=_common([part.slice_thickness for part in parts]),
            phase_axis=_common([part.phase_axis for part in parts]),
        )

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(y, x) of one pixel in mm, None unless both are known."""
        _, dy, dx = self.voxel_size
        return None if dy is None or dx is None else (dy, dx)

    @property
    def right_handed(self) -> bool | None:
        """Whether x, y and slice axis of the first frame are right-handed; None where the orientation is not known."""
        return self.placements[0].right_handed if self.placements else None

    def part(self, start: int, stop: int) -> Geometry:
        """Return the geometry of the frames from `start` up to and without `stop`."""
        return dataclasses.replace(self, placements=self.placements[start:stop])

    def select(self, frames: Sequence[int]) -> Geometry:
        """Return the geometry of the frames with these indices, in this order."""
        placements = tuple(self.placements[frame] for frame in frames) if self.placements else ()
        return dataclasses.replace(self, placements=placements)

    def corner(self, frame: int, shape: tuple[int, int]) -> Vector | None:
        """Return the position of the centre of the pixel (0, 0) of a frame, in mm along DICOM's axes (LPS).

        Parameters
        ----------
        frame
            Its index.
        shape
            (ny, nx) of the image.

        Returns
        -------
        tuple or None
            None unless pixel size, position and orientation are known. DICOM calls it Image Position (Patient).
        """
        if self.pixel_size is None or not self.placements:
            return None
        dy, dx = self.pixel_size
        return self.placements[frame].position(-dx * (shape[1] // 2), -dy * (shape[0] // 2))

    def lps_affine(self, shape: tuple[int, int]) -> Affine | None:
        """Return the 4×4 map from voxel (x, y, frame) to millimetres in DICOM's axes (left, posterior, superior).

        Parameters
        ----------
        shape
            (ny, nx) of the images, whose centre voxel ``(ny // 2, nx // 2)`` lies at the placement's centre.

        Returns
        -------
        ndarray or None
            None unless voxel size, position and orientation are all known.

        Raises
        ------
        InputError
            Where the frames are no single stack of parallel, equidistant slices.
        """
        corner = self.corner(0, shape)
        if corner is None or None in self.voxel_size:
            return None
        first = self.placements[0]
        self._check_stack(first)
        result = np.eye(4)
        result[:3, :3] = np.array([first.x_axis, first.y_axis, first.slice_axis]).T * self.voxel_size[::-1]
        result[:3, 3] = corner
        return result

    def ras_affine(self, shape: tuple[int, int]) -> Affine | None:
        """Return the 4×4 map from voxel (x, y, frame) to millimetres in NIfTI's axes (right, anterior, superior).

        As `lps_affine`.
        """
        lps = self.lps_affine(shape)
        return None if lps is None else LPS_TO_RAS @ lps

    def _check_stack(self, first: Placement) -> None:
        spacing, dy, dx = (size or 0.0 for size in self.voxel_size)
        for index, placement in enumerate(self.placements):
            expected = first.moved(index * spacing)
            if placement.centre is None or expected.centre is None:
                continue
            beside = math.dist(placement.centre, expected.centre)
            turned = math.dist(placement.slice_axis, first.slice_axis) + math.dist(placement.x_axis, first.x_axis)
            if beside > BESIDE * min(spacing, dy, dx) or turned > 2 * ORTHONORMAL:
                raise InputError(
                    f"Frame {index} is not {index} times {spacing:g} mm behind the first one and parallel to it, so "
                    "one affine matrix does not hold for all: take frames that are one stack."
                )


def _vector(values: Any) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _common(values: Sequence[Any]) -> Any:
    """Return the value that all share, None where they differ."""
    return values[0] if all(value == values[0] for value in values) else None


def check_placements(geometry: Any, frames: int) -> None:
    """Refuse a geometry that has neither no placement nor one for each frame."""
    check_type("The geometry", geometry, Geometry, "leave it out where it is unknown")
    if len(geometry.placements) not in (0, frames):
        raise InputError(
            f"The geometry has {len(geometry.placements)} placement(s) but there are {frames} frame(s); give one for "
            "each frame, or none."
        )
