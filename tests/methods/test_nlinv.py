"""NLINV: image and coil maps from scans with few or no calibration lines."""

import pytest
import torch
from tests.helpers.psnr import psnr

from fourfold.coils.joint_model import JointModel, SmoothMaps
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.methods.choose import choose_by_rule
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.nlinv import Nlinv
from fourfold.methods.classical.wavelet import Wavelet
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.joint_estimation import _last_good_step, estimate_jointly
from fourfold.operators.aliasing import Aliasing
from fourfold.operators.fourier import fft, ifft
from fourfold.operators.linear_operator import inner
from fourfold.operators.sense_encoding import Mask
from fourfold.optimize.gauss_newton import gauss_newton
from fourfold.sampling import make_sampling, undersample
from fourfold.simulation.simulate import loop_maps, phantom, simulate


def noise(*shape, seed=0):
    return torch.randn(shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def full():
    return simulate(phantom((64, 63)), coils=6, snr=60, seed=1)


@pytest.fixture(scope="module")
def scan(full):
    return undersample(full, "random", 2, lines=5, seed=0)


@pytest.mark.parametrize("axis", ["ky", "kx", "both"])
@pytest.mark.parametrize("shape", [(12, 14), (13, 9)])
def test_aliasing_is_the_masked_transform_forth_and_back(axis, shape):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.5
    if axis != "both":
        mask = mask[:, :1].expand(shape) if axis == "ky" else mask[:1].expand(shape)
    x = noise(3, *shape)
    assert torch.allclose(Aliasing(mask).forward(x), ifft(Mask(mask[None]).forward(fft(x)[None])[0]), atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 36), (33, 64)])
