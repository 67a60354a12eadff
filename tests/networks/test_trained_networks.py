"""The networks that are trained: parameters, sizes, batches, derivatives, and agreement with the fastMRI package."""

import inspect
import math
from pathlib import Path

import pytest
import torch
from torch.nn.functional import instance_norm, leaky_relu, pad

from fourfold.errors import InputError
from fourfold.networks.cascade import Cascade
from fourfold.networks.data_consistency_step import data_consistency_step
from fourfold.networks.denoising_unet import DenoisingUNet
from fourfold.networks.fastmri_weights import from_fastmri
from fourfold.networks.kspace_cnn import KspaceCnn
from fourfold.networks.layers.channels import as_channels, as_complex, channels_last
from fourfold.networks.layers.conv_stack import ConvStack
from fourfold.networks.layers.instance_norm import normalised_leaky_relu_
from fourfold.networks.layers.seeded import draw_weights
from fourfold.networks.network_denoiser import NetworkDenoiser
from fourfold.networks.noise_schedule import NoiseSchedule
from fourfold.networks.normalised_unet import NormalisedUNet
from fourfold.networks.resnet import ResNet
from fourfold.networks.sensitivity import SensitivityNetwork
from fourfold.networks.unet import UNet
from fourfold.networks.varnet import VarNet
from fourfold.operators.fourier import fft, ifft
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.least_squares import least_squares
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.scan import centre_slice, crop_centre

LINES = 10
PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def gaussian(*shape, seed=0, dtype=torch.complex64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def real(*shape, seed=0, dtype=torch.float32):
    return gaussian(*shape, seed=seed, dtype=dtype)


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def relative(actual, expected):
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.fixture(params=[(48, 40), (35, 46)])
def problem(request):
    """Two frames of smooth objects behind four coils, every third column and LINES central ones acquired."""
    ny, nx = request.param
    y, x = torch.meshgrid(torch.linspace(-1, 1, ny), torch.linspace(-1, 1, nx), indexing="ij")
    object_ = ((y.square() + x.square()) < 0.7).float() + 0.5 * ((y - 0.2).square() + x.square() < 0.1).float()
    angles = torch.arange(4)[:, None, None] * math.pi / 2
    maps = torch.exp(-(y - angles.cos()).square() - (x - angles.sin()).square()) * torch.exp(1j * (angles + y))
    columns = torch.arange(nx) % 3 == 1
    columns[centre_slice(nx, LINES)] = True
    for edge in (nx // 2 - LINES // 2 - 1, nx // 2 - LINES // 2 + LINES):
        columns[edge] = False
    mask = columns.expand(1, ny, nx)
    kspace = fft(maps * object_)[None] * torch.tensor([1.0, 2.0])[:, None, None, None]
    kspace = torch.where(mask[:, None], kspace + 0.01 * gaussian(2, 4, ny, nx), 0)
    return kspace, mask, kspace[..., centre_slice(nx, LINES)]


# Parameters


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: UNet(), 7_756_097),
        (lambda: UNet(channels=30), 6_816_901),
        (lambda: UNet(channels=54, pools=2, pooling="max"), 1_324_405),
        (lambda: ResNet(), 84_353),
        (lambda: ConvStack(), 113_154),
        (lambda: KspaceCnn(), 113_154),
        (lambda: Cascade(), 565_770),
        (lambda: DenoisingUNet(), 1_924_000),
        (lambda: SensitivityNetwork(), 484_898),
        (lambda: VarNet(), 29_936_966),
        (lambda: VarNet(cascades=8), 20_119_610),
    ],
)
def test_parameters_are_as_many_as_documented(make, expected):
    network = make()
    assert parameters(network) == expected
    assert f"{expected:,}" in inspect.getdoc(type(network))
    assert f"| {expected:,} |" in PAGE.read_text()


# Sizes, batches, seeds

REAL = {
    "unet": lambda seed=0: UNet(2, 3, channels=4, pools=3, seed=seed),
    "unet-max": lambda seed=0: UNet(2, 3, channels=4, pools=2, pooling="max", seed=seed),
    "unet-homogeneous": lambda seed=0: UNet(2, 3, channels=4, pools=2, homogeneous=True, seed=seed),
    "resnet": lambda seed=0: ResNet(2, 3, blocks=2, channels=4, seed=seed),
    "conv-stack": lambda seed=0: ConvStack(2, 3, channels=4, layers=2, seed=seed),
}
each_real = pytest.mark.parametrize("kind", REAL)


