"""The laws of conformal calibration: known values, and coverage over many draws of exchangeable data."""

import math

import numpy as np
import pytest

from fourfold.errors import InputError
from fourfold.intervals.conformal import (
    fewest_for_confidence,
    fewest_for_risk_control,
    finite_sample_quantile,
    hoeffding_bentkus,
    risk_for_rcps,
    risk_for_risk_control,
    weighted_quantile,
)


def test_the_quantile_counts_the_further_value():
    values = [float(number) for number in range(1, 10)]
    assert finite_sample_quantile(values, 0.9) == 9  # ⌈10 · 0.9⌉; the 0.9 quantile of the nine values is 8.2
    assert finite_sample_quantile(values[::-1], 0.5) == 5
    assert finite_sample_quantile(values, 0.7) == 7  # 10 · 0.7 is above 7 by rounding


def test_too_few_values_are_refused_with_the_number_that_is_needed():
    assert fewest_for_confidence(0.95) == 19
    finite_sample_quantile(range(19), 0.95)
    with pytest.raises(InputError, match=r"at least 19 subjects and there are 18; .* at most 0\.947"):
        finite_sample_quantile(range(18), 0.95)
    assert fewest_for_risk_control(0.1) == 9
    with pytest.raises(InputError, match="at least 9 subjects and there are 8"):
        risk_for_risk_control(8, 0.1)
    with pytest.raises(InputError, match="at least 22 subjects even if none misses"):
        risk_for_rcps(21, 0.1, 0.9)
    assert risk_for_rcps(22, 0.1, 0.9) < 0.001


def test_the_quantile_covers_a_further_value_as_often_as_it_says_and_one_rank_less_does_not():
    """Over many draws the coverage of the k-th of n values is k / (n + 1), exactly."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((20_000, 10))
    bounds = np.array([finite_sample_quantile(row[:9], 0.8) for row in draws])
    covered = float((draws[:, 9] <= bounds).mean())
    assert covered == pytest.approx(0.8, abs=0.01)
    off_by_one = np.sort(draws[:, :9], axis=1)[:, math.ceil(9 * 0.8) - 2]
    assert float((draws[:, 9] <= off_by_one).mean()) < 0.75


def test_risk_control_holds_the_expected_loss_over_many_draws():
    """Losses fall with the parameter; over the draws the mean loss at the chosen one is at most the level."""
    rng = np.random.default_rng(0)
    level, subjects, pixels = 0.2, 12, 40
    losses, without_correction = [], []
    for _ in range(1_500):
        scale = rng.lognormal(0, 0.5, subjects + 1)
        errors = np.abs(rng.standard_normal((subjects + 1, pixels))) * scale[:, None]
        weights = np.full(subjects * pixels, 1 / (subjects * pixels))
        for target, kept in ((risk_for_risk_control(subjects, level), losses), (level, without_correction)):
            factor = weighted_quantile(errors[:subjects].ravel(), weights, target)
            kept.append(float((errors[subjects] > factor).mean()))
    deviation = float(np.std(losses)) / math.sqrt(len(losses))
    assert level - 2 / (subjects + 1) - 3 * deviation <= np.mean(losses) <= level + 3 * deviation
    # Without the correction for few subjects the level is exceeded.
    assert np.mean(without_correction) > level


def test_hoeffding_bentkus_against_its_two_bounds():
    # R = 0: Hoeffding's bound is (1 − level)^n and Bentkus' e times it.
    assert hoeffding_bentkus(0.0, 22, 0.1) == pytest.approx(0.9**22)
    # n = 100, R = 0.05, level = 0.1.
    entropy = 0.05 * math.log(0.5) + 0.95 * math.log(0.95 / 0.9)
    assert math.exp(-100 * entropy) == pytest.approx(0.18812, abs=1e-5)
    cumulated = sum(math.comb(100, k) * 0.1**k * 0.9 ** (100 - k) for k in range(6))
    assert hoeffding_bentkus(0.05, 100, 0.1) == pytest.approx(min(math.exp(-100 * entropy), math.e * cumulated))
    assert cumulated == pytest.approx(0.0576, abs=1e-4)  # tables of the binomial distribution
    assert hoeffding_bentkus(0.1, 50, 0.1) == 1.0
    assert hoeffding_bentkus(0.5, 50, 0.1) == 1.0


def test_a_risk_controlling_set_exceeds_the_level_as_rarely_as_it_says():
    """Bernoulli losses of a known mean: the chosen bound is exceeded in at most 1 − confidence of the draws."""
    rng = np.random.default_rng(0)
    subjects, level, confidence = 60, 0.1, 0.9
    allowed = risk_for_rcps(subjects, level, confidence)
    assert hoeffding_bentkus(allowed, subjects, level) <= 0.1 + 1e-9
    # With the true risk just above the level, the mean loss is at most the allowed one in rare draws alone.
    wrong = (rng.binomial(subjects, 0.101, 20_000) / subjects <= allowed).mean()
    assert wrong <= 0.1 + 0.01


def test_the_weighted_quantile_leaves_the_stated_weight_above_it():
    values, weights = np.array([3.0, 1.0, 2.0, 10.0]), np.array([0.2, 0.3, 0.3, 0.2])
    assert weighted_quantile(values, weights, 0.2) == 3
    assert weighted_quantile(values, weights, 0.19) == 10
    assert weighted_quantile(values, weights, 0.4) == 2
    assert weighted_quantile(values, weights, 0.0) == 10
