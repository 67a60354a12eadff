"""Coil compression by SVD."""

import pytest
import torch
from tests.helpers.bart import bart_of, needs_bart

from fourfold.coils.compression import compress_coils
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.noise.covariance import noise_covariance, prewhiten
from fourfold.scan import Scan
from fourfold.simulation.simulate import loop_maps, phantom, simulate


@pytest.fixture
def scan():
    full = simulate(torch.stack([phantom((40, 36)), 0.5 * phantom((40, 36))]), coils=8, snr=40)
    noise = torch.randn(8, 3000, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    return full.replace(
        coil_maps=loop_maps((40, 36), 8), noise=noise, calibration_kspace=full.kspace[..., 8:32, 6:30].clone()
    )


def energy(scan):
    return float(scan.kspace.abs().square().sum(dtype=torch.float64))


@pytest.mark.parametrize("coils", [1, 3, 8])
def test_keeps_as_much_energy_as_the_best_projection_can(scan, coils):
    singular = torch.linalg.svdvals(scan.kspace.movedim(1, 0).flatten(1).to(torch.complex128))
    compressed = compress_coils(scan, coils)
    assert compressed.coils == coils
    assert energy(compressed) == pytest.approx(float(singular[:coils].square().sum()), rel=1e-5)
    kept = compressed.source.details["compressed_energy"]
    assert kept == pytest.approx(energy(compressed) / energy(scan), abs=1e-5)


def test_virtual_coils_come_in_order_of_their_energy(scan):
    energies = compress_coils(scan, 5).kspace.abs().square().sum(dim=(0, 2, 3))
    assert (energies[:-1] >= energies[1:]).all()


@pytest.mark.parametrize("fraction", [0.5, 0.9, 0.99, 1.0])
def test_takes_the_fewest_coils_that_keep_the_energy(scan, fraction):
    compressed = compress_coils(scan, energy=fraction)
    assert energy(compressed) >= (fraction - 1e-6) * energy(scan)
    if compressed.coils > 1:
        assert energy(compress_coils(scan, compressed.coils - 1)) < fraction * energy(scan)


def test_all_coils_keep_the_image(scan):
    compressed = compress_coils(scan, 8)
    assert torch.allclose(
        root_sum_of_squares(compressed.kspace), root_sum_of_squares(scan.kspace), rtol=1e-3, atol=1e-4
    )


def test_maps_calibration_and_noise_are_mixed_alike(scan):
    compressed = compress_coils(scan, 4)
    source = scan.kspace.movedim(1, 0).flatten(1)
    matrix = compressed.kspace.movedim(1, 0).flatten(1) @ torch.linalg.pinv(source)
    assert torch.allclose(matrix @ matrix.mH, torch.eye(4, dtype=torch.complex64), atol=1e-3)
    for name, axis in (("coil_maps", 2), ("calibration_kspace", 1), ("noise", 0)):
        mixed = torch.tensordot(matrix, getattr(scan, name), dims=([1], [axis])).movedim(0, axis)
        assert torch.allclose(getattr(compressed, name), mixed, atol=5e-3 * float(mixed.abs().max()))


def test_white_noise_stays_white(scan):
    compressed = compress_coils(prewhiten(scan), 4)
    assert torch.allclose(noise_covariance(compressed), torch.eye(4, dtype=torch.complex64), atol=1e-4)


def test_a_large_or_small_unit_changes_nothing(scan):
    one = compress_coils(scan, 3)
    for factor in (1e-12, 1e12):
        other = compress_coils(scan.replace(kspace=factor * scan.kspace), 3)
        assert energy(Scan(other.kspace / factor)) == pytest.approx(energy(one), rel=1e-4)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"coils": 9}, "9 virtual coils are not possible: this scan has 8"),
        ({"coils": 0}, "0 virtual coils are not possible"),
        ({"energy": 0.0}, "energy to keep is 0.0"),
        ({"energy": 1.2}, "energy to keep is 1.2"),
        ({}, "either the number of coils or the fraction"),
        ({"coils": 2, "energy": 0.9}, "either the number of coils or the fraction"),
    ],
)
def test_refuses_what_cannot_be_done(scan, settings, words):
    with pytest.raises(InputError, match=words):
        compress_coils(scan, **settings)


@needs_bart
def test_agrees_with_bart(scan, tmp_path):
    kspace = scan.kspace[0].permute(1, 2, 0)[:, :, None]
    theirs = bart_of(tmp_path, kspace.numpy(), "cc", "-S", "-A", "-p3")
    theirs = torch.from_numpy(theirs[:, :, 0].transpose(2, 0, 1).copy())
    ours = compress_coils(scan.frame(0), 3).kspace[0]
    # Up to the phase of each virtual coil.
    assert torch.allclose(ours.abs(), theirs.abs(), atol=2e-3 * float(ours.abs().max()))
