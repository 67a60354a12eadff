"""The held-back score against the true error, and what makes it fall."""

import dataclasses
from typing import ClassVar

import pytest
import torch
from tests.confidence.conftest import known

import fourfold as ff
from fourfold.confidence.held_back import decibels
from fourfold.confidence.prediction import CoilPrediction
from fourfold.confidence.score import score, warnings
from fourfold.confidence.trial import Trial
from fourfold.operators.fourier import fft
from fourfold.scan import Sampling, Scan


def true_error(method, case) -> float:
    """Return the error of the missing samples in dB of the image's energy, against those without noise."""
    trial = Trial(method, case.scan, CoilPrediction.of(case.scan), 0)
    missing = ~case.scan.mask[0]
    predicted = 0 if trial.puts_zeros else trial.prediction.kspace(trial.image[0], 0)
    error = float((predicted - case.truth)[:, missing].abs().square().sum())
    return decibels(error / float(case.truth.abs().square().sum()))


@pytest.mark.parametrize(("kind", "options"), [("random", {}), ("poisson-disc", {"box": (14, 14)})])
def test_it_estimates_the_true_error_and_ranks_methods(kind, options):
    case = known(kind, **options)
    methods = [ff.ZeroFilled(), ff.CgSense(), ff.TotalVariation(weight=0.003)]
    estimates = [score(method, case.scan).decibels for method in methods]
    truths = [true_error(method, case) for method in methods]
    assert sorted(range(3), key=estimates.__getitem__) == sorted(range(3), key=truths.__getitem__)
    differences = sorted(abs(estimate - truth) for estimate, truth in zip(estimates, truths, strict=True))
    assert differences[1] < 1.0


class PaintsLesion(ff.TotalVariation):
    """Total variation with a disc that was never measured."""

    name: ClassVar[str] = "tv"

    def solve(self, scan, progress):
        return _added(super().solve(scan, progress), _disc(scan.shape))


class AddsTexture(ff.TotalVariation):
    """Total variation with a fine pattern that was never measured."""

    name: ClassVar[str] = "tv"

    def solve(self, scan, progress):
        generator = torch.Generator().manual_seed(9)
        return _added(super().solve(scan, progress), 0.05 * torch.randn(scan.shape, generator=generator))


def _disc(shape):
    y, x = (torch.arange(size) - size // 2 for size in shape)
    return 0.6 * ((y[:, None] + 8).square() + (x + 6).square() < 36)


def _added(solution, change):
    """Return the solution with a change of the magnitude, in parts of its largest value."""
    images = {}
    for name in ("image", "before_data_consistency"):
        image = getattr(solution, name)
        if image is not None:
            images[name] = image + change * image.abs().max() * torch.polar(
                torch.ones_like(change * 1.0), image.angle()
            )
    return dataclasses.replace(solution, **images)


@pytest.mark.parametrize("fake", [PaintsLesion, AddsTexture])
def test_a_false_lesion_or_texture_lowers_the_score(fake, head):
    honest, faked = (score(kind(weight=0.005), head.scan) for kind in (ff.TotalVariation, fake))
    assert faked.decibels > honest.decibels + 1
    assert "worse than 'honest', which is simpler" in warnings(faked, [dataclasses.replace(honest, method="honest")])[0]
    assert not warnings(honest, [faked])


def test_a_wrong_mask_lowers_the_score_and_is_told(head):
    kspace, mask = head.scan.kspace, head.scan.mask
    shifted = mask.roll(1, dims=1) | (torch.arange(mask.shape[1]) - 40 < 7)[None, :, None] & mask
    wrong = Scan(kspace * shifted[:, None], sampling=Sampling(shifted), noise=head.scan.noise)
    found = ff.trust(ff.TotalVariation(weight=0.005), wrong, ["held-back error"])
    assert found.part("held-back error").value > score(ff.TotalVariation(weight=0.005), head.scan).decibels + 1.5
    assert any("The data contradict the mask" in sentence and "are empty" in sentence for sentence in found.warnings)


def test_samples_outside_the_mask_contradict_it(head):
    full = fft(torch.ones(1, 1, 80, 64, dtype=torch.complex64)) + 1
    scan = Scan(full, sampling=head.scan.sampling)
    assert "that it calls missing are not zero" in ff.trust(ff.ZeroFilled(), scan, ["held-back error"]).warnings[0]
