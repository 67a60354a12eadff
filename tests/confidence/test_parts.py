"""The other parts: the image moved and measured again, the null component, the members' coverage."""

import pytest
import torch
from tests.confidence.conftest import known

import fourfold as ff
from fourfold.confidence import parts
from fourfold.confidence.coverage import kspace_coverage
from fourfold.confidence.null_component import null_component
from fourfold.confidence.prediction import CoilPrediction
from fourfold.confidence.transforms import Transform, draw_transform
from fourfold.confidence.trial import Trial
from fourfold.operators.fourier import fft, ifft


def smooth_image(shape=(64, 49)):
    y, x = (torch.linspace(-1, 1, size) for size in shape)
    bell = (-8 * ((y[:, None] - 0.1).square() + (x + 0.2).square())).exp()
    return torch.polar(bell, 2 * y[:, None] + x)[None]


@pytest.mark.parametrize("number", range(4))
def test_a_transform_is_undone(number):
    image = smooth_image()
    transform = draw_transform(number, torch.Generator().manual_seed(number))
    moved = transform.apply(image)
    assert float((moved - image).abs().max()) > 0.05
    torch.testing.assert_close(transform.undo(moved), image, atol=0.01, rtol=0)


def test_a_rotation_by_90_degrees_is_exact_about_the_centre_pixel():
    image = smooth_image((33, 33))
    turned = Transform(False, False, 90.0).apply(image)
    torch.testing.assert_close(turned, image.rot90(-1, (1, 2)), atol=1e-4, rtol=0)


def bootstrap(case, method):
    trial = Trial(method, case.scan, CoilPrediction.of(case.scan), 0)
    part = next(kind for kind in parts.PARTS if kind.name == "bootstrap std")
    return part.measure(parts.Subject(trial))


def test_with_one_coil_only_what_is_moved_shows_the_null_space(monkeypatch):
    """Zero-filling has no other error than the null space, which shifts and the identity do not move."""
    case = known(coils=1, noise=1e-3)
    moved = bootstrap(case, ff.ZeroFilled())
    monkeypatch.setattr(parts, "draw_transform", lambda *_: Transform(False, False, 0.0))
    still = bootstrap(case, ff.ZeroFilled())
    assert moved.amount > 100 * still.amount


def test_the_null_component_of_one_coil_is_what_was_not_sampled():
    case = known(coils=1)
    image = ifft(case.truth)
    mask, maps = case.scan.mask, torch.ones(1, 1, *case.scan.shape, dtype=torch.complex64)
    unseen = null_component(image, mask, maps, noise=0.0)
    torch.testing.assert_close(unseen, ifft(fft(image) * ~mask), atol=2e-3, rtol=0)


@pytest.mark.parametrize(("spread", "low", "high"), [(1.0, 0.87, 0.93), (0.4, 0.0, 0.75), (2.5, 0.97, 1.0)])
def test_coverage_tells_members_that_spread_too_little_and_the_temperature_that_mends_it(head, spread, low, high):
    generator = torch.Generator().manual_seed(0)
    prediction = CoilPrediction.of(head.scan)
    truth = (prediction.maps[0].conj() * ifft(head.truth)).sum(dim=0)[None]

    def draw():
        return 0.5 * torch.randn(truth.shape, dtype=torch.complex64, generator=generator)

    # The truth is a draw of unit spread around the members' centre.
    centre = truth + draw()
    members = torch.stack([centre + spread * draw() for _ in range(16)])
    coverage = kspace_coverage(members, head.scan.mask, Trial(ff.ZeroFilled(), head.scan, prediction, 0))
    assert low <= coverage.covered / coverage.samples <= high
    # The mean of 16 members errs too.
    expected = ((1 + spread**2 / 16) / (spread**2 * (1 + 1 / 16))) ** 0.5
    assert coverage.temperature == pytest.approx(expected, rel=0.05)
