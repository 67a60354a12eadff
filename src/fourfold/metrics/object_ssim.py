"""Structural similarity of the object's pixels."""

from __future__ import annotations

from torch import Tensor

from fourfold.metrics.metric import Metric
from fourfold.metrics.object_pixels import object_pixels
from fourfold.metrics.structural import similarity_maps
from fourfold.metrics.windows import box, windowed_mean

__all__ = ["OBJECT_SSIM"]

_WIDTH = 7


def _object_ssim(image: Tensor, reference: Tensor, peak: float) -> float:
    window, margin, pixels = box(_WIDTH), _WIDTH // 2, _WIDTH**2
    similarity, _ = similarity_maps(
        image, reference, peak, lambda x: windowed_mean(x, window), correction=pixels / (pixels - 1)
    )
    inside = object_pixels(reference, peak)[..., margin:-margin, margin:-margin]
    return float(similarity[inside].mean())


OBJECT_SSIM = Metric(
    name="object-ssim",
    title="SSIM 7×7 in the object",
    statement=(
        "The local structural similarity of fastmri-ssim, averaged over the object's pixels of the volume, where the "
        "reference exceeds a tenth of its maximum and the window fits. In air a root-sum-of-squares reference holds "
        "noise alone."
    ),
    needs="At least 7×7 pixels; a reference that is not zero everywhere.",
    higher_is_better=True,
    measure=_object_ssim,
    smallest=_WIDTH,
    pooled=True,
    by_name_only=True,
)
