"""Stein's estimate of the error at the measured samples."""

import math

import pytest
import torch

import fourfold as ff
from fourfold.confidence.parts import PARTS, Subject
from fourfold.confidence.prediction import CoilPrediction
from fourfold.confidence.stein import divergence, stein_risk
from fourfold.confidence.trial import Trial

SAMPLES, VARIANCE = 200, 0.5


@pytest.fixture(scope="module")
def linear():
    """Return a complex matrix H that is far from the identity, and noise-free samples."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(SAMPLES, SAMPLES, dtype=torch.complex64, generator=generator) / math.sqrt(4 * SAMPLES)
    matrix += 0.6 * torch.eye(SAMPLES)
    return matrix, torch.randn(SAMPLES, dtype=torch.complex64, generator=generator)


def expected_parts(matrix, truth):
    """Return the true risk of H y and the expected residual, in closed form."""
    difference = matrix - torch.eye(SAMPLES)
    bias = float((difference @ truth).abs().square().sum())
    risk = bias + VARIANCE * float(matrix.abs().square().sum())
    residual = bias + VARIANCE * float(difference.abs().square().sum())
    return risk, residual, float(matrix.diagonal().sum().real)


def test_it_is_exact_for_a_linear_estimate(linear):
    risk, residual, trace = expected_parts(*linear)
    assert stein_risk(residual, trace, SAMPLES, VARIANCE) == pytest.approx(risk, rel=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda residual, trace: residual * trace * VARIANCE / SAMPLES,
        lambda residual, trace: residual - SAMPLES * VARIANCE + VARIANCE * trace,
        lambda residual, trace: residual - SAMPLES * VARIANCE + 4 * VARIANCE * trace,
        lambda residual, trace: residual + 2 * VARIANCE * trace,
    ],
    ids=["product of residual and divergence", "half the divergence", "real noise", "without the noise"],
)
def test_wrong_formulas_are_told_apart(linear, wrong):
    risk, residual, trace = expected_parts(*linear)
    assert abs(wrong(residual, trace) - risk) > 0.05 * risk


def test_probes_find_the_trace_of_a_linear_function(linear):
    matrix, truth = linear
    value, generator = matrix @ truth, torch.Generator().manual_seed(1)
    probes = [divergence(lambda y: matrix @ y, truth, value, 0.1, generator) for _ in range(400)]
    assert sum(probes) / 400 == pytest.approx(float(matrix.diagonal().sum().real), rel=0.03)


@pytest.mark.parametrize("method", [ff.ZeroFilled(), ff.CgSense(), ff.TotalVariation()], ids=lambda each: each.name)
def test_the_error_at_measured_samples_is_found_within_5_percent(method, head):
    trial = Trial(method, head.scan, CoilPrediction.of(head.scan), 0)
    part = next(kind for kind in PARTS if kind.name == "measured error")
    estimate = part.measure(Subject(trial)).amount
    mask = head.scan.mask[0]
    predicted = head.scan.kspace[0] if trial.puts_zeros else trial.prediction.kspace(trial.image[0], 0)
    true = float((predicted - head.truth)[:, mask].abs().square().sum())
    assert estimate == pytest.approx(true, rel=0.05)
