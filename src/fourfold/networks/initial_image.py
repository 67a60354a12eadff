"""The image that the steps of an unrolled network begin with."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.networks.data_consistency_step import data_consistency_step
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.least_squares import least_squares
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.total_variation import TotalVariationPenalty

__all__ = ["INITIAL_ITERATIONS", "INITIAL_WEIGHT", "regularised_least_squares_image", "total_variation_image"]

INITIAL_ITERATIONS = 10
"""Of conjugate gradients."""
INITIAL_WEIGHT = 0.05
"""Of zeros beside the data, where nothing else was learned."""
# Total variation is within a few hundredths of a decibel of its end then.
_SMOOTHING_ITERATIONS = 30


def regularised_least_squares_image(encoding: Encoding, rhs: Tensor, weight: Tensor) -> Tensor:
    """Return x of least ‖Ax − y‖² + weight · ‖x‖², complex64 (frame, set, y, x), for Aᴴy and a positive scalar."""
    return data_consistency_step(encoding, rhs, torch.zeros_like(rhs), weight, INITIAL_ITERATIONS)


@torch.no_grad()
def total_variation_image(encoding: Encoding, rhs: Tensor, weight: float) -> Tensor:
    """Return the image of total variation of a weight, which is not differentiated: it learns nothing."""
    support = encoding.coil_maps.any(dim=2)
    return minimise(
        least_squares(encoding.normal, rhs),
        TotalVariationPenalty(support),
        weight,
        iterations=_SMOOTHING_ITERATIONS,
        support=support,
    ).x
