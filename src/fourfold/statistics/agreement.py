"""Agreement of readers with each other and with themselves: Cohen's κ and intraclass correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fourfold.errors import InputError

__all__ = ["IntraclassCorrelation", "intraclass_correlation", "kappa"]


def kappa(
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    categories: int,
    weights: Literal["quadratic", "none"] = "quadratic",
) -> float:
    """Return Cohen's κ of two lists of ratings of the same images.

    Parameters
    ----------
    one, other
        Ratings 1 … `categories`, (image).
    categories
        Number of possible ratings.
    weights
        ``quadratic``: a disagreement counts by its square (Cohen 1968); ``none``: every disagreement counts alike.

    Returns
    -------
    float
        1 for agreement, 0 for that by chance; NaN without ratings, or where both lists hold one and the same rating.
    """
    if not len(one):
        return math.nan
    if min(one.min(), other.min()) < 1 or max(one.max(), other.max()) > categories:
        raise InputError(f"A rating lies outside 1 to {categories}; give the number of categories.")
    counts = np.zeros((categories, categories))
    np.add.at(counts, (one - 1, other - 1), 1 / len(one))
    places = np.arange(categories)
    apart = (places[:, None] - places) ** 2 if weights == "quadratic" else 1 - np.eye(categories)
    by_chance = (apart * np.outer(counts.sum(axis=1), counts.sum(axis=0))).sum()
    return float(1 - (apart * counts).sum() / by_chance) if by_chance > 0 else math.nan


@dataclass(frozen=True)
class IntraclassCorrelation:
    """Intraclass correlations of single ratings, each with its 95 % confidence interval (Shrout & Fleiss 1979)."""

    agreement: float
    """ICC(2,1): raters are drawn from many; a constant difference between them counts as disagreement."""
    agreement_interval: tuple[float, float]
    consistency: float
    """ICC(3,1): these raters alone; a constant difference between them does not count."""
    consistency_interval: tuple[float, float]


def intraclass_correlation(ratings: NDArray[np.float64]) -> IntraclassCorrelation | None:
    """Return the intraclass correlations of ratings (image, reader).

    None for fewer than two images or two readers, and where all ratings are equal.
    """
    images, readers = ratings.shape
    if images < 2 or readers < 2 or np.ptp(ratings) == 0:
        return None
    mean = ratings.mean()
    between_images = readers * ((ratings.mean(axis=1) - mean) ** 2).sum() / (images - 1)
    between_readers = images * ((ratings.mean(axis=0) - mean) ** 2).sum() / (readers - 1)
    total = ((ratings - mean) ** 2).sum()
    left = total - (images - 1) * between_images - (readers - 1) * between_readers
    # Rounding may leave a little below zero.
    residual = max(0.0, left) / ((images - 1) * (readers - 1))
    agreement = (between_images - residual) / (
        between_images + (readers - 1) * residual + readers * (between_readers - residual) / images
    )
    consistency = (between_images - residual) / (between_images + (readers - 1) * residual)
    return IntraclassCorrelation(
        float(agreement),
        _agreement_interval(images, readers, between_images, between_readers, residual, agreement),
        float(consistency),
        _consistency_interval(images, readers, between_images, residual),
    )


def _consistency_interval(images: int, readers: int, between_images: float, residual: float) -> tuple[float, float]:
    """Return the interval of ICC(3,1): Shrout & Fleiss 1979, page 424."""
    if residual == 0:
        return 1.0, 1.0
    ratio, freedom = between_images / residual, (images - 1) * (readers - 1)
    low = ratio / stats.f.ppf(0.975, images - 1, freedom)
    high = ratio * stats.f.ppf(0.975, freedom, images - 1)
    return float((low - 1) / (low + readers - 1)), float((high - 1) / (high + readers - 1))


def _agreement_interval(
    images: int, readers: int, between_images: float, between_readers: float, residual: float, agreement: float
) -> tuple[float, float]:
    """Return the interval of ICC(2,1): Shrout & Fleiss 1979, page 424, with Satterthwaite's degrees of freedom."""
    if residual == 0 and between_readers == 0:
        return 1.0, 1.0
    rest = images * (1 + (readers - 1) * agreement) - readers * agreement
    spread = readers * agreement * between_readers
    numerator = (readers - 1) * (images - 1) * (spread + rest * residual) ** 2
    freedom = numerator / ((images - 1) * spread**2 + (rest * residual) ** 2)
    common = readers * between_readers + (readers * images - readers - images) * residual
    upper, lower = stats.f.ppf(0.975, images - 1, freedom), stats.f.ppf(0.975, freedom, images - 1)
    low = images * (between_images - upper * residual) / (upper * common + images * between_images)
    high = images * (lower * between_images - residual) / (common + images * lower * between_images)
    return float(low), float(high)
