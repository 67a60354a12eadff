"""Peak signal-to-noise ratio of the object's pixels."""

from __future__ import annotations

from torch import Tensor

from fourfold.metrics.metric import Metric
from fourfold.metrics.object_pixels import object_pixels
from fourfold.metrics.psnr import psnr

__all__ = ["OBJECT_PSNR"]


def _object_psnr(image: Tensor, reference: Tensor, peak: float) -> float:
    inside = object_pixels(reference, peak)
    return psnr(image[inside], reference[inside], peak)


OBJECT_PSNR = Metric(
    name="object-psnr",
    title="PSNR in the object (dB)",
    statement=(
        "10·log10(L²/MSE) in dB; L is the maximum of the reference volume, MSE the squared error averaged over the "
        "object's pixels of the volume, where the reference exceeds L/10. In air a root-sum-of-squares reference holds "
        "noise alone."
    ),
    needs="Any size; a reference that is not zero everywhere.",
    higher_is_better=True,
    measure=_object_psnr,
    decimals=2,
    pooled=True,
    by_name_only=True,
)
