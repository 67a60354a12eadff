"""Losses: known answers, derivatives, agreement with independent implementations, settings."""

import inspect

import pytest
import torch
from torch.nn.functional import conv2d, max_pool2d, relu

from fourfold.errors import InputError
from fourfold.losses.perceptual import Perceptual
from fourfold.losses.pixelwise import L1, L2, Hybrid
from fourfold.losses.structural_similarity import Dssim, MsSsim, Ssim
from fourfold.losses.vgg_features import VggFeatures
from fourfold.losses.weighted_sum import LOSSES, weighted_sum
from fourfold.metrics import score
from fourfold.metrics.structural import ssim
from fourfold.metrics.windows import gaussian

each = pytest.mark.parametrize("kind", LOSSES)


def smooth(frames, ny, nx, seed=0, dtype=torch.float32):
    """Return positive images with structure at several scales, of maximum 1 or less."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(ny), torch.arange(nx), indexing="ij")
    phases = 6 * torch.rand(frames, 3, 1, 1, generator=generator)
    waves = sum((k * x / 17 + y / (5 + k) + phases[:, k]).sin() for k in range(3))
    return ((waves + 3) / 6 + 0.02 * torch.rand(frames, ny, nx, generator=generator)).clamp(0, 1).to(dtype)


@pytest.fixture
def pair():
    reference = smooth(2, 176, 170)
    noise = torch.randn(reference.shape, generator=torch.Generator().manual_seed(3))
    return (reference + 0.05 * noise).clamp_min(0), reference


# Known answers


def test_pixelwise_losses_of_complex_images():
    image, reference = torch.tensor([[[3 + 4j, 1j]]]), torch.tensor([[[0j, 1j]]])
    assert float(L1()(image, reference)) == pytest.approx(2.5)
    assert float(L2()(image, reference)) == pytest.approx(12.5)
    assert float(Hybrid()(image, reference)) == pytest.approx(15.0)


def test_pixelwise_losses_of_real_images():
    image, reference = torch.tensor([[[1.0, -2.0]]]), torch.tensor([[[0.0, 1.0]]])
    assert float(L1()(image, reference)) == 2.0
    assert float(L2()(image, reference)) == 5.0


def dssim_of_one_patch(x, y, peak):
    """Wang's formula for one patch, by hand."""
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    ssim = (2 * x.mean() * y.mean() + c1) * (2 * covariance + c2)
    ssim /= (x.mean() ** 2 + y.mean() ** 2 + c1) * (x.var(correction=0) + y.var(correction=0) + c2)
    return (1 - ssim) / 2


@pytest.mark.parametrize("patch", [3, 4])
def test_dssim_is_the_mean_over_patches_side_by_side(patch):
    image, reference = smooth(2, 9, 8, seed=1).double(), smooth(2, 9, 8, seed=2).double()
    values = [
        dssim_of_one_patch(*(array[frame, y : y + patch, x : x + patch] for array in (image, reference)), peak)
        for frame, peak in enumerate(reference.amax(dim=(1, 2)))
        for y in range(0, 9 - patch + 1, patch)
        for x in range(0, 8 - patch + 1, patch)
    ]
    assert float(Dssim(patch=patch)(image, reference)) == pytest.approx(float(torch.stack(values).mean()), rel=1e-9)


@pytest.mark.parametrize(("loss", "metric"), [(Ssim(), "fastmri-ssim"), (MsSsim(), "ms-ssim")])
def test_structural_losses_are_the_metrics(pair, loss, metric):
    """Frame by frame, because a metric's data range is the volume's and a loss's the frame's."""
    image, reference = pair
    scores = [score(image[[frame]], reference[[frame]], metric) for frame in range(2)]
    assert float(loss(image, reference)) == pytest.approx(1 - sum(scores) / 2, abs=1e-5)


VGG_FEATURES = (
    (13.701099, 112.991848, -27.163866),
    (57.910618, 622.208207, -363.152039),
    (306.074530, 879.680075, 639.104431),
)


