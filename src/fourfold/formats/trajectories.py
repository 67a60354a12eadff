"""Trajectories of k-space in NumPy files, in the common conventions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.formats.content import UNCHECKED
from fourfold.scan import RawTrajectory

__all__ = ["DENSITIES", "POINTS", "derivation_notes", "extent_notes", "read_trajectory"]

Array = npt.NDArray[Any]

POINTS = ("trajectory", "coord", "k")
DENSITIES = ("density", "w")
LARGEST = 2**16 - 1
# Points in cycles per field of view make matrices of at least this size; in cycles per pixel, radians, 1/mm or 1/cm
# they reach less far.
SMALLEST = 32
# Neighbouring samples of a shot lie about half a cycle per field of view apart, in real spirals up to 2.1 on the
# median. In 1/m, rad/m or rad/cm they lie farther apart or closer together.
CLOSEST, FARTHEST, FARTHEST_OF_FEW = 0.15, 3.0, 1.1
# Root mean square distance of the image's energy from the middle, in fields of view: 0.35 of a disc that fills the
# field of view, 0.41 of a square, 0.5 where all lies at the rim; of real scans 0.11 to 0.29, once 0.48 with a matrix
# that is guessed. Points in rad/cm make it 2 to 6 times larger.
TOO_WIDE, WIDE = 0.5, 0.45
FEWEST_PAIRS = 16
# Nothing is checked where noise holds more of the energy than this.
MOST_NOISE = 0.5
# Shots that lie so many times closer together than the field of view needs leave a note.
DENSE = 3
UNITS = (
    "its unit seems to be {unit}; give (ky, kx) in cycles per field of view, or, where they are, the size of the image "
    "with --matrix NY NX (in Python matrix=(ny, nx))."
)


def read_trajectory(
    names: Sequence[str], read: Callable[[str], Array], path: Path, matrix: Sequence[int] | None
) -> RawTrajectory:
    """Return the trajectory among the arrays of a file, its last two axes being those of the file's k-space.

    Parameters
    ----------
    names
        The file's arrays: real points (…, 2), (ky, kx) in cycles per field of view, as ``trajectory`` or SigPy's
        ``coord``; or complex kx + i ky in cycles per pixel as ``k``; weights as ``density`` or ``w``; ``matrix``.
    read
        Gives an array by name.
    path
        The file, for messages.
    matrix
        Size (ny, nx) of the image, None for the file's own or, of real points, the smallest even size that holds them.

    Raises
    ------
    InputError
        For no or unusable points, weights of another shape, or a matrix that is needed and missing.
    """
    name = next((name for name in POINTS if name in names), None)
    if name is None:
        raise InputError(f"'{path}' holds {', '.join(names)} but no 'trajectory': give the points that name.")
    points = read(name)
    if matrix is None and "matrix" in names:
        matrix = np.ravel(read("matrix")).tolist()
    size = None if matrix is None else _size(matrix, path)
    if points.dtype.kind == "c":
        if size is None:
            raise InputError(
                f"'{name}' in '{path}' is in cycles per pixel, which does not tell the size of the image: give it with "
                "--matrix NY NX (in Python matrix=(ny, nx)), or as 'matrix' in the file."
            )
        points = np.stack([points.imag * size[0], points.real * size[1]], axis=-1)
    if points.dtype.kind != "f" or points.ndim not in (3, 4) or points.shape[-1] != 2:
        raise InputError(
            f"'{name}' in '{path}' is {points.dtype} of shape {points.shape}; it must be real (shot, sample, 2) or "
            "(frame, shot, sample, 2) with (ky, kx) in cycles per field of view, or complex kx + i ky."
        )
    points = points[(None,) * (4 - points.ndim)]
    points = _single(points)
    if not np.isfinite(points).all():
        raise InputError(f"'{name}' in '{path}' contains NaN, Inf or numbers too large; leave the corrupt samples out.")
    density = next((read(name) for name in DENSITIES if name in names), None)
    if density is not None:
        if density.dtype.kind not in "uif":
            raise InputError(f"The density in '{path}' is {density.dtype}; it must be real numbers: correct it.")
        density = density[(None,) * (3 - density.ndim)]
    return RawTrajectory(
        points,
        _derived_size(points, path) if size is None else size,
        None if density is None else _single(density),
    )


def derivation_notes(trajectory: RawTrajectory) -> tuple[str, ...]:
    """Return what is assumed about points without a matrix, and any evidence against it."""
    ny, nx = trajectory.matrix
    notes = [
        "The file gives no matrix: the points of the trajectory were taken as cycles per field of view, and the matrix "
        f"{ny}×{nx} follows from how far they reach; in another unit the image is wrong. --matrix NY NX (in Python "
        "matrix=(ny, nx)) gives the matrix."
    ]
    density = _shot_density(trajectory.points[0], trajectory.matrix)
    if density > DENSE:
        notes.append(
            f"The shots lie {density:.1f} times closer together than this matrix needs: they are very many, or the "
            "points are in rad/cm or another unit."
        )
    return tuple(notes)


def _shot_density(points: Array, matrix: tuple[int, int]) -> float:
    """Return the length of all shots (shot, sample, 2) in the outer half of k-space over its area, in cycles.

    It is 1 for a spiral whose turns lie one cycle per field of view apart.
    """
    relative = np.linalg.norm(points / (np.array(matrix) / 2), axis=-1)
    steps = np.linalg.norm(np.diff(points, axis=1), axis=-1)
    outer = (relative[:, 1:] > 0.5) & (relative[:, 1:] <= 1)
    return float(steps[outer].sum() / (0.75 * math.pi / 4 * matrix[0] * matrix[1]))


def extent_notes(kspace: Array, points: Array, where: str) -> list[str]:
    """Refuse samples of an object that is far larger than the field of view: the points are in another unit.

    Along a shot k-space changes the faster the larger the object is: Σ |∇s|² = (2π)² Σ r² |image|² by Parseval's
    theorem. Differences of neighbours are at most as large as the gradient times their distance, so what is found is
    a lower bound of the object's extent.

    Parameters
    ----------
    kspace
        complex64, (coil, shot, sample), zero where not acquired.
    points
        float32, (shot, sample, 2), in cycles per field of view.
    where
        File and frame, for messages.

    Raises
    ------
    InputError
        When the root mean square radius of the object is beyond `TOO_WIDE` fields of view.
    """
    radius = _object_radius(kspace, points)
    if radius is None or radius <= WIDE:
        return []
    finding = (
        f"the samples change along the shots as those of an object that is {radius / 0.354:.1f} fields of view wide"
    )
    if radius > TOO_WIDE:
        raise InputError(
            f"{where}: {finding}, so that it would fold over: the points seem to be in rad/cm or another unit, or the "
            "matrix is too small; give (ky, kx) in cycles per field of view and the size of the image with --matrix "
            f"NY NX (in Python matrix=(ny, nx)), or {UNCHECKED}."
        )
    return [f"Of the trajectory {finding}: the points may be in another unit, or the matrix too small."]


def _object_radius(kspace: Array, points: Array) -> float | None:
    """Return a lower bound of the object's root mean square radius in fields of view, None where noise prevails."""
    energy = (np.square(kspace.real) + np.square(kspace.imag)).sum(axis=0, dtype=float)
    distance = np.linalg.norm(points, axis=-1)
    held = energy > 0
    if not held.any():
        return None
    # The outermost samples hold noise and a little signal: subtracting their energy keeps this a lower bound.
    noise = float(energy[held & (distance >= np.quantile(distance[held], 0.9))].mean())
    steps = np.square(np.diff(points, axis=1)).sum(axis=-1, dtype=float)
    pairs = held[:, 1:] & held[:, :-1] & (steps > 0)
    change = np.diff(kspace, axis=2)
    changes = (np.square(change.real) + np.square(change.imag)).sum(axis=0, dtype=float)[pairs] - 2 * noise
    means = ((energy[:, 1:] + energy[:, :-1]) / 2)[pairs]
    if pairs.sum() < FEWEST_PAIRS or noise * pairs.sum() > MOST_NOISE * means.sum():
        return None
    expected = ((means - noise) * steps[pairs]).sum()
    return math.sqrt(max(float(changes.sum() / expected), 0.0)) / (2 * math.pi) if expected > 0 else None


