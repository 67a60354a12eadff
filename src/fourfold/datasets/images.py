"""Images in NumPy files: named stacks of slices, and single images or series."""

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

STACKS = ("slices", "images", "image")
NAMES = ("ids", "names")
SMALLEST = 16
# Brighter than this part of the file's maximum is object.
OBJECT_LEVEL = 0.1


class ImageVolume(Volume):
    """A file of images."""

    settings: Images

    @abstractmethod
    def image(self, index: int) -> Tensor:
        """Return an image, float32 or complex64 (y, x)."""


class Stack(ImageVolume):
    """Images of one size that are decoded once, and which worker processes share.

    Parameters
    ----------
    path, settings
        The file, and the source that it is from.
    images
        Any number type, (slice, y, x). Slices that are zero throughout are left out, and those that show less than the
        source's `content`.
    subjects, names
        One for each slice.

    Raises
    ------
    InputError
        For NaN or Inf, images too small to be any, or a file that shows nothing at all.
    """

    def __init__(self, path: Path, settings: Images, images: Tensor, subjects: list[str], names: list[str]) -> None:
        self.path, self.settings = path, settings
        self._check(images)
        kept = self._shown(images)
        dark = kept.count(False)
        if dark == len(images):
            raise InputError(f"All images in '{path}' are zero or show too little; give images that show an object.")
        self.left_out = f"{dark} dark slices" if dark else ""
        self._images = images[torch.tensor(kept)] if dark else images
        # Arrays of text rather than lists: workers that read them then write nothing, and pages stay shared.
        self._subjects = np.array([subject for subject, keep in zip(subjects, kept, strict=True) if keep])
        self._names = np.array([name for name, keep in zip(names, kept, strict=True) if keep])

    def _check(self, images: Tensor) -> None:
        if min(images.shape[1:]) < SMALLEST:
            raise InputError(
                f"The images in '{self.path}' have {images.shape[1]}×{images.shape[2]} pixels; a slice has at least "
                f"{SMALLEST} along either axis: store them as (slice, y, x)."
            )
        for index, image in enumerate(images):
            if not bool(torch.isfinite(image).all()):
                raise InputError(f"Image {index} in '{self.path}' holds NaN or Inf; correct it or leave it out.")

    def _shown(self, images: Tensor) -> list[bool]:
        """Return which images are not zero throughout and show what the settings ask for."""
        peaks = [float(image.abs().max()) for image in images]
        level = OBJECT_LEVEL * max(peaks)
        shares = [float((image.abs() > level).float().mean()) for image in images]
        return [
            peak > 0 and share >= self.settings.min_object_fraction for peak, share in zip(peaks, shares, strict=True)
        ]

    def __len__(self) -> int:
        return len(self._images)

    def subject(self, index: int) -> str:
        """Return whom a slice shows."""
        return str(self._subjects[index])

    def size(self, index: int) -> tuple[int, int]:  # noqa: ARG002  # all have one size
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
    """Return numbers as a tensor in a type that holds them exactly, or in single precision, and takes little memory."""
    if array.dtype.kind == "c":
        return torch.from_numpy(np.ascontiguousarray(array, np.complex64))
    if array.dtype.itemsize > 2 or array.dtype.kind == "f":
        return torch.from_numpy(np.ascontiguousarray(array, np.float32))
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return torch.from_numpy(np.ascontiguousarray(array, np.int16 if array.max() < 2**15 else np.int32))
    return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))


class NumpyImages(Stack):
    """Images in ``.npz`` (``slices``, ``images`` or ``image``, with ``ids`` or ``names`` beside them) or ``.npy``.

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
            subjects = [subject_in(name, settings.subject, _before_mark(name)) for name in names]
        super().__init__(path, settings, compact(array), subjects, names)


def _before_mark(name: str) -> str:
    """Return what stands before the first colon or at sign."""
    return name.split(":")[0].split("@")[0]


def _read(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """Return the images and their names."""
    if is_single_array(path):
        return stored_array(path, STACKS[0]).load(), None
    names = array_names(path)
    key = next((name for name in STACKS if name in names), None)
    if key is None:
        raise InputError(
            f"'{path}' holds {', '.join(names) or 'nothing'} but none of {', '.join(STACKS)}; give the images one of "
            "these names."
        )
    ids = next((name for name in NAMES if name in names), None)
    return stored_array(path, key).load(), None if ids is None else stored_array(path, ids).load()
