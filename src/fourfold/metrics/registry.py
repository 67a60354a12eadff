"""The named metrics: a score goes with its window, data range and averaging, so each has a name."""

from __future__ import annotations

from torch import Tensor

from fourfold.errors import InputError, nearest
from fourfold.metrics.information import vif
from fourfold.metrics.metric import Metric
from fourfold.metrics.squared_error import nmse, psnr, snr_db
from fourfold.metrics.structural import ms_ssim, ssim
from fourfold.metrics.windows import box, gaussian

__all__ = ["METRICS", "find_metric", "score", "score_frames"]


def _fastmri_ssim(image: Tensor, reference: Tensor, peak: float) -> float:
    return float(ssim(image, reference, peak, box(7), sample_covariance=True))


def _ssim_3x3(image: Tensor, reference: Tensor, peak: float) -> float:  # noqa: ARG001  # each frame has its own peak
    return float(ssim(image, reference, reference.max(), box(3), sample_covariance=False))


def _ms_ssim(image: Tensor, reference: Tensor, peak: float) -> float:
    return float(ms_ssim(image, reference, peak, gaussian(11, 1.5)))


_ANY_SIZE = "Any size; a reference that is not zero everywhere."

_ALL = (
    Metric(
        name="psnr",
        title="PSNR (dB)",
        statement=(
            "Peak signal-to-noise ratio 10·log10(L²/MSE) in dB; L is the maximum of the reference volume, "
            "MSE the squared error averaged over all pixels of the volume (fastMRI's convention)."
        ),
        needs=_ANY_SIZE,
        higher_is_better=True,
        measure=psnr,
        decimals=2,
        pooled=True,
    ),
    Metric(
        name="nmse",
        title="NMSE",
        statement=(
            "Normalised mean squared error ‖image − reference‖² / ‖reference‖² over all pixels of the volume "
            "(fastMRI's convention)."
        ),
        needs=_ANY_SIZE,
        higher_is_better=False,
        measure=lambda image, reference, _: nmse(image, reference),
        pooled=True,
    ),
    Metric(
        name="fastmri-ssim",
        title="SSIM 7×7 (fastMRI)",
        statement=(
            "Structural similarity with a uniform 7×7 window, K1 = 0.01, K2 = 0.03, sample covariance "
            "(n − 1), data range = maximum of the reference volume; pixels whose window fits; mean over "
            "frames (fastMRI's convention, scikit-image's defaults)."
        ),
        needs="At least 7×7 pixels; a reference that is not zero everywhere.",
        higher_is_better=True,
        measure=_fastmri_ssim,
        smallest=7,
    ),
    Metric(
        name="ssim-3x3",
        title="SSIM 3×3",
        statement=(
            "Structural similarity with a uniform 3×3 window, k1 = 0.01, k2 = 0.03, local moments with n in "
            "the denominator, data range = maximum of each reference frame; pixels whose window fits; mean "
            "over frames (Ghodrati et al. 2019)."
        ),
        needs="At least 3×3 pixels; signal in every frame of the reference.",
        higher_is_better=True,
        measure=_ssim_3x3,
        smallest=3,
        frame_content="signal",
    ),
    Metric(
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
        measure=_ms_ssim,
        smallest=161,
    ),
    Metric(
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
    ),
    Metric(
        name="snr-db",
        title="SNR (dB)",
        statement=(
            "Signal-to-noise ratio 20·log10(‖reference‖ / ‖image − reference‖) in dB of each frame; mean "
            "over frames (Ghodrati et al. 2019)."
        ),
        needs="Any size; signal in every frame of the reference.",
        higher_is_better=True,
        measure=lambda image, reference, _: snr_db(image, reference),
        decimals=2,
        frame_content="signal",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""All metrics by name."""


def find_metric(name: str) -> Metric:
    """Return the metric called `name`; raises InputError with the nearest name for a typo."""
    if name not in METRICS:
        known = ", ".join(METRICS)
        raise InputError(f"There is no metric '{name}'; known are {known}.{nearest(name, METRICS)}")
    return METRICS[name]


def score(image: Tensor, reference: Tensor, metric: str) -> float:
    """Return the score of a magnitude image against its reference.

    Parameters
    ----------
    image, reference
        float32 or float64, (frame, y, x), non-negative, in the same units.
    metric
        A name of `METRICS`, which says how frames are averaged and what the images must offer.

    Raises
    ------
    InputError
        For an unknown metric, and for images that do not suit it: complex, negative, NaN, of different
        shapes, too small, or a reference without signal.
    """
    return find_metric(metric).evaluate(image, reference)[0]


def score_frames(image: Tensor, reference: Tensor, metric: str) -> tuple[float, ...]:
    """Return the scores of the single frames; a volume's data range stays that of the whole volume.

    Their mean is the `score`, but for the pooled metrics (PSNR and NMSE), which take the pixels of all
    frames together. NMSE of a frame without signal is infinite or NaN. Parameters and errors as in `score`.
    """
    return find_metric(metric).evaluate(image, reference)[1]
