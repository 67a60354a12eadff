"""Peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.metrics.metric import Metric

__all__ = ["PSNR", "psnr"]


def psnr(image: Tensor, reference: Tensor, peak: float) -> float:
    """Return the peak signal-to-noise ratio 10·log₁₀(peak² / MSE) in dB; infinite when equal."""
    return float(10 * torch.log10(peak**2 / (image - reference).square().mean()))


PSNR = Metric(
    name="psnr",
    title="PSNR (dB)",
    statement=(
        "Peak signal-to-noise ratio 10·log10(L²/MSE) in dB; L is the maximum of the reference volume, "
        "MSE the squared error averaged over all pixels of the volume (fastMRI's convention)."
    ),
    needs="Any size; a reference that is not zero everywhere.",
    higher_is_better=True,
    measure=psnr,
    decimals=2,
    pooled=True,
    display_order=10,
)
