"""The one interface to every trained network."""

import json

import pytest
import torch
from tests.helpers.trained_weights import RECONSTRUCTORS, SMALL

from fourfold.errors import InputError
from fourfold.networks.build import build, complete_settings, networks
from fourfold.operators.fourier import fft, ifft

each = pytest.mark.parametrize("name", networks())


@pytest.fixture
def problem():
    """k-space of two frames and three coils, every other column, with maps."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 1, 21, 30, dtype=torch.complex64, generator=generator)
    maps = torch.randn(1, 3, 21, 30, dtype=torch.complex64, generator=generator)
    maps = maps / torch.linalg.vector_norm(maps, dim=1, keepdim=True)
    mask = (torch.arange(30) % 2 == 0).expand(1, 21, 30)
    return torch.where(mask[:, None], fft(maps * images), 0), mask, maps


@pytest.mark.parametrize("name", RECONSTRUCTORS)
@torch.no_grad()
def test_every_reconstructor_is_called_alike(name, problem):
    kspace, mask, maps = problem
    network = build(name, SMALL[name]).eval()
    several = network(kspace, mask, maps)
    one = network(kspace[:, :1], mask)
    for images in (several, one):
        assert images.shape == (2, 21, 30)
        assert images.dtype == torch.complex64
        assert bool(images.isfinite().all())
    with pytest.raises(InputError, match="3 coils"):
        network(kspace, mask)


@each
def test_settings_are_complete_and_fit_into_json(name):
    settings = complete_settings(name, SMALL[name])
    assert settings.items() >= SMALL[name].items()
    assert json.loads(json.dumps(settings, allow_nan=False)) == settings
    first, again = build(name, SMALL[name]), build(name, settings)
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_wrong_networks_and_settings_are_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"no network 'vernet'.*mean 'varnet'"):
        build("vernet", {})
    with pytest.raises(InputError, match=r"network 'unet' has no setting 'chanels'.*mean 'channels'"):
        build("unet", {"chanels": 4})
    with pytest.raises(InputError, match="'channels' of 'resnet' is 0; input should be greater than 0"):
        build("resnet", {"channels": 0})
    with pytest.raises(InputError, match="'form' of 'varnet' is 'polar'"):
        build("varnet", {"form": "polar"})


def test_only_a_varnet_with_sensitivity_estimation_makes_its_own_maps():
    estimating = {name for name in networks() if build(name, SMALL[name]).estimates_maps}
    assert estimating == {"varnet"}
    assert not build("varnet", {**SMALL["varnet"], "sensitivity_channels": 0}).estimates_maps


@pytest.mark.parametrize("name", ["unet", "resnet"])
@pytest.mark.parametrize("complex_", [True, False])
@torch.no_grad()
def test_image_networks_do_not_see_the_scale(name, complex_, problem):
    kspace, mask, maps = problem
    network = build(name, {**SMALL[name], "complex": complex_}).eval()
    images = network(kspace, mask, maps)
    scaled = network(kspace * 1e-6, mask, maps) * 1e6
    assert float((scaled - images).abs().max()) < 1e-3 * float(images.abs().max())


@torch.no_grad()
def test_magnitudes_keep_the_phase_of_the_zero_filled_image(problem):
    kspace, mask, _ = problem
    network = build("unet", {**SMALL["unet"], "complex": False}).eval()
    image, start = network(kspace[:, :1], mask), ifft(kspace[:, 0])
    along = image * torch.sgn(start).conj()
    assert torch.allclose(along.imag, torch.zeros(()), atol=1e-5)


@torch.no_grad()
def test_a_network_that_returns_nothing_leaves_the_zero_filled_image_where_it_is_residual(problem):
    kspace, mask, maps = problem
    network = build("unet", SMALL["unet"])
    network.network.last.weight.zero_()
    network.network.last.bias.zero_()
    start = (maps.conj() * ifft(kspace)).sum(dim=1)
    assert torch.allclose(network(kspace, mask, maps), start, atol=1e-5)
    plain = build("unet", {**SMALL["unet"], "residual": False})
    plain.load_state_dict(network.state_dict())
    assert not plain(kspace, mask, maps).any()


@torch.no_grad()
def test_consistency_puts_the_measured_samples_back(problem):
    kspace, mask, _ = problem
    network = build("resnet", {**SMALL["resnet"], "consistency": True}).eval()
    again = fft(network(kspace[:, :1], mask))
    acquired = mask.expand_as(again)
    assert torch.allclose(again[acquired], kspace[:, 0][acquired], atol=1e-4)
