"""Radial and spiral scans: transforms against direct sums, densities, methods, and what is refused."""

import dataclasses
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.helpers.operator_examples import gaussian, problems

from fourfold.coils.calibration import central_calibration
from fourfold.errors import InputError
from fourfold.kspace.time_average import time_average
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.grappa import Grappa
from fourfold.methods.classical.kt_total_variation import KtTotalVariation
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.wavelet import Wavelet
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.noise.covariance import noise_covariance
from fourfold.operators.density_compensation import density_weights
from fourfold.operators.fourier import fft
from fourfold.operators.gridding import gridded_images
from fourfold.operators.linear_operator import norm
from fourfold.operators.noncartesian_encoding import NonCartesianEncoding
from fourfold.operators.nufft import Nufft
from fourfold.operators.sense_encoding import Encoding
from fourfold.operators.toeplitz import Toeplitz
from fourfold.sampling import radial, spiral
from fourfold.scan import Sampling, Scan, Trajectory, crop_centre
from fourfold.simulation.simulate import loop_maps, phantom, simulate

pytest.importorskip("finufft", reason="finufft is not installed")

# Rounding of float32 over the sums of these sizes, on top of finufft's own tolerance of 1e-6.
TOLERANCE = 1e-5
SIZE = 48
HEAD = phantom((SIZE, SIZE))


def everywhere(trajectory):
    return torch.ones(trajectory.points.shape[:3], dtype=torch.bool)