@each_real
@pytest.mark.parametrize("size", [(16, 24), (17, 30), (1, 1), (3, 40)])
@torch.no_grad()
def test_any_size_and_batch(kind, size):
    network = REAL[kind]().eval()
    x = real(3, 2, *size)
    y = network(x)
    assert y.shape == (3, 3, *size)
    assert bool(y.isfinite().all())
    for frame in range(3):
        assert torch.allclose(network(x[frame : frame + 1]), y[frame : frame + 1], atol=1e-5)


@each_real
def test_the_seed_alone_decides_the_weights(kind):
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first, again, other = REAL[kind](5), REAL[kind](5), REAL[kind](6)
    assert torch.equal(torch.random.get_rng_state(), state)
    for one, same in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, same)
    weights = [(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True) if a.ndim == 4]
    assert not any(torch.equal(a, b) for a, b in weights)


@torch.no_grad()
def test_a_homogeneous_unet_follows_the_scale_and_keeps_the_variance():
    network = UNet(2, 2, channels=8, pools=3, homogeneous=True)
    assert not [name for name, _ in network.named_parameters() if "bias" in name]
    x = real(2, 2, 40, 32)
    assert torch.allclose(network(1e-3 * x), 1e-3 * network(x), atol=1e-7)
    assert 0.2 < float(network(x).std() / x.std()) < 5
    assert relative(UNet(2, 2, channels=8, pools=3)(3 * x), 3 * UNet(2, 2, channels=8, pools=3)(x)) > 0.1


@torch.no_grad()
def test_a_denoiser_follows_the_scale_and_gets_the_noise_level():
    network = DenoisingUNet(8, 2, seed=1)
    x, level = gaussian(2, 40, 32), torch.tensor([0.1, 0.3])
    clean = network(x, level)
    assert relative(network(1e3 * x, 1e3 * level), 1e3 * clean) < 1e-5
    assert relative(network(x, level.flip(0)), clean) > 1e-4
    assert relative(network(x[1:], level[1:]), clean[1:]) < 1e-5


def test_weights_are_drawn_as_wide_as_torch_draws_them():
    layer = REAL["conv-stack"]()[0]
    bound = 1 / math.sqrt(2 * 9)
    assert 0.8 * bound < float(layer.weight.detach().abs().max()) <= bound


def test_each_part_of_a_network_starts_from_other_weights():
    network = VarNet(2, 4, 2, 4, 2)
    first, second = (regulariser.unet.last.weight for regulariser in network.regularisers)
    assert not torch.equal(first, second)
    one, other = (sub[0].weight for sub in Cascade(2, channels=4).subnetworks)
    assert not torch.equal(one, other)


# Layout and normalisation


def test_complex_images_are_two_channels_of_the_same_memory():
    images = gaussian(2, 5, 4)
    channels = as_channels(images)
    assert channels.data_ptr() == images.data_ptr()
    assert torch.equal(channels[:, 0], images.real)
    assert torch.equal(channels[:, 1], images.imag)
    assert torch.equal(as_complex(channels), images)
    assert torch.equal(as_channels(images.conj())[:, 1], -images.imag)
    assert as_complex(channels.half()).dtype == torch.complex64


@pytest.mark.parametrize("channels", [1, 2])
def test_the_layout_lasts_through_a_convolution(channels):
    x = channels_last(real(2, channels, 6, 5))
    assert torch.equal(x, real(2, channels, 6, 5))
    assert ConvStack(channels, 4, channels=4)[0](x).stride()[1] == 1


@pytest.mark.parametrize("offset", [0.0, 30.0])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_normalisation_is_torchs(offset, layout):
    # Larger than a block, so that several are added up.
    x = (real(2, 24, 150, 90) + offset).contiguous(memory_format=layout)
    expected = leaky_relu(instance_norm(x.double()), 0.2)
    assert float((normalised_leaky_relu_(x) - expected).abs().max()) < 2e-5


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 40, 200, 30)])
def test_derivative_of_the_normalisation_is_torchs(shape):
    x = real(*shape, dtype=torch.float64).requires_grad_()
    weights = real(*shape, seed=1, dtype=torch.float64)
    (result,) = torch.autograd.grad((normalised_leaky_relu_(x * 1) * weights).sum(), x)
    (expected,) = torch.autograd.grad((leaky_relu(instance_norm(x), 0.2) * weights).sum(), x)
    assert torch.allclose(result, expected, atol=1e-10)


