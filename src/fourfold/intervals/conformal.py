"""Conformal calibration: numbers of which a statement holds for a further subject, whatever the distribution.

The unit is the subject: the slices of one are not exchangeable with those of another. All statements assume that the
further subject is exchangeable with the known ones: same scanner, sampling and population.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from fourfold.errors import InputError

__all__ = [
    "fewest_for_confidence",
    "fewest_for_risk_control",
    "finite_sample_quantile",
    "hoeffding_bentkus",
    "risk_for_rcps",
    "risk_for_risk_control",
    "weighted_quantile",
]

# Products such as 10 · (1 − 0.7) are above the whole number by rounding alone.
_ROUNDING = 1e-9


def finite_sample_quantile(values: Sequence[float], confidence: float) -> float:
    """Return the ⌈(n + 1) · confidence⌉-th smallest of n values.

    A further value, exchangeable with these, is not larger with a probability of at least `confidence` (Vovk, Gammerman
    and Shafer 2005; Lei et al. 2018, JASA 113:1094).

    Raises
    ------
    InputError
        For too few values: then no finite number would do.
    """
    _check("The confidence", confidence)
    rank = math.ceil((len(values) + 1) * confidence - _ROUNDING)
    if rank > len(values):
        raise InputError(
            f"A confidence of {confidence:g} needs at least {fewest_for_confidence(confidence)} subjects and there are "
            f"{len(values)}; give more subjects, or a confidence of at most {_rounded_down(len(values))}."
        )
    return float(np.sort(np.asarray(values))[rank - 1])


def fewest_for_confidence(confidence: float) -> int:
    """Return the fewest subjects of which `finite_sample_quantile` has a value."""
    return max(1, math.ceil(confidence / (1 - confidence) - _ROUNDING))


def risk_for_risk_control(count: int, level: float) -> float:
    """Return the largest mean loss of `count` subjects that controls the expected loss of a further one at `level`.

    Conformal risk control (Angelopoulos et al. 2022, arXiv:2208.02814) takes the parameter at which the mean
    loss R of n subjects fulfils (n R + 1) / (n + 1) ≤ level. Losses lie between 0 and 1 and fall with the parameter.

    Raises
    ------
    InputError
        For too few subjects: then even no loss at all would not do.
    """
    _check("The level", level)
    if count < fewest_for_risk_control(level):
        raise InputError(
            f"Intervals that miss at most {level:g} of a further subject's pixels in the mean need at least "
            f"{fewest_for_risk_control(level)} subjects and there are {count}; give more subjects, or a lower coverage."
        )
    return max(0.0, ((count + 1) * level - 1) / count)


def fewest_for_risk_control(level: float) -> int:
    """Return the fewest subjects with which the expected loss can be controlled at `level`."""
    return math.ceil((1 - level) / level - _ROUNDING)


def hoeffding_bentkus(mean_loss: float, count: int, level: float) -> float:
    """Return a p-value of the hypothesis that the expected loss exceeds `level`.

    The smaller one of Hoeffding's bound exp(−n h(R, level)) and Bentkus' bound e P(Bin(n, level) ≤ ⌈n R⌉), with the
    relative entropy h of two Bernoulli distributions (Bates et al. 2021, J. ACM 68:43, arXiv:2101.02703; as
    a p-value Angelopoulos et al. 2021, arXiv:2110.01052).

    Parameters
    ----------
    mean_loss
        Mean R of independent losses between 0 and 1.
    count
        Their number n.
    level
        What the expected loss is to stay below.
    """
    hoeffding = math.exp(-count * _relative_entropy(min(mean_loss, level), level))
    bentkus = math.e * float(binom.cdf(math.ceil(count * mean_loss - _ROUNDING), count, level))
    return min(1.0, hoeffding, bentkus)


def _relative_entropy(a: float, b: float) -> float:
    first = a * math.log(a / b) if a else 0.0
    return first + ((1 - a) * math.log((1 - a) / (1 - b)) if a < 1 else 0.0)


def risk_for_rcps(count: int, level: float, confidence: float) -> float:
    """Return the largest mean loss of `count` subjects with which the expected loss is at most `level`.

    That holds with a probability of at least `confidence` over the draw of the subjects: a risk-controlling prediction
    set (Bates et al. 2021) with the bound of `hoeffding_bentkus`.

    Raises
    ------
    InputError
        For too few subjects.
    """
    _check("The level", level)
    _check("The confidence", confidence)
    if hoeffding_bentkus(0.0, count, level) > 1 - confidence:
        needed = math.ceil(math.log(1 - confidence) / math.log1p(-level) - _ROUNDING)
        raise InputError(
            f"Intervals that miss at most {level:g} with a confidence of {confidence:g} need at least {needed} "
            f"subjects even if none misses anything, and there are {count}; give more subjects (about 60 are useful), "
            "or choose the procedure 'risk-control' or 'subjects'."
        )
    low, high = 0.0, level
    for _ in range(60):  # bisection to double precision: the bound grows with the mean loss
        middle = (low + high) / 2
        low, high = (middle, high) if hoeffding_bentkus(middle, count, level) <= 1 - confidence else (low, middle)
    return low


def weighted_quantile(values: NDArray[np.floating], weights: NDArray[np.floating], above: float) -> float:
    """Return the smallest of the `values` such that at most a part `above` of the weight lies above it.

    Parameters
    ----------
    values, weights
        One-dimensional, of one length; weights sum to one.
    above
        A part from 0 to 1.
    """
    order = np.argsort(values)
    left = 1 - np.cumsum(weights[order])
    return float(values[order][int(np.argmax(left <= above + _ROUNDING))])


def _check(what: str, value: float) -> None:
    if not 0 < value < 1:
        raise InputError(f"{what} is {value:g}; give a number between 0 and 1.")


def _rounded_down(count: int) -> str:
    """Return the largest confidence that `count` subjects allow, with three decimals."""
    return f"{math.floor(1000 * count / (count + 1)) / 1000:g}"
