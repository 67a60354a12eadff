"""Scores of images one by one, and their means and standard deviations."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["MISSING", "Scores", "Spread", "format_number"]

MISSING = "–"


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
    """Scores of the images of a test set, all made in one way.

    Attributes
    ----------
    names, subjects
        Of each image.
    values
        A score for each image, by the metric's name.
    """

    names: tuple[str, ...]
    subjects: tuple[str, ...]
    values: Mapping[str, tuple[float, ...]]

    def spread(self, metric: str) -> Spread:
        """Return mean and standard deviation over the images."""
        return Spread.of(self.values[metric])

    def minus(self, other: Scores, metric: str) -> Spread:
        """Return mean and standard deviation of the differences, image by image."""
        pairs = zip(self.values[metric], other.values[metric], strict=True)
        return Spread.of(one - another for one, another in pairs)

    def median_index(self, metric: str) -> int:
        """Return which image has the median score, the lower one of two."""
        values = self.values[metric]
        return sorted(range(len(values)), key=values.__getitem__)[(len(values) - 1) // 2]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each image, as CSV takes it."""
        for index, (name, subject) in enumerate(zip(self.names, self.subjects, strict=True)):
            yield {"image": name, "subject": subject, **{key: each[index] for key, each in self.values.items()}}