def test_smooth_maps_are_weighted_fourier_series(shape):
    smooth = SmoothMaps(shape, noise(1))
    x, y = noise(3, *smooth.weights.shape), noise(3, *shape, seed=1)
    assert torch.allclose(inner(smooth.forward(x), y), inner(x, smooth.adjoint(y)), rtol=1e-5)
    weights = [((torch.arange(n) - n // 2) / n).square() for n in shape]
    spectrum = fft(smooth.forward(torch.ones_like(x))).abs()
    assert torch.allclose(spectrum[0], (1 + 220 * (weights[0][:, None] + weights[1])) ** -16.0, atol=2e-4)


def test_the_derivative_is_that_of_the_model(scan):
    model = JointModel(scan.kspace[0], scan.mask[0])
    x = model.start() + 0.1 * noise(len(model.start()))
    v, w = noise(len(x), seed=2), noise(len(x), seed=3)
    descent, normal = model.linearise(x)

    def misfit(z):
        image, maps = model.parts(z)
        return float(Mask(scan.mask).forward(fft(image * maps)[None] - scan.kspace).abs().square().double().sum()) / 2

    slope = (misfit(x - 1e-3 * v) - misfit(x + 1e-3 * v)) / 2e-3
    assert slope == pytest.approx(float(inner(descent, v).real), rel=2e-2)
    assert torch.allclose(inner(normal(v), w), inner(v, normal(w)), rtol=1e-4)


def test_gauss_newton_solves_what_is_linear():
    matrix = noise(20, 6).to(torch.complex128)
    truth = noise(6, seed=1).to(torch.complex128)

    def linearise(x):
        return matrix.mH @ (matrix @ (truth - x)), lambda v: matrix.mH @ (matrix @ v)

    steps = gauss_newton(linearise, torch.zeros_like(truth))
    for _ in range(30):
        x, _ = next(steps)
    assert torch.allclose(x, truth, atol=1e-6)


@pytest.mark.parametrize("combination", ["rss", "maps"])
def test_few_calibration_lines_are_enough(full, scan, combination):
    reference = root_sum_of_squares(ifft(full.kspace))
    image = Nlinv(coil_combination=combination)(scan).image
    assert psnr(image, reference) > psnr(ZeroFilled()(scan).image, reference) + 6
    inside = reference > 0.1 * reference.max()
    assert float((image.abs()[inside] / reference[inside]).median()) == pytest.approx(1, abs=0.03)


def test_maps_are_those_of_the_coils(scan):
    estimate = estimate_jointly(scan)
    truth = loop_maps(scan.shape, 6)
    inside = phantom((64, 63)) > 0.1
    likeness = (estimate.maps.conj() * truth).sum(dim=2).abs()[0, 0]
    assert float(likeness[inside].mean()) > 0.99
    assert torch.allclose(estimate.maps.abs().square().sum(dim=2), torch.ones(()), atol=1e-4)


def test_steps_are_chosen_without_a_reference_and_recorded(full, scan):
    record = Nlinv()(scan).record
    errors = record.details["held_out_errors"]
    assert errors[record.details["steps"] - 1] <= 1.05 * min(errors) + 1e-4
    reference = root_sum_of_squares(ifft(full.kspace))
    best = max(psnr(Nlinv(steps=steps)(scan).image, reference) for steps in range(5, 13))
    assert psnr(Nlinv()(scan).image, reference) > best - 1


@pytest.mark.parametrize(
    ("errors", "noise", "step"),
    [
        ([1.0, 0.4, 0.30, 0.31, 0.35], 0.0, 4),
        ([1.0, 0.4, 0.30, 0.31, 0.35], 0.295, 3),
        ([1.0, 0.4, 0.30, 0.31, 0.35], 0.5, 4),
        ([1.0, 0.95, 0.94, 0.95, 0.97], 0.0, 3),
    ],
    ids=["no noise", "mostly noise", "noise that is signal", "nothing predicted"],
)
def test_noise_does_not_add_steps(errors, noise, step):
    assert _last_good_step(errors, noise) == step


@pytest.mark.parametrize(("acceleration", "lines"), [(2, 8), (4, 4), (4, 16)])
def test_noisy_scans_of_many_coils_are_no_worse_than_zero_filled(acceleration, lines):
    image = phantom((96, 96))
    noisy = undersample(simulate(image, coils=16, snr=8, seed=1), "random", acceleration, lines=lines, seed=0)
    result = Nlinv()(noisy)
    assert psnr(result.image, image) > psnr(ZeroFilled()(noisy).image, image)
    assert any("samples are mostly noise" in note for note in result.record.notes)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_scale_of_the_data_changes_nothing_else(scan, factor):
    image = Nlinv(steps=7)(scan).magnitude
    scaled = Nlinv(steps=7)(scan.replace(kspace=scan.kspace * factor)).magnitude / factor
    assert torch.allclose(scaled, image, atol=5e-3 * float(image.max()))


def test_other_methods_take_its_maps_where_calibration_lines_are_few(full, scan):
    reference = root_sum_of_squares(ifft(full.kspace))
    baseline = psnr(ZeroFilled()(scan).image, reference)
    for method in (CgSense(), Wavelet(iterations=30)):
        result = method(scan)
        assert psnr(result.image, reference) > baseline + 6
        assert "fewer than 12 calibration lines" in result.record.notes[0]
    with pytest.raises(InputError, match="5 fully sampled calibration lines"):
        CgSense(coil_map_method="espirit")(scan)
    with pytest.raises(InputError, match="2 sets of coil maps were asked for"):
        CgSense(coil_map_sets=2)(scan)
    assert psnr(CgSense(coil_map_method="walsh")(scan).image, reference) > baseline


def test_the_automatic_choice_uses_neighbouring_samples(full):
    sampling = make_sampling("poisson-disc", full.shape, 3, box=(2, 2), seed=0)
    method, reason = choose_by_rule(full.with_sampling(sampling))
    assert method.name == "wavelet"
    assert "without calibration lines, but with neighbouring samples" in reason


@pytest.mark.parametrize(("lines", "has_note"), [(4, False), (14, True)])
def test_a_note_names_methods_that_use_calibration_lines(full, lines, has_note):
    """With 12 lines and more cg-sense was better on 28 of 32 simulated and measured scans."""
    notes = Nlinv(steps=2)(undersample(full, "random", 4, lines=lines)).record.notes
    assert any(f"has {lines} calibration lines" in note and "'cg-sense'" in note for note in notes) == has_note


def test_refuses_what_cannot_be_told_apart(full):
    with pytest.raises(InputError, match="a single coil"):
        Nlinv()(full.replace(kspace=full.kspace[:, :1]))
    with pytest.raises(InputError, match="no two neighbouring samples along ky"):
        Nlinv()(undersample(full, "regular", 2, lines=0))


@pytest.mark.parametrize(
    ("kind", "options", "floor"), [("random", {"lines": 6}, 27), ("poisson-disc", {"box": (4, 4)}, 34)]
)
def test_quality_on_a_measured_head(raw, kind, options, floor):
    head = raw("brain8_full_T1")
    image = Nlinv()(undersample(head, kind, 4, seed=0, **options)).image
    assert psnr(image, root_sum_of_squares(ifft(head.kspace))) > floor
