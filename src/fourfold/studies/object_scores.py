"""Scores in the object alone: PSNR, and how often the reference lies in a method's interval."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.metrics import Metric
from fourfold.metrics.psnr import psnr
from fourfold.scan import Reconstruction
from fourfold.simulation.simulate import in_object
from fourfold.studies.scan_set import ScanSet
from fourfold.studies.scores import Evaluation
from fourfold.studies.test_set import TestImage

__all__ = ["COVERAGE", "OBJECT_PSNR", "ObjectScanSet", "interval_coverage"]

# Of a normal distribution, 90 % lie within so many standard deviations of the mean.
_DEVIATIONS = 1.645

COVERAGE = "coverage"
"""Name of the coverage among the scores of an image."""


def _object_psnr(image: Tensor, reference: Tensor, peak: float) -> float:
    inside = in_object(reference)
    return psnr(image[inside], reference[inside], peak)


OBJECT_PSNR = Metric(
    name="object-psnr",
    title="PSNR in the object (dB)",
    statement=(
        "10·log10(L²/MSE) in dB; L is the maximum of the reference, MSE the squared error averaged over the pixels "
        "where the reference exceeds a tenth of L. In air a root-sum-of-squares reference holds noise alone."
    ),
    needs="Any size; a reference that is not zero everywhere.",
    higher_is_better=True,
    measure=_object_psnr,
    decimals=2,
    pooled=True,
)
"""PSNR of the object's pixels."""


def interval_coverage(image: Tensor, std: Tensor, reference: Tensor) -> float:
    """Return the share of the object's pixels whose reference lies within image ± 1.645 std.

    Where errors are normally distributed and `std` is their standard deviation it is 0.90.

    Parameters
    ----------
    image, std, reference
        float32, (frame, y, x). The object is where the reference exceeds a tenth of its maximum.
    """
    inside = in_object(reference)
    covered = (image - reference).abs() <= _DEVIATIONS * std
    return float(covered[inside].float().mean())


class ObjectScanSet(ScanSet):
    """Scans whose scores hold the coverage, NaN for a method without a standard deviation."""

    @torch.no_grad()
    def evaluate(self, reconstruction: Reconstruction, image: TestImage) -> Evaluation:
        """Return the scores of a test set, and the coverage."""
        std, reference, evaluation = reconstruction.std, image.reference.cpu(), super().evaluate(reconstruction, image)
        covered = math.nan if std is None else interval_coverage(reconstruction.magnitude.cpu(), std.cpu(), reference)
        return {**evaluation, COVERAGE: covered}