def grid_trajectory(ny, nx):
    """The points of the Cartesian grid, a line a shot."""
    rows, columns = torch.meshgrid(torch.arange(ny) - ny // 2, torch.arange(nx) - nx // 2, indexing="ij")
    return Trajectory(torch.stack([rows, columns], dim=-1)[None].float(), (ny, nx))


def error(image):
    return float((image - HEAD).square().mean().sqrt())


@settings(max_examples=40, deadline=None)
@given(problems(least_size=5))
def test_nufft_is_the_direct_sum(problem):
    trajectory, mask, x = problem.trajectory, problem.shots, problem.kspace
    ny, nx = trajectory.matrix
    ky, kx = trajectory.points.double().expand(len(x), -1, -1, -1)[..., None, None].unbind(3)
    turns = ky * (torch.arange(ny) - ny // 2)[:, None] / ny + kx * (torch.arange(nx) - nx // 2) / nx
    direct = torch.einsum("fsmyx,fcyx->fcsm", torch.exp(-2j * math.pi * turns), x.to(torch.complex128))
    direct = direct * mask[:, None] / math.sqrt(ny * nx)
    assert norm(Nufft(trajectory, mask).forward(x) - direct) < TOLERANCE * norm(direct)


@settings(max_examples=40, deadline=None)
@given(problems(least_size=5))
def test_toeplitz_is_adjoint_of_weighted_forward(problem):
    operator = Nufft(problem.trajectory, problem.shots)
    expected = operator.adjoint(operator.forward(problem.kspace) * problem.weights[:, None])
    result = Toeplitz(problem.trajectory, problem.weights).forward(problem.kspace)
    assert norm(result - expected) < TOLERANCE * norm(expected)


@settings(max_examples=10, deadline=None)
@given(problems(least_size=5))
def test_the_norm_of_the_encoding_is_one(problem):
    encoding = NonCartesianEncoding(problem.trajectory, problem.shots, problem.of_unit_norm)
    assert encoding.norm(problem.image, iterations=100) < 1.005


@pytest.mark.parametrize("size", [(12, 15), (9, 8)])
def test_on_the_grid_it_is_the_cartesian_encoding(size):
    """Whole-numbered points: the same samples, density one, and the same normal operator up to the norm's margin."""
    trajectory = grid_trajectory(*size)
    mask = everywhere(trajectory)
    mask[:, ::3] = False
    x, maps = gaussian(1, 1, *size), loop_maps(size, 4)
    cartesian, encoding = Encoding(mask, maps), NonCartesianEncoding(trajectory, mask, maps)
    full = everywhere(trajectory)
    torch.testing.assert_close(Nufft(trajectory, full).forward(x), fft(x), atol=2e-5, rtol=0)
    torch.testing.assert_close(density_weights(trajectory, full), torch.ones(1, *size), atol=2e-4, rtol=0)
    given = dataclasses.replace(trajectory, density=torch.ones(1, *size))
    same = NonCartesianEncoding(given, full, maps)
    factor = norm(same.normal(x)) / norm(x)
    assert 0.95 < factor <= 1.0
    torch.testing.assert_close(same.normal(x), Encoding(full, maps).normal(x) * factor, atol=1e-4, rtol=0)
    shape = cartesian.forward(x).shape
    assert encoding.forward(x).shape == shape
    assert not encoding.forward(x)[:, :, ::3].any()


def test_nufft_agrees_with_sigpy():
    sigpy = pytest.importorskip("sigpy", reason="SigPy is not installed")
    trajectory, image = radial((32, 27), 9), gaussian(1, 2, 32, 27)
    ours = Nufft(trajectory, everywhere(trajectory)).forward(image)[0].numpy()
    theirs = sigpy.nufft(image[0].numpy(), trajectory.points[0].numpy(), oversamp=2, width=6)
    assert np.linalg.norm(ours - theirs) < 1e-3 * np.linalg.norm(ours)


@pytest.mark.parametrize(
    "trajectory",
    [radial((SIZE, SIZE), 76, golden=False), radial((SIZE, SIZE), 90), spiral((SIZE, SIZE), 6, 800)],
    ids=["even spokes", "golden spokes", "spiral"],
)
@pytest.mark.parametrize("given", [False, True])
def test_density_gives_the_phantom_its_brightness(trajectory, given):
    """Computed weights, and given ones in any unit; the ramp |k| is exact for spokes."""
    if given:
        ramp = trajectory.points.norm(dim=-1).clamp_min(0.1)
        weights = ramp if trajectory.kind == "radial" else density_weights(trajectory, everywhere(trajectory))
        trajectory = dataclasses.replace(trajectory, density=7 * weights)
    scan = simulate(HEAD, coils=1, snr=None, phase=False, trajectory=trajectory)
    image = gridded_images(scan)[0, 0].abs() / loop_maps((SIZE, SIZE), 1)[0, 0, 0].abs()
    inside = HEAD > 0.1
    assert float((image * HEAD)[inside].sum() / HEAD[inside].square().sum()) == pytest.approx(1, abs=0.03)
    assert float((image - HEAD)[inside].square().mean().sqrt()) < 0.08


def test_area_of_k_space_is_the_sum_of_the_weights():
    weights = density_weights(trajectory := radial((64, 48), 110, golden=False), everywhere(trajectory))
    assert float(weights.sum()) == pytest.approx(math.pi / 4 * 64 * 48, rel=0.03)


@pytest.mark.parametrize(
    ("trajectory", "most"), [(radial((SIZE, SIZE), 40), 0.08), (spiral((SIZE, SIZE), 6, 800), 0.15)]
)
def test_the_centre_is_brought_onto_the_grid(trajectory, most):
    scan = simulate(HEAD, coils=4, snr=None, trajectory=trajectory)
    truth = crop_centre(simulate(HEAD, coils=4, snr=None).kspace, (24, 24))
    calibration = central_calibration(scan)
    assert norm(calibration - truth) < most * norm(truth)


def test_methods_recover_the_phantom_from_a_fifth_of_a_full_set_of_spokes():
    scan = simulate(HEAD, coils=6, snr=50, trajectory=radial((SIZE, SIZE), 15))
    assert 2 < scan.acceleration < 4
    regularised = (TotalVariation(weight=0.0014), Wavelet(weight=0.0017))
    gridded, sense, total_variation, wavelet = (m(scan) for m in (ZeroFilled(), CgSense(weight=0.005), *regularised))
    assert error(sense.magnitude[0]) < 0.6 * error(gridded.magnitude[0])
    assert error(total_variation.magnitude[0]) < 0.5 * error(sense.magnitude[0])
    assert error(wavelet.magnitude[0]) < 0.7 * error(sense.magnitude[0])
    assert error(total_variation.magnitude[0]) < 0.03
    brighter = TotalVariation(weight=0.0014)(scan.replace(kspace=scan.kspace * 1000))
    torch.testing.assert_close(brighter.magnitude, total_variation.magnitude * 1000, rtol=1e-2, atol=1)
    summary = sense.record.sampling
    assert (summary["shots"], summary["samples_per_shot"], summary["trajectory"]) == (15, 2 * SIZE, "radial")
    assert summary["acceleration"] == pytest.approx(scan.acceleration, abs=1e-3)


def test_a_mask_leaves_shots_out_as_if_they_were_not_there():
    scan = simulate(HEAD, coils=4, trajectory=radial((SIZE, SIZE), 20))
    mask = scan.mask.clone()
    mask[:, 13:] = False
    masked = scan.with_sampling(Sampling(mask))
    fewer = Scan(
        scan.kspace[:, :, :13],
        trajectory=dataclasses.replace(scan.trajectory, points=scan.trajectory.points[:, :13]),
    )
    method = CgSense(weight=0.005)
    torch.testing.assert_close(method(masked).image, method(fewer).image, rtol=1e-3, atol=1e-3)
    assert masked.acceleration == pytest.approx(fewer.acceleration)
    with pytest.raises(InputError, match="asks for 672 samples that were not acquired"):
        masked.with_sampling(scan.sampling)


def test_frames_have_spokes_of_their_own():
    trajectory = radial((SIZE, SIZE), 13, frames=3)
    moving = torch.stack([HEAD, HEAD.roll(2, 0), HEAD])
    scan = simulate(moving, coils=6, snr=50, trajectory=trajectory)
    gridded = gridded_images(scan)
    for index in range(3):
        torch.testing.assert_close(gridded_images(scan.frame(index))[0], gridded[index])
    joined = time_average(scan)
    assert joined.kspace.shape == (1, 6, 39, 2 * SIZE)
    torch.testing.assert_close(joined.kspace[0, :, 13:26], scan.kspace[1])
    torch.testing.assert_close(joined.trajectory.points[0, 26:], trajectory.points[2])
    series = KtTotalVariation(weight=0.002, iterations=60)(scan)
    assert (
        max(float((image - true).square().mean().sqrt()) for image, true in zip(series.magnitude, moving, strict=True))
        < 0.04
    )


def test_noise_is_estimated_at_the_ends_of_the_spokes():
    kspace = gaussian(1, 2, 60, 96) * torch.tensor([1.0, 3.0])[:, None, None]
    covariance = noise_covariance(Scan(kspace, trajectory=radial((48, 48), 60)))
    torch.testing.assert_close(covariance.diagonal().real, torch.tensor([1.0, 9.0]), rtol=0.3, atol=0)


def test_trajectories_are_what_they_say():
    even, golden = radial((32, 32), 8, golden=False), radial((32, 32), 8, frames=2)
    angles = torch.atan2(*even.points[0, :, -1].unbind(-1))
    torch.testing.assert_close(angles, torch.arange(8) * math.pi / 8, atol=1e-5, rtol=0)
    torch.testing.assert_close(golden.points.flatten(0, 1), radial((32, 32), 16).points[0])
    assert not even.points[:, :, 32].any()
    turning = spiral((32, 24), 4, 500)
    steps = (turning.points / torch.tensor([32, 24])).diff(dim=2).norm(dim=-1)
    assert float(steps.max() / steps.min()) < 1.1
    assert turning.acceleration(everywhere(turning)) == pytest.approx(1, abs=0.03)
    assert radial((64, 64), 101).acceleration(torch.ones(1, 101, 128, dtype=torch.bool)) == pytest.approx(1, abs=0.05)
    with pytest.raises(InputError, match="0 shots were asked for"):
        radial((32, 32), 0)
    with pytest.raises(InputError, match="acceleration is 0"):
        spiral((32, 32), 1, 100, acceleration=0)


POINTS = radial((48, 48), 3, 8).points


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"points": POINTS[0]}, r"float32 of shape \(3, 8, 2\); it must be float32 of shape \(frame or 1"),
        ({"points": POINTS.double()}, "float64"),
        ({"points": POINTS * torch.nan}, "NaN or Inf"),
        ({"points": POINTS * 2}, r"outside the band ±\(24, 24\) of the 48×48 matrix"),
        ({"points": POINTS / 48}, "unit seems to be radians or cycles per pixel"),
        ({"matrix": (48, 0)}, "two positive sizes"),
        ({"density": torch.ones(1, 3, 7)}, r"for \(3, 7\) shots and samples but the trajectory has \(3, 8\)"),
        ({"density": torch.ones(3, 8)}, r"must be float32 of shape \(frame or 1, shot, sample\)"),
        ({"density": -torch.ones(1, 3, 8)}, "negative numbers"),
    ],
)
def test_bad_trajectories_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        Trajectory(**{"points": POINTS, "matrix": (48, 48), **fields})


