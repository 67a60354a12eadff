"""Structural similarity: SSIM on one scale and on several."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from fourfold.metrics.windows import Window, windowed_mean

__all__ = ["MS_SSIM_WEIGHTS", "ms_ssim", "ssim"]

K1, K2 = 0.01, 0.03

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli and Bovik 2003)."""


def ssim(image: Tensor, reference: Tensor, peak: float, window: Window, *, sample_covariance: bool) -> float:
    """Return the mean structural similarity (Wang et al. 2004, Eq. 13), over the pixels whose window fits.

    Parameters
    ----------
    image, reference
        float64, (y, x).
    peak
        The data range L of the constants (0.01 L)² and (0.03 L)².
    window
        Weights of the local means.
    sample_covariance
        Whether the n pixels of a window estimate variances with n − 1 in the denominator, as scikit-image and
        fastMRI do, or with n, as Wang et al. do.
    """
    similarity, _ = _similarity(image, reference, peak, window, sample_covariance=sample_covariance)
    return similarity


def ms_ssim(image: Tensor, reference: Tensor, peak: float, window: Window) -> float:
    """Return the multi-scale structural similarity (Wang, Simoncelli and Bovik 2003, Eq. 7) on five scales.

    Between the scales the images are averaged over 2×2 pixels; an odd last row or column is repeated, as in
    the authors' code. A negative mean contrast term, which has no real power, counts as zero.

    Parameters
    ----------
    image, reference
        float64, (y, x), at least 16·(width − 1) + 1 pixels along either axis.
    peak, window
        As in `ssim`.
    """
    contrasts = []
    for scale in range(len(MS_SSIM_WEIGHTS)):
        if scale > 0:
            image, reference = _halved(image), _halved(reference)
        similarity, contrast = _similarity(image, reference, peak, window, sample_covariance=False)
        contrasts.append(contrast)
    terms = [max(term, 0.0) for term in (*contrasts[:-1], similarity)]
    return math.prod(math.pow(term, weight) for term, weight in zip(terms, MS_SSIM_WEIGHTS, strict=True))


def _similarity(
    image: Tensor, reference: Tensor, peak: float, window: Window, *, sample_covariance: bool
) -> tuple[float, float]:
    """Return the means of the SSIM map and of its contrast-structure factor."""
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    pair = torch.stack([image, reference])
    mean = windowed_mean(pair, window)
    variance = windowed_mean(pair.square(), window) - mean.square()
    covariance = windowed_mean(image * reference, window) - mean.prod(dim=0)
    if sample_covariance:
        pixels = len(window) ** 2
        variance *= pixels / (pixels - 1)
        covariance *= pixels / (pixels - 1)
    contrast = (2 * covariance + c2) / (variance.sum(dim=0) + c2)
    luminance = (2 * mean.prod(dim=0) + c1) / (mean.square().sum(dim=0) + c1)
    return float((luminance * contrast).mean()), float(contrast.mean())


def _halved(image: Tensor) -> Tensor:
    """Return `image` averaged over 2×2 pixels, an odd last row or column repeated."""
    ny, nx = image.shape
    even = pad(image[None, None], (0, nx % 2, 0, ny % 2), mode="replicate")
    return avg_pool2d(even, 2)[0, 0]
