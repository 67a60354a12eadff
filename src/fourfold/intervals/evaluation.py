"""How intervals and bounds do on subjects that they were not learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray

from fourfold.intervals.learn import BySubject
from fourfold.intervals.observations import Observation
from fourfold.intervals.widths import relative_widths
from fourfold.studies.std_check import rank_correlation

__all__ = ["Learned", "LeftOut", "evaluate", "evaluate_in_turn", "missed_map"]

_BLOCK = 8
"""Pixels along a side of the squares of the map of missed pixels."""


@dataclass(frozen=True)
class Learned:
    """What is learned from subjects: the factor of the widths, and the shifts of predicted qualities."""

    factor: float
    shifts: Mapping[str, float]


@dataclass(frozen=True)
class LeftOut:
    """How what was learned does on other subjects."""

    by_subject: Mapping[str, float]
    """Coverage of each subject: the part of its object's pixels whose interval holds the reference."""
    by_width: tuple[float, ...]
    """Coverage of the pixels in each quarter of the widths, the narrowest first, of all subjects together."""
    width: float
    """Mean width of the intervals, relative to the reference's maximum."""
    spearman: float
    """Mean over the slices of the rank correlation of standard deviation and absolute error in the object."""
    bounds_held: Mapping[str, float]
    """By the metric's name, the part of the subjects of which all bounds of quality held."""
    margin: Mapping[str, float]
    """By the metric's name, how far the quality lay above its bound in the mean."""

    @property
    def coverage(self) -> float:
        """Mean coverage over the subjects."""
        return fmean(self.by_subject.values())


def evaluate_in_turn(groups: BySubject, learn: Callable[[BySubject], Learned]) -> LeftOut:
    """Return how each subject is covered by what `learn` learns from all others."""
    learned = {name: learn({other: groups[other] for other in groups if other != name}) for name in groups}
    return evaluate(groups, learned)


def evaluate(groups: BySubject, learned: Mapping[str, Learned]) -> LeftOut:
    """Return how each subject's observations are covered by what was `learned` for it, from other subjects."""
    covered, widths, coverages = [], [], {}
    for name, group in groups.items():
        parts = [_in_object(each, learned[name].factor) for each in group]
        coverages[name] = fmean(float(inside.mean()) for inside, _ in parts)
        covered += [inside for inside, _ in parts]
        widths += [width for _, width in parts]
    held, margin = _bounds(groups, learned)
    all_covered, all_widths = np.concatenate(covered), np.concatenate(widths)
    quarter = np.searchsorted(np.quantile(all_widths, (0.25, 0.5, 0.75)), all_widths)
    return LeftOut(
        coverages,
        tuple(float(all_covered[quarter == number].mean()) for number in range(4)),
        float(all_widths.mean()),
        fmean(_spearman(each) for group in groups.values() for each in group),
        held,
        margin,
    )


def _in_object(observation: Observation, factor: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return of each of the object's pixels whether its interval holds the truth, and its relative width."""
    inside = observation.object
    half = factor * relative_widths(observation.std)[inside].double()
    errors = (observation.image - observation.reference).abs()[inside].double()
    return (errors <= half).numpy(), (2 * half / float(observation.reference.max())).numpy()


def _spearman(observation: Observation) -> float:
    inside = observation.object
    errors = (observation.image - observation.reference).abs()[inside].double().numpy()
    return rank_correlation(observation.std[inside].double().numpy(), errors)


def _bounds(groups: BySubject, learned: Mapping[str, Learned]) -> tuple[dict[str, float], dict[str, float]]:
    names = next(iter(learned.values())).shifts
    held, margin = {}, {}
    for metric in names:
        margins = [
            [each.quality[metric] - (each.predicted[metric] - learned[name].shifts[metric]) for each in group]
            for name, group in groups.items()
        ]
        held[metric] = fmean(min(values) >= 0 for values in margins)
        margin[metric] = fmean(value for values in margins for value in values)
    return held, margin


def missed_map(observations: Sequence[Observation], factor: float) -> NDArray[np.float64] | None:
    """Return the part of the object's pixels that intervals miss in each square of 8×8 pixels, NaN without any.

    None where the images differ in size.
    """
    if len({each.image.shape for each in observations}) > 1:
        return None
    total, missed = torch.zeros_like(observations[0].image), torch.zeros_like(observations[0].image)
    for each in observations:
        outside = (each.image - each.reference).abs() > factor * relative_widths(each.std)
        total += each.object
        missed += outside & each.object
    pooled = [torch.nn.functional.avg_pool2d(every[None], _BLOCK, ceil_mode=True)[0] for every in (missed, total)]
    return (pooled[0] / pooled[1]).double().numpy()
