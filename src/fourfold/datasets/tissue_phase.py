"""The phase in which tissues differ: what a smooth phase lacks beside a scanner's."""

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
_POINTS = (12, 24, 48, 96)
# Of the field, beside the phase that follows the brightness.
_FIELD = 0.5


def tissue_phase(image: Tensor, strongest: float, rng: np.random.Generator) -> Tensor:
    """Return a random phase in radians, float32 (y, x), that follows the tissues of an image and varies finely.

    One part is a random smooth function of the brightness, since fat, blood and brain precess at frequencies of their
    own; the other a random field, of half the strength at most. A network that saw smooth phases alone relies on
    them, for they make one half of k-space tell the other, and fails on measured data.

    Parameters
    ----------
    image
        float32 or complex64, (y, x), not zero throughout.
    strongest
        Standard deviation within the object up to which the first part is drawn.
    rng
        Where the numbers come from.
    """
    inside = in_object(image)
    magnitude = image.abs()
    brightness = magnitude / magnitude[inside].quantile(0.95)
    waves = torch.zeros_like(brightness)
    for wave in range(1, _WAVES + 1):
        waves += rng.standard_normal() / wave * (math.pi * wave * brightness + rng.uniform(0, 2 * math.pi)).cos()
    waves /= waves[inside].std().clamp_min(1e-3)
    field = random_field(image.shape, _POINTS, rng)
    return rng.uniform(0, strongest) * waves + rng.uniform(0, _FIELD * strongest) * field
