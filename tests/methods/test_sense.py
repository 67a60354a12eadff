"""The problem that methods with coil maps share: its phase, and the two ways from its solution to an image."""

import pytest
import torch

from fourfold.coils.calibration import estimate_maps
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate


@pytest.fixture(scope="module")
def full():
    return simulate(phantom((48, 45)), coils=4, snr=1000, seed=2)


@pytest.fixture(scope="module")
def scan(full):
    return undersample(full, "random", 2, centre=0.3)


def test_maps_carry_the_phase_so_that_the_solution_is_nearly_real(full):
    problem = SenseProblem.of(full, crop="auto")
    x = problem.rhs[0, 0]
    assert float(x.imag.abs().max()) < 0.1 * float(x.real.abs().max())
    maps = estimate_maps(full, threshold="auto")[0, 0]
    expected = (maps.conj() * ifft(full.kspace[0])).sum(dim=0)
    assert torch.allclose(problem.image(problem.rhs)[0], expected, atol=1e-4 * float(expected.abs().max()))


def test_measured_samples_overrule_the_solution(scan):
    """A single coil shows it: its image's k-space holds the measured samples, whatever the solution is."""
    one = scan.replace(kspace=scan.kspace[:, :1], coil_maps=None)
    problem = SenseProblem.of(one)
    kspace = fft(problem.image(torch.randn_like(problem.rhs), "rss"))
    assert torch.allclose(kspace[0][one.mask[0]], one.kspace[0, 0][one.mask[0]], atol=1e-6 * float(kspace.abs().max()))


def test_full_data_give_the_root_sum_of_squares_of_the_measurement(full):
    problem = SenseProblem.of(full, crop="auto")
    image = problem.image(torch.zeros_like(problem.rhs), "rss")
    assert torch.allclose(image.abs(), root_sum_of_squares(ifft(full.kspace)), rtol=1e-4, atol=1e-6)


def test_pixels_without_maps_are_zero_when_combined_by_maps(scan):
    problem = SenseProblem.of(scan, crop="auto")
    image = problem.image(torch.ones_like(problem.rhs))
    assert not bool(problem.support.all())
    assert bool((image[~problem.support[:, 0]] == 0).all())
