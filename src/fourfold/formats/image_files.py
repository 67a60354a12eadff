"""Magnitude images in files of any tool: NIfTI, PNG, DICOM, NumPy and HDF5, found by suffix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.files.damage import damage_explained
from fourfold.files.hdf5 import open_hdf5, read_dataset
from fourfold.files.input import check_file
from fourfold.files.numpy_arrays import array_names, is_single_array, stored_array
from fourfold.formats.dicom.decoding import decoded_dicom, pixel_aspect
from fourfold.formats.nifti_reading import read_canonical
from fourfold.memory import array_bytes, require_memory

__all__ = ["SUFFIXES", "Pictures", "is_image_file", "read_image_file"]

_NAMES = ("image", "images", "reconstruction", "slices")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Magnitude images as they are shown."""

    frames: NDArray[Any]
    """(frame, y, x)."""
    pixel_aspect: float = 1.0
    """Height of a pixel over its width."""


def read_image_file(path: Path) -> Pictures:
    """Return the magnitude images of a file, float32.

    Raises
    ------
    InputError
        For a damaged file or one of another kind, and for NaN, Inf or zeros only.
    """
    check_file(path)
    found = SUFFIXES[_suffix(path)](path)
    images = np.asarray(found.frames)
    if images.dtype.kind not in "buifc" or images.ndim not in (2, 3) or 0 in images.shape:
        raise InputError(
            f"'{path}' holds {images.dtype} of shape {images.shape}; give images (y, x) or (frame, y, x) of numbers."
        )
    magnitude = np.abs(images).astype(np.float32).reshape((-1, *images.shape[-2:]))
    if not np.isfinite(magnitude).all():
        raise InputError(f"'{path}' holds NaN or Inf; correct it or leave it out.")
    if not magnitude.any():
        raise InputError(f"The images in '{path}' are zero everywhere; leave the file out.")
    return Pictures(magnitude, found.pixel_aspect)


def is_image_file(path: Path) -> bool:
    """Whether a file's suffix is one of those that can be read."""
    return path.is_file() and not path.name.startswith(".") and _suffix(path) in SUFFIXES


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def _nifti(path: Path) -> Pictures:
    """Return the slices along the file's third axis, anterior or superior up, the patient's right on the left."""
    volume = read_canonical(path)
    array = volume.array[..., None] if volume.array.ndim == 2 else volume.array
    if array.ndim != 3:
        raise InputError(f"'{path}' has the shape {array.shape}; give a single volume (x, y, slice).")
    across, up = (size for index, size in enumerate(volume.voxel_size[:3]) if index != volume.slice_axis)
    slices = np.moveaxis(array, volume.slice_axis, 0)
    return Pictures(slices.swapaxes(1, 2)[:, ::-1, ::-1], float(up / across))


def _png(path: Path) -> Pictures:
    from PIL import Image

    with damage_explained(f"'{path}' is damaged or no PNG", "copy it again"), Image.open(path) as picture:
        require_memory(array_bytes((*picture.size, 4), 2), f"The picture in '{path}'", "give a smaller one")
        array = np.asarray(picture.convert("RGB") if picture.mode in ("P", "RGBA", "CMYK") else picture)
    if array.ndim == 2:
        return Pictures(array)
    if array.shape[2] > 2 and not (array == array[..., :1]).all():
        raise InputError(f"'{path}' is a picture in colour; give grey images.")
    return Pictures(array[..., 0])


def _dicom(path: Path) -> Pictures:
    """Return the frames as they are stored, which is how they are shown."""
    frames, file = decoded_dicom(path)
    return Pictures(frames, pixel_aspect(file))


def _numpy(path: Path) -> Pictures:
    if is_single_array(path):
        return Pictures(stored_array(path, _NAMES[0]).load())
    names = array_names(path)
    return Pictures(stored_array(path, _known(path, names)).load())


def _hdf5(path: Path) -> Pictures:
    with open_hdf5(path) as file:
        return Pictures(read_dataset(file[_known(path, list(file))], path))


def _known(path: Path, names: Any) -> str:
    name = next((name for name in _NAMES if name in names), None)
    if name is None:
        raise InputError(f"'{path}' holds {', '.join(names) or 'nothing'}, and none of {', '.join(_NAMES)}.")
    return name


SUFFIXES: Mapping[str, Callable[[Path], Pictures]] = {
    ".nii": _nifti,
    ".nii.gz": _nifti,
    ".png": _png,
    ".dcm": _dicom,
    ".npy": _numpy,
    ".npz": _numpy,
    ".h5": _hdf5,
}
"""Readers by suffix; each returns numbers (y, x) or (frame, y, x)."""