def test_normalised_unet_does_not_see_the_scale():
    network = NormalisedUNet(4, 2)
    images = gaussian(2, 20, 17)
    with torch.no_grad():
        assert relative(network(images * 1e-5), network(images) * 1e-5) < 1e-3
        assert bool(network(images.real + 0j).isfinite().all())


# Physics inside


def test_normal_operator_differentiates_in_image_and_maps():
    mask = torch.zeros(1, 6, 8, dtype=torch.bool)
    mask[..., ::2] = True
    for pattern in (mask, mask & (torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(1)) < 0.7)):
        x = gaussian(2, 2, 6, 8, dtype=torch.complex128).requires_grad_()
        maps = gaussian(1, 2, 3, 6, 8, seed=1, dtype=torch.complex128).requires_grad_()

        def normal(x, maps, pattern=pattern):
            return Encoding(pattern, maps).normal(x)

        assert torch.autograd.gradcheck(normal, (x, maps))


def test_cascade_follows_the_equations(problem):
    """Eqs. 6–9 of Dar & Çukur, written out for one coil."""
    kspace, mask, _ = problem
    kspace = kspace[:, :1]
    network = Cascade(2, channels=4, layers=2, consistency_weight=3.0)
    x = ifft(kspace)[:, 0]
    with torch.no_grad():
        for stage in range(2):
            assert torch.allclose(network.stage_input(stage, kspace, mask), x, atol=1e-5)
            after_network = x + as_complex(network.subnetworks[stage](as_channels(x)))
            assert torch.allclose(network.refined(x, stage), after_network)
            spectrum = fft(after_network)
            diagonal = torch.where(mask, 1 / (1 + 3.0), 1.0)
            x = ifft(diagonal * spectrum + 3.0 / (1 + 3.0) * kspace[:, 0])
        assert torch.allclose(network(kspace, mask), x, atol=1e-5)


def test_hard_consistency_keeps_what_was_measured(problem):
    kspace, mask, _ = problem
    with torch.no_grad():
        again = fft(Cascade(2, channels=4, layers=2)(kspace[:, :1], mask))
    assert torch.allclose(again[mask.expand_as(again)], kspace[:, 0][mask.expand_as(again)], atol=1e-4)


def test_cascade_of_several_coils_is_consistent_where_maps_explain_the_data(problem):
    kspace, mask, calibration = problem
    with torch.no_grad():
        maps = SensitivityNetwork(4, 2)(calibration, tuple(kspace.shape[-2:]))
        image = Cascade(1, channels=4, layers=2)(kspace, mask, maps)
    assert image.shape == (2, *kspace.shape[-2:])
    with pytest.raises(InputError, match="4 coils and no coil maps"):
        Cascade(1, channels=4)(kspace, mask)


def test_gradient_of_data_consistency_is_equation_12(problem):
    """∂f_DC/∂C = F⁻¹ Λ F, self-adjoint, so that a loss's gradient g becomes F⁻¹ Λ F g."""
    kspace, mask, _ = problem
    layer = Cascade(1, channels=4, consistency_weight=4.0).consistency[0]
    images = gaussian(2, 1, *kspace.shape[-2:], seed=3).requires_grad_()
    incoming = gaussian(*images.shape, seed=4)
    (result,) = torch.autograd.grad(layer(images, kspace[:, :1], mask), images, incoming)
    expected = ifft(torch.where(mask[:, None], 1 / 5, 1.0) * fft(incoming))
    assert torch.allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("grid", ["full", "calibration"])
def test_maps_have_unit_energy_and_the_asked_size(problem, grid):
    kspace, _, calibration = problem
    network = SensitivityNetwork(4, 2, grid)
    with torch.no_grad():
        maps = network(crop_centre(calibration, (20, LINES)), tuple(kspace.shape[-2:]))
        one = network(crop_centre(calibration[:1], (20, LINES)), tuple(kspace.shape[-2:]))
    assert maps.shape == kspace.shape
    assert torch.allclose(maps.abs().square().sum(dim=1), torch.ones(()), atol=1e-4)
    assert torch.allclose(one, maps[:1], atol=1e-4)


