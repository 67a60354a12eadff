"""Structural similarity as the fastMRI challenges compute it."""

from __future__ import annotations

from torch import Tensor

from fourfold.metrics.metric import Metric
from fourfold.metrics.structural import ssim
from fourfold.metrics.windows import box

__all__ = ["FASTMRI_SSIM"]


def _measure(image: Tensor, reference: Tensor, peak: float) -> float:
    return float(ssim(image, reference, peak, box(7), sample_covariance=True))


FASTMRI_SSIM = Metric(
    name="fastmri-ssim",
    title="SSIM 7×7 (fastMRI)",
    statement=(
        "Structural similarity with a uniform 7×7 window, K1 = 0.01, K2 = 0.03, sample covariance "
        "(n − 1), data range = maximum of the reference volume; pixels whose window fits; mean over "
        "frames (fastMRI's convention, scikit-image's defaults)."
    ),
    needs="At least 7×7 pixels; a reference that is not zero everywhere.",
    higher_is_better=True,
    measure=_measure,
    smallest=7,
    display_order=30,
)
