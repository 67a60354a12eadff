"""What becomes a DICOM series of its own, such as the magnitude: 16-bit numbers on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fourfold.formats.image_series import series_values
from fourfold.scan import Reconstruction

__all__ = ["Series", "series_of"]

LARGEST = 2**15 - 1
"""Largest stored number. Programs that take 16-bit numbers for signed ones read it too."""
PERCENTILE = 99.9
"""Of the magnitude: the upper end of the window, as in PNG."""
FLOATS = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Series:
    """Frames as 16-bit numbers on one scale and with one window, so that brightness is the same in all frames."""

    name: str
    """One of `fourfold.formats.image_series.SERIES`."""
    image_type: str
    """The fourth value of DICOM's Image Type, such as ``M`` of magnitudes."""
    frame: Callable[[int], FLOATS]
    """Returns the values of a frame, float32 (y, x)."""
    slope: float
    """A value is ``slope * stored + intercept``."""
    intercept: float
    """As above."""
    window: tuple[float, float]
    """Values that are shown black and white."""
    unit: tuple[str, str]
    """UCUM's code of the unit, and its meaning."""

    def stored(self, frame: int) -> npt.NDArray[np.uint16]:
        """Return the stored numbers of a frame, uint16 (y, x)."""
        numbers = np.rint((self.frame(frame).astype(np.float64) - self.intercept) / self.slope)
        return np.clip(numbers, 0, LARGEST).astype(np.uint16)

    @property
    def stored_window(self) -> tuple[float, float]:
        """The window in stored numbers."""
        low, high = ((value - self.intercept) / self.slope for value in self.window)
        return low, high


def series_of(reconstruction: Reconstruction, name: str) -> Series:
    """Return one of the series of an image."""
    frames = len(reconstruction.image)

    def values(frame: int) -> FLOATS:
        return series_values(reconstruction, name, frame)

    if name == "phase":
        step = 2 * math.pi / (LARGEST - 1)
        return Series(name, "P", values, step, -math.pi, (-math.pi, math.pi), ("rad", "radian"))
    largest = max(float(values(frame).max()) for frame in range(frames))
    white = max(float(np.percentile(values(frame), PERCENTILE)) for frame in range(frames))
    image_type = "M" if name == "magnitude" else name.upper()
    return Series(name, image_type, values, (largest or 1.0) / LARGEST, 0.0, (0.0, white or 1.0), ("1", "no units"))
