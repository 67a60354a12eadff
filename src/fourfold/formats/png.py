"""PNG: 8-bit grey pictures to look at."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fourfold.formats.metadata import image_record
from fourfold.formats.orientation import orient_for_display
from fourfold.formats.registry import FileFormat
from fourfold.scan import Reconstruction

__all__ = ["FORMAT", "write_image"]

PERCENTILE = 99.9


def write_image(path: Path, reconstruction: Reconstruction) -> None:
    """Write the magnitude, windowed from zero to its 99.9th percentile over all frames; several frames as a montage.

    Frames are turned to the radiological view where their orientation is known. The file's text states the window and
    how the image was made.
    """
    frames = orient_for_display(reconstruction.magnitude.cpu().numpy(), reconstruction.geometry)
    white = float(np.percentile(frames, PERCENTILE)) or 1.0
    grey = np.round(255 * np.clip(frames / white, 0, 1)).astype(np.uint8)
    text = PngInfo()
    text.add_text("Software", "fourfold")
    text.add_text("Window", f"black 0, white {white:.6g} (percentile {PERCENTILE} of the magnitude)")
    text.add_text("Comment", image_record(reconstruction))
    Image.fromarray(montage(grey)).save(path, pnginfo=text)


def montage(frames: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return frames (frame, y, x) row by row in one picture, as near to square as their number allows."""
    count, ny, nx = frames.shape
    columns = min(count, math.ceil(math.sqrt(count * ny / nx)))
    rows = math.ceil(count / columns)
    sheet = np.zeros((rows * columns, ny, nx), frames.dtype)
    sheet[:count] = frames
    return sheet.reshape(rows, columns, ny, nx).swapaxes(1, 2).reshape(rows * ny, columns * nx)


FORMAT = FileFormat("PNG", suffixes=(".png",), write_image=write_image, order=60)
