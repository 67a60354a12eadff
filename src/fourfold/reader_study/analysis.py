"""Statistics of a reader study: differences between methods, agreement of readers with each other and themselves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from fourfold.errors import InputError
from fourfold.reader_study.ratings import Rating, Ratings
from fourfold.reader_study.settings import Criterion
from fourfold.statistics.agreement import IntraclassCorrelation, intraclass_correlation, kappa
from fourfold.statistics.analysis import Analysis, Choices, analyse
from fourfold.statistics.rank_tests import kendalls_w
from fourfold.statistics.score_table import ScoredImage, ScoreTable

__all__ = ["CriterionResult", "ReaderAgreement", "SelfAgreement", "analyse_criterion", "mean_ratings"]


@dataclass(frozen=True)
class ReaderAgreement:
    """Agreement of two readers or more on the images that all of them rated."""

    images: int
    """Number of these images."""
    kappa: Mapping[tuple[str, str], float]
    """Quadratic-weighted κ of each two readers, on the images that both rated."""
    intraclass: IntraclassCorrelation | None
    kendalls_w: float
    """Mean over the cases that all rated: how alike readers order the methods of a case; NaN without such a case."""


@dataclass(frozen=True)
class SelfAgreement:
    """Agreement of a reader's ratings of repeated cases with those of the first time."""

    images: int
    kappa: float
    """Quadratic-weighted."""
    same: float
    """Share of equal ratings."""
    intraclass: IntraclassCorrelation | None


@dataclass(frozen=True, eq=False)
class CriterionResult:
    """All that was found for one criterion."""

    criterion: Criterion
    categories: int
    """Number of possible ratings."""
    analysis: Analysis
    histograms: Mapping[str, tuple[int, ...]]
    """By method: number of ratings of each value, first showings."""
    agreement: ReaderAgreement | None
    """None with one reader."""
    self_agreement: Mapping[str, SelfAgreement]
    """By reader with repeated cases."""


def analyse_criterion(ratings: Ratings, criterion: Criterion, choices: Choices = Choices()) -> CriterionResult:  # noqa: B008
    """Return the statistics of a criterion.

    Parameters
    ----------
    ratings
        Of a closed study.
    criterion
        One of its criteria.
    choices
        Tests that are made.

    Raises
    ------
    InputError
        When no case is finished.
    """
    first = ratings.of(criterion)
    if not first:
        raise InputError("No reader finished a case, so there is nothing to analyse.")
    categories = len(ratings.methods) if criterion.kind == "rank" else len(criterion.scale)
    return CriterionResult(
        criterion,
        categories,
        analyse(mean_ratings(first, criterion), choices),
        {
            method: tuple(
                sum(each.method == method and each.value == value for each in first)
                for value in range(1, categories + 1)
            )
            for method in ratings.methods
        },
        _reader_agreement(first, ratings.readers, categories),
        dict(_self_agreement(first, ratings.of(criterion, repeated=True), categories)),
    )


def mean_ratings(ratings: list[Rating], criterion: Criterion) -> ScoreTable:
    """Return the mean rating of each subject and method.

    Ratings of one image by several readers, and of several images of one subject, are not independent. Readers are
    averaged for each case first, then the cases of a subject.
    """
    by_image: dict[tuple[str, str, str], list[int]] = {}
    for each in ratings:
        by_image.setdefault((each.method, each.subject, each.case), []).append(each.value)
    images = [ScoredImage(*names, float(np.mean(values))) for names, values in sorted(by_image.items())]
    better = criterion.kind == "score" and criterion.higher_is_better
    return ScoreTable.of(criterion.name, images, higher_is_better=better)


def _by_image(ratings: list[Rating], reader: str) -> dict[tuple[str, str], int]:
    return {(each.case, each.method): each.value for each in ratings if each.reader == reader}


def _reader_agreement(ratings: list[Rating], readers: list[str], categories: int) -> ReaderAgreement | None:
    if len(readers) < 2:
        return None
    own = {reader: _by_image(ratings, reader) for reader in readers}
    shared = [image for image in own[readers[0]] if all(image in each for each in own.values())]
    values = np.array([[own[reader][image] for reader in readers] for image in shared], float)
    return ReaderAgreement(
        len(shared),
        {(one, other): _pair_kappa(own[one], own[other], categories) for one, other in combinations(readers, 2)},
        intraclass_correlation(values) if shared else None,
        _mean_concordance(shared, values),
    )


def _pair_kappa(one: Mapping[tuple[str, str], int], other: Mapping[tuple[str, str], int], categories: int) -> float:
    both = [image for image in one if image in other]
    return kappa(_integers(one, both), _integers(other, both), categories)


def _integers(ratings: Mapping[tuple[str, str], int], images: list[tuple[str, str]]) -> NDArray[np.int64]:
    return np.array([ratings[image] for image in images], np.int64)


def _mean_concordance(images: list[tuple[str, str]], values: NDArray[np.float64]) -> float:
    """Return the mean over cases of Kendall's W of the readers' ratings (image, reader)."""
    cases: dict[str, list[int]] = {}
    for index, (case, _) in enumerate(images):
        cases.setdefault(case, []).append(index)
    found = [kendalls_w(rankdata(values[places].T, axis=1)) for places in cases.values()]
    known = [each for each in found if not math.isnan(each)]
    return float(np.mean(known)) if known else math.nan


def _self_agreement(first: list[Rating], second: list[Rating], categories: int) -> Iterator[tuple[str, SelfAgreement]]:
    for reader in dict.fromkeys(each.reader for each in second):
        before, after = _by_image(first, reader), _by_image(second, reader)
        both = [image for image in after if image in before]
        if both:
            one, other = _integers(before, both), _integers(after, both)
            intraclass = intraclass_correlation(np.stack([one, other], axis=1).astype(float))
            yield (
                reader,
                SelfAgreement(len(both), kappa(one, other, categories), float((one == other).mean()), intraclass),
            )
