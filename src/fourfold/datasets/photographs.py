"""Photographs: the lightness of PNG and JPEG files, decoded on demand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from fourfold.datasets.images import ImageVolume
from fourfold.datasets.settings import Images
from fourfold.datasets.volume import subject_in
from fourfold.errors import InputError

__all__ = ["Photographs", "lightness"]

# Luminance weights of linear sRGB: second row of the matrix to CIE XYZ, white D65 (IEC 61966-2-1).
_LUMINANCE = (0.2126390, 0.7151687, 0.0721923)
# Below this luminance the cube root of CIE's lightness is a straight line of this slope (CIE 15:2018, section 8.2.1).
_LINEAR_BELOW, _SLOPE = (6 / 29) ** 3, 841 / 108
_UPRIGHT, _ROTATED = 1, {5, 6, 7, 8}
"""EXIF orientations: without rotation, and with exchanged axes."""


def lightness(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the lightness L* of CIE L*a*b*, float32 (y, x), 0 to 100, of sRGB colours (y, x, 3) or greys (y, x).

    The colours, uint8 or uint16, are linearised (IEC 61966-2-1) and weighted to the luminance Y relative to white D65;
    L* = 116 f(Y) − 16 (CIE 15:2018).
    """
    levels = np.linspace(0, 1, np.iinfo(values.dtype).max + 1)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    if values.ndim == 2:
        luminance = linear[values]
    else:
        luminance = sum(weight * linear[values[..., colour]] for colour, weight in enumerate(_LUMINANCE))
    root = np.where(luminance > _LINEAR_BELOW, np.cbrt(luminance), _SLOPE * luminance + 4 / 29)
    return (116 * root - 16).astype(np.float32)


class Photographs(ImageVolume):
    """All photographs of a source; only their sizes are read at first.

    Parameters
    ----------
    paths
        PNG and JPEG files.
    settings
        Settings of the source.

    Raises
    ------
    InputError
        For a file that is not a picture.
    """

    def __init__(self, paths: Sequence[Path], settings: Images) -> None:
        self.path, self.settings = paths[0].parent, settings
        self._paths = np.array([str(path) for path in paths])
        self._subjects = np.array([subject_in(path.name, settings.subject, path.stem) for path in paths])
        self._sizes = np.array([_size(path) for path in paths])

    def __len__(self) -> int:
        return len(self._paths)

    def subject(self, index: int) -> str:
        """Return the subject: each photograph is one, unless the settings group them."""
        return str(self._subjects[index])

    def size(self, index: int) -> tuple[int, int]:
        """Return the photograph's size (ny, nx), upright."""
        ny, nx = self._sizes[index].tolist()
        return ny, nx

    def name(self, index: int) -> str:
        """Return the file's name."""
        return Path(self._paths[index]).name

    def image(self, index: int) -> Tensor:
        """Return the lightness, float32 (y, x), 0 to 100."""
        path = Path(self._paths[index])
        try:
            with Image.open(path) as picture:
                upright = picture if _orientation(picture) == _UPRIGHT else ImageOps.exif_transpose(picture)
                values = np.asarray(upright if upright.mode in ("L", "I;16") else upright.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(
                f"'{path}' is damaged ({error}); copy it again or leave it out.", source=path.name
            ) from error
        return torch.from_numpy(lightness(values))


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            nx, ny = picture.size
            rotated = _orientation(picture) in _ROTATED
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"'{path}' is not a readable picture ({error}); leave it out.") from error
    return (nx, ny) if rotated else (ny, nx)


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation; in a PNG only if it precedes the pixels, so that nothing need be decoded."""
    if picture.format == "PNG" and "exif" not in picture.info:
        return _UPRIGHT
    return int(picture.getexif().get(ExifTags.Base.Orientation, _UPRIGHT))
