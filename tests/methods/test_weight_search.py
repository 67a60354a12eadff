"""Automatic weights: known answers, laws, the record, and how near they come to the best weight on measured data."""

import math

import pytest
import torch
from tests.helpers.psnr import psnr

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.wavelet import Wavelet
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.model_based import ModelBasedMethod
from fourfold.methods.sense_problem import SenseProblem
from fourfold.methods.tuning.shrinkage import shrinkage_factor
from fourfold.methods.tuning.trial import Trial
from fourfold.methods.tuning.weight import choose_weight, try_weight
from fourfold.operators.fourier import ifft
from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.minimum import Minimum
from fourfold.sampling import undersample
from fourfold.scan import Scan, crop_centre
from fourfold.simulation.sample import sample_image
from fourfold.simulation.simulate import phantom, simulate


def a_scan(kind: str = "random", axis: str = "ky") -> Scan:
    full = simulate(phantom((96, 132)), coils=4, snr=30, seed=1)
    return undersample(full.replace(line_axis=axis), kind, 3)


def test_the_score_is_the_relative_error_of_the_samples_held_out():
    problem = SenseProblem.of(a_scan("poisson-disc"))
    trial = Trial.of(problem)
    x = problem.rhs * 0.7
    held = trial.held.encoding.mask
    measured = torch.where(held[:, None], problem.scan.kspace / problem.scale, 0)
    error = Encoding(held, problem.encoding.coil_maps).forward(x) - measured
    assert trial.score(x) == pytest.approx(float(error.norm() ** 2 / measured.norm() ** 2), rel=1e-4)
    assert trial.share == 1