def test_vgg_responses_are_the_published_ones():
    x = torch.linspace(0, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    responses = VggFeatures()(x)
    for response, (mean, deviation, value) in zip(responses, VGG_FEATURES, strict=True):
        # Half-precision weights move single responses by up to a few thousandths of their deviation.
        assert float(response.mean()) == pytest.approx(mean, abs=2e-3 * deviation)
        assert float(response.std()) == pytest.approx(deviation, rel=2e-3)
        assert float(response[0, 0, 2, 2]) == pytest.approx(value, abs=5e-3 * deviation)
    scaled = VggFeatures(scale=255.0)(x)
    for response, smaller in zip(responses, scaled, strict=True):
        assert torch.allclose(response / 255, smaller, atol=1e-4)


def test_vgg_is_a_chain_of_convolutions_and_does_not_learn():
    network = VggFeatures()
    assert sum(parameter.numel() for parameter in network.parameters()) == 555_328
    assert "555,328" in inspect.getdoc(VggFeatures)
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_perceptual_loss_is_the_weighted_error_of_activated_responses():
    image, reference = 3 * smooth(2, 12, 14, seed=1), 3 * smooth(2, 12, 14, seed=2)
    state = VggFeatures().state_dict()

    def responses(images):
        x = 255 * images[:, None].expand(-1, 3, -1, -1)
        x = x - torch.tensor([123.68, 116.779, 103.939])[:, None, None]
        result = []
        for name in ("0", "2", "pool", "5", "7", "pool", "10"):
            if name == "pool":
                x = max_pool2d(x, 2)
                continue
            x = relu(conv2d(x, state[f"features.{name}.weight"], state[f"features.{name}.bias"], padding=1))
            result.append(x / 255)
        return result[0], result[2], result[4]

    peak = reference.amax(dim=(1, 2), keepdim=True)
    pairs = zip(responses(image / peak), responses(reference / peak), strict=True)
    errors = [float((a - b).square().mean()) for a, b in pairs]
    expected = 0.65 * errors[0] + 0.3 * errors[1] + 0.05 * errors[2]
    assert float(Perceptual()(image, reference)) == pytest.approx(expected, rel=1e-4)
    assert float(Perceptual(layers=(0, 0, 1))(image, reference)) == pytest.approx(errors[2], rel=1e-4)


# What all have in common


@each
def test_equal_images_have_no_loss_and_others_have(kind, pair):
    image, reference = pair
    loss = LOSSES[kind]()
    least = -120 if kind == "psnr" else 0
    assert float(loss(reference, reference)) == pytest.approx(least, abs=1e-5)
    assert float(loss(image, reference)) > least + 1e-4


@each
def test_complex_images_are_compared_by_their_modulus(kind, pair):
    image, reference = pair
    turned = image * torch.exp(torch.tensor(0.7j))
    loss = LOSSES[kind]()
    if kind in ("l1", "l2", "hybrid"):
        assert float(loss(turned, reference + 0j)) > 2 * float(loss(image, reference))
    elif kind == "psnr":
        assert float(loss(turned, reference + 0j)) > float(loss(image, reference)) + 3
    else:
        assert float(loss(turned, reference)) == pytest.approx(float(loss(image, reference)), rel=1e-3)


def test_the_psnr_loss_is_the_metric(pair):
    image, reference = pair
    expected = sum(score(image[[frame]], reference[[frame]], "psnr") for frame in range(2)) / 2
    assert float(LOSSES["psnr"]()(image, reference)) == pytest.approx(-expected, rel=1e-4)
    assert float(LOSSES["psnr"]()(3 * image, 3 * reference)) == pytest.approx(-expected, rel=1e-4)


@each
def test_frames_count_alike(kind, pair):
    image, reference = pair
    loss = LOSSES[kind]()
    single = [float(loss(image[[frame]], reference[[frame]])) for frame in range(2)]
    assert float(loss(image, reference)) == pytest.approx(sum(single) / 2, rel=1e-4)


@each
def test_gradient_is_that_of_finite_differences(kind):
    ny, nx = (161, 162) if kind == "ms-ssim" else (10, 11)
    image, reference = smooth(1, ny, nx, 1, torch.float64), smooth(1, ny, nx, 2, torch.float64)
    image = 0.7 * image + 0.3 * reference
    loss = LOSSES[kind]()
    block = image[:, 3:6, 4:6].clone().requires_grad_()

    def changed(block):
        patched = image.clone()
        patched[:, 3:6, 4:6] = block
        return loss(patched, reference)

    assert torch.autograd.gradcheck(changed, (block,), atol=1e-7)


@each
def test_a_gradient_step_lowers_the_loss(kind, pair):
    image, reference = pair
    loss, image = LOSSES[kind](), image.clone().requires_grad_()
    value = loss(image, reference)
    (gradient,) = torch.autograd.grad(value, image)
    step = 0.1 * value.detach().abs() / gradient.square().sum()
    assert float(loss(image.detach() - step * gradient, reference)) < float(value.detach())


@each
def test_an_empty_reference_gives_a_number(kind, pair):
    image, _ = pair
    image = image.clone().requires_grad_()
    value = LOSSES[kind]()(image, torch.zeros_like(image))
    value.backward()
    assert bool(value.detach().isfinite())
    assert bool(image.grad.isfinite().all())
    assert float(image.grad.abs().max()) < 10


def test_ms_ssim_of_images_against_each_other_on_one_scale_keeps_a_gradient(pair):
    """The finest contrast term is negative there, and a power of it would not be a number."""
    _, reference = pair
    ny, nx = reference.shape[-2:]
    board = (torch.arange(ny)[:, None] + torch.arange(nx)) % 2 - 0.5
    image = (reference - board).requires_grad_()
    value = MsSsim()(image, reference + board)
    value.backward()
    assert 0.5 < float(value.detach()) < 1
    assert bool(image.grad.isfinite().all())
    assert bool(image.grad.any())


@each
def test_other_shapes_are_refused(kind, pair):
    image, reference = pair
    loss = LOSSES[kind]()
    with pytest.raises(InputError, match="of one size"):
        loss(image[:1], reference)
    with pytest.raises(InputError, match="of one size"):
        loss(image[:, None], reference[:, None])
    if loss.smallest > 1:
        side = loss.smallest - 1
        with pytest.raises(InputError, match=f"at least {side + 1}×{side + 1}"):
            loss(image[:, :side], reference[:, :side])
    loss(image[:, : loss.smallest], reference[:, : loss.smallest])


# Independent implementations


def test_ms_ssim_is_pytorch_msssims(pair):
    peer = pytest.importorskip("pytorch_msssim", reason="needs pytorch-msssim to agree with")
    # Even at every scale, because odd sizes are treated differently, and wide enough for five scales.
    image, reference = (array[..., :160].repeat(1, 1, 2) for array in pair)
    peak = reference.amax(dim=(1, 2), keepdim=True)
    image, reference = image / peak, reference / peak
    expected = peer.ms_ssim(image[:, None], reference[:, None], data_range=1.0)
    assert float(MsSsim()(image, reference)) == pytest.approx(1 - float(expected), abs=1e-5)


def test_ssim_and_its_gradient_are_torchmetrics(pair):
    functional = pytest.importorskip("torchmetrics.functional.image", reason="needs torchmetrics to agree with")
    image, reference = pair
    result, expected = image.clone().requires_grad_(), image.clone().requires_grad_()
    ours = ssim(result, reference, 1.0, gaussian(11, 1.5), sample_covariance=False).mean()
    _, maps = functional.structural_similarity_index_measure(
        expected[:, None], reference[:, None], data_range=1.0, return_full_image=True
    )
    # Its mean counts pixels whose window reaches over the edge, too.
    theirs = maps[..., 5:-5, 5:-5].mean()
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-5)
    ours.backward()
    theirs.backward()
    assert torch.allclose(result.grad, expected.grad, atol=1e-3 * float(expected.grad.abs().max()))


