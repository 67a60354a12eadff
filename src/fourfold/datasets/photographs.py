"""Photographs: lightness of PNG and JPEG files, decoded when asked for."""

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

# The second row of sRGB's matrix to CIE XYZ, whose white of D65 has Y = 1 (IEC 61966-2-1).
LUMINANCE = (0.2126390, 0.7151687, 0.0721923)
# Where the cube root of CIE's lightness becomes a straight line, and its slope there (CIE 15:2018, section 8.2.1).
LIMIT, SLOPE = (6 / 29) ** 3, 841 / 108
UPRIGHT, TURNED = 1, {5, 6, 7, 8}
"""Values of EXIF's orientation: of pictures as they are stored, and of those that lie on their side."""


def lightness(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return L* of CIE L*a*b* of sRGB colours: float32 (y, x), 0 to 100, of uint8 or uint16 (y, x, 3) or greys (y, x).

    Colours are linearised (IEC 61966-2-1), weighted to the luminance Y relative to D65's white, and
    L* = 116 f(Y) − 16 (CIE 15:2018).
    """
    levels = np.linspace(0, 1, np.iinfo(values.dtype).max + 1)
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    if values.ndim == 2:
        luminance = linear[values]
    else:
        luminance = sum(weight * linear[values[..., colour]] for colour, weight in enumerate(LUMINANCE))
    root = np.where(luminance > LIMIT, np.cbrt(luminance), SLOPE * luminance + 4 / 29)
    return (116 * root - 16).astype(np.float32)


class Photographs(ImageVolume):
    """All photographs of a source; only their sizes are read at the start.

    Parameters
    ----------
    paths
        PNG and JPEG files.
    settings
        Of the source.

    Raises
    ------
    InputError
        For a file that is no picture.
    """

    def __init__(self, paths: Sequence[Path], settings: Images) -> None:
        self.path, self.settings = paths[0].parent, settings
        self._paths = np.array([str(path) for path in paths])
        self._subjects = np.array([subject_in(path.name, settings.subject, path.stem) for path in paths])
        self._sizes = np.array([_size(path) for path in paths])

    def __len__(self) -> int:
        return len(self._paths)

    def subject(self, index: int) -> str:
        """Return which photograph it is: each is a subject of its own, unless the settings group them."""
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
                upright = picture if _orientation(picture) == UPRIGHT else ImageOps.exif_transpose(picture)
                values = np.asarray(upright if upright.mode in ("L", "I;16") else upright.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise InputError(f"'{path}' is damaged ({error}); copy it again or leave it out.") from error
        return torch.from_numpy(lightness(values))


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path) as picture:
            nx, ny = picture.size
            turned = _orientation(picture) in TURNED
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"'{path}' is no picture that can be read ({error}); leave it out.") from error
    return (nx, ny) if turned else (ny, nx)


def _orientation(picture: Image.Image) -> int:
    """Return EXIF's orientation; of PNG only where it stands before the pixels, which would have to be decoded."""
    if picture.format == "PNG" and "exif" not in picture.info:
        return UPRIGHT
    return int(picture.getexif().get(ExifTags.Base.Orientation, UPRIGHT))
