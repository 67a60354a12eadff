"""Pixels of DICOM images, in the file's physical values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.formats.dicom.library import decoding, load_pydicom
from fourfold.memory import array_bytes, require_memory

__all__ = ["decoded_dicom", "pixel_aspect", "value_of"]

_REAL = "RealWorldValue"


def decoded_dicom(path: Path) -> tuple[NDArray[Any], Any]:
    """Return the image or the frames of a DICOM file, (frame, y, x), and its data set.

    Raises
    ------
    InputError
        When pydicom is not installed, or the file is damaged or not a greyscale image.
    """
    pydicom = load_pydicom(f"'{path}' is in")
    with decoding(path):
        file = pydicom.dcmread(path)
        require_memory(_pixel_bytes(file), f"The image in '{path}'", "give fewer frames in a file")
        kind = str(getattr(file, "PhotometricInterpretation", ""))
        if kind != "MONOCHROME2":
            raise InputError(f"'{path}' is a DICOM file of kind '{kind or 'no image'}'; give greyscale, MONOCHROME2.")
        pixels = np.asarray(file.pixel_array)
        images = pixels[None] if pixels.ndim == 2 else pixels
        scale = np.array([_scale(file, frame) for frame in range(len(images))], np.float32)
    if (scale != (1, 0)).any():
        images = images * scale[:, 0, None, None] + scale[:, 1, None, None]
    return images, file


def pixel_aspect(file: Any) -> float:
    """Return the height of a pixel over its width, 1 where it is not known."""
    spacing = value_of(file, 0, "PixelMeasuresSequence", "PixelSpacing")
    return float(spacing[0]) / float(spacing[1]) if spacing else 1.0


def _scale(file: Any, frame: int) -> tuple[float, float]:
    """Return slope and intercept of a frame's values: the rescaling, else the mapping to real-world values."""
    for sequence, prefix in (("PixelValueTransformationSequence", "Rescale"), (f"{_REAL}MappingSequence", _REAL)):
        slope, intercept = (value_of(file, frame, sequence, f"{prefix}{name}") for name in ("Slope", "Intercept"))
        if slope is not None:
            return float(slope), float(intercept or 0.0)
    return 1.0, 0.0


def value_of(file: Any, frame: int, sequence: str, name: str) -> Any:
    """Return a value of a frame, which may be in a sequence of the frame, of all frames or of the file; else None."""
    frames = list(getattr(file, "PerFrameFunctionalGroupsSequence", ()))[frame : frame + 1]
    for group in (*frames, *getattr(file, "SharedFunctionalGroupsSequence", ()), file):
        for item in getattr(group, sequence, ()):
            if hasattr(item, name):
                return getattr(item, name)
    return getattr(file, name, None)


def _pixel_bytes(file: Any) -> int:
    """Return the size of the decoded pixels in bytes, from the header."""
    sizes = [int(getattr(file, name, None) or 1) for name in ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel")]
    return array_bytes(sizes, max(1, int(getattr(file, "BitsAllocated", 8)) // 8))