def test_scans_that_do_not_fit_their_trajectory_are_refused():
    trajectory = radial((48, 48), 3, 8)
    with pytest.raises(InputError, match=r"of 3 shots and 8 samples but the k-space has 1 frame\(s\) of 3 and 9"):
        Scan(gaussian(1, 2, 3, 9), trajectory=trajectory)
    scan = Scan(gaussian(1, 2, 3, 8), trajectory=trajectory)
    assert scan.shape == (48, 48)
    assert not scan.fully_sampled
    with pytest.raises(InputError, match="'grappa' works on Cartesian k-space and this scan has a trajectory"):
        Grappa()(scan)
    with pytest.raises(InputError, match=r"samples k-space densely in \d×\d points around the centre"):
        CgSense()(scan)
    with pytest.raises(InputError, match=r"matrix of .48, 48. but the image is .32, 32."):
        simulate(phantom((32, 32)), trajectory=trajectory)


def test_without_finufft_the_message_says_how_to_install_it(monkeypatch):
    scan = simulate(HEAD, coils=2, trajectory=radial((SIZE, SIZE), 20))
    monkeypatch.setitem(sys.modules, "finufft", None)
    with pytest.raises(InputError, match=r"finufft, which is not installed: pip install 'fourfold\[nufft\]'"):
        CgSense()(scan)


