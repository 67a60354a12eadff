# mypy: allow-untyped-calls
# nibabel is annotated in part alone.
"""Reads NIfTI images with their place in the patient."""

from __future__ import annotations

import dataclasses
import gzip
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError
from fourfold.files.damage import damage_explained
from fourfold.files.input import first_bytes
from fourfold.memory import array_bytes, require_memory
from fourfold.scan import FrameLabels, Geometry, Reconstruction, Record, Source

__all__ = ["CanonicalVolume", "is_nifti", "read_canonical", "read_nifti"]

MILLIMETRES = {"mm": 1.0, "meter": 1000.0, "micron": 0.001}
"""By the names that nibabel has for the units of length."""
SCANNER, ALIGNED = 1, 2
"""Codes of affine matrices that place an image in the scanner, or against another image of the same subject."""
RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
HEADER = 348


def is_nifti(path: Path) -> bool:
    """Whether a file begins with a NIfTI header, compressed or not."""
    start = first_bytes(path, HEADER)
    if start[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                start = file.read(HEADER)
        except (OSError, EOFError):
            return False
    return start[344:347] in (b"n+1", b"ni1") or start[4:7] in (b"n+2", b"ni2")


def read_nifti(path: Path) -> Reconstruction:
    """Return the image in a NIfTI file, as `fourfold.formats.images.load_image` describes it."""
    # Loaded here, since most commands do not need them.
    import nibabel
    import torch

    with _decoding(path):
        file: Any = nibabel.load(path)
        require_memory(array_bytes(file.shape, 8), f"The image in '{path}'", "give a smaller one")
        array = np.asanyarray(file.dataobj)
    if array.dtype.kind not in "uifc" or array.ndim < 2 or 0 in array.shape or max((1, *array.shape[4:])) > 1:
        raise InputError(
            f"'{path}' holds {array.dtype} of shape {array.shape}; give an image of numbers, (x, y), (x, y, slice) or "
            "(x, y, slice, volume)."
        )
    array = array.reshape((*array.shape[:4], 1, 1)[:4])
    nx, ny, slices, volumes = array.shape
    frames = array.transpose(3, 2, 1, 0).reshape(-1, ny, nx)
    with _decoding(path):
        geometry, notes = _geometry(file.header, (ny, nx), slices, path)
        labels = _labels(file.header, slices, volumes)
    source = Source(str(path), "NIfTI", path.name.removesuffix(".gz").removesuffix(".nii"))
    return Reconstruction(
        torch.from_numpy(np.ascontiguousarray(frames, np.complex64)),
        Record("file", {}, source=source.summary(), notes=notes),
        geometry=dataclasses.replace(geometry, placements=geometry.placements * volumes),
        labels=labels,
    )


@dataclass(frozen=True, eq=False)
class CanonicalVolume:
    """A volume whose axes are turned and reversed to point right, anterior and superior."""

    array: npt.NDArray[Any]
    """(x, y, z), or with more axes where the file has several volumes."""
    voxel_size: tuple[float, ...]
    """Of each axis."""
    slice_axis: int
    """Which axis was the third one of the file."""


def read_canonical(path: Path) -> CanonicalVolume:
    """Return a NIfTI file's values, scaled as it says; raises InputError where it is damaged or too large."""
    # Loaded here, since most commands do not need it.
    import nibabel

    with _decoding(path):
        volume: Any = nibabel.load(path)
        # Scaling to physical values is done in double precision.
        advice = "give a smaller volume, or take a computer with more memory"
        require_memory(array_bytes(volume.shape, 8), f"The volume in '{path}'", advice)
        slice_axis = int(nibabel.orientations.io_orientation(volume.affine)[2, 0])
        volume = nibabel.as_closest_canonical(volume)
        array = np.asanyarray(volume.dataobj)
    if array.ndim == 4 and array.shape[3] == 1:
        array = array[..., 0]
    return CanonicalVolume(array, volume.header.get_zooms(), slice_axis)


def _decoding(path: Path) -> AbstractContextManager[None]:
    return damage_explained(f"'{path}' is damaged or not a NIfTI file", "copy it again")


def _geometry(header: Any, shape: tuple[int, int], slices: int, path: Path) -> tuple[Geometry, tuple[str, ...]]:
    """Return the geometry of one volume, and what a reader must know of it."""
    unit = MILLIMETRES.get(header.get_xyzt_units()[0])
    matrix, code = _affine(header)
    if matrix is None:
        dx, dy, dz = (float(size) * unit if unit else None for size in (*header.get_zooms()[:3], 1.0, 1.0)[:3])
        return Geometry((dz, dy, dx)), ()
    scale = np.diag([*[unit or 1.0] * 3, 1.0])
    try:
        geometry = Geometry.of_affine(RAS_TO_LPS @ scale @ matrix, shape, slices)
    except InputError as error:
        raise InputError(f"'{path}' cannot be placed: {error}") from None
    if code in (SCANNER, ALIGNED):
        return geometry, ()
    turned = tuple(dataclasses.replace(placement, centre=None) for placement in geometry.placements)
    note = "The image lies in the space of a template: its orientation is known, its position in the scanner is not."
    return dataclasses.replace(geometry, placements=turned), (note,)


def _affine(header: Any) -> tuple[npt.NDArray[np.float64] | None, int]:
    """Return the affine matrix (RAS) that counts, and its code: sform before qform, as the format recommends."""
    for matrix, code in (header.get_sform(coded=True), header.get_qform(coded=True)):
        if code:
            return np.asarray(matrix, float), int(code)
    return None, 0


def _labels(header: Any, slices: int, volumes: int) -> FrameLabels:
    """Return the labels that fourfold wrote, else those of slices and volumes."""
    count = slices * volumes
    for extension in header.extensions:
        try:
            labels = FrameLabels(json.loads(extension.get_content())["labels"])
            if {len(numbers) for numbers in labels.numbers.values()} == {count}:
                return labels
        # Any program may write comments.
        except (ValueError, TypeError, KeyError, UnicodeDecodeError):
            continue
    numbers = {"slice": list(range(slices)) * volumes}
    if volumes > 1:
        numbers["time"] = [volume for volume in range(volumes) for _ in range(slices)]
    return FrameLabels(numbers)