def test_ssim_and_its_gradient_are_fastmris(pair):
    losses = pytest.importorskip("fastmri.losses", reason="needs the fastMRI package to agree with")
    image, reference = pair
    result, expected = image.clone().requires_grad_(), image.clone().requires_grad_()
    ours = Ssim()(result, reference)
    theirs = losses.SSIMLoss()(expected[:, None], reference[:, None], data_range=reference.amax(dim=(1, 2)))
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-4)
    ours.backward()
    theirs.backward()
    assert torch.allclose(result.grad, expected.grad, atol=1e-3 * float(expected.grad.abs().max()))


# Settings


def test_a_sum_from_settings(pair):
    image, reference = pair
    total = weighted_sum(["l1", {"kind": "ssim", "weight": 0.5, "window": 11}, {"kind": "l1", "weight": 2}])
    l1, ssim = L1()(image, reference), Ssim(window=11)(image, reference)
    parts = total.parts(image, reference)
    assert set(parts) == {"l1", "ssim"}
    assert torch.allclose(parts["l1"], 3 * l1)
    assert torch.allclose(total(image, reference), 3 * l1 + 0.5 * ssim)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([], "There is no loss;"),
        (["l3"], r"no loss 'l3'.*Did you mean"),
        ([{"weight": 1}], "no loss None"),
        ([{"kind": "ssim", "windows": 7}], r"no setting 'windows'.*Did you mean 'window'"),
        ([{"kind": "ssim", "window": 1}], "'window' of 'ssim' is 1"),
        ([{"kind": "l1", "weight": -1}], "'weight' of 'l1' is -1"),
        ([{"kind": "perceptual", "layers": [1, 2]}], "'layers.2' of the loss 'perceptual'"),
    ],
)
def test_bad_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        weighted_sum(settings)


@each
def test_every_loss_explains_its_settings(kind):
    for name, field in LOSSES[kind].model_fields.items():
        if name != "weight":
            assert field.description, f"{kind}: '{name}'"
