"""The untrained networks: their sizes, their members, their seeds."""

import pytest
import torch

from fourfold.networks.untrained.conv_decoder import ConvDecoder
from fourfold.networks.untrained.decoder import tapered_widths
from fourfold.networks.untrained.deep_decoder import DeepDecoder
from fourfold.networks.untrained.deep_image_prior import DeepImagePrior, most_scales
from fourfold.networks.untrained.sizes import growing_sizes

SMALL = {
    "convdecoder": (ConvDecoder, {"channels": 8, "layers": 4, "input_size": (4, 3)}),
    "convdecoder, tapered": (ConvDecoder, {"channels": 20, "layers": 4, "input_size": (4, 3), "tapered": True}),
    "deep-decoder": (DeepDecoder, {"channels": 8, "layers": 4, "input_size": (4, 3)}),
    "dip": (DeepImagePrior, {"channels": 8, "scales": 3}),
}
every_network = pytest.mark.parametrize("kind", SMALL)


def make(kind, seeds, size=(31, 22), outputs=4, **settings):
    network, small = SMALL[kind]
    return network(seeds, outputs, size, **{**small, **settings})


@pytest.mark.parametrize(
    ("network", "settings", "published"),
    [
        (ConvDecoder, {"channels": 160, "layers": 8, "input_size": (8, 4)}, 1_850_560),
        (DeepDecoder, {"channels": 368, "layers": 10, "input_size": (16, 16)}, 1_372_640),
        (DeepImagePrior, {}, 31_563_328),
    ],
)
def test_published_settings_have_the_published_number_of_parameters(network, settings, published):
    """1.85, 1.37 and 31.5 million for 15 coils."""
    assert network([0], 30, (640, 368), **settings).parameters_of_each() == published
    assert f"{published:,}" in network.__doc__ or f"{published / 1e6:.1f} million" in network.__doc__


def test_the_last_three_layers_of_a_tapered_network_have_fewer_channels():
    assert tapered_widths(64, 8) == [64] * 5 + [48, 32, 16]
    assert tapered_widths(32, 2) == [16, 16]
    assert tapered_widths(12, 4) == [12] * 4
    network = ConvDecoder([0], 2, (64, 64), 64, 8, (8, 8), tapered=True)
    assert [conv.out_channels for conv in network.convolutions] == tapered_widths(64, 8)
    assert network.combine.in_channels == 16


@every_network
@pytest.mark.parametrize("size", [(31, 22), (16, 16), (17, 40)])
def test_any_size_comes_out(kind, size):
    images = make(kind, [0, 1], size)()
    assert images.shape == (2, 4, *size)
    assert images.dtype == torch.float32


@every_network
def test_a_member_is_the_same_alone_and_beside_others(kind):
    together = make(kind, [5, 7])()
    for index, seed in enumerate((5, 7)):
        assert torch.allclose(together[index], make(kind, [seed])()[0], atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=0.1)


@every_network
def test_members_do_not_learn_from_each_other(kind):
    network = make(kind, [0, 1])
    network()[0].square().sum().backward()
    for parameter in network.parameters():
        gradient, other = parameter.grad.chunk(2)
        assert bool(gradient.any())
        assert not bool(other.any())


@every_network
def test_the_global_random_state_is_left_alone(kind):
    before = torch.random.get_rng_state()
    first = make(kind, [3])()
    torch.rand(5)
    assert torch.equal(make(kind, [3])(), first)
    torch.random.set_rng_state(before)
    make(kind, [3])()
    assert torch.equal(torch.random.get_rng_state(), before)


@every_network
def test_memory_layout_changes_nothing(kind):
    network = make(kind, [0, 1])
    plain = network()
    assert torch.allclose(network.to(memory_format=torch.channels_last)(), plain, atol=1e-5)


def test_sizes_grow_to_exactly_the_last():
    assert growing_sizes((8, 4), (64, 32), 3) == [(16, 8), (32, 16), (64, 32)]
    assert growing_sizes((8, 4), (640, 368), 7)[-1] == (640, 368)


def test_an_image_is_halved_until_two_pixels_are_left():
    assert [most_scales((side, 1000)) for side in (2, 3, 4, 5, 8, 9, 230, 640)] == [0, 1, 1, 2, 2, 3, 7, 9]
