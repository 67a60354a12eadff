"""Friedman's test of several methods on the same subjects, and the tests of pairs after it.

Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006) 1, describes Friedman's and
Nemenyi's tests and the critical-difference diagram; Conover, "Practical nonparametric statistics" (1999), his own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fourfold.statistics.paired import holm

__all__ = [
    "Friedman",
    "PostHoc",
    "conover",
    "critical_difference",
    "friedman",
    "kendalls_w",
    "nemenyi",
    "nemenyi_quantile",
    "post_hoc_p_values",
]

PostHoc: TypeAlias = Literal["nemenyi", "conover"]

_FEWEST_METHODS = 3
"""Of two methods Friedman's test is the sign test; the paired tests use more of the data."""


@dataclass(frozen=True)
class Friedman:
    """Friedman's test of the hypothesis that methods rank alike."""

    statistic: float
    """χ², corrected for ties."""
    p: float
    kendalls_w: float
    """Kendall's coefficient of concordance: 0 where subjects rank the methods at random, 1 where all agree."""


def friedman(ranks: NDArray[np.float64]) -> Friedman | None:
    """Return Friedman's test (1937) of the ranks (subject, method).

    None for fewer than three methods or two subjects, and where no subject ranks any method otherwise than another.
    """
    subjects, methods = ranks.shape
    if methods < _FEWEST_METHODS or subjects < 2:
        return None
    concordance = kendalls_w(ranks)
    if math.isnan(concordance):
        return None
    statistic = concordance * subjects * (methods - 1)
    return Friedman(statistic, float(stats.chi2.sf(statistic, methods - 1)), concordance)


def kendalls_w(ranks: NDArray[np.float64]) -> float:
    """Return Kendall's W of ranks (subject, method), corrected for ties; NaN where every subject ties all methods."""
    subjects, methods = ranks.shape
    mean = (methods + 1) / 2
    # Ties lower the spread that the rank sums could have.
    possible = subjects * ((ranks - mean) ** 2).sum()
    reached = ((ranks.sum(axis=0) - subjects * mean) ** 2).sum()
    return float(reached / possible) if possible > 0 else math.nan


def nemenyi_quantile(methods: int, level: float = 0.05) -> float:
    """Return Nemenyi's critical value: that of the studentised range, divided by √2."""
    return float(stats.studentized_range.ppf(1 - level, methods, np.inf)) / math.sqrt(2)


def critical_difference(methods: int, subjects: int, level: float = 0.05) -> float:
    """Return the difference of mean ranks from which on Nemenyi's test calls two methods different."""
    return nemenyi_quantile(methods, level) * math.sqrt(methods * (methods + 1) / (6 * subjects))


def nemenyi(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the p-values (method, method) of Nemenyi's test (1963); they hold for all pairs together."""
    subjects, methods = ranks.shape
    mean = ranks.mean(axis=0)
    distances = np.abs(mean[:, None] - mean) / math.sqrt(methods * (methods + 1) / (6 * subjects))
    p_values: NDArray[np.float64] = stats.studentized_range.sf(math.sqrt(2) * distances, methods, np.inf)
    np.fill_diagonal(p_values, 1.0)
    return p_values


def conover(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the p-values (method, method) of Conover's test after Friedman's, with Holm's correction."""
    subjects, methods = ranks.shape
    sums, mean = ranks.sum(axis=0), (methods + 1) / 2
    freedom = (subjects - 1) * (methods - 1)
    variance = ((ranks - mean) ** 2).sum() / (methods - 1)
    statistic = ((sums - subjects * mean) ** 2).sum() / variance
    # Where all subjects agree, nothing is left to compare with, and differences are infinitely many deviations.
    unexplained = max(0.0, 1 - statistic / (subjects * (methods - 1)))
    deviation = math.sqrt(2 * subjects * (methods - 1) * variance / freedom * unexplained)
    with np.errstate(divide="ignore", invalid="ignore"):
        distances = np.nan_to_num(np.abs(sums[:, None] - sums) / deviation, nan=0.0, posinf=np.inf)
    above = np.triu_indices(methods, 1)
    p_values = np.ones((methods, methods))
    p_values[above] = holm((2 * stats.t.sf(distances[above], freedom)).tolist())
    return np.minimum(p_values, p_values.T)


def post_hoc_p_values(ranks: NDArray[np.float64], test: PostHoc) -> NDArray[np.float64]:
    """Return the p-values (method, method) of a test of pairs after Friedman's."""
    return nemenyi(ranks) if test == "nemenyi" else conover(ranks)
