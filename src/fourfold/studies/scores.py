"""Scores of images one by one, and their means and standard deviations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from fourfold.metrics import Metric
from fourfold.studies.ensemble import EnsembleScores

__all__ = ["MISSING", "Evaluation", "ImageIndex", "Kind", "Scores", "Spread", "ensemble_of", "format_number"]

MISSING = "–"

Evaluation: TypeAlias = Mapping[str, Any]
"""Scores of one image, JSON types: ``image`` holds a score by the metric's name."""

ImageIndex: TypeAlias = tuple[str, int]
"""Name of a test set and number of an image in it."""

Kind: TypeAlias = Literal["image", "before_data_consistency", "gain", "best member", "mean member"]
"""Scores of the method's image; of the image before data consistency; their difference; the best score of a single
member; the mean score of the members."""


def format_number(value: float | None, spec: str) -> str:
    """Return a number in a format such as ``.2f``, and a dash where there is none."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return format(value, spec)


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation (NaN for a single value) and number of values."""

    mean: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of those values that are numbers."""
        known = [value for value in values if not math.isnan(value)]
        mean = statistics.fmean(known) if known else math.nan
        deviation = statistics.stdev(known) if len(known) > 1 and all(map(math.isfinite, known)) else math.nan
        return cls(mean, deviation, len(known))

    def text(self, spec: str) -> str:
        """Return mean ± standard deviation in a format such as ``.2f``; the mean alone of a single value."""
        mean = format_number(self.mean, spec)
        return mean if self.count < 2 else f"{mean} ± {format_number(self.deviation, spec.lstrip('+'))}"


@dataclass(frozen=True)
class Scores:
    """Scores of the images of one contender, by test set and index; without any it counts as false."""

    evaluations: Mapping[ImageIndex, Evaluation]

    def __len__(self) -> int:
        return len(self.evaluations)

    def values(self, metric: Metric, kind: Kind = "image") -> list[float]:
        """Return a score of every image, NaN where there is none."""
        return [_score(each, metric, kind) for each in self.evaluations.values()]

    def by_image(self, metric: Metric) -> dict[ImageIndex, float]:
        """Return the score of every image, NaN where there is none."""
        return {image: self.value(image, metric) for image in self.evaluations}

    def value(self, image: ImageIndex, metric: Metric) -> float:
        """Return the score of an image, NaN where there is none."""
        return _score(self.evaluations[image], metric, "image")

    def spread(self, metric: Metric, kind: Kind = "image") -> Spread:
        """Return mean and standard deviation over the images."""
        return Spread.of(self.values(metric, kind))

    def minus(self, other: Scores, metric: Metric) -> Spread:
        """Return mean and standard deviation of the differences from another contender, image by image."""
        return Spread.of(self.value(image, metric) - other.value(image, metric) for image in self.evaluations)

    def median_image(self, metric: Metric) -> ImageIndex:
        """Return the image with the median score, the lower one of two."""
        in_order = sorted(self.evaluations, key=lambda image: self.value(image, metric))
        return in_order[(len(in_order) - 1) // 2]

    def ensembles(self, metric: Metric) -> list[EnsembleScores]:
        """Return the scores of the members of each image that has several and suits the metric."""
        known = map(ensemble_of, self.evaluations.values())
        return [each for each in known if each is not None and metric.name in each.single]


def ensemble_of(evaluation: Evaluation) -> EnsembleScores | None:
    """Return the scores of the members, or None for a single one."""
    scores = evaluation["ensemble"]
    return None if scores is None else EnsembleScores(**scores)


def _score(evaluation: Evaluation, metric: Metric, kind: Kind) -> float:
    """Return a score, NaN where there is none."""
    image = float(evaluation["image"].get(metric.name, math.nan))
    if kind == "image":
        return image
    before = float(evaluation["before_data_consistency"].get(metric.name, math.nan))
    if kind in ("before_data_consistency", "gain"):
        return image - before if kind == "gain" else before
    ensemble = ensemble_of(evaluation)
    if ensemble is None or metric.name not in ensemble.single:
        return math.nan
    single = ensemble.single[metric.name]
    return single[ensemble.best(metric)] if kind == "best member" else statistics.mean(single)
