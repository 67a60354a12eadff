"""Noise covariance and prewhitening."""

import pytest
import torch
from tests.helpers.bart import needs_bart, read_cfl, run_bart, write_cfl

from fourfold.errors import InputError
from fourfold.noise.calibration_noise import calibration_noise_variance
from fourfold.noise.covariance import noise_covariance, prewhiten
from fourfold.noise.outer_kspace_noise import outer_noise_std
from fourfold.operators.fourier import fft
from fourfold.operators.sense_encoding import CoilMaps
from fourfold.scan import Sampling, Scan, crop_centre
from fourfold.simulation.simulate import loop_maps, phantom, simulate


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def coloured(coils, seed=3):
    """A well-conditioned mixture that correlates the coils and makes some louder than others."""
    return torch.diag(torch.linspace(0.5, 2, coils)).to(torch.complex64) @ (
        torch.eye(coils) + 0.3 * gaussian(coils, coils, seed=seed)
    )


@pytest.fixture
def scan():
    """Coil images of a phantom with coloured noise, and a noise scan of the same colour."""
    mixture = coloured(5)
    clean = simulate(phantom((48, 40)), coils=5, snr=None, phase=False)
    noise = torch.einsum("cd,fdyx->fcyx", mixture, 0.01 * gaussian(1, 5, 48, 40, seed=1))
    return Scan(
        clean.kspace + noise,
        noise=mixture @ (0.01 * gaussian(5, 20000, seed=2)),
        coil_maps=loop_maps((48, 40), 5),
        calibration_kspace=clean.kspace[..., 12:36, 8:32].contiguous(),
    )


def test_the_covariance_of_a_noise_scan_is_that_of_its_mixture(scan):
    mixture = coloured(5)
    expected = 1e-4 * mixture @ mixture.mH
    covariance = noise_covariance(scan)
    assert covariance.dtype == torch.complex64
    assert torch.allclose(covariance, covariance.mH)
    assert torch.allclose(covariance, expected, atol=0.05 * float(expected.abs().max()))


@pytest.mark.parametrize("lines", [None, 4])
def test_the_corners_of_kspace_give_the_noise_where_there_is_no_noise_scan(lines):
    mixture = coloured(4)
    ny, nx = 200, 160
    # A smooth object, whose k-space ends well within the corners.
    y, x = torch.meshgrid(torch.linspace(-1, 1, ny), torch.linspace(-1, 1, nx), indexing="ij")
    image = 100 * torch.exp(-10 * (x**2 + y**2)) * loop_maps((ny, nx), 4)[:, 0]
    scan = Scan(fft(image) + torch.einsum("cd,fdyx->fcyx", mixture, gaussian(1, 4, ny, nx)))
    if lines:
        rows = torch.zeros(1, ny, nx, dtype=torch.bool)
        rows[:, ::lines] = True
        scan = scan.with_sampling(Sampling(rows))
    expected = mixture @ mixture.mH
    assert torch.allclose(noise_covariance(scan), expected, atol=0.2 * float(expected.abs().max()))


def test_whitened_noise_is_white(scan):
    white = prewhiten(scan)
    assert torch.allclose(noise_covariance(white), torch.eye(5, dtype=torch.complex64), atol=1e-4)
    assert white.source.details["prewhitened"] is True


def test_every_array_is_mixed_by_the_same_matrix(scan):
    white = prewhiten(scan)
    matrix = white.noise @ torch.linalg.pinv(scan.noise)
    assert torch.allclose(torch.einsum("cd,fdyx->fcyx", matrix, scan.kspace), white.kspace, rtol=1e-3, atol=0.1)
    mixed = torch.einsum("cd,fdyx->fcyx", matrix, scan.calibration_kspace)
    assert torch.allclose(mixed, white.calibration_kspace, rtol=1e-3, atol=0.1)
    assert torch.equal(scan.mask, white.mask)