def test_a_measured_spiral(data):
    """The GE phantom at half its resolution: gridding as SigPy's, SENSE and total variation close to it."""
    sigpy = pytest.importorskip("sigpy", reason="SigPy is not installed")
    arrays = np.load(data / "noncartesian" / "gephantom8_spiral60.npz")
    k, n = torch.from_numpy(arrays["k"].T.copy()), 128
    near = int((k.abs().amax(dim=0) < 0.25).sum())
    points = torch.stack([k.imag, k.real], dim=-1)[None, :, :near] * (2 * n)
    kspace = torch.from_numpy(arrays["kspace"].transpose(0, 2, 1).copy())[None, :, :, :near]
    density = torch.from_numpy(arrays["w"].T[None, :, :near].copy())
    scan = Scan(kspace, trajectory=Trajectory(points, (n, n), density))
    theirs = sigpy.nufft_adjoint((kspace * density)[0].numpy(), points[0].numpy(), (8, n, n), oversamp=2, width=6)
    ours = gridded_images(scan)[0].numpy()
    factor = np.vdot(theirs, ours) / np.vdot(theirs, theirs)
    assert np.linalg.norm(ours - factor * theirs) < 2e-3 * np.linalg.norm(ours)
    computed = scan.replace(trajectory=Trajectory(points, (n, n)))
    full = ZeroFilled()(computed).magnitude
    assert norm(ZeroFilled()(scan).magnitude - full) < 0.1 * norm(full)
    for method in (CgSense(weight=0.005), TotalVariation(weight=0.0014)):
        assert norm(method(computed).magnitude - full) < 0.1 * norm(full)
