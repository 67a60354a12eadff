"""Visual information fidelity."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.metrics.metric import Metric
from fourfold.metrics.windows import gaussian, windowed_mean

__all__ = ["VIF", "vif"]


# Of the published code: the variance of the visual noise, for intensities up to 255, and a guard against 0/0.
_NOISE = 2.0
_WHITE = 255.0
_SMALL = 1e-10


def vif(image: Tensor, reference: Tensor, peak: float) -> float:
    """Return the pixel-domain visual information fidelity, VIFp (Sheikh and Bovik 2006, published code).

    The share of the reference's information that survives in the image, seen under additive visual noise on
    four scales. The noise has a fixed variance, so the result depends on the intensity scale.

    Parameters
    ----------
    image, reference
        float64, (y, x), at least 41 pixels along either axis.
    peak
        Intensity that counts as 255 in both images.
    """
    # Only variances enter, so taking away the mean changes nothing but the rounding errors.
    pair = (torch.stack([image, reference]) - reference.mean()) * (_WHITE / peak)
    preserved = total = 0.0
    for scale in range(4):
        width = 2 ** (4 - scale) + 1
        window = gaussian(width, width / 5)
        if scale > 0:
            pair = windowed_mean(pair, window)[..., ::2, ::2]
        mean = windowed_mean(pair, window)
        variance = (windowed_mean(pair.square(), window) - mean.square()).clamp_min(0)
        covariance = windowed_mean(pair.prod(dim=0), window) - mean.prod(dim=0)
        gain, residual, signal = _channel(variance[0], variance[1], covariance)
        preserved += float(torch.log1p(gain.square() * signal / (residual + _NOISE)).sum())
        total += float(torch.log1p(signal / _NOISE).sum())
    return preserved / total


def _channel(image: Tensor, reference: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return gain, residual variance and signal variance of the model image = gain · reference + residual."""
    gain = covariance / (reference + _SMALL)
    residual = image - gain * covariance
    flat = reference < _SMALL
    unrelated = flat | (gain < 0)
    gain = torch.where(unrelated | (image < _SMALL), 0, gain)
    residual = torch.where(unrelated, image, residual).clamp_min(_SMALL)
    return gain, residual, torch.where(flat, 0, reference)


VIF = Metric(
    name="vif",
    title="VIF (pixel domain)",
    statement=(
        "Visual information fidelity in the pixel domain, VIFp (Sheikh and Bovik 2006), four scales, "
        "noise variance 2 on an intensity scale on which the maximum of the reference volume is 255; "
        "mean over frames."
    ),
    needs="At least 41×41 pixels; contrast in every frame of the reference.",
    higher_is_better=True,
    measure=vif,
    smallest=41,
    frame_content="contrast",
    display_order=60,
)
