"""Data consistency, hard and soft, as a function and as a differentiable layer."""

import math

import pytest
import torch

from fourfold.errors import InputError
from fourfold.kspace.data_consistency import DataConsistency, consistent_kspace
from fourfold.operators.fourier import fft


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def problem():
    mask = torch.rand(2, 7, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    return gaussian(2, 3, 7, 6), gaussian(2, 3, 7, 6, seed=2), mask


@pytest.mark.parametrize("weight", [0.0, 0.5, 4.0, math.inf])
def test_formula(problem, weight):
    estimate, measured, mask = problem
    result = consistent_kspace(estimate, measured, mask, weight)
    inside = mask[:, None].expand_as(estimate)
    expected = measured if weight == math.inf else (estimate + weight * measured) / (1 + weight)
    assert torch.equal(result[~inside], estimate[~inside])
    assert torch.allclose(result[inside], expected[inside])


def test_layer_puts_the_measured_samples_back(problem):
    images, measured, mask = problem
    again = fft(DataConsistency()(images, measured, mask))
    inside = mask[:, None].expand_as(again)
    assert torch.allclose(again[inside], measured[inside], atol=1e-5)
    assert torch.allclose(again[~inside], fft(images)[~inside], atol=1e-5)


def test_gradients_are_those_of_finite_differences(problem):
    images, measured, mask = (part.to(torch.complex128) if part.is_complex() else part for part in problem)
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    images.requires_grad_()
    measured.requires_grad_()

    def energy(x, y, w):
        return consistent_kspace(fft(x), y, mask, w).abs().square().sum()

    assert torch.autograd.gradcheck(energy, (images, measured, weight))


def test_learned_weight_gets_a_gradient(problem):
    images, measured, mask = problem
    layer = DataConsistency(2.0, learned=True)
    layer(images, measured, mask).abs().square().sum().backward()
    assert float(layer.weight.detach()) == pytest.approx(2.0)
    assert float(layer.log_weight.grad.abs()) > 0


def test_bad_weights_are_refused(problem):
    with pytest.raises(InputError, match="weight is -1"):
        consistent_kspace(*problem, -1.0)
    with pytest.raises(InputError, match="weight is nan"):
        DataConsistency(math.nan)
    with pytest.raises(InputError, match="finite and above 0 to be learned"):
        DataConsistency(math.inf, learned=True)