def test_small_and_full_grid_are_different_networks(problem):
    """Why ``"calibration"`` is an option of its own and not a short cut: same weights, other maps."""
    kspace, _, calibration = problem
    calibration, shape = crop_centre(calibration, (20, LINES)), tuple(kspace.shape[-2:])
    with torch.no_grad():
        full, small = (SensitivityNetwork(4, 2, grid)(calibration, shape) for grid in ("full", "calibration"))
    assert relative(small, full) > 0.1


def test_image_form_follows_the_published_update(problem):
    kspace, mask, calibration = problem
    network = VarNet(3, 4, 2, 4, 2, form="image")
    with torch.no_grad():
        maps = network.sensitivity(calibration, tuple(kspace.shape[-2:]))
        network.steps.copy_(torch.tensor([0.9, 0.5, 0.7]))
        encoding = Encoding(mask, maps[:, None])
        x = encoding.adjoint(kspace)
        for step, regulariser in zip(network.steps, network.regularisers, strict=True):
            x = x - step * encoding.adjoint(encoding.forward(x) - kspace) - regulariser(x[:, 0])[:, None]
        assert relative(network(kspace, mask, calibration=calibration), x[:, 0]) < 1e-4
        assert relative(network(kspace, mask, maps=maps), x[:, 0]) < 1e-4


def test_proximal_form_solves_for_consistency_in_every_step(problem):
    """Against the normal equations, solved by many more iterations."""
    kspace, mask, calibration = problem
    network = VarNet(2, 4, 2, 4, 2, form="proximal")
    with torch.no_grad():
        for parameter in network.regularisers.parameters():
            parameter.add_(0.05)
        network.steps.copy_(torch.tensor([0.3, 0.5, 0.7]).log())
        maps = network.sensitivity(calibration, tuple(kspace.shape[-2:]))
        encoding = Encoding(mask, maps[:, None])
        rhs = encoding.adjoint(kspace)
        x = torch.zeros_like(rhs)
        for weight, regulariser in zip([0.3, 0.5, 0.7], [None, *network.regularisers], strict=True):
            near = x if regulariser is None else x - regulariser(x[:, 0])[:, None]
            x = data_consistency_step(encoding, rhs, near, torch.tensor(weight), 60)
            left = encoding.normal(x) - rhs + weight * (x - near)
            assert float(left.abs().max()) < 1e-4 * float(rhs.abs().max())
        assert relative(network(kspace, mask, maps=maps), x[:, 0]) < 2e-3


def test_proximal_form_begins_with_total_variation(problem):
    """Before it has learned anything it is that image, made more consistent with the samples."""
    kspace, mask, calibration = problem
    network = VarNet(1, 4, 2, 4, 2, form="proximal", total_variation=0.01)
    with torch.no_grad():
        maps = network.sensitivity(calibration, tuple(kspace.shape[-2:]))
        result = network(kspace, mask, maps=maps)
        encoding = Encoding(mask, maps[:, None])
        rhs = encoding.adjoint(kspace)
        smooth = minimise(least_squares(encoding.normal, rhs), TotalVariationPenalty(), 0.01, iterations=30).x
        expected = data_consistency_step(encoding, rhs, smooth, torch.tensor(0.5), 6)
        assert relative(result, expected[:, 0]) < 1e-3
        assert relative(result, rhs[:, 0]) > 0.1


@pytest.mark.parametrize("form", ["kspace", "image"])
def test_a_total_variation_that_a_form_does_not_begin_with_is_refused(form):
    with pytest.raises(InputError, match=rf"form is '{form}'.*total_variation is 0\.01; leave it out"):
        VarNet(1, 4, 2, 4, 2, form=form, total_variation=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"form": "proximal"},
        {"form": "proximal", "total_variation": 0.01},
        {"form": "denoising"},
        {"form": "denoising", "total_variation": 0.01},
    ],
)
def test_forms_that_start_from_zeros_learn(problem, settings):
    """The U-Nets' last layers begin as zero, so that in the first step they alone learn, and the weights."""
    kspace, mask, calibration = problem
    network = VarNet(2, 4, 2, 4, 2, **settings)
    optimiser = torch.optim.SGD(network.parameters(), 1e-3)
    for _ in range(2):
        optimiser.zero_grad()
        network(kspace, mask, calibration=calibration).abs().square().mean().backward()
        optimiser.step()
    for name, parameter in network.named_parameters():
        assert bool(parameter.grad.isfinite().all()), name
        assert bool(parameter.grad.any()), name


