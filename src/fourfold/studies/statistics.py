"""Tests of normality and of differences between methods, as Ghodrati et al. (2019) made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

__all__ = ["Normality", "friedman", "normality", "pairs", "quartiles"]

# Shapiro and Wilk need three values; with two others any three are as good as normal.
_FEWEST = 3
_DRAWS = 1999


@dataclass(frozen=True)
class Normality:
    """Tests of the hypothesis that values come from a normal distribution of unknown mean and variance."""

    count: int
    kolmogorov: float
    kolmogorov_p: float
    """Kolmogorov and Smirnov's statistic and its p-value with Lilliefors' correction, by simulation."""
    shapiro: float
    shapiro_p: float
    """Shapiro and Wilk's statistic and its p-value."""

    @property
    def numbers(self) -> tuple[float, ...]:
        """The statistics, each with its p-value, and the number of values."""
        return self.kolmogorov, self.kolmogorov_p, self.shapiro, self.shapiro_p, self.count


def normality(values: Sequence[float]) -> Normality | None:
    """Return the tests of normality; None for fewer than three values or equal ones, of which nothing can be said."""
    if len(values) < _FEWEST or len(set(values)) == 1:
        return None
    kolmogorov = stats.goodness_of_fit(
        stats.norm, np.asarray(values), statistic="ks", n_mc_samples=_DRAWS, rng=np.random.default_rng(0)
    )
    shapiro = stats.shapiro(values)
    return Normality(
        len(values),
        float(kolmogorov.statistic),
        float(kolmogorov.pvalue),
        float(shapiro.statistic),
        float(shapiro.pvalue),
    )


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third quartile."""
    first, median, third = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
    return first, median, third


def friedman(groups: Sequence[Sequence[float]]) -> float | None:
    """Return the p-value of Friedman's test that groups of values of the same images rank alike.

    None for fewer than three groups, or images that no group ranks otherwise than another.
    """
    if len(groups) < _FEWEST or len(groups[0]) < 2 or all(len(set(each)) == 1 for each in zip(*groups, strict=True)):
        return None
    return float(stats.friedmanchisquare(*groups).pvalue)


def pairs(groups: Mapping[str, Sequence[float]]) -> dict[tuple[str, str], float]:
    """Return the p-value of each pair of groups: Wilcoxon's signed-rank test, with Holm's correction for all pairs."""
    p_values = {pair: _signed_rank(groups[pair[0]], groups[pair[1]]) for pair in combinations(groups, 2)}
    largest, corrected = 0.0, {}
    for position, pair in enumerate(sorted(p_values, key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - position) * p_values[pair]))
        corrected[pair] = largest
    return {pair: corrected[pair] for pair in p_values}


def _signed_rank(one: Sequence[float], other: Sequence[float]) -> float:
    differences = np.subtract(one, other)
    return float(stats.wilcoxon(differences).pvalue) if differences.any() else 1.0
