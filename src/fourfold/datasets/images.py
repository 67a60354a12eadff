"""Stacks of images, and those in NumPy files."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fourfold.datasets.settings import Images
from fourfold.datasets.volume import Volume, subject_in
from fourfold.errors import InputError
from fourfold.files.numpy_arrays import array_names, is_single_array, stored_array

__all__ = ["ImageVolume", "NumpyImages", "Stack", "compact"]

ARRAY_NAMES = ("slices", "images", "image")
SLICE_NAMES = ("ids", "names")
SMALLEST_SIDE = 16
# Pixels above this fraction of the file's maximum belong to the object.
OBJECT_LEVEL = 0.1


class ImageVolume(Volume):
    """A file of images."""

    settings: Images

    @abstractmethod
    def image(self, index: int) -> Tensor:
        """Return an image, float32 or complex64 (y, x)."""


class Stack(ImageVolume):
    """Images of one size, decoded once and shared by worker processes.

    Parameters
    ----------
    path, settings
        The file, and the settings of its source.
    images
        (slice, y, x), of any numeric type. Slices of zeros are left out, and those with less object than the source's
        `min_object_fraction`.
    subjects, names
        One for each slice.

    Raises
    ------
    InputError
        For NaN or Inf, images that are too small, or a file without any object.
    """

    def __init__(self, path: Path, settings: Images, images: Tensor, subjects: list[str], names: list[str]) -> None:
        self.path, self.settings = path, settings
        self._check(images)
        used = self._shows_object(images)
        dark = used.count(False)
        if dark == len(images):
            raise InputError(f"All images in '{path}' are zero or show too little; give images that show an object.")
        self.left_out = f"{dark} dark slices" if dark else ""
        self._images = images[torch.tensor(used)] if dark else images
        # NumPy arrays rather than lists: reading list items changes reference counts, which unshares memory pages.
        self._subjects = np.array([subject for subject, use in zip(subjects, used, strict=True) if use])
        self._names = np.array([name for name, use in zip(names, used, strict=True) if use])

    def _check(self, images: Tensor) -> None:
        if min(images.shape[1:]) < SMALLEST_SIDE:
            raise InputError(
                f"The images in '{self.path}' have {images.shape[1]}×{images.shape[2]} pixels; a slice has at least "
                f"{SMALLEST_SIDE} along either axis: store them as (slice, y, x)."
            )
        for index, image in enumerate(images):
            if not bool(torch.isfinite(image).all()):
                raise InputError(f"Image {index} in '{self.path}' holds NaN or Inf; correct it or leave it out.")

    def _shows_object(self, images: Tensor) -> list[bool]:
        """Return which images are not zero and show as much object as the settings require."""
        peaks = [float(image.abs().max()) for image in images]
        level = OBJECT_LEVEL * max(peaks)
        fractions = [float((image.abs() > level).float().mean()) for image in images]
        smallest = self.settings.min_object_fraction
        return [peak > 0 and fraction >= smallest for peak, fraction in zip(peaks, fractions, strict=True)]

    def __len__(self) -> int:
        return len(self._images)

    def subject(self, index: int) -> str:
        """Return the subject of a slice."""
        return str(self._subjects[index])

    def size(self, index: int) -> tuple[int, int]:  # noqa: ARG002  # all slices have one size
        """Return the slices' size (ny, nx)."""
        return self._images.shape[1], self._images.shape[2]

    def name(self, index: int) -> str:
        """Return file and slice."""
        return f"{self.path.name}:{self._names[index]}"

    def image(self, index: int) -> Tensor:
        """Return an image, float32 or complex64 (y, x)."""
        image = self._images[index]
        return image.to(torch.complex64 if image.is_complex() else torch.float32)


def compact(array: npt.NDArray[Any]) -> Tensor:
    """Return an array as a tensor of the smallest type that holds it exactly, or of single precision."""
    if array.dtype.kind == "c":
        return torch.from_numpy(np.ascontiguousarray(array, np.complex64))
    if array.dtype.itemsize > 2 or array.dtype.kind == "f":
        return torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return torch.from_numpy(np.ascontiguousarray(array, np.int16 if array.max() < 2**15 else np.int32))
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))


class NumpyImages(Stack):
    """Images in ``.npy``, or in ``.npz`` as ``slices``, ``images`` or ``image``, with names in ``ids`` or ``names``.

    The array is (y, x) or (slice, y, x), real or complex.
    """

    def __init__(self, path: Path, settings: Images) -> None:
        array, ids = _read(path)
        if array.dtype.kind not in "uifc" or array.ndim not in (2, 3) or 0 in array.shape:
            raise InputError(
                f"The images in '{path}' are {array.dtype} of shape {array.shape}; they must be numbers (y, x) or "
                "(slice, y, x)."
            )
        array = array[None] if array.ndim == 2 else array
        if ids is None:
            names = [str(index) for index in range(len(array))]
            subjects = [subject_in(path.stem, settings.subject, path.stem)] * len(array)
        elif ids.shape != array.shape[:1]:
            raise InputError(f"'{path}' names {ids.size} slices but holds {len(array)} images; name each of them.")
        else:
            names = [str(name) for name in ids]
            subjects = [subject_in(name, settings.subject, _before_separator(name)) for name in names]
        super().__init__(path, settings, compact(array), subjects, names)


def _before_separator(name: str) -> str:
    """Return the part of a name before the first colon or at sign."""
    return name.split(":")[0].split("@")[0]


def _read(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return the images, and the names of the slices or None."""
    if is_single_array(path):
        return stored_array(path, ARRAY_NAMES[0]).load(), None
    names = array_names(path)
    key = next((name for name in ARRAY_NAMES if name in names), None)
    if key is None:
        raise InputError(
            f"'{path}' holds {', '.join(names) or 'nothing'} but none of {', '.join(ARRAY_NAMES)}; give the images "
            "one of these names."
        )
    ids = next((name for name in SLICE_NAMES if name in names), None)
    return stored_array(path, key).load(), None if ids is None else stored_array(path, ids).load()
