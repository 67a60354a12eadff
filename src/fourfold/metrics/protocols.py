"""The named protocols: a score goes with its window, data range and averaging, so each has a name."""

from __future__ import annotations

from torch import Tensor

from fourfold.errors import InputError, nearest
from fourfold.metrics.information import vif
from fourfold.metrics.protocol import Protocol
from fourfold.metrics.squared_error import nmse, psnr, snr_db
from fourfold.metrics.structural import ms_ssim, ssim
from fourfold.metrics.windows import box, gaussian

__all__ = ["PROTOCOLS", "find_protocol", "score", "score_frames"]


def _fastmri_ssim(image: Tensor, reference: Tensor, peak: float) -> float:
    return float(ssim(image, reference, peak, box(7), sample_covariance=True))


def _ssim_3x3(image: Tensor, reference: Tensor, peak: float) -> float:  # noqa: ARG001  # each frame has its own peak
    return float(ssim(image, reference, reference.max(), box(3), sample_covariance=False))


def _ms_ssim(image: Tensor, reference: Tensor, peak: float) -> float:
    return float(ms_ssim(image, reference, peak, gaussian(11, 1.5)))


_ANY_SIZE = "Any size; a reference that is not zero everywhere."

_ALL = (
    Protocol(
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
    Protocol(
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
    Protocol(
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
    Protocol(
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
    Protocol(
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
    Protocol(
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
    Protocol(
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

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}
"""All protocols by name."""


def find_protocol(name: str) -> Protocol:
    """Return the protocol called `name`; raises InputError with the nearest name for a typo."""
    if name not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise InputError(f"There is no metric protocol '{name}'; known are {known}.{nearest(name, PROTOCOLS)}")
    return PROTOCOLS[name]


def score(image: Tensor, reference: Tensor, protocol: str) -> float:
    """Return the score of a magnitude image against its reference.

    Parameters
    ----------
    image, reference
        float32 or float64, (frame, y, x), non-negative, in the same units.
    protocol
        A name of `PROTOCOLS`, which says how frames are averaged and what the images must offer.

    Raises
    ------
    InputError
        For an unknown protocol, and for images that do not suit it: complex, negative, NaN, of different
        shapes, too small, or a reference without signal.
    """
    return find_protocol(protocol).evaluate(image, reference)[0]


def score_frames(image: Tensor, reference: Tensor, protocol: str) -> tuple[float, ...]:
    """Return the scores of the single frames; a volume's data range stays that of the whole volume.

    Their mean is the `score`, but for the pooled protocols (PSNR and NMSE), which take the pixels of all
    frames together. NMSE of a frame without signal is infinite or NaN. Parameters and errors as in `score`.
    """
    return find_protocol(protocol).evaluate(image, reference)[1]
