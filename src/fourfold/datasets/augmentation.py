"""Crops, and what is changed at random in training."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from fourfold.datasets.draw import Draw
from fourfold.datasets.settings import Augmentation
from fourfold.scan import centre_slice

__all__ = ["augment_image", "crop_or_pad", "flip"]


def augment_image(image: Tensor, settings: Augmentation, draw: Draw) -> Tensor:
    """Return an image (y, x) turned and with another contrast, as far as the settings ask for."""
    if settings.rotation:
        image = _rotated(image, math.radians(draw.numbers("rotation").uniform(-settings.rotation, settings.rotation)))
    if settings.contrast:
        limit = -math.log(1 - settings.contrast)
        image = _contrasted(image, math.exp(draw.numbers("contrast").uniform(-limit, limit)))
    return image


def flip(images: Tensor, draw: Draw) -> Tensor:
    """Return images (…, y, x) mirrored along either axis at even odds."""
    axes = [axis for axis, chosen in zip((-2, -1), draw.numbers("flip").random(2) < 0.5, strict=True) if chosen]
    return images.flip(axes) if axes else images


def _rotated(image: Tensor, angle: float) -> Tensor:
    ny, nx = image.shape
    cosine, sine = math.cos(angle), math.sin(angle)
    # grid_sample's axes run from -1 to 1 whatever the size.
    turn = torch.tensor([[[cosine, -sine * ny / nx, 0.0], [sine * nx / ny, cosine, 0.0]]])
    parts = torch.view_as_real(image).permute(2, 0, 1) if image.is_complex() else image[None]
    grid = affine_grid(turn, [1, len(parts), ny, nx], align_corners=False)
    turned = grid_sample(parts[None], grid, mode="bicubic", align_corners=False)[0]
    return torch.complex(turned[0], turned[1]) if image.is_complex() else turned[0].clamp_min(0)


def _contrasted(image: Tensor, power: float) -> Tensor:
    magnitude = image.abs()
    peak = magnitude.max()
    return image * (magnitude / peak).clamp_min(1e-6) ** (power - 1)


def crop_or_pad(images: Tensor, size: tuple[int, int], rng: np.random.Generator | None = None) -> Tensor:
    """Return images (…, y, x) cut out or surrounded by zeros to `size`, around the centre or anywhere.

    Parameters
    ----------
    images
        The images; a view of them is returned where nothing is added.
    size
        (ny, nx).
    rng
        Draws the place of the cut; None takes the centre.
    """
    for axis, wanted in zip((-2, -1), size, strict=True):
        full = images.shape[axis]
        if full > wanted:
            start = centre_slice(full, wanted).start if rng is None else int(rng.integers(full - wanted + 1))
            images = images.narrow(axis, start, wanted)
        elif full < wanted:
            place = centre_slice(wanted, full)
            widths = [place.start, wanted - place.stop]
            images = pad(images, [0, 0, *widths] if axis == -2 else widths)
    return images
