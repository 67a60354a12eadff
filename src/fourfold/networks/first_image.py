"""The image that the steps of an unrolled network begin with."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.networks.consistent_step import consistent_step
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.data_term import DataTerm
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.total_variation import TotalVariationPenalty

__all__ = ["FIRST_ITERATIONS", "FIRST_WEIGHT", "damped_image", "smooth_image"]

FIRST_ITERATIONS = 10
"""Of conjugate gradients."""
FIRST_WEIGHT = 0.05
"""Of zeros beside the data, where nothing else was learned."""
# Total variation is within a few hundredths of a decibel of its end then.
_SMOOTHING_ITERATIONS = 30


def damped_image(encoding: Encoding, rhs: Tensor, weight: Tensor) -> Tensor:
    """Return x of least ‖Ax − y‖² + weight · ‖x‖², complex64 (frame, set, y, x), for Aᴴy and a positive scalar."""
    return consistent_step(encoding, rhs, torch.zeros_like(rhs), weight, FIRST_ITERATIONS)


@torch.no_grad()
def smooth_image(encoding: Encoding, rhs: Tensor, weight: float) -> Tensor:
    """Return the image of total variation of a weight, which is not differentiated: it learns nothing."""
    support = encoding.coil_maps.any(dim=2)
    return minimise(
        DataTerm(encoding.normal, rhs, 0.0),
        TotalVariationPenalty(support),
        weight,
        iterations=_SMOOTHING_ITERATIONS,
        support=support,
    ).x
