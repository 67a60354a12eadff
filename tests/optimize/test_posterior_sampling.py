"""Samplers against posteriors that are known exactly, through the reconstruction problem of a multi-coil scan."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from tests.helpers.exact_priors import (
    ExactPosterior,
    GaussianPrior,
    MixturePrior,
    as_matrix,
    normal_matrix,
    scan_of,
    white,
)

from fourfold.methods.generative.posterior.measurement import measurement
from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.nufft import Nufft
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.posterior_sampling import (
    SamplingTask,
    balanced_langevin_steps,
    falling_levels,
    gaussian_steps,
    langevin_steps,
)
from fourfold.sampling import radial
from fourfold.scan import Sampling, Scan
from fourfold.simulation.random_coils import random_maps

NOISE = 0.02
PRIOR = GaussianPrior()
MEMBERS = 96
SAMPLERS = {
    "diffusion": (gaussian_steps, 30),
    "langevin": (langevin_steps, 50),
}


def drawn(sampler, measured, denoise, levels, shape, members=MEMBERS, seed=0):
    """Return the members (member, pixel) in double precision."""
    generators = [torch.Generator().manual_seed(seed + index) for index in range(members)]
    start = torch.zeros(shape, dtype=torch.complex64)
    *_, (_, images) = sampler(SamplingTask(measured, denoise, levels, start, generators))
    return images.flatten(1).to(torch.complex128)


def gaussian_case(seed):
    """Return the truth, the exact posterior, and the arguments of `drawn` for a scan of an image of the prior."""
    truth = PRIOR.image(seed)
    problem = SenseProblem.of(scan_of(truth, NOISE, seed=seed))
    measured = as_matrix(measurement(problem, NOISE / problem.scale))
    exact = ExactPosterior(PRIOR, problem, measured)
    truth = (problem.phase.conj()[0, 0] * truth / problem.scale).flatten()
    return truth, exact, (measured, PRIOR.denoiser(problem)), problem.rhs.shape[1:]


def drawn_of(sampler, steps, case, members=MEMBERS):
    _, _, arguments, shape = case
    return drawn(sampler, *arguments, falling_levels(0.5, arguments[0].noise_std / 2, steps), shape, members)


@pytest.fixture(scope="module")
def case():
    return gaussian_case(0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_gaussian_prior_is_sampled_exactly(name, case):
    exact, members = case[1], drawn_of(*SAMPLERS[name], case)
    largest, lowest, highest = {"diffusion": (1.06, 0.88, 0.92), "langevin": (1.15, 0.88, 0.94)}[name]
    assert 0.95 < exact.std_ratio(members, measured=True) < largest
    assert 0.95 < exact.std_ratio(members, measured=False) < largest
    assert exact.loss_of_mean(members) < 0.1
    assert lowest < exact.coverage(members) < highest


def test_the_mean_in_place_of_the_draw_is_no_sampler(case):
    """DiffPIR with λ = ζ = 1: its mean is as good, and its spread far too small."""
    exact, members = case[1], drawn_of(partial(gaussian_steps, perturbed=False), 30, case)
    assert exact.loss_of_mean(members) < 0.1
    assert exact.std_ratio(members, measured=True) < 0.8
    assert exact.std_ratio(members, measured=False) < 0.8
    assert exact.coverage(members) < 0.8


def test_published_langevin_steps_find_the_image_and_not_its_uncertainty(case):
    sampler = partial(balanced_langevin_steps, step_size=0.0207, steps=3, data_weight=5.0)
    _, exact, arguments, shape = case
    members = drawn(sampler, *arguments, falling_levels(2.66, 0.0066, 200), shape, members=8)
    error = float((members.mean(dim=0) - exact.mean).abs().square().sum() / exact.mean.abs().square().sum())
    assert error < 0.3
    assert not 0.9 < exact.std_ratio(members) < 1.1, (error, exact.std_ratio(members))


def test_the_image_without_noise_is_close_to_the_mean(case):
    exact = case[1]
    (image,) = drawn_of(partial(gaussian_steps, perturbed=False, renoised=False), 20, case, members=1)
    error = float((image - exact.mean).abs().square().sum() / (2 * exact.std.square().sum()))
    assert 10 * math.log10(1 + error) < 0.1


def test_the_mean_of_honest_members_gains_what_it_must():
    """Samples of the posterior lie as far from the truth as from each other: 10 log₁₀(2 / (1 + 1/n)) dB."""
    single = mean = 0.0
    for seed in range(12):
        case = gaussian_case(seed)
        members = drawn_of(gaussian_steps, 30, case, members=8)
        single += float((members - case[0]).abs().square().sum()) / 8
        mean += float((members.mean(dim=0) - case[0]).abs().square().sum())
    assert 10 * math.log10(single / mean) == pytest.approx(10 * math.log10(2 / (1 + 1 / 8)), abs=0.25)


def test_ranks_of_the_truth_among_members_are_uniform():
    """Simulation-based calibration, at pixels far apart."""
    counts = torch.zeros(4)
    for seed in range(30):
        case = gaussian_case(100 + seed)
        members = drawn_of(gaussian_steps, 20, case, members=15)
        for parts in (torch.real, torch.imag):
            ranks = (parts(members) < parts(case[0])).sum(dim=0).view(PRIOR.size, -1)[::8, ::8].flatten()
            counts += torch.bincount(ranks // 4, minlength=4)
    expected = counts.sum() / 4
    # χ² with three degrees of freedom exceeds this in one case of a thousand.
    assert float(((counts - expected) ** 2 / expected).sum()) < 16.3


def test_radial_samples_are_no_exception():
    """Density compensation would take the samples' noise for what it is not."""
    pytest.importorskip("finufft")
    truth, maps = PRIOR.image(0), random_maps((16, 16), 4, np.random.default_rng(1))[None, None]
    trajectory = radial((16, 16), shots=7)
    mask = torch.ones(1, trajectory.shots, trajectory.samples, dtype=torch.bool)
    samples = Nufft(trajectory, mask).forward(maps[:, 0] * truth)
    scan = Scan(samples + NOISE * white(*samples.shape, seed=1), coil_maps=maps, trajectory=trajectory)
    problem = SenseProblem.of(scan, aligned=False)
    measured = as_matrix(measurement(problem, NOISE / problem.scale))
    exact = ExactPosterior(PRIOR, problem, measured)
    levels = falling_levels(0.5, NOISE / problem.scale / 2, 30)
    members = drawn(gaussian_steps, measured, PRIOR.denoiser(problem), levels, problem.rhs.shape[1:])
    assert 0.95 < exact.std_ratio(members) < 1.06
    assert exact.loss_of_mean(members) < 0.1
    assert 0.88 < exact.coverage(members) < 0.92
    # The truth is as likely under the exact posterior as it should be: this is the right one.
    left = (truth.flatten() / problem.scale - exact.mean).to(torch.complex128)
    distance = (left.conj() @ torch.linalg.solve(exact.covariance, left)).real / (2 * len(left))
    assert float(distance) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("sampler", [gaussian_steps, langevin_steps])
