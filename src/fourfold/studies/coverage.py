"""How often the reference lies in a method's interval, in the object alone."""

from __future__ import annotations

import math

import torch

from fourfold.scan import Reconstruction
from fourfold.studies.scan_set import ScanSet
from fourfold.studies.scores import Evaluation
from fourfold.studies.std_check import interval_coverage
from fourfold.studies.test_set import TestImage

__all__ = ["COVERAGE", "CoverageScanSet"]

COVERAGE = "coverage"
"""Name of the coverage among the scores of an image."""


class CoverageScanSet(ScanSet):
    """Scans whose scores hold the coverage, NaN for a method without a standard deviation."""

    @torch.no_grad()
    def evaluate(self, reconstruction: Reconstruction, image: TestImage) -> Evaluation:
        """Return the scores of a test set, and the coverage."""
        std, reference, evaluation = reconstruction.std, image.reference.cpu(), super().evaluate(reconstruction, image)
        covered = math.nan if std is None else interval_coverage(reconstruction.magnitude.cpu(), std.cpu(), reference)
        return {**evaluation, COVERAGE: covered}
