"""Geometric coil compression: fewer virtual coils than the SVD's for the same energy, smooth along the readout."""

import numpy as np
import pytest
import torch
from tests.helpers.bart import bart_of, needs_bart

from fourfold.cli.reconstruction.preparation import Preparation
from fourfold.coils.compression import compress_coils
from fourfold.coils.geometric_compression import compress_coils_geometrically
from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.errors import InputError
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.noise.covariance import noise_covariance, prewhiten
from fourfold.operators.fourier import ifft
from fourfold.sampling import undersample
from fourfold.simulation.simulate import loop_maps, phantom, simulate


def energy(scan):
    return float(scan.kspace.abs().square().sum(dtype=torch.float64))


def kept(scan):
    return scan.source.details["compressed_energy"]


@pytest.fixture(scope="module")
def scan():
    noise = torch.randn(12, 3000, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    full = simulate(phantom((64, 49)), coils=12, snr=60)
    return full.replace(coil_maps=loop_maps((64, 49), 12), noise=noise)


@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_fewer_coils_keep_the_energy(scan, axis):
    turned = scan.replace(line_axis=axis, coil_maps=None)
    geometric = compress_coils_geometrically(turned, energy=0.98)
    assert geometric.coils < compress_coils(turned, energy=0.98).coils - 2
    assert energy(geometric) == pytest.approx(kept(geometric) * energy(scan), rel=1e-4)
    assert compress_coils_geometrically(turned, geometric.coils - 1).source.details["compressed_energy"] < 0.98


def test_all_coils_keep_the_image(scan):
    compressed = compress_coils_geometrically(scan, 12)
    image, reference = (root_sum_of_squares(ifft(each.kspace)) for each in (compressed, scan))
    assert torch.allclose(image, reference, atol=1e-4 * float(reference.max()))


def test_maps_are_mixed_alike(scan):
    compressed = compress_coils_geometrically(scan, 4)
    image = matched_combination(ifft(compressed.kspace), compressed.coil_maps[:, 0])
    reference = matched_combination(ifft(scan.kspace), scan.coil_maps[:, 0])
    assert (image - reference).norm() < 0.05 * reference.norm()


def test_virtual_coils_are_smooth_along_the_readout(scan):
    maps = compress_coils_geometrically(scan, 4).coil_maps[0, 0]
    inside = phantom((64, 49)).sum(dim=0) > 0
    steps = (maps[..., 1:] - maps[..., :-1])[..., inside[1:] & inside[:-1]]
    original = (scan.coil_maps[0, 0, ..., 1:] - scan.coil_maps[0, 0, ..., :-1])[..., inside[1:] & inside[:-1]]
    assert float(steps.abs().square().sum()) < 2 * float(original.abs().square().sum())


def test_reconstruction_is_closer_than_from_as_many_coils_by_svd(scan):
    part = undersample(scan.replace(coil_maps=None, noise=None), "regular", 2, lines=16)
    reference = root_sum_of_squares(ifft(scan.kspace))[0]
    errors = [
        float((CgSense()(compress(part, 5)).magnitude[0] - reference).norm())
        for compress in (compress_coils_geometrically, compress_coils)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_samples_that_were_left_out_stay_empty(scan):
    part = undersample(scan, "regular", 2, lines=16)
    compressed = compress_coils_geometrically(part, 4)
    assert bool((compressed.kspace[:, :, ~part.mask[0]] == 0).all())
    assert torch.equal(compressed.mask, part.mask)


def test_white_noise_stays_white(scan):
    covariance = noise_covariance(compress_coils_geometrically(prewhiten(scan), 4))
    assert torch.allclose(covariance, torch.eye(4, dtype=torch.complex64), atol=1e-3)


def test_refuses_what_cannot_be_done(scan):
    coloured = scan.replace(noise=scan.noise * torch.linspace(1, 2, 12)[:, None])
    short = scan.replace(calibration_kspace=scan.kspace[..., 20:44, 12:36].clone())
    scattered = undersample(scan, "poisson-disc", 2, box=(16, 16))
    refusals = (
        (coloured, "not white"),
        (short, "24 readout samples and the scan 49"),
        (scattered, r"The readout \(kx\) is undersampled"),
    )
    for refused, words in refusals:
        with pytest.raises(InputError, match=words):
            compress_coils_geometrically(refused, 4)
    with pytest.raises(InputError, match="13 virtual coils are not possible"):
        compress_coils_geometrically(scan, 13)


def test_the_command_line_prepares_it(scan):
    plain = scan.replace(noise=None)
    assert kept(Preparation(coils=4, compression="geometric")(plain)) == kept(compress_coils_geometrically(plain, 4))
    assert kept(Preparation(coils=4)(plain)) == kept(compress_coils(plain, 4))
    with pytest.raises(InputError, match="give --coils too"):
        Preparation(compression="geometric")(plain)


@needs_bart
def test_keeps_as_much_energy_as_bart(scan, tmp_path):
    # But for what our window, which makes the mixtures smoother, costs.
    # BART's readout is its first axis, and ours the last.
    kspace = scan.kspace[0].permute(2, 1, 0)[:, :, None]
    theirs = bart_of(tmp_path, kspace.numpy(), "cc", "-G", "-A", "-p4")
    assert energy(compress_coils_geometrically(scan, 4)) > 0.998 * float(
        np.sum(np.abs(theirs.astype(np.complex128)) ** 2)
    )