def test_without_a_prior_the_spread_is_the_noise_that_the_reconstruction_amplifies(sampler):
    """s · √diag((AᴴA)⁻¹) at every pixel; twice the noise, twice the spread."""
    problem = SenseProblem.of(scan_of(PRIOR.image(0), NOISE, acceleration=2, seed=0), aligned=False)
    spread = {}
    for noise in (0.01, 0.02):
        measured = as_matrix(measurement(problem, noise))
        members = drawn(
            partial(sampler, iterations=25),
            measured,
            lambda image, sigma: image,  # noqa: ARG005  # every image is as likely as any other
            falling_levels(20 * noise, 2 * noise, 20),
            (1, 16, 16),
            members=200,
        )
        spread[noise] = (members.var(dim=0) / 2).sqrt()
    amplified = torch.linalg.inv(normal_matrix(measured)).diagonal().real.sqrt()
    largest = 1.08 if sampler is gaussian_steps else 1.35
    assert 0.95 < float((spread[0.01] / (0.01 * amplified)).mean()) < largest
    assert float(torch.corrcoef(torch.stack([spread[0.01], amplified.double()]))[0, 1]) > 0.7
    assert float((spread[0.02] / spread[0.01]).mean()) == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("sampler", [gaussian_steps, langevin_steps])
