"""Structural similarity: SSIM on one scale and on several."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from fourfold.metrics.windows import Window, windowed_mean

__all__ = ["MS_SSIM_WEIGHTS", "ms_ssim", "similarity_maps", "ssim"]

K1, K2 = 0.01, 0.03

MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli and Bovik 2003)."""


def ssim(image: Tensor, reference: Tensor, peak: float | Tensor, window: Window, *, sample_covariance: bool) -> Tensor:
    """Return the mean structural similarity (Wang et al. 2004, Eq. 13), over the pixels whose window fits.

    Differentiable in both images.

    Parameters
    ----------
    image, reference
        Real, (…, y, x).
    peak
        The data range L of the constants (0.01 L)² and (0.03 L)², one or (…, 1, 1).
    window
        Weights of the local means.
    sample_covariance
        Whether the n pixels of a window estimate variances with n − 1 in the denominator, as scikit-image and
        fastMRI do, or with n, as Wang et al. do.

    Returns
    -------
    Tensor
        (…), of the images' dtype.
    """
    pixels = len(window) ** 2
    correction = pixels / (pixels - 1) if sample_covariance else 1.0
    similarity, _ = similarity_maps(image, reference, peak, lambda x: windowed_mean(x, window), correction)
    return similarity.mean(dim=(-2, -1))


def ms_ssim(image: Tensor, reference: Tensor, peak: float | Tensor, window: Window) -> Tensor:
    """Return the multi-scale structural similarity (Wang, Simoncelli and Bovik 2003, Eq. 7) on five scales.

    Between the scales the images are averaged over 2×2 pixels; an odd last row or column is repeated, as in
    the authors' code. A negative mean contrast term, which has no real power, counts as the smallest positive number,
    so that the other scales keep a gradient.

    Parameters
    ----------
    image, reference
        Real, (…, y, x), at least 16·(width − 1) + 1 pixels along either axis.
    peak, window
        As in `ssim`.

    Returns
    -------
    Tensor
        (…), of the images' dtype.
    """
    product = image.new_ones(())
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        if scale > 0:
            image, reference = _halved(image), _halved(reference)
        similarity, contrast = similarity_maps(image, reference, peak, lambda x: windowed_mean(x, window))
        term = (similarity if scale == len(MS_SSIM_WEIGHTS) - 1 else contrast).mean(dim=(-2, -1))
        product = product * term.clamp_min(torch.finfo(term.dtype).tiny) ** weight
    return product


def similarity_maps(
    image: Tensor,
    reference: Tensor,
    peak: float | Tensor,
    mean: Callable[[Tensor], Tensor],
    correction: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return the SSIM map and its contrast-structure factor for local means taken by `mean`.

    Parameters
    ----------
    image, reference, peak
        As in `ssim`.
    mean
        Local means of (…, y, x).
    correction
        Factor on variances and covariance.
    """
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    pair = torch.stack([image, reference])
    means = mean(pair)
    variance = (mean(pair.square()) - means.square()) * correction
    covariance = (mean(image * reference) - means.prod(dim=0)) * correction
    contrast = (2 * covariance + c2) / (variance.sum(dim=0) + c2)
    luminance = (2 * means.prod(dim=0) + c1) / (means.square().sum(dim=0) + c1)
    return luminance * contrast, contrast


def _halved(images: Tensor) -> Tensor:
    """Return images (…, y, x) averaged over 2×2 pixels, an odd last row or column repeated."""
    ny, nx = images.shape[-2:]
    even = pad(images.reshape(-1, 1, ny, nx), (0, nx % 2, 0, ny % 2), mode="replicate")
    return avg_pool2d(even, 2).reshape(*images.shape[:-2], (ny + 1) // 2, (nx + 1) // 2)
