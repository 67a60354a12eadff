"""Flips and small rotations of images, under which an object stays an object of the same kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn.functional import grid_sample

__all__ = ["Transform", "draw_transform"]

_LARGEST_ANGLE = 8.0


@dataclass(frozen=True)
class Transform:
    """A flip along some axes, then a rotation about the centre pixel."""

    flip_y: bool
    flip_x: bool
    degrees: float

    def apply(self, image: Tensor) -> Tensor:
        """Return the moved image, complex64 (frame, y, x)."""
        return _rotated(self._flipped(image), self.degrees)

    def undo(self, image: Tensor) -> Tensor:
        """Return the image moved back; what was moved out of the field of view is lost."""
        return self._flipped(_rotated(image, -self.degrees))

    def _flipped(self, image: Tensor) -> Tensor:
        for axis, chosen in ((-2, self.flip_y), (-1, self.flip_x)):
            if chosen:
                # With an even number of pixels the centre pixel stays only if all are moved by one.
                image = image.flip(axis).roll(1 - image.shape[axis] % 2, axis)
        return image


def draw_transform(number: int, generator: Generator) -> Transform:
    """Return the transform of the draw with this number: both flips in turn, with a random rotation up to 8°."""
    degrees = _LARGEST_ANGLE * (2 * float(torch.rand(1, generator=generator)) - 1)
    return Transform(number % 4 in (0, 2), number % 4 in (1, 2), degrees)


def _rotated(image: Tensor, degrees: float) -> Tensor:
    """Return the image (frame, y, x) rotated about the centre pixel, by cubic interpolation."""
    height, width = image.shape[-2:]
    y, x = (torch.arange(size, device=image.device, dtype=torch.float32) - size // 2 for size in (height, width))
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows, columns = y[:, None], x[None]
    from_y = cosine * rows - sine * columns + height // 2
    from_x = sine * rows + cosine * columns + width // 2
    grid = torch.stack([2 * from_x / (width - 1) - 1, 2 * from_y / (height - 1) - 1], dim=-1)
    planes = torch.view_as_real(image).movedim(-1, 1)
    turned = grid_sample(
        planes, grid.expand(len(image), -1, -1, -1), mode="bicubic", padding_mode="zeros", align_corners=True
    )
    return torch.view_as_complex(turned.movedim(1, -1).contiguous())
