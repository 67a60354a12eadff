"""Structural similarity as Ghodrati et al. (2019) compute it."""

from __future__ import annotations

from torch import Tensor

from fourfold.metrics.metric import Metric
from fourfold.metrics.structural import ssim
from fourfold.metrics.windows import box

__all__ = ["SSIM_3X3"]


def _measure(image: Tensor, reference: Tensor, peak: float) -> float:  # noqa: ARG001  # each frame has its own peak
    return float(ssim(image, reference, reference.max(), box(3), sample_covariance=False))


SSIM_3X3 = Metric(
    name="ssim-3x3",
    title="SSIM 3×3",
    statement=(
        "Structural similarity with a uniform 3×3 window, k1 = 0.01, k2 = 0.03, local moments with n in "
        "the denominator, data range = maximum of each reference frame; pixels whose window fits; mean "
        "over frames (Ghodrati et al. 2019)."
    ),
    needs="At least 3×3 pixels; signal in every frame of the reference.",
    higher_is_better=True,
    measure=_measure,
    smallest=3,
    frame_content="signal",
    display_order=40,
)
