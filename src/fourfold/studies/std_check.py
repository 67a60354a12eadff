"""Whether a standard deviation tells how large the error is: coverage, rank correlation, error against it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor

from fourfold.metrics.object_pixels import object_pixels
from fourfold.scan import Reconstruction

__all__ = ["NORMAL_90", "StdCheck", "check_std", "interval_coverage", "rank_correlation"]

NORMAL_90 = 1.645
"""Of a normal distribution, 90 % lie within so many standard deviations of the mean."""
_BINS = 10


@dataclass(frozen=True)
class StdCheck:
    """How a standard deviation compares with the true error in the object."""

    coverage: float
    """Part of the pixels whose reference lies within image ± 1.645 std; 0.90 where errors are normal with this std."""
    spearman: float
    """Rank correlation of standard deviation and absolute error; NaN where either is constant."""
    std: tuple[float, ...]
    """Mean standard deviation of each tenth of the pixels by it, relative to the reference's maximum."""
    error: tuple[float, ...]
    """Root of the mean squared error of the same pixels: equal to `std` where that is right."""
    interval_coverage: float | None = None
    """Part of the pixels whose reference lies in the reconstruction's interval; None without one."""

    def words(self) -> str:
        """Return the coverage in a sentence."""
        held = self.interval_coverage
        own = "" if held is None else f", its calibrated interval in {100 * held:.0f} %"
        return f"image ± 1.645 std holds the reference in {100 * self.coverage:.0f} % of the object's pixels{own}."


def check_std(made: Reconstruction, reference: Tensor) -> StdCheck | None:
    """Return how the standard deviation of a reconstruction compares with its error; None without one.

    Parameters
    ----------
    made
        A reconstruction.
    reference
        float32, (frame, y, x). The object is where it exceeds a tenth of its maximum.
    """
    if made.std is None:
        return None
    truth = reference.cpu()
    peak = float(truth.max())
    inside = object_pixels(truth, peak)
    errors = ((made.magnitude.cpu() - truth).abs()[inside] / peak).double().numpy()
    stds = (made.std.cpu()[inside] / peak).double().numpy()
    parts = np.array_split(np.argsort(stds, kind="stable"), min(_BINS, len(stds)))
    return StdCheck(
        interval_coverage(made.magnitude.cpu(), made.std.cpu(), truth),
        rank_correlation(stds, errors),
        tuple(float(stds[part].mean()) for part in parts),
        tuple(float(np.sqrt(np.square(errors[part]).mean())) for part in parts),
        None if made.interval is None else _held(made.interval.cpu(), truth, inside),
    )


def interval_coverage(image: Tensor, std: Tensor, reference: Tensor) -> float:
    """Return the share of the object's pixels whose reference lies within image ± 1.645 std.

    Where errors are normally distributed and `std` is their standard deviation it is 0.90.

    Parameters
    ----------
    image, std, reference
        float32, (frame, y, x). The object is where the reference exceeds a tenth of its maximum.
    """
    inside = object_pixels(reference, float(reference.max()))
    covered = (image - reference).abs() <= NORMAL_90 * std
    return float(covered[inside].float().mean())


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation of two arrays (pixel,); NaN where one is constant."""
    ranks = rankdata(one), rankdata(other)
    deviations = [each - each.mean() for each in ranks]
    norms = float(np.linalg.norm(deviations[0]) * np.linalg.norm(deviations[1]))
    return float(deviations[0] @ deviations[1]) / norms if norms else float("nan")


def _held(interval: Tensor, reference: Tensor, inside: Tensor) -> float:
    lower, upper = interval
    return float(((lower <= reference) & (reference <= upper))[inside].float().mean())