@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_a_strip_s_data_term_is_that_of_the_whole_image_where_the_rest_is_empty(axis):
    problem = SenseProblem.of(a_scan(axis=axis))
    trial = Trial.of(problem)
    assert 0.5 <= trial.share < 1
    along = -1 if axis == "ky" else -2
    width = trial.kept.rhs.shape[along]
    maps = problem.encoding.coil_maps
    start = next(
        first
        for first in range(maps.shape[along] - width + 1)
        if torch.equal(maps.narrow(along, first, width), trial.kept.encoding.coil_maps)
    )
    x = torch.zeros_like(problem.rhs)
    x.narrow(along, start, width).copy_(problem.rhs.narrow(along, start, width))
    for part in (trial.kept, trial.held):
        mask = part.encoding.mask.narrow(along, 0, 1).expand_as(problem.scan.mask)
        whole = Encoding(mask, maps)
        measured = whole.adjoint(problem.scan.kspace / problem.scale).narrow(along, start, width)
        torch.testing.assert_close(part.rhs, measured, rtol=1e-3, atol=1e-5)
        strip = part.encoding.normal(x.narrow(along, start, width).contiguous())
        torch.testing.assert_close(strip, whole.normal(x).narrow(along, start, width), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("best", [0.0003, 0.004, 0.03])
def test_the_search_finds_the_lowest_point_of_a_curve(best, monkeypatch):
    problem = SenseProblem.of(a_scan("poisson-disc"))
    tried: list[float] = []

    def solve(part: SenseProblem, weight: float, start: torch.Tensor | None, iterations: int) -> Minimum:
        assert (start is None) == (iterations > 10) == (not tried)
        tried.append(weight)
        return Minimum(part.rhs, 10)

    monkeypatch.setattr(Trial, "score", lambda *_: 0.5 + math.log(tried[-1] / best) ** 2)
    choice = choose_weight(problem, solve, first=0.002)
    assert choice.weight == pytest.approx(best, rel=1e-3)
    assert list(choice.scores) == tried


def test_a_weight_stays_where_the_data_do_not_determine_it(monkeypatch):
    problem = SenseProblem.of(a_scan("poisson-disc"))
    monkeypatch.setattr(Trial, "score", lambda *_: 0.7)
    choice = choose_weight(problem, lambda part, *_: Minimum(part.rhs, 1), first=0.002)
    assert choice.weight == 0.002


@pytest.mark.parametrize(("factor", "expected"), [(0.5, 1.0), (1.25, 0.8), (4.0, 0.25), (-1.0, 0.0)])
def test_trust_is_the_factor_that_predicts_held_out_samples_best(factor, expected):
    """An estimate of `factor` times the signal in samples that are mostly noise."""
    generator = torch.Generator().manual_seed(0)
    signal, noise = (torch.randn(100_000, dtype=torch.complex64, generator=generator) for _ in range(2))
    samples = signal + 10 * noise
    whole = float(samples.abs().square().sum())
    estimate = factor * signal
    error = float((estimate - samples).abs().square().sum()) / whole
    agreement = float(torch.vdot(estimate, samples).real) / whole
    assert shrinkage_factor(error, agreement) == pytest.approx(expected, abs=0.05)


def test_what_is_predicted_well_is_kept_whole():
    assert shrinkage_factor(0.8, 0.3) == 1.0
    assert shrinkage_factor(1.0, 0.0) == 0.0


def test_a_known_weight_is_tried_once():
    problem = SenseProblem.of(a_scan("poisson-disc"))
    choice = try_weight(problem, lambda part, *_: Minimum(torch.zeros_like(part.rhs), 3), 0.01)
    assert (choice.weight, choice.iterations, choice.trials, choice.shrinkage) == (0.01, 3, 1, 0.0)
    assert choice.scores == {0.01: pytest.approx(1)}


@pytest.mark.parametrize("method", [TotalVariation, Wavelet])
@pytest.mark.parametrize(
    ("coils", "snr", "kind", "factor", "lines"),
    [(1, 30, "random", 8, 6), (6, 5, "random", 4, 20), (4, 5, "random", 3, 12)],
)
def test_weights_for_very_noisy_data_are_no_worse_than_zero_filling(method, coils, snr, kind, factor, lines):
    """With the first weight images of much noise were up to 8 dB worse than zero-filled ones."""
    truth = sample_image()[None, ::2, ::2]
    under = undersample(simulate(truth, coils=coils, snr=snr, seed=1), kind, factor, lines=lines)
    result = method()(under)
    assert psnr(result.magnitude, truth) > psnr(ZeroFilled()(under).magnitude, truth) - 0.1
    shrunk = result.record.details["weight"]["shrinkage"] < 1
    assert any("hardly better than by zeros" in note for note in result.record.notes) == shrunk


def test_samples_too_few_to_tell_the_others_are_stated():
    full = simulate(phantom((96, 96)), coils=1, snr=3, seed=1)
    few, enough = (undersample(full, "equispaced", factor, lines=2, seed=0) for factor in (8, 2))
    weak, strong = (TotalVariation()(scan).record for scan in (few, enough))
    assert weak.details["weight"]["shrinkage"] < 1
    assert any("hardly better than by zeros" in note for note in weak.notes)
    assert strong.details["weight"]["shrinkage"] == 1
    assert not any("hardly better than by zeros" in note for note in strong.notes)


def test_without_trust_the_image_is_the_zero_filled_one():
    scan = a_scan()
    problem = SenseProblem.of(scan)
    x = torch.randn(problem.rhs.shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(problem.image(x, "rss", 0.0).abs(), ZeroFilled()(scan).magnitude, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(problem.image(x, "maps", 0.0), problem.image(problem.rhs, "maps"))


@pytest.mark.parametrize("method", [TotalVariation(iterations=40), Wavelet(iterations=40), CgSense()], ids=str)
@pytest.mark.parametrize("kind", ["random", "poisson-disc"])
def test_the_record_states_the_choice_and_the_choice_makes_the_same_image(method: ModelBasedMethod, kind: str):
    scan = a_scan(kind)
    result = method(scan)
    assert result.record.settings["weight"] == "auto"
    note = result.record.details["weight"]
    scores = {each["weight"]: each["score"] for each in note["candidates"]}
    assert len(scores) >= 5
    assert min(scores) <= note["weight"] <= max(scores)
    fixed = method.model_copy(update={"weight": note["weight"]})(scan)
    torch.testing.assert_close(result.image, fixed.image)
    # The first candidate starts from nothing, as the final image does; the others are short.
    work = note["iterations"] * note["part_of_image"] + len(scores)
    whole_problems = note["trials"] * note["part_of_image"]
    assert work + result.record.iterations <= (1 + 3 * whole_problems) * fixed.record.iterations + 2 * len(scores)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_choice_does_not_depend_on_the_unit_of_the_data(factor):
    scan = a_scan()
    method = TotalVariation(iterations=30)
    chosen = [
        method(each).record.details["weight"]["weight"] for each in (scan, scan.replace(kspace=scan.kspace * factor))
    ]
    assert chosen[1] == pytest.approx(chosen[0], rel=1e-2)


@pytest.mark.parametrize(
    ("method", "name", "kind"),
    [
        (TotalVariation(), "head8_T1_256", "random"),
        (TotalVariation(), "mprage4_T1_256", "regular"),
        (Wavelet(), "brain8_full_T1", "poisson-disc"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_automatic_weights_come_near_the_best_on_measured_heads(raw, method, name, kind):
    full = raw(name)
    reference = root_sum_of_squares(ifft(full.kspace))[0]
    scan = undersample(full, kind, 4)
    result = method(scan)
    problem = SenseProblem.of(scan, method.coil_map_sets, method.coil_map_threshold)

    def loss(image: torch.Tensor) -> float:
        return 10 * math.log10(float((image.abs() - reference).square().mean()))

    weight = result.record.details["weight"]["weight"]
    others = [problem.image(method.minimise(problem, weight * step).x, "rss")[0] for step in (0.5, 2)]
    assert loss(result.image[0]) <= min(map(loss, others)) + 0.25


def test_few_lines_outside_the_centre_are_held_out_more_often(raw):
    """A head of low resolution, where two lines a trial chose a thirtieth of the best weight, 5 dB below it."""
    whole = raw("brain8_full_T1")
    full = Scan(crop_centre(whole.kspace, (128, 128)).contiguous())
    reference = root_sum_of_squares(ifft(full.kspace[0]))
    scan = undersample(full, "random", 4, lines=16, seed=0)
    result = TotalVariation()(scan)
    best = TotalVariation(weight=0.002)(scan)
    assert result.record.details["weight"]["trials"] == 5
    assert psnr(result.magnitude[0], reference) > psnr(best.magnitude[0], reference) - 1
