"""How often the reference lies in a method's interval, in the object alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fourfold.metrics.object_pixels import object_pixels
from fourfold.scan import Reconstruction
from fourfold.studies.scan_set import ScanSet
from fourfold.studies.scores import Evaluation

__all__ = ["COVERAGE", "CoverageScanSet", "interval_coverage"]

# Of a normal distribution, 90 % lie within so many standard deviations of the mean.
_DEVIATIONS = 1.645

COVERAGE = "coverage"
"""Name of the coverage among the scores of an image."""


def interval_coverage(image: Tensor, std: Tensor, reference: Tensor) -> float:
    """Return the share of the object's pixels whose reference lies within image ± 1.645 std.

    Where errors are normally distributed and `std` is their standard deviation it is 0.90.

    Parameters
    ----------
    image, std, reference
        float32, (frame, y, x). The object is where the reference exceeds a tenth of its maximum.
    """
    inside = object_pixels(reference, float(reference.max()))
    covered = (image - reference).abs() <= _DEVIATIONS * std
    return float(covered[inside].float().mean())


class CoverageScanSet(ScanSet):
    """Scans whose scores hold the coverage, NaN for a method without a standard deviation."""

    @torch.no_grad()
    def evaluate(self, reconstruction: Reconstruction, index: int, reference: Tensor) -> Evaluation:
        """Return the scores of a test set, and the coverage."""
        std, evaluation = reconstruction.std, super().evaluate(reconstruction, index, reference)
        covered = (
            math.nan if std is None else interval_coverage(reconstruction.magnitude.cpu(), std.cpu(), reference.cpu())
        )
        return {**evaluation, COVERAGE: covered}
