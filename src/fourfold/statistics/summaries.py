"""Mean, spread and confidence interval of scores over subjects."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["LEVEL", "Summary", "bootstrap_interval", "summarise"]

LEVEL = 0.95
"""Confidence level of the intervals."""

# Of two subjects there are three different means of draws, too few for an interval.
_FEWEST = 3
_DRAWS = 4999


@dataclass(frozen=True)
class Summary:
    """Scores of one method over subjects. What needs more subjects than there are is NaN."""

    count: int
    mean: float
    deviation: float
    """Sample standard deviation."""
    quartiles: tuple[float, float, float]
    """25 %, median, 75 %."""
    interval: tuple[float, float]
    """95 % confidence interval of the mean."""


def summarise(values: NDArray[np.float64], seed: int = 0) -> Summary:
    """Return the summary of one value for each subject, at least one.

    Parameters
    ----------
    values
        (subject).
    seed
        Of the bootstrap.
    """
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Summary(
        len(values), float(np.mean(values)), deviation, (low, median, high), bootstrap_interval(values, seed)
    )


def bootstrap_interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean: subjects drawn with replacement, BCa (Efron 1987).

    NaN for fewer than three values; the value itself where all are equal.

    Parameters
    ----------
    values
        (subject).
    seed
        Of the draws.
    """
    if len(values) < _FEWEST:
        return float("nan"), float("nan")
    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    with warnings.catch_warnings():
        # Values that differ by rounding alone have no skewness; scipy then returns NaN with a warning.
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=_DRAWS,
            confidence_level=LEVEL,
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