def test_modes_of_a_mixture_have_their_weights(sampler):
    """The six images differ mostly in what the samples do not show, and a little in what they do."""
    size, width, noise = 8, 0.05, 0.05
    base = white(size, size, seed=1)
    problem = SenseProblem.of(scan_of(base, noise, coils=2, seed=0), aligned=False)
    scale = problem.scale
    measured = as_matrix(measurement(problem, noise / scale))
    values, vectors = torch.linalg.eigh(normal_matrix(measured))
    apart = 0.15 * vectors[:, values < 1e-3] @ white(int((values < 1e-3).sum()), 6, seed=2)
    near = 0.02 * vectors[:, values > 0.5] @ white(int((values > 0.5).sum()), 6, seed=3)
    modes = base / scale + (apart + near).T.reshape(6, size, size) / scale
    prior = MixturePrior(modes, width / scale)
    levels = falling_levels(1.0, measured.noise_std / 2, 50)
    members = drawn(sampler, measured, prior.denoise, levels, (1, size, size), members=1000)

    # The samples of a mode are Gaussian with the covariance width² AAᴴ + noise² 1.
    pixels = size**2
    columns = problem.encoding.forward(torch.eye(pixels, dtype=torch.complex64).view(-1, 1, size, size))
    matrix = columns[:, :, problem.scan.mask[0]].flatten(1).T.to(torch.complex128)
    samples = problem.scan.kspace[0][:, problem.scan.mask[0]].flatten().to(torch.complex128) / scale
    covariance = prior.width**2 * matrix @ matrix.mH + measured.noise_std**2 * torch.eye(len(samples))
    left = samples[:, None] - matrix @ modes.flatten(1).T.to(torch.complex128)
    weights = (-(left.conj() * torch.linalg.solve(covariance, left)).sum(dim=0).real / 2).softmax(dim=0)
    found = prior.responsibilities(members.view(-1, size, size).to(torch.complex64), 0.0).double().mean(dim=0)
    assert float((weights - 1 / 6).abs().sum() / 2) > 0.2, "equal weights would pass"
    assert float((weights - found).abs().sum() / 2) < 0.08


def test_samples_held_back_tell_honest_members_from_a_false_lesion():
    """Samples that members have not seen are spread around them as members and noise say; a lesion is not."""
    honest = false = expected = 0.0
    for seed in range(6):
        truth = PRIOR.image(seed)
        scan = scan_of(truth, NOISE, acceleration=2, seed=seed)
        held = torch.zeros_like(scan.mask)
        held[:, [4, 12]] = scan.mask[:, [4, 12]]
        problem = SenseProblem.of(scan.with_sampling(Sampling(scan.mask & ~held)))
        measured = as_matrix(measurement(problem, NOISE / problem.scale))
        levels = falling_levels(0.5, measured.noise_std / 2, 20)
        members = drawn(gaussian_steps, measured, PRIOR.denoiser(problem), levels, (1, 16, 16), members=24)
        images = members.to(torch.complex64).view(-1, 1, 16, 16)
        lesion = torch.zeros(16, 16)
        lesion[6:9, 6:9] = 2.0
        encoding = Encoding(held, problem.encoding.coil_maps)
        seen = scan.kspace / problem.scale * held[:, None]
        predicted = encoding.forward(images)
        honest += float((seen - predicted.mean(dim=0)).abs().square().sum())
        false += float((seen - encoding.forward(images + lesion).mean(dim=0)).abs().square().sum())
        noise = 2 * measured.noise_std**2 * float(held.sum()) * scan.coils
        expected += float(predicted.var(dim=0).sum()) * (1 + 1 / len(images)) + noise
    assert expected > 0
    assert honest / expected == pytest.approx(1, abs=0.35)
    assert false > 1.5 * honest