def test_whitened_maps_have_unit_norm_and_describe_the_whitened_coils(scan):
    white = prewhiten(scan)
    maps = white.coil_maps
    assert torch.allclose(torch.linalg.vector_norm(maps, dim=2), torch.ones(()), atol=1e-5)
    clean = fft(CoilMaps(scan.coil_maps).forward(phantom((48, 40)).to(torch.complex64)[None, None]))
    matrix = white.noise @ torch.linalg.pinv(scan.noise)
    images = torch.einsum("cd,fdyx->fcyx", matrix, clean)
    # Within the span of the new maps: a positive factor per pixel is all that has changed.
    from_maps = (matrix @ scan.coil_maps.flatten(3)).view_as(scan.coil_maps)
    ratio = (from_maps / maps)[maps.abs() > 1e-3]
    assert ratio.imag.abs().max() < 1e-2 * ratio.real.min()
    assert images.shape == white.kspace.shape


def test_units_do_not_matter(scan):
    small = scan.replace(
        kspace=1e-7 * scan.kspace, noise=1e-7 * scan.noise, calibration_kspace=1e-7 * scan.calibration_kspace
    )
    assert torch.allclose(prewhiten(small).kspace, prewhiten(scan).kspace, rtol=1e-3, atol=1e-2)


def test_white_scans_stay_as_they_are(scan):
    white = prewhiten(scan)
    assert torch.allclose(prewhiten(white).kspace, white.kspace, rtol=1e-3, atol=1e-2)


def test_refuses_too_few_noise_samples(scan):
    with pytest.raises(InputError, match=r"19 noise samples for 5 coils; .* at least 20"):
        prewhiten(scan.replace(noise=scan.noise[:, :19]))


def test_refuses_coils_whose_noise_is_a_mixture_of_others(scan):
    noise = scan.noise.clone()
    noise[4] = 0.3 * noise[0] - 1j * noise[2]
    with pytest.raises(InputError, match="linear combination of that of others"):
        prewhiten(scan.replace(noise=noise))


def test_refuses_coils_without_noise(scan):
    noise = scan.noise.clone()
    noise[1] = 0
    with pytest.raises(InputError, match=r"Coil\(s\) \[1\] have no noise"):
        prewhiten(scan.replace(noise=noise))


@needs_bart
def test_agrees_with_bart(scan, tmp_path):
    write_cfl(tmp_path / "kspace", scan.kspace[0].permute(1, 2, 0)[:, :, None].numpy())
    write_cfl(tmp_path / "noise", scan.noise.T[:, None, None].numpy())
    run_bart(tmp_path, "whiten", "kspace", "noise", "white")
    theirs = read_cfl(tmp_path / "white")
    # Any unitary mixture of whitened coils is white; products of coils with themselves do not depend on it.
    theirs = torch.from_numpy(theirs[:, :, 0].transpose(2, 0, 1).copy()).flatten(1)
    ours = prewhiten(scan).kspace[0].flatten(1)
    assert torch.allclose(ours.mH[:50] @ ours, theirs.mH[:50] @ theirs, rtol=2e-3, atol=0.5)


@pytest.mark.parametrize("axis", [1, 2])
def test_the_noise_level_of_each_frame_comes_from_its_outermost_samples(axis):
    levels = torch.tensor([0.02, 0.5])
    y, x = torch.meshgrid(torch.linspace(-1, 1, 120), torch.linspace(-1, 1, 90), indexing="ij")
    image = torch.exp(-10 * (x**2 + y**2)) * loop_maps((120, 90), 4)[:, 0]
    kspace = fft(image) + levels[:, None, None, None] * gaussian(2, 4, 120, 90)
    lines = torch.arange(kspace.shape[1 + axis]) % 4 == 1
    mask = (lines[:, None] if axis == 1 else lines).expand(1, 120, 90)
    result = outer_noise_std(torch.where(mask[:, None], kspace, 0), mask)
    torch.testing.assert_close(result, levels, rtol=0.1, atol=0)
    assert torch.allclose(outer_noise_std(1e3 * kspace * mask[:, None], mask), 1e3 * result)


@pytest.mark.parametrize("size", [(8, 24), (8, 180), (12, 24), (18, 18), (24, 24)])
def test_few_calibration_lines_do_not_hide_the_noise(raw, size):
    """A tenth of it, where overlapping patches were counted as independent ones."""
    kspace = raw("brain8_full_T1").kspace[0]
    expected = calibration_noise_variance(crop_centre(kspace, (48, 180)))
    assert 0.5 * expected < calibration_noise_variance(crop_centre(kspace, size)) < 2.5 * expected
