"""Crops and random augmentation of training images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate, pad

from fourfold.datasets.random_field import random_field
from fourfold.datasets.random_streams import RandomStreams
from fourfold.datasets.settings import Augmentation
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import centre_slice, crop_centre

__all__ = ["augment_image", "crop_or_pad", "flip"]

# Sides of the grids of random numbers that the shading is interpolated from.
_GRID_SIDES = (3, 6, 12, 24)


def augment_image(image: Tensor, settings: Augmentation, streams: RandomStreams) -> Tensor:
    """Return an image (y, x) with random rotation, zoom, contrast, shading and resolution, as the settings say."""
    if settings.rotation:
        image = _rotated(
            image, math.radians(streams.numpy_generator("rotation").uniform(-settings.rotation, settings.rotation))
        )
    if settings.zoom != (1.0, 1.0):
        image = _enlarged(image, streams.log_uniform("zoom", settings.zoom))
    if settings.contrast:
        limit = -math.log(1 - settings.contrast)
        image = _contrasted(image, math.exp(streams.numpy_generator("contrast").uniform(-limit, limit)))
    if settings.shading:
        image = image * _shading(image.shape, settings.shading, streams.numpy_generator("shading"))
    if settings.resolution != (1.0, 1.0):
        image = _coarsened(image, streams.log_uniform("resolution", settings.resolution))
    return image


def flip(images: Tensor, streams: RandomStreams) -> Tensor:
    """Return images (…, y, x) mirrored along either axis, each with probability 0.5."""
    axes = [
        axis for axis, chosen in zip((-2, -1), streams.numpy_generator("flip").random(2) < 0.5, strict=True) if chosen
    ]
    return images.flip(axes) if axes else images


def _rotated(image: Tensor, angle: float) -> Tensor:
    ny, nx = image.shape
    cosine, sine = math.cos(angle), math.sin(angle)
    # The axes of grid_sample run from -1 to 1 for every size.
    turn = torch.tensor([[[cosine, -sine * ny / nx, 0.0], [sine * nx / ny, cosine, 0.0]]])
    parts = _parts(image)
    grid = affine_grid(turn, [1, len(parts), ny, nx], align_corners=False)
    return _image(grid_sample(parts[None], grid, mode="bicubic", align_corners=False)[0])


def _enlarged(image: Tensor, factor: float) -> Tensor:
    size = [max(1, round(factor * length)) for length in image.shape]
    return _image(interpolate(_parts(image)[None], size, mode="bicubic", antialias=True)[0])


def _coarsened(image: Tensor, fraction: float) -> Tensor:
    """Return the image of the central `fraction` of its k-space, with the same number of pixels; real stays real."""
    ny, nx = (max(1, round(fraction * length)) for length in image.shape)
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


def _shading(size: Sequence[int], max_deviation: float, rng: np.random.Generator) -> Tensor:
    """Return a random positive field (y, x) whose logarithm has a standard deviation up to `max_deviation`."""
    return (rng.uniform(0, max_deviation) * random_field(size, _GRID_SIDES, rng)).exp()


def crop_or_pad(images: Tensor, size: tuple[int, int], rng: np.random.Generator | None = None) -> Tensor:
    """Return images (…, y, x) cropped or zero-padded to `size`, around the centre or at a random position.

    Parameters
    ----------
    images
        The images; without padding a view is returned.
    size
        (ny, nx).
    rng
        Generator of the position of the crop; None takes the centre.
    """
    for axis, wanted in zip((-2, -1), size, strict=True):
        full = images.shape[axis]
        if full > wanted:
            start = centre_slice(full, wanted).start if rng is None else int(rng.integers(full - wanted + 1))
            images = images.narrow(axis, start, wanted)
        elif full < wanted:
            inside = centre_slice(wanted, full)
            widths = [inside.start, wanted - inside.stop]
            images = pad(images, [0, 0, *widths] if axis == -2 else widths)
    return images
