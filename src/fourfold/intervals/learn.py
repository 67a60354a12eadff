"""Learns the factor from standard deviations to intervals, and the shift from predicted qualities to bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fourfold.errors import InputError
from fourfold.intervals.conformal import (
    finite_sample_quantile,
    risk_for_rcps,
    risk_for_risk_control,
    weighted_quantile,
)
from fourfold.intervals.observations import Observation
from fourfold.intervals.widths import relative_widths

__all__ = ["BySubject", "Procedure", "by_subject", "check_coverage", "learn_bounds", "learn_factor", "needed_factors"]

Procedure: TypeAlias = Literal["subjects", "risk-control", "rcps"]
"""What is stated of a further subject: its coverage with a confidence; its mean coverage; that with a confidence."""

BySubject: TypeAlias = Mapping[str, Sequence[Observation]]
"""The observations of each subject."""


def by_subject(observations: Sequence[Observation]) -> dict[str, list[Observation]]:
    """Return the observations of each subject."""
    groups: dict[str, list[Observation]] = {}
    for each in observations:
        groups.setdefault(each.subject, []).append(each)
    return groups


def needed_factors(observation: Observation) -> NDArray[np.float64]:
    """Return the factor of the width at which the interval of each of the object's pixels just holds the truth.

    Infinite where the width is zero and the image is wrong.
    """
    inside = observation.object
    errors = (observation.image - observation.reference).abs()[inside].double().numpy()
    widths = relative_widths(observation.std)[inside].double().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(errors == 0, 0.0, errors / widths)


def learn_factor(groups: BySubject, coverage: float, procedure: Procedure, confidence: float) -> float:
    """Return the factor of the width with which intervals hold what `procedure` states.

    The loss of a subject is the part of its object's pixels that the interval misses, in the mean over its slices.

    Parameters
    ----------
    groups
        The observations of each subject.
    coverage
        Part of the object's pixels that intervals are to hold.
    procedure
        ``subjects``: a further subject has this coverage with a probability of at least `confidence`, by the
        finite-sample quantile of the factors that each known subject needs. ``risk-control``: the expected coverage of
        a further subject is at least this. ``rcps``: the same with a probability of at least `confidence` over the draw
        of the subjects.
    confidence
        Not used by ``risk-control``.

    Raises
    ------
    InputError
        For too few subjects, or a standard deviation that is zero where the image is wrong at too many pixels.
    """
    check_coverage(coverage)
    missed = 1 - coverage
    if procedure == "subjects":
        factor = finite_sample_quantile([_factor([each], missed) for each in groups.values()], confidence)
    elif procedure == "risk-control":
        factor = _factor(list(groups.values()), risk_for_risk_control(len(groups), missed))
    else:
        factor = _factor(list(groups.values()), risk_for_rcps(len(groups), missed, confidence))
    if not np.isfinite(factor):
        raise InputError(
            "The standard deviation is zero at so many wrong pixels of the object that no interval has this coverage; "
            "choose a method whose standard deviation covers the object, or a lower coverage."
        )
    return factor


def check_coverage(coverage: float) -> None:
    """Raise InputError unless a coverage is a part between 0 and 1."""
    if not 0 < coverage < 1:
        raise InputError(f"The coverage is {coverage:g}; give a number between 0 and 1.")


def _factor(groups: Sequence[Sequence[Observation]], missed: float) -> float:
    """Return the smallest factor at which the mean over subjects of the part that is missed is at most `missed`."""
    values, weights = [], []
    for observations in groups:
        for observation in observations:
            needed = needed_factors(observation)
            values.append(needed)
            weights.append(np.full(len(needed), 1 / (len(groups) * len(observations) * len(needed))))
    return weighted_quantile(np.concatenate(values), np.concatenate(weights), missed)


def learn_bounds(groups: BySubject, confidence: float) -> dict[str, float]:
    """Return by how much the quality that members predict must be lowered to be a lower bound, by the metric's name.

    The predicted quality minus this shift is not above the true one, for all slices of a further subject, of which
    there are as many as here, with a probability of at least `confidence` (Wen, Ahmad and Schniter 2025,
    arXiv:2505.09528, with subjects in place of images). A subject's score is the largest excess among its slices.

    Returns
    -------
    dict
        Empty for a method without members.

    Raises
    ------
    InputError
        For too few subjects.
    """
    everything = [each for group in groups.values() for each in group]
    known = [name for name in everything[0].predicted if all(name in each.predicted for each in everything)]
    return {
        name: finite_sample_quantile(
            [max(each.predicted[name] - each.quality[name] for each in group) for group in groups.values()], confidence
        )
        for name in known
    }