def _single(numbers: Array) -> Array:
    """Return `numbers` as float32, infinite where that cannot hold them."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def _size(matrix: Sequence[Any], path: Path) -> tuple[int, int]:
    """Return the matrix (ny, nx) that a user or a file gives, one size for both axes or two."""
    numbers = (isinstance(size, int | float | np.number) and 1 <= size <= LARGEST for size in matrix)
    if len(matrix) not in (1, 2) or not all(numbers) or any(size != int(size) for size in matrix):
        given = " ".join(str(size)[:20] for size in matrix[:4])
        raise InputError(
            f"The trajectory's matrix for '{path}' is {given}; it must be one or two whole numbers from 1 to "
            f"{LARGEST}, ny and nx: correct it."
        )
    return int(matrix[0]), int(matrix[-1])


def _derived_size(points: Array, path: Path) -> tuple[int, int]:
    """Return the smallest even size whose band holds the points; refuse points that seem to be in another unit."""
    # The tolerance is that of the trajectory's own check.
    reach = np.abs(points).max(axis=(0, 1, 2))
    ny, nx = (max(2, 2 * math.ceil(far * (1 - 1e-4))) for far in reach)
    start = f"The trajectory in '{path}' reaches (ky, kx) = ±({reach[0]:.3g}, {reach[1]:.3g}), "
    if max(ny, nx) > LARGEST:
        raise InputError(f"{start}far too much for an image: {UNITS.format(unit='1/m or rad/m')}")
    if min(ny, nx) < SMALLEST:
        unit = "cycles per pixel, radians, 1/mm or 1/cm"
        raise InputError(f"{start}so that the image would be {ny}×{nx}: {UNITS.format(unit=unit)}")
    spacing, samples = _spacing(points)
    apart = f"{start}so that the image would be {ny}×{nx} and neighbouring samples {spacing:.2g} cycles apart: "
    if spacing < CLOSEST:
        raise InputError(f"{apart}{UNITS.format(unit='rad/cm or 1/cm')}")
    if spacing > FARTHEST or (spacing > FARTHEST_OF_FEW and samples < max(ny, nx)):
        raise InputError(f"{apart}{UNITS.format(unit='1/m or rad/m')}")
    return ny, nx


def _spacing(points: Array) -> tuple[float, int]:
    """Return the median distance of neighbours along a shot, and a shot's samples; (frame, a, b, 2) in either order."""
    distances = [
        (float(np.median(np.linalg.norm(np.diff(points, axis=axis), axis=-1))), points.shape[axis])
        for axis in (1, 2)
        if points.shape[axis] > 1
    ]
    return min(distances, default=(1.0, 1))