def test_the_schedule_falls_to_the_noise_of_the_data():
    levels, weights = zip(*NoiseSchedule(4)(torch.tensor([0.02, 0.2])), strict=True)
    levels, weights = torch.stack(levels).detach(), torch.stack(weights).detach()
    assert torch.allclose(levels[0], torch.tensor([0.05, 0.05]))
    assert torch.allclose(levels[-1], torch.tensor([0.02, 0.2]))
    ratios = levels[1:] / levels[:-1]
    assert torch.allclose(ratios, ratios[:1].expand_as(ratios)), "geometrically"
    assert torch.allclose(weights, 0.3 * (levels[-1] / levels).square())


@torch.no_grad()
def test_the_noise_is_the_less_of_two_estimates_of_each_frame(problem):
    """Signal makes that of the outermost samples too large here; boxes of a batch are surrounded by zeros."""
    kspace, mask, calibration = problem
    network = VarNet(2, 4, 2, form="denoising", sensitivity_channels=0, seed=1)
    draw_weights(network, 1)
    maps = torch.ones_like(kspace[:1]) / 2
    image, outermost = network(kspace, mask, maps, calibration), network(kspace, mask, maps)
    assert relative(outermost, image) > 1e-3
    noisier = calibration + 0.5 * gaussian(*calibration.shape, seed=3)
    assert relative(network(kspace, mask, maps, noisier), outermost) < 1e-5
    assert relative(network(kspace, mask, maps, pad(calibration, (3, 2, 0, 0))), image) < 1e-5
    for frame in (0, 1):
        one = slice(frame, frame + 1)
        assert relative(network(kspace[one], mask, maps, calibration[one]), image[one]) < 1e-4


@torch.no_grad()
def test_the_denoiser_sees_aliases_along_one_axis(problem):
    kspace, mask, calibration = problem
    network = VarNet(2, 4, 2, form="denoising", sensitivity_channels=0)
    draw_weights(network, 1)
    maps = torch.ones_like(kspace[:1]) / 2
    image = network(kspace, mask, maps, calibration)
    turned = network(kspace.mT, mask.mT, maps.mT, calibration.mT)
    assert relative(turned.mT, image) < 1e-4


def kspace_form(network, kspace, mask, maps):
    """The published update of the coils' k-space, written out."""
    current = kspace
    for step, regulariser in zip(network.steps, network.regularisers, strict=True):
        combined = (maps.conj() * ifft(current)).sum(dim=1)
        soft = torch.where(mask[:, None], current - kspace, 0) * step
        current = current - soft - fft(maps * regulariser(combined)[:, None])
    return ifft(current)


@pytest.mark.parametrize("energy", [1.0, 0.6])
def test_two_images_hold_the_kspace_of_the_kspace_form(problem, energy):
    """Also for maps whose energy is not one."""
    kspace, mask, calibration = problem
    network = VarNet(3, 4, 2, 4, 2)
    with torch.no_grad():
        maps = energy * network.sensitivity(calibration, tuple(kspace.shape[-2:]))
        network.steps.copy_(torch.tensor([0.9, 0.5, 0.7]))
        coils = kspace_form(network, kspace, mask, maps)
        result = network(kspace, mask, maps=maps)
        assert relative(result.abs(), coils.abs().square().sum(dim=1).sqrt()) < 1e-4
        combined = (maps.conj() * coils).sum(dim=1)
        assert relative(torch.sgn(result) * combined.abs(), combined) < 1e-3


