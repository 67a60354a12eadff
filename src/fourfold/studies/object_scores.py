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
from fourfold.studies.std_check import interval_coverage

__all__ = ["COVERAGE", "OBJECT_PSNR", "ObjectScanSet"]

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


class ObjectScanSet(ScanSet):
    """Scans whose scores hold the coverage, NaN for a method without a standard deviation."""

    @torch.no_grad()
    def evaluate(self, reconstruction: Reconstruction, index: int, reference: Tensor) -> Evaluation:
        """Return the scores of a test set, and the coverage."""
        std, evaluation = reconstruction.std, super().evaluate(reconstruction, index, reference)
        covered = (
            math.nan if std is None else interval_coverage(reconstruction.magnitude.cpu(), std.cpu(), reference.cpu())
        )
        return {**evaluation, COVERAGE: covered}
