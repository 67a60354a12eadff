"""Readout oversampling: cut off without loss."""

import pytest
import torch

from fourfold.coils.compression import compress_coils
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.kspace.readout_oversampling import crop_readout, oversampling
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import undersample
from fourfold.scan import Geometry, Sampling, Scan, crop_centre
from fourfold.simulation.simulate import phantom, simulate

SIZE = (41, 50)


@pytest.fixture(scope="module")
def scan():
    """Object and maps on a grid twice as long along x as what the scanner shows."""
    full = simulate(phantom((41, 100)), coils=3, snr=50, seed=0)
    maps = torch.rand(1, 1, *full.kspace.shape[1:], generator=torch.Generator().manual_seed(0)).to(torch.complex64)
    return full.replace(geometry=Geometry(image_size=SIZE), coil_maps=maps)


def test_images_are_the_centre_of_what_they_were(scan):
    cut = crop_readout(scan)
    assert cut.shape == SIZE
    assert torch.allclose(ifft(cut.kspace), crop_centre(ifft(scan.kspace), SIZE), atol=1e-5)
    assert torch.equal(cut.coil_maps, crop_centre(scan.coil_maps, SIZE))
    assert oversampling(cut) == 1


def test_undersampled_lines_stay_where_they_are(scan):
    under = undersample(scan, "random", 41 / 14, centre=0.25, seed=0)
    cut = crop_readout(under)
    assert torch.equal(cut.mask, under.mask[..., :50])
    assert torch.allclose(cut.kspace, torch.where(cut.mask, crop_readout(scan).kspace, 0), atol=1e-5)


def test_the_other_axis_may_be_the_readout(scan):
    turned = Scan(scan.kspace.mT.contiguous(), line_axis="kx", geometry=Geometry(image_size=(50, 41)))
    assert torch.allclose(crop_readout(turned).kspace, crop_readout(scan).kspace.mT, atol=1e-5)


def test_calibration_data_shows_the_same_field_of_view(scan):
    """Of an object within it, a shorter readout has the same low-resolution image, brighter as its grid is smaller."""
    inside = torch.zeros(1, 3, 41, 100, dtype=torch.complex64)
    inside[..., 10:30, 35:65] = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0)).to(torch.complex64)
    kspace = fft(inside)
    calibration = crop_centre(kspace, (12, 24))
    cut = crop_readout(scan.replace(kspace=kspace, calibration_kspace=calibration, coil_maps=None))
    assert cut.calibration_kspace.shape == (1, 3, 12, 12)
    expected = crop_centre(cut.kspace, (12, 12))
    assert torch.allclose(cut.calibration_kspace, expected, atol=0.1 * float(expected.abs().max()))
    assert float((cut.calibration_kspace - expected).norm() / expected.norm()) < 0.05


@pytest.mark.parametrize(
    "change",
    [
        lambda scan: scan.replace(geometry=Geometry()),
        lambda scan: scan.replace(geometry=Geometry(image_size=(20, 100))),
        lambda scan: scan.with_sampling(Sampling(scan.mask & (torch.arange(100) > 30))),
    ],
    ids=["no size known", "lines oversampled, not the readout", "partial echo"],
)
def test_readouts_that_cannot_be_cropped_without_loss_stay(scan, change):
    changed = change(scan)
    assert oversampling(changed) == 1
    assert crop_readout(changed) is changed


def test_noise_keeps_its_variance():
    noise = torch.randn(1, 4, 41, 100, dtype=torch.complex64, generator=torch.Generator().manual_seed(2))
    cut = crop_readout(Scan(noise, geometry=Geometry(image_size=SIZE))).kspace
    assert float(cut.abs().square().mean()) == pytest.approx(1, rel=0.05)


def test_all_virtual_coils_have_the_coils_root_sum_of_squares(scan):
    mixed = compress_coils(scan, scan.coils)
    assert torch.allclose(root_sum_of_squares(ifft(mixed.kspace)), root_sum_of_squares(ifft(scan.kspace)), rtol=1e-4)
