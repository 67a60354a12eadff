"""The autoencoder: sizes, stages of its decoder, and its objective."""

import math
from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from fourfold.coils.low_resolution import low_resolution_phase
from fourfold.errors import InputError
from fourfold.networks.build import build
from fourfold.networks.objectives.objective import NetworkInput
from fourfold.networks.objectives.variational import Variational
from fourfold.operators.fourier import fft
from fourfold.simulation.simulate import phantom

SMALL = {"channels": 4, "latent_channels": 3, "levels": 3}


def noise(*shape, dtype=torch.complex64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(64, 48), (45, 61)])
def test_images_of_any_size_pass_in_whole_cells(size):
    network = build("vae", SMALL)
    mean, log_variance = network.encode(noise(2, *size))
    assert mean.shape == log_variance.shape == (2, 3, math.ceil(size[0] / 8), math.ceil(size[1] / 8))
    assert network.decode(mean, size).shape == (2, *size)
    assert network(noise(2, *size)).dtype == torch.complex64


def test_padding_to_whole_cells_is_that_of_zeros():
    network, image = build("vae", SMALL), noise(1, 45, 61)
    padded = nn.functional.pad(image, (1, 2, 1, 2))
    torch.testing.assert_close(network.encode(image), network.encode(padded))
    torch.testing.assert_close(network(image), network(padded)[:, 1:-2, 1:-2])


def test_the_stages_of_the_decoder_follow_one_another():
    network = build("vae", SMALL)
    latent = noise(1, 3, 6, 8, dtype=torch.float32)
    whole, features = network.decode(latent, (48, 64)), latent
    counts = []
    for stage in range(network.stages):
        torch.testing.assert_close(network.decode(features, (48, 64), stage), whole)
        counts.append(len(network.weights_from(stage)))
        if stage < network.stages - 1:
            features = network.next_features(features, stage)
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == len(list(network.decoder.parameters()))


def test_a_far_part_of_the_image_does_not_matter():
    network, image = build("vae", SMALL), noise(1, 256, 64)
    other = image.clone()
    other[:, 200:] += 10
    torch.testing.assert_close(network(image)[:, :64], network(other)[:, :64])


def test_the_low_resolution_phase_is_that_of_a_smooth_image():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 48), torch.linspace(-1, 1, 64), indexing="ij")
    image = torch.polar(1 + 0.1 * x, 0.8 * y + 0.3 * x + 1)
    inner = (slice(6, -6), slice(6, -6))
    found = low_resolution_phase(image, 16)
    assert float((found * image.conj()).angle()[inner].abs().max()) < 0.15
    assert not bool(low_resolution_phase(torch.zeros_like(image), 16).any())


def batch_of(images, masks=None):
    masks = torch.ones(images.shape, dtype=torch.bool) if masks is None else masks
    inputs = NetworkInput(fft(images)[:, None] * masks[:, None], masks, None, None)
    return SimpleNamespace(reference=lambda: images, network_input=lambda _: inputs)


class Pixels(nn.Module):
    """An autoencoder whose latent variables are the pixels over 2, with a standard deviation of a tenth."""

    name = "pixels"

    def encode(self, images):
        self.shown = images
        mean = torch.view_as_real(images).movedim(-1, 1) / 2
        return mean, torch.full_like(mean, 2 * math.log(0.1))

    def decode(self, latent, size):  # noqa: ARG002  # part of the interface
        return 2 * torch.view_as_complex(latent.movedim(1, -1).contiguous())


def test_the_loss_is_the_error_of_the_noise_and_the_divergence_in_nats_a_pixel():
    images = noise(2, 128, 128)
    objective = Variational(kl_weight=0.5, undersampled_fraction=0)
    losses = objective.losses(Pixels(), 0, batch_of(images), torch.Generator().manual_seed(0))
    # The modulus of complex noise of deviation 0.2 in each part has the mean 0.2 √(π/2).
    assert float(losses["error"]) == pytest.approx(0.2 * math.sqrt(math.pi / 2), rel=0.02)
    # Real and imaginary part of a pixel each have the variance ½, a quarter of it as latent variables.
    of_one = 0.5 * (0.125 + 0.01 - 1 - 2 * math.log(0.1))
    assert float(losses["divergence"]) == pytest.approx(0.5 * 2 * of_one, rel=0.01)


def test_the_encoder_sees_images_of_undersampled_kspace():
    image = torch.polar(phantom((64, 64)), torch.linspace(-1, 1, 64).expand(64, 64))[None]
    mask = torch.zeros(1, 64, 64, dtype=torch.bool)
    mask[:, 24:40] = True
    mask[:, ::4] = True
    network = Pixels()
    batch = batch_of(image, mask)
    shown = {}
    for fraction in (0, 1):
        objective = Variational(undersampled_fraction=fraction)
        objective.losses(network, 0, batch, torch.Generator().manual_seed(0))
        shown[fraction] = network.shown
    torch.testing.assert_close(shown[0].abs(), image.abs())
    difference = float((shown[1].abs() - image.abs()).norm() / image.norm())
    zero_filled = torch.fft.ifft2(torch.fft.ifftshift(batch.network_input(None).kspace[:, 0]), norm="ortho")
    assert 0.01 < difference < 0.9 * float((torch.fft.fftshift(zero_filled).abs() - image.abs()).norm() / image.norm())
    assert float(shown[1].imag.norm()) < 0.2 * float(shown[1].norm()), "the low-resolution phase is taken out"


def test_the_best_fit_to_full_images_is_stated():
    stated = Variational().measurements(Pixels(), [batch_of(noise(1, 16, 16, seed=seed)) for seed in range(2)])
    assert stated["range_psnr"] > 60, "any image is in the range of this decoder"
    network = build("vae", SMALL)
    coarse = Variational().measurements(network, [batch_of(phantom((64, 64))[None])])
    assert coarse["range_psnr"] < 40
    assert coarse["range_error"] > 0.02
    assert Variational().measurements(network, []) == {}


def test_wrong_settings_and_networks_are_refused():
    with pytest.raises(ValidationError, match="'phase_lines' is 24 to 12"):
        Variational(phase_lines=(24, 12))
    with pytest.raises(ValidationError):
        Variational(undersampled_fraction=2)
    with pytest.raises(InputError, match="'resnet' has no latent variables"):
        Variational().losses(build("resnet", {"channels": 4}), 0, batch_of(noise(1, 16, 16)), torch.Generator())
