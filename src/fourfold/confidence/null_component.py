"""The null component: what of an image no measured sample tells."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.conjugate_gradient import conjugate_gradient

__all__ = ["null_component"]

_ITERATIONS, _TOLERANCE = 60, 1e-3


def null_component(image: Tensor, mask: Tensor, maps: Tensor, noise: float) -> Tensor:
    """Return the part of an image that the samples do not determine better than their noise.

    It is x − (AᴴA + δ)⁻¹ AᴴA x, which for δ → 0 is the projection onto the null space of A. Components of x whose
    samples are weaker than the noise count as not measured: δ is the noise's variance over the mean energy of a pixel.

    Parameters
    ----------
    image
        x, complex64, (frame, y, x).
    mask
        bool, (frame or 1, ky, kx).
    maps
        complex64, (frame or 1, coil, y, x), of unit norm.
    noise
        Variance of the complex noise of a sample of one coil, in the image's units squared.

    Returns
    -------
    Tensor
        complex64, (frame, y, x).
    """
    encoding = Encoding(mask, maps[:, None])
    x = image[:, None]
    energy = float(x.abs().square().mean())
    ridge = max(noise / energy, 1e-4) if energy > 0 else 1.0

    def system(image: Tensor) -> Tensor:
        return torch.add(encoding.normal(image), image, alpha=ridge)

    seen, _ = conjugate_gradient(system, encoding.normal(x), iterations=_ITERATIONS, tolerance=_TOLERANCE)
    return (x - seen)[:, 0]
