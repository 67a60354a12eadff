"""Adaptive combination by Walsh's method."""

import pytest
import torch

from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.coils.walsh import walsh
from fourfold.errors import InputError
from fourfold.operators.fourier import ifft
from fourfold.simulation.simulate import in_object, loop_maps, phantom, simulate


@pytest.mark.parametrize(("shape", "coils"), [((64, 50), 6), ((51, 47), 4), ((300, 21), 12)])
def test_finds_the_true_maps_inside_the_object(shape, coils):
    image = phantom(shape)
    maps = walsh(ifft(simulate(image, coils=coils, snr=50).kspace), window=5)
    assert maps.shape == (1, 1, coils, *shape)
    assert torch.allclose(root_sum_of_squares(maps), torch.ones(()), atol=1e-5)
    overlap = (maps.conj() * loop_maps(shape, coils)).sum(dim=2).abs()[0, 0]
    assert overlap[in_object(image)].quantile(0.05) > 0.98


@pytest.mark.parametrize("window", [1, 3, 7])
def test_is_the_principal_eigenvector_of_the_local_covariance(window):
    images = torch.randn(1, 3, 14, 11, dtype=torch.complex64, generator=torch.Generator().manual_seed(window))
    maps = walsh(images, window)
    for y, x in ((0, 0), (13, 10), (6, 5), (2, 9)):
        half = window // 2
        rows, columns = slice(max(0, y - half), y + half + 1), slice(max(0, x - half), x + half + 1)
        samples = images[0, :, rows, columns].flatten(1)
        values, vectors = torch.linalg.eigh(samples @ samples.mH)
        if values[-1] > 1.1 * values[-2]:
            assert (vectors[:, -1].conj() * maps[0, 0, :, y, x]).sum().abs() > 0.9999


def test_the_combination_is_less_noisy_than_root_sum_of_squares_in_the_background():
    image = torch.nn.functional.pad(phantom((48, 48)), (16, 16, 16, 16))
    images = ifft(simulate(image, coils=8, snr=20).kspace)
    combined = matched_combination(images, walsh(images)[:, 0])
    assert combined.shape == (1, 80, 80)
    assert combined.dtype == torch.complex64
    background = image == 0
    assert combined[0].abs()[background].mean() < 0.75 * root_sum_of_squares(images)[0][background].mean()
    bright = image > 0.15
    assert torch.allclose(combined[0].abs()[bright], root_sum_of_squares(images)[0][bright], rtol=0.1)


@pytest.mark.parametrize("factor", [1e-10, 1e10])
def test_units_do_not_matter(factor):
    images = ifft(simulate(phantom((30, 30)), coils=4).kspace)
    assert torch.allclose(walsh(factor * images), walsh(images), atol=1e-3)


def test_pixels_without_any_signal_get_no_map():
    images = torch.zeros(1, 3, 20, 20, dtype=torch.complex64)
    images[:, :, 10:] = ifft(simulate(phantom((20, 20)), coils=3).kspace)[:, :, 10:]
    maps = walsh(images, window=3)
    assert not maps[..., :9, :].any()
    assert torch.allclose(root_sum_of_squares(maps)[..., 9:, :], torch.ones(()), atol=1e-5)
    combined = matched_combination(images, maps[:, 0])
    assert torch.isfinite(torch.view_as_real(combined)).all()
    assert not walsh(torch.zeros(1, 3, 8, 8, dtype=torch.complex64)).any()


def test_frames_are_independent():
    images = torch.cat([ifft(simulate(phantom((24, 28)), coils=4, seed=seed).kspace) for seed in (0, 1)])
    both = walsh(images)
    assert torch.equal(both[1], walsh(images[1:])[0])


@pytest.mark.parametrize("window", [0, 4, -3])
def test_refuses_an_even_window(window):
    with pytest.raises(InputError, match=f"window is {window} pixels"):
        walsh(torch.ones(1, 2, 8, 8, dtype=torch.complex64), window)
