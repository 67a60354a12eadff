"""All statistics of one score of several methods."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.statistics.normality import Normality, normality
from fourfold.statistics.paired import Pair, PairedTest, compare_pairs
from fourfold.statistics.rank_tests import Friedman, PostHoc, critical_difference, friedman, post_hoc_p_values
from fourfold.statistics.score_table import ScoreTable
from fourfold.statistics.summaries import Summary, summarise

__all__ = ["Analysis", "Choices", "analyse"]


@dataclass(frozen=True)
class Choices:
    """Which tests are made.

    Raises
    ------
    InputError
        For a level that is no probability.
    """

    paired: PairedTest = "wilcoxon"
    """Test of two methods: wilcoxon (signed ranks) or t (differences that are normally distributed)."""
    post_hoc: PostHoc = "nemenyi"
    """Test of pairs after Friedman's: nemenyi or conover."""
    level: float = 0.05
    """Significance level."""
    seed: int = 0
    """Random seed of the bootstrap."""

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise InputError(f"The significance level is {self.level:g}; it must lie between 0 and 1, such as 0.05.")


@dataclass(frozen=True, eq=False)
class Analysis:
    """Summaries and tests of one score of several methods on the same subjects."""

    table: ScoreTable
    choices: Choices
    summaries: Mapping[str, Summary]
    """By method."""
    normality: Mapping[str, Normality | None]
    """By method; None where nothing can be said."""
    pairs: tuple[Pair, ...]
    friedman: Friedman | None
    """None for fewer than three methods or two subjects."""
    post_hoc: NDArray[np.float64] | None
    """p-values (method, method) of the test of pairs after Friedman's."""

    @property
    def mean_ranks(self) -> dict[str, float]:
        """Mean rank of each method, 1 the best."""
        return dict(zip(self.table.methods, self.table.ranks.mean(axis=0).tolist(), strict=True))

    @property
    def critical_difference(self) -> float | None:
        """Difference of mean ranks from which on methods differ by Nemenyi's test; None where it was not made."""
        if self.friedman is None or self.choices.post_hoc != "nemenyi":
            return None
        return critical_difference(len(self.table.methods), len(self.table.subjects), self.choices.level)

    @property
    def significant_pairs(self) -> list[tuple[str, str]]:
        """Pairs that differ.

        Of three methods or more, those of the test after Friedman's where Friedman's itself finds a difference; of two,
        by the paired test.
        """
        level, methods = self.choices.level, self.table.methods
        if self.post_hoc is None or self.friedman is None:
            return [(each.one, each.other) for each in self.pairs if each.corrected_p < level]
        if self.friedman.p >= level:
            return []
        places = combinations(range(len(methods)), 2)
        return [(methods[one], methods[other]) for one, other in places if self.post_hoc[one, other] < level]

    def post_hoc_p(self, one: str, other: str) -> float | None:
        """Return the p-value of two methods by the test after Friedman's; None where it was not made."""
        index = self.table.methods.index
        return None if self.post_hoc is None else float(self.post_hoc[index(one), index(other)])

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        table = self.table
        return {
            "score": table.score,
            "higher_is_better": table.higher_is_better,
            "subjects": len(table.subjects),
            "images": table.images,
            "left_out": list(table.left_out),
            "choices": dataclasses.asdict(self.choices),
            "methods": [
                {
                    "method": method,
                    **dataclasses.asdict(self.summaries[method]),
                    "mean_rank": rank,
                    "normality": None if (test := self.normality[method]) is None else dataclasses.asdict(test),
                }
                for method, rank in self.mean_ranks.items()
            ],
            "friedman": None if self.friedman is None else dataclasses.asdict(self.friedman),
            "critical_difference": self.critical_difference,
            "pairs": [
                {**dataclasses.asdict(pair), "post_hoc_p": self.post_hoc_p(pair.one, pair.other)} for pair in self.pairs
            ],
            "significant_pairs": [list(pair) for pair in self.significant_pairs],
        }


def analyse(table: ScoreTable, choices: Choices = Choices()) -> Analysis:  # frozen
    """Return summaries and tests of one score.

    Parameters
    ----------
    table
        Scores of two methods or more on the same subjects.
    choices
        Which tests are made.

    Raises
    ------
    InputError
        For fewer than two methods, and where no subject has a score of every method.
    """
    if len(table.methods) < 2:
        raise InputError(
            f"The score '{table.score}' has {len(table.methods)} method(s), and statistics compare two or more: give "
            "the scores of another method."
        )
    if not table.subjects:
        raise InputError(
            f"No image has a finite score '{table.score}' of every method; score the methods on the same images."
        )
    test = friedman(table.ranks)
    return Analysis(
        table,
        choices,
        {method: summarise(table.column(method), choices.seed) for method in table.methods},
        {method: normality(table.column(method)) for method in table.methods},
        compare_pairs(table, choices.paired, choices.seed),
        test,
        None if test is None else post_hoc_p_values(table.ranks, choices.post_hoc),
    )
