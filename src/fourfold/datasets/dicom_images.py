"""DICOM images, read with pydicom."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from fourfold.datasets.images import Stack, compact
from fourfold.datasets.settings import Images
from fourfold.datasets.volume import subject_in
from fourfold.errors import InputError
from fourfold.memory import array_bytes, require_memory

__all__ = ["DicomImages"]


class DicomImages(Stack):
    """The image or the frames of a DICOM file. The subject is the patient's ID unless the settings give a pattern.

    Raises
    ------
    InputError
        When pydicom is not installed, or the file is damaged or not a greyscale image.
    """

    def __init__(self, path: Path, settings: Images) -> None:
        try:
            pydicom: Any = importlib.import_module("pydicom")
        except ImportError:
            raise InputError(
                f"'{path}' is a DICOM image, which pydicom reads: pip install pydicom, or convert it to NIfTI."
            ) from None
        try:
            file = pydicom.dcmread(path)
            require_memory(_pixel_bytes(file), f"The image in '{path}'", "give fewer frames in a file")
            pixels = np.asarray(file.pixel_array)
        except (InputError, MemoryError):
            raise
        # pydicom raises many types of errors; its message names a missing decoder.
        except Exception as error:
            raise InputError(f"'{path}' cannot be decoded ({error}); copy it again or convert it to NIfTI.") from error
        kind = str(getattr(file, "PhotometricInterpretation", ""))
        if kind != "MONOCHROME2" or pixels.ndim not in (2, 3):
            raise InputError(f"'{path}' is a DICOM image of kind {kind or 'unknown'}; give greyscale, MONOCHROME2.")
        images = pixels[None] if pixels.ndim == 2 else pixels
        slope, intercept = (float(getattr(file, name, value)) for name, value in RESCALE.items())
        if (slope, intercept) != (1.0, 0.0):
            images = images * np.float32(slope) + np.float32(intercept)
        patient = str(getattr(file, "PatientID", "") or path.stem)
        subject = subject_in(path.name, settings.subject, patient)
        names = [str(index) for index in range(len(images))]
        super().__init__(path, settings, compact(images), [subject] * len(names), names)


RESCALE = {"RescaleSlope": 1.0, "RescaleIntercept": 0.0}


def _pixel_bytes(file: Any) -> int:
    """Return the size of the decoded pixels in bytes, from the header."""
    sizes = [int(getattr(file, name, None) or 1) for name in ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel")]
    return array_bytes(sizes, max(1, int(getattr(file, "BitsAllocated", 8)) // 8))
