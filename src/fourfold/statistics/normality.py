"""Tests of whether scores are normally distributed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

__all__ = ["Normality", "normality"]

# Shapiro and Wilk need three values; with two others any three are as good as normal.
_FEWEST = 3
_DRAWS = 9999


@dataclass(frozen=True)
class Normality:
    """Tests of the hypothesis that values come from a normal distribution of unknown mean and variance."""

    count: int
    lilliefors: float
    """Kolmogorov and Smirnov's statistic, with mean and standard deviation of the sample."""
    lilliefors_p: float
    """Its p-value with Lilliefors' correction, by simulation."""
    shapiro: float
    """Shapiro and Wilk's statistic."""
    shapiro_p: float

    @property
    def numbers(self) -> tuple[float, ...]:
        """The statistics, each with its p-value, and the number of values."""
        return self.lilliefors, self.lilliefors_p, self.shapiro, self.shapiro_p, self.count


def normality(values: NDArray[np.float64]) -> Normality | None:
    """Return the tests of normality (Shapiro & Wilk 1965; Lilliefors 1967).

    None for fewer than three values or equal ones, of which nothing can be said.
    """
    if len(values) < _FEWEST or np.ptp(values) == 0:
        return None
    statistic = float(_distance(np.asarray(values, np.float64)))
    reached = int((_null_distances(len(values)) >= statistic).sum())
    shapiro = stats.shapiro(values)
    return Normality(
        len(values), statistic, (1 + reached) / (1 + _DRAWS), float(shapiro.statistic), float(shapiro.pvalue)
    )


def _distance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest distance between the distribution of samples (…, n) and the normal one of their moments."""
    count = values.shape[-1]
    centred = np.sort(values, axis=-1) - values.mean(axis=-1, keepdims=True)
    expected = special.ndtr(centred / values.std(axis=-1, ddof=1, keepdims=True))
    steps = np.arange(count + 1) / count
    return np.maximum(steps[1:] - expected, expected - steps[:-1]).max(axis=-1)


@lru_cache(maxsize=8)
def _null_distances(count: int) -> NDArray[np.float64]:
    """Return the distances of normal samples of a size; they depend neither on mean nor on variance."""
    rng = np.random.default_rng(0)
    # In parts, so that large samples need little memory.
    return np.concatenate([_distance(rng.standard_normal((size, count))) for size in (1000,) * 9 + (999,)])
