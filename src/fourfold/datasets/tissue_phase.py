"""Phase differences between tissues, which a smooth phase lacks."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from fourfold.datasets.random_field import random_field
from fourfold.simulation.simulate import in_object

__all__ = ["tissue_phase"]

_WAVES = 3
# Sides of the grids of the random field: veins and air spaces are a few pixels wide.
_GRID_SIDES = (12, 24, 48, 96)
# Largest standard deviation of the field, relative to that of the phase that follows the brightness.
_FIELD = 0.5


def tissue_phase(image: Tensor, max_deviation: float, rng: np.random.Generator) -> Tensor:
    """Return a random phase in radians, float32 (y, x), that follows the tissues of an image and varies finely.

    The first part is a random smooth function of the brightness, because fat, blood and brain differ in resonance
    frequency. The second is a random field of at most half that amplitude. A network trained on smooth phases only
    relies on the conjugate symmetry of k-space that they imply, and fails on measured data.

    Parameters
    ----------
    image
        float32 or complex64, (y, x), not zero everywhere.
    max_deviation
        Largest standard deviation of the first part within the object, in radians.
    rng
        Random generator.
    """
    inside = in_object(image)
    magnitude = image.abs()
    brightness = magnitude / magnitude[inside].quantile(0.95)
    waves = torch.zeros_like(brightness)
    for wave in range(1, _WAVES + 1):
        waves += rng.standard_normal() / wave * (math.pi * wave * brightness + rng.uniform(0, 2 * math.pi)).cos()
    waves /= waves[inside].std().clamp_min(1e-3)
    field = random_field(image.shape, _GRID_SIDES, rng)
    return rng.uniform(0, max_deviation) * waves + rng.uniform(0, _FIELD * max_deviation) * field
