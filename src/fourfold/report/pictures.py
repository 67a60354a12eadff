"""The images of a page as numbers, in one unit, with one grey window, one detail and one error scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.scan import Scan

__all__ = ["AMPLIFICATIONS", "Box", "Gallery", "amplification", "kspace_codes"]

AMPLIFICATIONS = (1, 2, 5, 10, 20, 50, 100)
"""Factors by which error maps are amplified; round ones, so that a colour bar reads well."""

DETAIL_HEIGHT = 0.24
DETAIL_ASPECT = 4 / 3
"""The detail's height as a part of the smaller field of view, and its width over its height (both in mm)."""

OBJECT = 5.0
"""Percent of the maximum above which a pixel counts as the object rather than air."""

BEAM = 2.0
"""Width in pixels over which columns are averaged to find the one with the most motion."""

KSPACE_FLOOR = 100.0
"""Decibels below the strongest sample at which the picture of k-space ends."""


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels: first row and column, height and width."""

    y: int
    x: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut the box out of an image."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)


@dataclass(frozen=True, eq=False)
class Gallery:
    """Magnitude images of one object that are to be shown alike.

    Raises
    ------
    InputError
        From `of`, when there is no image or their shapes differ.
    """

    images: tuple[NDArray[np.float32], ...]
    """Each float32, (frame, y, x), as a percentage of the maximum of the first one."""
    has_reference: bool
    """Whether the first image is the reference, from which errors are counted."""
    unit: float
    """The value, in the scan's units, that is shown as 100 %."""
    pixel_size: tuple[float, float] | None
    """(y, x) of one pixel in mm, None where not known: pixels are shown as squares then."""

    @classmethod
    def of(
        cls, images: Sequence[NDArray[np.float32]], has_reference: bool, pixel_size: tuple[float, float] | None
    ) -> Gallery:
        """Return the gallery of magnitude `images`, each (frame, y, x), the reference first where there is one."""
        if not images:
            raise InputError("There is no image to show; give at least one reconstruction.")
        shapes = {tuple(image.shape) for image in images}
        if len(shapes) > 1:
            found = " and ".join(str(shape) for shape in sorted(shapes))
            raise InputError(
                f"The images have the shapes {found}; to be shown side by side they must share one (frame, y, x)."
            )
        unit = float(images[0].max()) or 1.0
        shown = tuple((image * (100 / unit)).astype(np.float32) for image in images)
        return cls(shown, has_reference, unit, pixel_size)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frame, y, x) of every image."""
        frames, ny, nx = self.images[0].shape
        return frames, ny, nx

    def aspect(self, height: int, width: int) -> float:
        """Return width over height, on the screen, of a box of pixels."""
        dy, dx = self._shown_size
        return width * dx / (height * dy)

    @property
    def _shown_size(self) -> tuple[float, float]:
        return self.pixel_size or (1.0, 1.0)

    @property
    def start(self) -> int:
        """The frame to show first: the middle one, as the ends of a volume are often empty."""
        return self.shape[0] // 2

    def window(self) -> tuple[float, float]:
        """Return the grey window (black, white) in percent: the brightest hundredth of the object is clipped."""
        inside = self.images[0][self.images[0] > OBJECT]
        return 0.0, float(np.percentile(inside, 99)) if inside.size else 100.0

    def amplification(self) -> int:
        """Return the amplification at which the median method's errors just fill the scale (1 without errors)."""
        if not self.has_reference or len(self.images) < 2:
            return 1
        return amplification([np.abs(image - self.images[0]) for image in self.images[1:]])

    def detail(self) -> Box:
        """Return the box of the first image, at its start frame, that holds the most fine structure.

        Fine structure is the mean distance from the local mean, of intensities clipped to the object's third
        quartile. It counts away from the object's outline, and only so far as the box holds signal, as a bright rim
        or the step to the air would otherwise always win.
        """
        height, width = self._detail_size()
        image = self.images[0][self.start]
        top = float(np.percentile(image[image > OBJECT], 75)) if (image > OBJECT).any() else 100.0
        clipped = np.minimum(image, top)
        blur = height / 6
        fine = np.minimum(np.abs(clipped - ndimage.gaussian_filter(clipped, blur)), top / 4)
        signal = image > top / 4
        core = ndimage.binary_erosion(ndimage.binary_fill_holes(signal), iterations=round(2 * blur))
        size = (height, width)
        score = ndimage.uniform_filter(fine * core, size, mode="constant")
        score *= ndimage.uniform_filter(signal.astype(np.float32), size, mode="constant") ** 8
        _, ny, nx = self.shape
        # A box of size n around index i covers i - n // 2 … i + (n - 1) // 2: keep those that lie in the image.
        score = score[height // 2 : ny - (height - 1) // 2, width // 2 : nx - (width - 1) // 2]
        y, x = np.unravel_index(int(np.argmax(score)), score.shape)
        return Box(int(y), int(x), height, width)

    def column_with_most_motion(self, frames: Sequence[int]) -> int:
        """Return the column of the first image in which these frames differ most."""
        deviation = self.images[0][list(frames)].std(axis=0).sum(axis=0)
        return int(np.argmax(ndimage.gaussian_filter1d(deviation, BEAM)))

    def _detail_size(self) -> tuple[int, int]:
        _, ny, nx = self.shape
        dy, dx = self._shown_size
        height = DETAIL_HEIGHT * min(ny * dy, nx * dx)
        return (
            min(ny, max(4, round(height / dy))),
            min(nx, max(4, round(height * DETAIL_ASPECT / dx))),
        )


def amplification(maps: Sequence[NDArray[np.float32]]) -> int:
    """Return the amplification at which the median one of several maps, in percent, just fills the scale."""
    largest = [float(np.percentile(each, 99.5)) for each in maps]
    typical = max(float(np.median(largest)), 100 / AMPLIFICATIONS[-1])
    return max(factor for factor in AMPLIFICATIONS if factor <= max(1.0, 100 / typical))


def kspace_codes(scan: Scan, frame: int) -> NDArray[np.uint8]:
    """Return the picture of one frame's k-space, (ky, kx): 0 where nothing was acquired, else 1 … 255.

    Codes run evenly from `KSPACE_FLOOR` dB below the strongest sample to that sample; coils are combined by
    root-sum-of-squares. A cell of the grid shows the strongest of the samples that a trajectory has in it.
    """
    one = scan.frame(frame)
    magnitude = root_sum_of_squares(one.kspace[0])
    decibel = 20 * torch.log10(magnitude / magnitude.max())
    codes = 1 + 254 * (1 + decibel / KSPACE_FLOOR).clamp(0, 1)
    acquired = torch.where(one.mask[0], codes.round(), 0)
    if one.trajectory is not None:
        places = torch.from_numpy(one.trajectory.places()[0]).to(acquired.device)
        grid = acquired.new_zeros(one.shape).flatten()
        grid.scatter_reduce_(0, places[places >= 0], acquired[places >= 0], "amax")
        acquired = grid.view(one.shape)
    picture: NDArray[np.uint8] = acquired.to(torch.uint8).cpu().numpy()
    return picture
