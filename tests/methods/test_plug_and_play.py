"""Plug and play: exact proximal maps give the regularised image; any denoiser is taken, a bad one is refused."""

import re
from pathlib import Path

import pytest
import torch

import fourfold as ff
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.denoisers.block_matching import BlockMatching
from fourfold.errors import InputError
from fourfold.methods.classical.dictionary import Dictionary
from fourfold.methods.classical.plug_and_play import PlugAndPlay
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.model_based import SolverControl
from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.fourier import ifft
from fourfold.operators.linear_operator import norm
from fourfold.optimize.least_squares import least_squares
from fourfold.optimize.plug_and_play import plug_and_play
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate
from fourfold.weights.load_network import load_denoiser

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()


def shrink(image, sigma):
    return image / (1 + sigma)


@pytest.fixture(scope="module")
def scan():
    return undersample(simulate(phantom((48, 40)), coils=4, snr=40, seed=1), "random", 3, centre=0.25, seed=0)


def test_the_proximal_map_of_total_variation_gives_its_image(scan):
    problem = SenseProblem.of(scan)
    denoised = PlugAndPlay(denoiser="tv", iterations=150, tolerance=1e-6, penalty=0.5).minimise(problem, 0.01)
    exact = TotalVariation(iterations=600, tolerance=1e-6).minimise(problem, 0.5 * 0.01)
    assert norm(denoised.x - exact.x) < 2e-3 * norm(exact.x)
    assert denoised.details["residual"] < 1e-3


def test_tikhonov_is_solved_exactly():
    """The denoiser x / (1 + σ) is the proximal map of σ/2 ‖x‖²."""
    generator = torch.Generator().manual_seed(0)
    rhs = torch.randn(1, 1, 5, 6, dtype=torch.complex64, generator=generator)
    gains = torch.rand(1, 1, 5, 6, generator=generator)
    data = least_squares(lambda x: gains * x, gains.sqrt() * rhs)
    image = plug_and_play(data, shrink, 0.2, penalty=0.5, iterations=200, tolerance=1e-7)
    assert torch.allclose(image.x, gains.sqrt() * rhs / (gains + 0.1), atol=1e-3)


def test_noise_level_falls_to_the_one_asked_for_and_a_start_skips_the_fall(scan):
    problem, noise_levels = SenseProblem.of(scan), []

    def note(image, sigma):
        noise_levels.append(sigma)
        return image

    method = PlugAndPlay(denoiser=note, iterations=25, tolerance=0.0)
    method.minimise(problem, 0.01)
    assert noise_levels[0] == pytest.approx(0.1)
    assert noise_levels[:20] == sorted(noise_levels[:20], reverse=True)
    assert noise_levels[19:] == pytest.approx([0.01] * 6)
    noise_levels.clear()
    method.minimise(problem, 0.01, SolverControl(start=problem.rhs))
    assert noise_levels == pytest.approx([0.01] * 25)


def test_block_matching_removes_noise_at_any_scale_and_from_every_image():
    clean = phantom((48, 40)).to(torch.complex64)
    noise = torch.randn(2, 48, 40, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    noisy = clean + 0.1 * noise
    sigma = 0.1 / 2**0.5
    denoised = BlockMatching()(noisy, sigma)
    assert float((denoised - clean).abs().square().mean()) < 0.25 * 0.1**2
    assert torch.allclose(BlockMatching()(1e3 * noisy, 1e3 * sigma) / 1e3, denoised, atol=1e-4)
    assert torch.allclose(BlockMatching()(noisy[1:], sigma)[0], denoised[1], atol=1e-5)
    assert torch.allclose(BlockMatching()(noisy, 1e-9), noisy, atol=1e-4)


@pytest.mark.parametrize(
    ("denoiser", "sentence"),
    [
        (lambda image, sigma: image[..., :-1], r"was given complex64 \(1, 1, 48, 40\).* and returned"),  # noqa: ARG005
        (lambda image, sigma: image.abs(), "returned float32"),  # noqa: ARG005
        (lambda image, sigma: image * float("nan"), "NaN or infinity"),  # noqa: ARG005
        (lambda image, sigma: None, "returned NoneType"),  # noqa: ARG005
    ],
)
def test_denoisers_that_return_no_image_are_refused(denoiser, sentence, scan):
    with pytest.raises(InputError, match=sentence):
        PlugAndPlay(denoiser=denoiser, noise_std=0.01)(scan)


@pytest.mark.parametrize("method", [Dictionary(), PlugAndPlay()], ids=["dictionary", "pnp"])
def test_the_weight_is_chosen_from_the_data(method, scan):
    record = method(scan).record
    candidates = [each["noise_std"] for each in record.details["noise_std"]["candidates"]]
    assert min(candidates) < record.details["noise_std"]["noise_std"] < max(candidates)


def test_unknown_denoisers_are_refused_with_the_known_ones():
    with pytest.raises(InputError, match="one of block-matching, dictionary, tgv, tv, wavelet"):
        PlugAndPlay(denoiser="drunet")


def test_record_names_the_denoiser(scan):
    record = PlugAndPlay(denoiser=shrink, noise_std=0.01, iterations=3)(scan).record
    assert record.settings["denoiser"].endswith(".shrink")
    assert record.details["residual"] >= 0
    assert PlugAndPlay(noise_std=0.01, iterations=3)(scan).record.settings["denoiser"] == "block-matching"


def test_the_example_of_the_page_runs():
    example = re.findall(r"```python\n(.*?)```", PAGE[PAGE.index("## Plug and play") :], flags=re.DOTALL)[0]
    results = {}
    exec(example, results)
    assert results["image"].record.method == "pnp"
    assert results["image"].record.settings["denoiser"].endswith("smooth")
    assert bool(results["image"].image.any())


@pytest.mark.parametrize("name", ["brain8_full_T1", "head8_T1_256"])
def test_measured_heads_come_out_better_than_with_total_variation(raw, name):
    full = raw(name)
    reference = root_sum_of_squares(ifft(full.kspace))
    scan = ff.undersample(full, "random", 4, centre=0.08, seed=0)

    def error(method):
        return float((method(scan).magnitude - reference).square().mean())

    # 1 dB and more were measured.
    assert error(PlugAndPlay(noise_std=0.02)) < 0.9 * error(TotalVariation())


def test_trained_denoisers_are_taken_by_name_and_named_in_the_record(scan):
    result = PlugAndPlay(denoiser="brain-varnet", noise_std=0.01, iterations=3)(scan)
    assert result.record.settings["denoiser"] == "brain-varnet"
    assert result.record.details["weights"]["name"] == "brain-varnet"
    network = load_denoiser("brain-varnet")
    own = PlugAndPlay(denoiser=network, noise_std=0.01, iterations=3)(scan)
    assert torch.equal(own.image, result.image)
    with pytest.raises(InputError, match="'cascade', which has no denoiser"):
        PlugAndPlay(denoiser="natural-cascade", noise_std=0.01)(scan)
