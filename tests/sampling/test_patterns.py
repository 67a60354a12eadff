"""Sampling patterns: exact accelerations, their laws, provenance, and what is refused."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.helpers.sampling_kinds import ACCELERATED_LINES, SEEDED

from fourfold.errors import InputError
from fourfold.sampling import (
    KINDS,
    equispaced,
    gaussian,
    kt_interleaved,
    make_sampling,
    poisson_disc,
    random,
    regular,
    regular_2d,
    undersample,
)
from fourfold.sampling.poisson_discs import _distance, _RandomCells
from fourfold.scan import Sampling, Scan, centre_slice


def acquired_lines(sampling: Sampling, frame: int = 0) -> np.ndarray:
    """Return bool (line,) of a pattern of whole lines, after checking that it is one."""
    mask = sampling.mask[frame]
    if sampling.details["axis"] == "kx":
        mask = mask.T
    assert bool((mask == mask[:, :1]).all())
    return mask[:, 0].numpy()


def cyclic_gaps(positions: np.ndarray, size: int) -> np.ndarray:
    """Return the distances from each position to the next one, the last one's to the first one around the end."""
    return np.diff(np.append(positions, positions[0] + size))


# ---- what holds for every kind


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(SEEDED),
    shape=st.tuples(st.integers(40, 90), st.integers(40, 90)),
    acceleration=st.floats(1.5, 8),
    axis=st.sampled_from(("ky", "kx")),
    frames=st.integers(1, 3),
    seed=st.integers(0, 2**40),
)
def test_every_frame_reaches_the_target_acceleration_within_one_per_cent_or_it_is_refused(
    kind, shape, acceleration, axis, frames, seed
):
    positions = math.prod(shape) if kind == "poisson-disc" else shape[0] if axis == "ky" else shape[1]
    centre = 24 * 24 if kind == "poisson-disc" else round(0.08 * positions)
    counts = [n for n in range(1, positions + 1) if abs(positions / n - acceleration) <= 0.01 * acceleration]
    if not counts or centre > max(counts):
        with pytest.raises(InputError, match="alone takes" if counts else "cannot be met"):
            make_sampling(kind, shape, acceleration, axis=axis, frames=frames, seed=seed)
        return
    assume(centre <= min(counts))
    sampling = make_sampling(kind, shape, acceleration, axis=axis, frames=frames, seed=seed)
    assert sampling.mask.shape == (frames, *shape)
    for mask in sampling.mask:
        assert mask.numel() / int(mask.sum()) == pytest.approx(acceleration, rel=0.01)
    assert sampling.mask[:, shape[0] // 2, shape[1] // 2].all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_provenance_describes_the_pattern(kind):
    sampling = make_sampling(kind, (96, 80), 4, seed=7, frames=2)
    summary = sampling.summary()
    assert summary["kind"] == sampling.kind == kind
    assert summary["acceleration"] == pytest.approx(sampling.mask.numel() / int(sampling.mask.sum()), abs=1e-3)
    if kind in SEEDED:
        assert (summary["seed"], summary["target_acceleration"]) == (7, 4.0)
    else:
        assert (summary["seed"], summary["target_acceleration"]) == (None, None)
        assert summary["undersampling"] in (4, [2, 2])
    if "axis" in summary:
        assert summary["calibration_lines"] == summary["acs_shape"][0]
    else:
        assert summary["box"] == [24, 24]


@pytest.mark.parametrize("kind", SEEDED)
def test_the_seed_decides_the_pattern(kind):
    first, again, other = (make_sampling(kind, (96, 80), 4, seed=seed, frames=3).mask for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", SEEDED)
def test_making_a_pattern_leaves_the_global_generators_alone(kind):
    np.random.seed(5)  # noqa: NPY002  # the global state is what is tested
    torch.manual_seed(5)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    make_sampling(kind, (64, 64), 4, box=(8, 8)) if kind == "poisson-disc" else make_sampling(kind, (64, 64), 4)
    assert np.array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before[1], torch.get_rng_state())


@pytest.mark.parametrize("kind", ["random", "equispaced", "gaussian", "poisson-disc"])
def test_frames_have_patterns_of_their_own(kind):
    first, second = make_sampling(kind, (96, 80), 4, frames=2, seed=3).mask
    assert not torch.equal(first, second)


@pytest.mark.parametrize("kind", ACCELERATED_LINES)
@pytest.mark.parametrize("size", [95, 96])
def test_acceleration_one_acquires_everything(kind, size):
    assert make_sampling(kind, (size, 20), 1.0).mask.all()


# ---- lines


@pytest.mark.parametrize("kind", ACCELERATED_LINES)
@pytest.mark.parametrize("size", [230, 101])
def test_the_centre_is_a_fraction_or_a_number_of_lines(kind, size):
    for options, expected in (({}, round(0.08 * size)), ({"centre": 0.04}, round(0.04 * size)), ({"lines": 11}, 11)):
        sampling = make_sampling(kind, (size, 9), size / 25, **options)
        lines = acquired_lines(sampling)
        assert lines[centre_slice(size, expected)].all()
        assert lines.sum() == 25
        assert sampling.details["calibration_lines"] == expected


def test_random_lines_are_uniform_outside_the_centre():
    size, trials = 64, 2000
    counts = acquired_counts(random((size, 1), 4, lines=8, seed=0, frames=trials))
    outside = np.delete(counts, np.arange(size)[centre_slice(size, 8)])
    expected = trials * 8 / 56
    # Binomial standard deviation is 15.6; five of them over 56 lines.
    assert np.abs(outside - expected).max() < 5 * math.sqrt(expected * (1 - 8 / 56))


def test_gaussian_lines_follow_the_density():
    size, trials = 128, 2000
    counts = acquired_counts(gaussian((size, 1), 16, lines=0, width=0.15, seed=0, frames=trials))
    k = np.arange(size) - size // 2
    density = np.exp(-(k**2) / 2 / (0.15 * size) ** 2)
    # Few lines of many: drawing without replacement hardly flattens the density.
    assert np.corrcoef(counts, density)[0, 1] > 0.99
    spread = math.sqrt((counts * k**2).sum() / counts.sum()) / size
    assert 0.15 < spread < 0.18
    assert np.allclose(counts.sum(), trials * 8)


def acquired_counts(sampling: Sampling) -> np.ndarray:
    return sampling.mask[:, :, 0].sum(dim=0).numpy()


def test_a_narrow_gaussian_still_reaches_the_acceleration():
    assert gaussian((256, 4), 2, width=0.001).acceleration == 2


@settings(max_examples=60, deadline=None)
@given(size=st.integers(30, 400), lines=st.integers(0, 12), free=st.integers(2, 17), seed=st.integers(0, 1000))
def test_equispaced_lines_are_equispaced(size, lines, free, seed):
    sampling = equispaced((size, 2), size / (lines + free), lines=lines, seed=seed)
    outer = np.delete(np.arange(size), np.arange(size)[centre_slice(size, lines)])
    positions = np.flatnonzero(acquired_lines(sampling)[outer])
    assert positions.size == free
    gaps = cyclic_gaps(positions, outer.size)
    spacing = outer.size / free
    assert set(gaps) <= {math.floor(spacing), math.ceil(spacing)}


def test_equispaced_without_a_centre_has_one_spacing():
    offsets = set()
    for seed in range(40):
        positions = np.flatnonzero(acquired_lines(equispaced((240, 2), 4, lines=0, seed=seed)))
        assert set(np.diff(positions)) == {4}
        offsets.add(int(positions[0]))
    assert offsets == {0, 1, 2, 3}


@pytest.mark.parametrize("size", [230, 231])
def test_regular_takes_every_rth_line_through_the_centre_and_the_calibration_lines(size):
    sampling = regular((size, 7), 4, lines=22)
    lines = acquired_lines(sampling)
    expected = np.zeros(size, dtype=bool)
    expected[size // 2 :: 4] = True
    expected[size // 2 :: -4] = True
    expected[size // 2 - 11 : size // 2 + 11] = True
    assert np.array_equal(lines, expected)
    assert sampling.acs_shape == (22, 7)
    assert sampling.target_acceleration is None
    assert sampling.acceleration == pytest.approx(3.1, abs=0.05)


@pytest.mark.parametrize("lines", [0, 6])
@pytest.mark.parametrize("acceleration", [4, 5.2])
def test_successive_frames_of_kt_interleaved_hold_every_line(lines, acceleration):
    size, frames = 104, 12
    sampling = kt_interleaved((size, 2), acceleration, frames=frames, lines=lines, seed=3)
    masks = sampling.mask[:, :, 0]
    outer = size - lines
    spacing = math.ceil(outer / (int(masks[0].sum()) - lines))
    for first in range(frames - spacing + 1):
        assert masks[first : first + spacing].any(dim=0).all()


def test_kt_interleaved_moves_on_by_one_line():
    masks = kt_interleaved((96, 2), 4, frames=5, lines=0).mask[:, :, 0]
    assert not torch.equal(masks[0], masks[1])
    for frame in range(4):
        assert torch.equal(masks[frame + 1], masks[frame].roll(1))


@pytest.mark.parametrize("kind", [*ACCELERATED_LINES, "regular"])
def test_the_axis_turns_the_pattern(kind):
    along_y = make_sampling(kind, (96, 60), 4, axis="ky", frames=2).mask[:, :, 0]
    along_x = make_sampling(kind, (60, 96), 4, axis="kx", frames=2).mask[:, 0]
    assert torch.equal(along_y, along_x)


# ---- two dimensions


def test_regular_2d_is_a_grid_through_the_centre_with_a_box():
    sampling = regular_2d((61, 48), (3, 2), box=(10, 12))
    mask = sampling.mask[0].numpy()
    expected = np.zeros((61, 48), dtype=bool)
    expected[30 % 3 :: 3, 24 % 2 :: 2] = True
    expected[25:35, 18:30] = True
    assert np.array_equal(mask, expected)
    assert sampling.target_acceleration is None
    assert 4 < sampling.acceleration < 6


@pytest.mark.parametrize(("acceleration", "factors"), [(4, [2, 2]), (6, [3, 2]), (7, [7, 1]), (12, [4, 3])])
def test_regular_2d_splits_the_nominal_acceleration_evenly(acceleration, factors):
    assert make_sampling("regular-2d", (96, 96), acceleration).details["undersampling"] == factors


def test_uniform_poisson_disc_keeps_one_distance():
    # Darts at a grid stick with density 0.141 for a squared distance of 5 and 0.087 for 8 (random sequential
    # adsorption): at 8× both occur, so no two samples are closer than √5.
    mask = poisson_disc((120, 100), 8, box=(0, 0), power=0).mask[0].numpy()
    assert squared_distances(np.argwhere(mask)).min() == 5


def squared_distances(points: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs."""
    difference = points[:, None] - points
    return (difference**2).sum(axis=2)[np.triu_indices(len(points), 1)]


@pytest.mark.parametrize("power", [0.5, 1, 2])
@pytest.mark.parametrize("slope", [0.8, 3.0])
def test_poisson_discs_keep_their_radius_and_leave_no_gap(power, slope):
    shape = (61, 52)
    growth = _distance(*shape) ** power
    candidates = _RandomCells(np.ones(shape, dtype=bool), growth, np.random.default_rng(0))
    cells = candidates.cells[candidates.without_conflicts(slope)]
    points = np.argwhere(np.ones(shape, dtype=bool))
    radius = 1 + slope * growth.ravel()
    squares = np.unique(np.add.outer(np.arange(80) ** 2, np.arange(80) ** 2))
    below = squares[np.searchsorted(squares, radius**2, side="right") - 1]
    above = squares[np.searchsorted(squares, radius**2, side="right")]

    first, second = np.triu_indices(len(cells), 1)
    assert (squared_distances(points[cells]) >= np.minimum(below[cells[first]], below[cells[second]])).all()

    to_samples = ((points[:, None] - points[cells]) ** 2).sum(axis=2)
    assert ((to_samples < above[cells]) | (to_samples == 0)).any(axis=1).all()


def test_poisson_disc_thins_out_from_the_centre():
    mask = poisson_disc((160, 160), 6, box=(0, 0)).mask[0].numpy()
    distance = _distance(160, 160)
    rings = [mask[(distance >= inner) & (distance < inner + 0.25)].mean() for inner in (0, 0.25, 0.5, 0.75, 1)]
    assert all(inner > 1.15 * outer for inner, outer in pairwise(rings))


def test_elliptical_cuts_the_corners_and_counts_them():
    whole, cut = (poisson_disc((90, 121), 5, elliptical=elliptical).mask[0] for elliptical in (False, True))
    outside = torch.from_numpy(_distance(90, 121) > 1)
    assert whole[outside].any()
    assert not cut[outside].any()
    assert int(whole.sum()) == int(cut.sum()) == round(90 * 121 / 5)


@pytest.mark.parametrize("box", [(0, 0), (7, 12), (24, 24)])
def test_poisson_disc_samples_its_box(box):
    sampling = poisson_disc((80, 81), 4, box=box)
    assert sampling.mask[0][centre_slice(80, box[0]), centre_slice(81, box[1])].all()
    assert sampling.details["box"] == list(box)
    assert math.prod(sampling.acs_shape) >= math.prod(box)


@pytest.mark.parametrize("acceleration", [1.0, 1.02, 30.0])
@pytest.mark.parametrize("power", [0, 1, 3])
def test_poisson_disc_is_exact_at_the_extremes(acceleration, power):
    mask = poisson_disc((64, 64), acceleration, box=(8, 8), power=power).mask
    assert int(mask.sum()) == round(64 * 64 / acceleration)


def test_a_box_that_takes_the_whole_budget_leaves_no_other_sample():
    mask = poisson_disc((64, 64), 4, box=(32, 32)).mask
    assert int(mask.sum()) == 32 * 32


# ---- on scans


def scan_of(frames: int = 3, shape: tuple[int, int] = (48, 40), **fields) -> Scan:
    generator = torch.Generator().manual_seed(0)
    return Scan(torch.randn((frames, 2, *shape), dtype=torch.complex64, generator=generator), **fields)


@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_undersample_leaves_out_lines_along_the_line_axis(axis):
    scan = scan_of(line_axis=axis)
    result = undersample(scan, "random", 4, seed=5)
    assert result.sampling.details["axis"] == axis
    assert torch.equal(result.mask, random(scan.shape, 4, seed=5, axis=axis).mask)
    assert torch.equal(result.kspace, torch.where(result.mask[:, None], scan.kspace, 0))
    assert result.line_axis == axis


def test_undersample_interleaves_over_the_frames_of_the_scan():
    assert undersample(scan_of(), "kt-interleaved", 4).mask.shape == (3, 48, 40)
    assert undersample(scan_of(), "random", 4).mask.shape == (1, 48, 40)
    assert undersample(scan_of(), "random", 4, frames=3).mask.shape == (3, 48, 40)


def test_undersample_works_in_two_dimensions():
    result = undersample(scan_of(line_axis="kx"), "poisson-disc", 4, box=(6, 6))
    assert result.sampling.acceleration == pytest.approx(4, rel=0.01)


def test_undersample_refuses_samples_that_were_never_acquired():
    with pytest.raises(InputError, match="were not acquired"):
        undersample(undersample(scan_of(), "random", 4, seed=0), "random", 4, seed=1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: make_sampling("randon", (64, 64)), "no sampling 'randon'.*known are random.*Did you mean 'random'"),
        (lambda: make_sampling("random", (64, 64), box=(4, 4)), "'random' has no option 'box'; it has: centre, lines"),
        (lambda: make_sampling("poisson-disc", (64, 64), lines=9), "no option 'lines'; it has: box, power, elliptical"),
        (lambda: make_sampling("random", (64, 64), 0.5), "Acceleration 0.5 cannot be met with 64 lines"),
        (lambda: make_sampling("random", (64, 64), math.nan), "Acceleration nan cannot be met"),
        (lambda: make_sampling("equispaced", (64, 64), 65), "cannot be met with 64 lines; ask for 1"),
        (lambda: random((64, 64), 3), r"within 1 %.*64 lines; ask for 3.048 \(21 lines\) or 2.909 \(22 lines\)"),
        (lambda: random((64, 64), 8, lines=9), "allows 8 of 64 lines but the centre alone takes 9"),
        (lambda: random((64, 64), 4, lines=9, centre=0.1), "given twice"),
        (lambda: random((64, 64), 4, lines=-1), "-1 calibration lines"),
        (lambda: random((64, 64), 4, centre=1.5), "give a fraction from 0 to 1"),
        (lambda: random((64, 64), 4, axis="kz"), "axis is 'kz'"),
        (lambda: random((64, 64), 4, seed=-1), "seed is -1"),
        (lambda: random((64, 64), 4, seed=0.5), "seed is 0.5"),
        (lambda: random((64, 0), 4), "two positive whole numbers"),
        (lambda: random((64,), 4), "two positive whole numbers"),
        (lambda: random((64, 64), 4, frames=0), "0 frames"),
        (lambda: gaussian((64, 64), 4, width=0), "width of the Gaussian density is 0"),
        (lambda: regular((64, 64), 65), "Every 65-th of 64 lines"),
        (lambda: regular((64, 64), 4, lines=65), "65 calibration lines"),
        (lambda: make_sampling("regular", (64, 64), 4, undersampling=2), "no option 'undersampling'; it has: lines"),
        (lambda: make_sampling("regular", (64, 64), math.inf), "cannot do R = inf"),
        (lambda: make_sampling("regular-2d", (64, 64), math.nan), "cannot do R = nan"),
        (lambda: make_sampling("regular", (64, 64), 3.5), "cannot do R = 3.5.*'equispaced'"),
        (lambda: regular_2d((64, 64), (2, 65)), r"\(2, 65\) on a grid of 64×64"),
        (lambda: regular_2d((64, 64), box=(65, 2)), "calibration box"),
        (lambda: poisson_disc((64, 64), 8, box=(24, 24)), "allows 512 of 64×64 samples but the box 24×24 alone"),
        (lambda: poisson_disc((64, 64), 1.2, elliptical=True), "elliptical=False"),
        (lambda: poisson_disc((64, 64), 4, power=-1), "power -1"),
    ],
)
def test_bad_settings_are_refused_with_what_to_do(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_what_the_message_names_as_reachable_is_reachable():
    assert random((64, 64), 3.048).acceleration == pytest.approx(64 / 21)
    assert random((64, 64), 2.909).acceleration == pytest.approx(64 / 22)
