"""Tests of two methods on the same subjects, Holm's correction, and the size of the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fourfold.statistics.score_table import ScoreTable
from fourfold.statistics.summaries import bootstrap_interval

__all__ = ["Pair", "PairedTest", "compare_pairs", "holm", "rank_biserial", "standardised_difference"]

PairedTest: TypeAlias = Literal["wilcoxon", "t"]


@dataclass(frozen=True)
class Pair:
    """Two methods compared subject by subject."""

    one: str
    other: str
    difference: float
    """Mean of one − other."""
    interval: tuple[float, float]
    """95 % confidence interval of the mean difference, by bootstrap over subjects."""
    p: float
    """Of the paired test, not corrected; NaN for fewer than two subjects."""
    corrected_p: float
    """With Holm's correction for all pairs."""
    effect: float
    """Matched rank-biserial correlation with Wilcoxon's test, −1 to 1; Cohen's d_z with the t-test."""


def compare_pairs(table: ScoreTable, test: PairedTest = "wilcoxon", seed: int = 0) -> tuple[Pair, ...]:
    """Return all pairs of methods.

    Parameters
    ----------
    table
        Scores of methods on the same subjects.
    test
        ``wilcoxon``: Wilcoxon's signed-rank test, without differences of zero; ``t``: the paired t-test, whose
        differences should be normally distributed.
    seed
        Of the bootstrap.
    """
    names = list(combinations(table.methods, 2))
    differences = [table.column(one) - table.column(other) for one, other in names]
    p_values = [_p_value(each, test) for each in differences]
    effect = rank_biserial if test == "wilcoxon" else standardised_difference
    return tuple(
        Pair(*pair, float(each.mean()), bootstrap_interval(each, seed), p, corrected, effect(each))
        for pair, each, p, corrected in zip(names, differences, p_values, holm(p_values), strict=True)
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values with Holm's (1979) correction: the k-th smallest of n times n − k + 1, never falling."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def rank_biserial(differences: NDArray[np.float64]) -> float:
    """Return the matched rank-biserial correlation (Kerby 2014): the ranks' share above zero minus that below."""
    known = differences[differences != 0]
    if not known.size:
        return 0.0
    ranks = stats.rankdata(np.abs(known))
    return float((ranks * np.sign(known)).sum() / ranks.sum())


def standardised_difference(differences: NDArray[np.float64]) -> float:
    """Return Cohen's d_z: mean over standard deviation of the differences; 0 where all are zero."""
    if not differences.any():
        return 0.0
    if len(differences) < 2:
        return float("nan")
    with np.errstate(divide="ignore"):
        return float(differences.mean() / differences.std(ddof=1))


def _p_value(differences: NDArray[np.float64], test: PairedTest) -> float:
    if len(differences) < 2:
        return float("nan")
    if not differences.any():
        return 1.0
    if test == "wilcoxon":
        return float(stats.wilcoxon(differences).pvalue)
    # Equal differences leave no variance: the limit of p is 0.
    return 0.0 if np.ptp(differences) == 0 else float(stats.ttest_1samp(differences, 0.0).pvalue)
