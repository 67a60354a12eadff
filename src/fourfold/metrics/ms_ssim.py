"""Multi-scale structural similarity."""

from __future__ import annotations

from torch import Tensor

from fourfold.metrics.metric import Metric
from fourfold.metrics.structural import ms_ssim
from fourfold.metrics.windows import gaussian

__all__ = ["MS_SSIM"]


def _measure(image: Tensor, reference: Tensor, peak: float) -> float:
    return float(ms_ssim(image, reference, peak, gaussian(11, 1.5)))


MS_SSIM = Metric(
    name="ms-ssim",
    title="MS-SSIM",
    statement=(
        "Multi-scale structural similarity on five scales with the exponents .0448, .2856, .3001, .2363, "
        ".1333 (Wang, Simoncelli and Bovik 2003); Gaussian 11×11 window of σ = 1.5 pixels, K1 = 0.01, "
        "K2 = 0.03, data range = maximum of the reference volume; 2×2 averages between scales, an odd "
        "last row or column repeated; pixels whose window fits; mean over frames."
    ),
    needs="At least 161×161 pixels; a reference that is not zero everywhere.",
    higher_is_better=True,
    measure=_measure,
    smallest=161,
    display_order=50,
)
