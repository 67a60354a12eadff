"""Lines and samples that are held back."""

import pytest
import torch

from fourfold.confidence.units import Units
from fourfold.errors import InputError
from fourfold.sampling import make_sampling
from fourfold.scan import Scan, Trajectory
from fourfold.simulation.simulate import phantom, simulate


def units_of(kind, shape=(96, 72), acceleration=3, **options):
    scan = simulate(phantom(shape), coils=2)
    return Units.of(scan.with_sampling(make_sampling(kind, shape, acceleration, **options)))


@pytest.mark.parametrize(
    ("kind", "options", "axis", "exchangeable"),
    [
        ("random", {"lines": 12}, 1, True),
        ("random", {"lines": 12, "axis": "kx"}, 2, True),
        ("gaussian", {"lines": 8}, 1, True),
        ("poisson-disc", {"box": (12, 12)}, None, True),
        ("regular", {"lines": 12}, 1, False),
        ("equispaced", {"lines": 12, "acceleration": 2.667}, 1, False),
        ("regular-2d", {"box": (12, 12), "acceleration": 4}, None, False),
    ],
)
def test_only_patterns_drawn_at_random_are_exchangeable(kind, options, axis, exchangeable):
    units = units_of(kind, **options)
    assert (units.axis, units.exchangeable) == (axis, exchangeable)


def test_folds_are_disjoint_and_alike_and_leave_the_centre():
    units = units_of("random", lines=12)
    folds = units.folds(5, 5, seed=0)
    assert torch.equal(torch.stack(folds).sum(dim=0) == 1, units.acquired)
    assert max(int(fold.sum()) for fold in folds) - min(int(fold.sum()) for fold in folds) <= 1
    held = units.samples(folds[0])[0]
    assert not held[42:54].any()
    assert int(held.sum()) == 72 * int(folds[0].sum())
    assert all(torch.equal(one, other) for one, other in zip(folds, units.folds(5, 5, seed=0), strict=True))
    assert not torch.equal(folds[0], units.folds(5, 5, seed=1)[0])


def test_a_gap_is_that_of_both_neighbours_across_the_edge_of_kspace():
    kspace = torch.ones(1, 1, 20, 4, dtype=torch.complex64)
    kspace[:, :, [1, 2, 3, 5, 6, 7, 14, 15, 16, 17]] = 0
    kspace[0, 0, 10] = 100
    units = Units.of(Scan(kspace))
    line = {int(index): position for position, index in enumerate(units.index[0, :, 0])}
    gaps = {line[number]: gap for number, gap in enumerate(units.spacing(units.acquired).tolist())}
    assert gaps[2] == pytest.approx(2 * 2 * 2 / 4)
    assert gaps[5] == pytest.approx(2 * 1 * 3 / 4)
    without_first = units.spacing(units.acquired & (torch.arange(len(units.acquired)) != 0))
    assert float(without_first[0]) == pytest.approx(2 * 1 * 4 / 5)


def test_refuses_what_has_nothing_to_hold_back():
    full = simulate(phantom((64, 48)), coils=2)
    with pytest.raises(InputError, match="Every sample outside the centre was acquired"):
        Units.of(full)
    few = make_sampling("random", (64, 48), 4, lines=13, seed=0)
    with pytest.raises(InputError, match="A frame has 3 lines or samples outside"):
        Units.of(full.with_sampling(few))
    spokes = Trajectory(torch.rand(1, 4, 16, 2) - 0.5, (16, 16))
    with pytest.raises(InputError, match="The scan has a trajectory"):
        Units.of(Scan(torch.ones(1, 1, 4, 16, dtype=torch.complex64), trajectory=spokes))


def test_of_a_regular_pattern_lines_of_the_centre_are_held_back_that_it_would_leave_out():
    units = units_of("regular", acceleration=4, lines=24)
    (held,) = units.folds(3, 5, seed=0)
    rows = units.samples(held)[0].any(dim=1).nonzero().flatten().tolist()
    # The centre goes from 36 to 60 and the pattern has every fourth line; the inner half stays.
    assert rows == [37, 38, 39, 41, 55, 57, 58, 59]
    # The gap of four lines is that of missing lines, but at the inner half, which is whole.
    assert units.spacing(units.acquired & ~held)[held].tolist() == pytest.approx([1.5, 2, 1.5, 1, 1, 1.5, 2, 1.5])
    assert units_of("regular", acceleration=4, lines=12).in_centre is None
