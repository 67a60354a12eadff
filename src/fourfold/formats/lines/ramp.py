"""Samples that were taken on the ramps of the readout gradient, brought to an even grid.

Bruder et al., "Image reconstruction for echo planar imaging with nonequidistant k-space sampling", Magn Reson Med
23:311 (1992), https://doi.org/10.1002/mrm.1910230211. The readout is solved for in image space by least squares, so no
interpolation kernel has to be chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError

__all__ = ["Ramp"]

Array = npt.NDArray[Any]

# Times are stored in whole microseconds.
TOLERANCE_US = 2.0


@dataclass(frozen=True)
class Ramp:
    """A trapezoidal readout gradient and when its samples were taken; all times in µs."""

    rise: float
    """Duration of the first ramp."""
    flat: float
    """Duration of the plateau."""
    fall: float
    """Duration of the last ramp."""
    delay: float
    """From the beginning of the gradient to that of the sampling."""
    dwell: float
    """Duration of one sample."""

    @property
    def duration(self) -> float:
        """Duration of the gradient."""
        return self.rise + self.flat + self.fall

    def check(self, samples: int, path: Path) -> None:
        """Refuse times that are negative, and samples that do not lie within the gradient."""
        times = (self.rise, self.flat, self.fall, self.delay)
        end = self.delay + samples * self.dwell
        if min(times) < 0 or not 0 < self.dwell < self.duration or not end <= self.duration + TOLERANCE_US:
            raise InputError(
                f"'{path}' describes {samples} samples of {self.dwell:g} µs from {self.delay:g} µs on, and a readout "
                f"gradient of {self.rise:g} + {self.flat:g} + {self.fall:g} µs, which do not fit together: export the "
                "scan again."
            )

    def area(self, times: Array) -> Array:
        """Return the gradient's integral up to `times`, for a plateau of height 1."""
        up = np.clip(times, 0, self.rise)
        level = np.clip(times - self.rise, 0, self.flat)
        down = np.clip(times - self.rise - self.flat, 0, self.fall)
        rising = up**2 / (2 * self.rise) if self.rise else np.zeros_like(up)
        falling = down - down**2 / (2 * self.fall) if self.fall else np.zeros_like(down)
        area: Array = rising + level + falling
        return area

    def positions(self, samples: int, size: int) -> Array:
        """Return where along k-space each sample lies, 0 at the middle of the gradient.

        Parameters
        ----------
        samples
            Their number. All together they cover `size` points.
        size
            Points of the encoded grid, which are one cycle over the encoded field of view apart.
        """
        edges = self.delay + self.dwell * np.array([0.0, samples])
        covered = np.diff(self.area(edges))[0]
        times = self.delay + self.dwell * (np.arange(samples) + 0.5)
        middle = self.area(np.array([self.duration / 2]))
        positions: Array = size / covered * (self.area(times) - middle)
        return positions

    def regridding(self, samples: int, size: int, kept: int, reverse: bool) -> Array:
        """Return the matrix that makes a readout on the even grid of a line's samples, complex64 (size, samples).

        Parameters
        ----------
        samples, size
            As in `positions`.
        kept
            Points of the image that must be determined: those of the shown field of view.
        reverse
            Whether the line ran backwards and was turned round.
        """
        return _matrix(self, samples, size, kept, reverse)


@cache
def _matrix(ramp: Ramp, samples: int, size: int, kept: int, reverse: bool) -> Array:
    k = ramp.positions(samples, size)
    if reverse:
        k = -k[::-1]
    # Samples on the plateau lie further apart than the encoded field of view allows: a smaller one is determined.
    width = max(kept, min(size, int(size / np.abs(np.diff(k)).max()))) if samples > 1 else kept
    x = np.arange(width) - width // 2
    encoding = np.exp(-2j * np.pi * np.outer(k, x) / size)
    even = np.arange(size) - size // 2
    transform = np.exp(-2j * np.pi * np.outer(even, x) / size)
    matrix: Array = (transform @ np.linalg.pinv(encoding, rcond=1e-3)).astype(np.complex64)
    return matrix
