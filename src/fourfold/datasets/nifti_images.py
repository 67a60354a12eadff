"""Slices of NIfTI volumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fourfold.datasets.images import Stack, compact
from fourfold.datasets.settings import Images
from fourfold.datasets.volume import index_range, subject_in
from fourfold.errors import InputError
from fourfold.formats.nifti_reading import read_canonical

__all__ = ["NiftiImages"]

NORMAL = {"sagittal": 0, "coronal": 1, "axial": 2}
"""Slice axis of a volume in RAS orientation."""


class NiftiImages(Stack):
    """Slices of a NIfTI volume, magnitude or complex: anterior or superior up, the patient's right on the left.

    Parameters
    ----------
    path
        ``.nii`` or ``.nii.gz``.
    settings
        Settings of the source.

    Raises
    ------
    InputError
        For a damaged file, or one with several volumes.
    """

    def __init__(self, path: Path, settings: Images) -> None:
        array = read_canonical(path).array
        if array.ndim != 3 or array.dtype.kind not in "uifc":
            raise InputError(
                f"'{path}' holds {array.dtype} of shape {array.shape}; give a single volume of numbers, (x, y, z)."
            )
        slices = np.moveaxis(array, NORMAL[settings.axis], 0)
        indices = index_range(len(slices), settings.slice_range)
        images = slices[indices.start : indices.stop].swapaxes(1, 2)[:, ::-1, ::-1]
        stem = path.name.removesuffix(".gz").removesuffix(".nii")
        subject = subject_in(path.name, settings.subject, stem)
        names = [f"{settings.axis} {index}" for index in indices]
        super().__init__(path, settings, compact(images), [subject] * len(names), names)