@pytest.mark.parametrize("form", ["image", "kspace", "proximal", "denoising"])
def test_varnet_takes_one_coil_without_calibration_and_refuses_several(problem, form):
    kspace, mask, calibration = problem
    network = VarNet(1, 4, 2, 4, 2, form=form)
    with torch.no_grad():
        assert network(kspace[:, :1], mask).shape == (2, *kspace.shape[-2:])
        with pytest.raises(InputError, match="4 coils and no calibration lines"):
            network(kspace, mask)
        with pytest.raises(InputError, match="no sensitivity estimation"):
            VarNet(1, 4, 2, sensitivity_channels=0, form=form)(kspace, mask, calibration=calibration)


@pytest.mark.parametrize("form", ["image", "kspace"])
def test_every_weight_of_varnet_learns(problem, form):
    kspace, mask, calibration = problem
    network = VarNet(2, 4, 2, 4, 2, form=form)
    network(kspace, mask, calibration=calibration).abs().square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name
        assert bool(parameter.grad.any()), name


def test_kspace_cnn_takes_coils_one_by_one(problem):
    kspace, _, _ = problem
    network = KspaceCnn(4, 2)
    with torch.no_grad():
        images = network.coil_images(kspace)
        assert images.shape == kspace.shape
        assert images.dtype == torch.complex64
        assert torch.allclose(network.coil_images(kspace[1:, 2:3]), images[1:, 2:3], atol=1e-5)


# The fastMRI package, given the same weights


@pytest.fixture
def fastmri_models():
    return pytest.importorskip("fastmri.models", reason="needs the fastMRI package to agree with")


def gradients(network, output, weights):
    names, values = zip(*network.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad((output * weights).sum(), values), strict=True))


def assert_same_gradients(actual, expected):
    """To double precision: in single, a ReLU's input near zero changes side now and then."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert relative(actual[name], value) < 1e-9, name


@pytest.mark.parametrize("size", [(64, 48), (37, 45), (16, 17)])
def test_unet_is_fastmris(fastmri_models, size):
    torch.manual_seed(0)
    peer, ours = fastmri_models.Unet(2, 1, 8, 3), UNet(2, 1, 8, 3)
    assert parameters(peer) == parameters(ours)
    ours.load_state_dict(from_fastmri(peer.state_dict()))
    x = real(2, 2, *size)
    with torch.no_grad():
        assert relative(ours(x), peer(x)) < 1e-5
    peer, ours, x = peer.double(), ours.double(), x.double()
    weights = real(2, 1, *size, seed=1, dtype=torch.float64)
    expected = from_fastmri(gradients(peer, peer(x), weights))
    assert_same_gradients(gradients(ours, ours(x), weights), expected)


def test_varnet_is_fastmris(fastmri_models, problem):
    kspace, mask, calibration = problem
    torch.manual_seed(0)
    peer, ours = fastmri_models.VarNet(3, 4, 3, 6, 3), VarNet(3, 6, 3, 4, 3)
    assert parameters(peer) == parameters(ours)
    with torch.no_grad():
        for index, cascade in enumerate(peer.cascades):
            cascade.dc_weight.fill_(0.6 + 0.2 * index)
    ours.load_state_dict(from_fastmri(peer.state_dict()))
    peers_mask = mask[:, None, :1, :, None]
    with torch.no_grad():
        expected = peer(torch.view_as_real(kspace), peers_mask.expand(2, -1, -1, -1, -1))
        assert relative(ours(kspace, mask, calibration=calibration).abs(), expected) < 1e-5
    peer, ours, kspace = peer.double(), ours.double(), kspace.to(torch.complex128)
    calibration = calibration.to(torch.complex128)
    weights = real(2, *kspace.shape[-2:], seed=1, dtype=torch.float64)
    output = peer(torch.view_as_real(kspace), peers_mask.expand(2, -1, -1, -1, -1))
    expected = from_fastmri(gradients(peer, output, weights))
    assert_same_gradients(gradients(ours, ours(kspace, mask, calibration=calibration).abs(), weights), expected)


def test_a_network_as_a_denoiser_gets_the_noise_of_the_complex_image():
    """A `Denoiser` is told the noise of real and imaginary part, a network that of the complex number."""
    denoise = NetworkDenoiser(lambda images, levels: images * levels[:, None, None])
    images = torch.ones(2, 3, 4, 5, dtype=torch.complex64)
    assert torch.allclose(denoise(images, 0.5), images * 0.5 * math.sqrt(2))
