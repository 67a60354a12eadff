"""Crops, and what is changed at random in training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from fourfold.datasets.random_field import random_field
from fourfold.datasets.random_streams import Draw
from fourfold.datasets.settings import Augmentation
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import centre_slice, crop_centre

__all__ = ["augment_image", "crop_or_pad", "flip"]

# Sides of the grids of random numbers that shading is interpolated from.
_POINTS = (3, 6, 12, 24)


def augment_image(image: Tensor, settings: Augmentation, draw: Draw) -> Tensor:
    """Return an image (y, x) turned, enlarged, of another contrast and resolution, shaded, as the settings ask for."""
    if settings.rotation:
        image = _rotated(image, math.radians(draw.numbers("rotation").uniform(-settings.rotation, settings.rotation)))
    if settings.zoom != (1.0, 1.0):
        image = _enlarged(image, draw.between("zoom", settings.zoom))
    if settings.contrast:
        limit = -math.log(1 - settings.contrast)
        image = _contrasted(image, math.exp(draw.numbers("contrast").uniform(-limit, limit)))
    if settings.shading:
        image = image * _shading(image.shape, settings.shading, draw.numbers("shading"))
    if settings.resolution != (1.0, 1.0):
        image = _coarsened(image, draw.between("resolution", settings.resolution))
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
    parts = _parts(image)
    grid = affine_grid(turn, [1, len(parts), ny, nx], align_corners=False)
    return _image(grid_sample(parts[None], grid, mode="bicubic", align_corners=False)[0])


def _enlarged(image: Tensor, factor: float) -> Tensor:
    size = [max(1, round(factor * length)) for length in image.shape]
    return _image(interpolate(_parts(image)[None], size, mode="bicubic", antialias=True)[0])


def _coarsened(image: Tensor, share: float) -> Tensor:
    """Return the image that the centre of its k-space shows, with as many pixels; a real one stays real."""
    ny, nx = (max(1, round(share * length)) for length in image.shape)
    centre = crop_centre(fft(image.to(torch.complex64)), (ny, nx))
    coarse = ifft(centre) * math.sqrt(ny * nx / image.numel())
    return coarse if image.is_complex() else coarse.real


def _parts(image: Tensor) -> Tensor:
    return torch.view_as_real(image).permute(2, 0, 1) if image.is_complex() else image[None]


def _image(parts: Tensor) -> Tensor:
    return torch.complex(parts[0].contiguous(), parts[1].contiguous()) if len(parts) == 2 else parts[0].clamp_min(0)


def _contrasted(image: Tensor, power: float) -> Tensor:
    magnitude = image.abs()
    peak = magnitude.max()
    return image * (magnitude / peak).clamp_min(1e-6) ** (power - 1)


def _shading(size: Sequence[int], strongest: float, rng: np.random.Generator) -> Tensor:
    """Return a random positive field (y, x): detail of all sizes to a twentieth of the image, less of the finer."""
    return (rng.uniform(0, strongest) * random_field(size, _POINTS, rng)).exp()


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
