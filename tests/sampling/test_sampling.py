"""Sampling patterns: exact accelerations, their laws, provenance, files, and what is refused."""

import math
import shutil
import subprocess
from itertools import pairwise

import h5py
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.sampling import (
    KINDS,
    equispaced,
    gaussian,
    kt_interleaved,
    make_sampling,
    poisson_disc,
    random,
    read_sampling,
    regular,
    regular_2d,
    undersample,
    write_sampling,
)
from fourfold.sampling.poisson_discs import _Darts, _distance
from fourfold.scan import Sampling, Scan, centre_slice

ACCELERATED_LINES = ("random", "equispaced", "gaussian", "kt-interleaved")
SEEDED = (*ACCELERATED_LINES, "poisson-disc")


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
def test_provenance_tells_how_the_pattern_came_to_be(kind):
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
def test_darts_keep_their_radius_and_leave_no_room_for_another(power, slope):
    shape = (61, 52)
    growth = _distance(*shape) ** power
    darts = _Darts(np.ones(shape, dtype=bool), growth, np.random.default_rng(0))
    cells = darts.cells[darts.throw(slope)]
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


# ---- files


def sample_patterns() -> list[Sampling]:
    return [
        make_sampling("random", (37, 24), 37 / 9, seed=3),
        make_sampling("kt-interleaved", (36, 25), 4, frames=3, axis="ky"),
        make_sampling("poisson-disc", (30, 33), 4, box=(5, 4)),
        make_sampling("regular", (30, 33), 4, lines=4, axis="kx"),
    ]


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".cfl"])
@pytest.mark.parametrize("sampling", sample_patterns(), ids=lambda sampling: sampling.kind)
def test_masks_survive_a_file(tmp_path, sampling, suffix):
    path = tmp_path / f"mask{suffix}"
    write_sampling(sampling, path)
    again = read_sampling(path)
    assert torch.equal(again.mask, sampling.mask)
    if suffix == ".npz":
        assert again.summary() == sampling.summary()
    else:
        assert (again.kind, again.details["file"]) == ("file", path.name)


def test_a_bart_pair_may_be_named_by_either_file(tmp_path):
    sampling = sample_patterns()[2]
    write_sampling(sampling, tmp_path / "mask.cfl")
    assert torch.equal(read_sampling(tmp_path / "mask.hdr").mask, sampling.mask)


def test_bart_reads_our_mask_and_we_read_its(tmp_path):
    if shutil.which("bart") is None:
        pytest.skip("needs BART")
    write_sampling(sample_patterns()[2], tmp_path / "ours.cfl")
    shown = subprocess.run(["bart", "show", "-m", tmp_path / "ours"], capture_output=True, text=True, check=True)
    assert "1\t30\t33\t1" in shown.stdout
    command = ["bart", "poisson", "-Y40", "-Z50", "-y2", "-z2", "-C8", tmp_path / "theirs"]
    subprocess.run(command, check=True, capture_output=True)
    sampling = read_sampling(tmp_path / "theirs.cfl")
    assert sampling.mask.shape == (1, 40, 50)
    assert sampling.mask[0, 16:24, 21:29].all()
    assert 2 < sampling.acceleration < 8


@pytest.mark.parametrize("axis", ["ky", "kx"])
def test_a_bart_mask_fits_the_k_space_beside_it(tmp_path, axis):
    scan = undersample(scan_of(line_axis=axis), "kt-interleaved", 4)
    save_scan(scan, tmp_path / "kspace.cfl")
    write_sampling(scan.sampling, tmp_path / "mask.cfl")
    kspace, mask = (bart_array(tmp_path / name) for name in ("kspace", "mask"))
    assert np.array_equal(np.broadcast_to(mask == 1, kspace.shape), kspace != 0)


def bart_array(path) -> np.ndarray:
    """Return the array of a BART pair, BART's dimensions in their order."""
    sizes = path.with_suffix(".hdr").read_text().splitlines()[1].split()
    return np.fromfile(path.with_suffix(".cfl"), np.complex64).reshape([int(size) for size in sizes], order="F")


def test_the_picture_is_white_where_samples_were_acquired(tmp_path):
    sampling = sample_patterns()[1]
    write_sampling(sampling, tmp_path / "mask.png")
    picture = np.asarray(Image.open(tmp_path / "mask.png"))
    assert np.array_equal(picture, np.concatenate(list(sampling.mask.numpy()), axis=1) * 255)


def test_fastmri_masks_lie_along_the_last_axis(tmp_path):
    lines = np.arange(24) % 3 == 0
    with h5py.File(tmp_path / "test.h5", "w") as file:
        file["kspace"] = np.zeros((2, 4, 24, 24), dtype=np.complex64)
        file["mask"] = lines.astype(np.float32)
    mask = read_sampling(tmp_path / "test.h5").mask
    assert mask.shape == (1, 24, 24)
    assert torch.equal(mask[0], torch.from_numpy(lines).expand(24, 24))


@pytest.mark.parametrize(("shape", "axis"), [((24, 30), "ky"), ((30, 24), "kx")])
def test_a_list_of_lines_goes_where_it_fits(tmp_path, shape, axis):
    lines = torch.arange(24) % 4 == 0
    np.save(tmp_path / "lines.npy", lines.numpy())
    mask = read_sampling(tmp_path / "lines.npy", shape).mask[0]
    assert torch.equal(mask, (lines[:, None] if axis == "ky" else lines).expand(shape))
    assert torch.equal(mask, read_sampling(tmp_path / "lines.npy", shape, axis).mask[0])


def test_an_axis_of_size_one_stands_for_the_whole_axis(tmp_path):
    lines = np.arange(24) % 4 == 0
    np.save(tmp_path / "lines.npy", lines[:, None])
    mask = read_sampling(tmp_path / "lines.npy", (24, 24)).mask[0]
    assert torch.equal(mask, torch.from_numpy(lines)[:, None].expand(24, 24))


# ---- what is refused


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


def write_bytes(path, content=b"nonsense"):
    path.write_bytes(content)
    return path


def saved(path, array):
    np.save(path, array)
    return path


def saved_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def saved_cfl(path, sizes, values):
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")
    np.full(values, 1, np.complex64).tofile(path)
    return path


def truncated(path):
    write_sampling(sample_patterns()[0], path)
    path.write_bytes(path.read_bytes()[:-100])
    return path


LINES = np.arange(24) % 2 == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "gone.npz", "There is no file"),
        (lambda folder: write_bytes(folder / "a.tiff"), "cannot be read from a '.tiff' file.*use .npz"),
        (lambda folder: write_bytes(folder / "a.npx"), "Did you mean '.np"),
        (lambda folder: write_bytes(folder / "a.npz"), "damaged"),
        (lambda folder: write_bytes(folder / "a.npy"), "damaged"),
        (lambda folder: write_bytes(folder / "a.h5"), "damaged"),
        (lambda folder: write_bytes(folder / "a.cfl"), "There is no file '.*a.hdr'"),
        (lambda folder: truncated(folder / "a.npz"), "damaged"),
        (lambda folder: truncated(folder / "a.npy"), "damaged"),
        (lambda folder: truncated(folder / "a.cfl"), "damaged"),
        (lambda folder: saved_cfl(folder / "a.cfl", [4, 4, 1, 2], 32), "none of coils"),
        (lambda folder: saved_cfl(folder / "a.cfl", [4, 4, 4], 64), "a mask has two in space"),
        (lambda folder: saved_hdf5(folder / "a.h5", kspace=np.ones(3)), "holds kspace but no data set 'mask'"),
        (lambda folder: saved(folder / "a.npy", np.full((24, 30), 0.5)), "values other than 0 and 1"),
        (lambda folder: saved(folder / "a.npy", np.array(["x"])), "values other than 0 and 1"),
        (lambda folder: saved(folder / "a.npy", np.ones((1, 1, 24, 30))), "it must be"),
        (lambda folder: saved(folder / "a.npy", np.ones((24, 31))), "grid of 24×31 but this one is 24×30"),
        (lambda folder: saved(folder / "a.npy", np.ones(25)), "25 lines, which does not fit a grid of 24×30"),
        (lambda folder: saved(folder / "a.npy", np.zeros((24, 30))), "without any sample"),
    ],
)
def test_bad_mask_files_are_refused(tmp_path, make, words):
    with pytest.raises(InputError, match=words):
        read_sampling(make(tmp_path), (24, 30))


def test_a_list_of_lines_needs_a_grid_that_it_fits_in_one_way(tmp_path):
    path = saved(tmp_path / "lines.npy", LINES)
    with pytest.raises(InputError, match="give the grid it is for"):
        read_sampling(path)
    with pytest.raises(InputError, match="fits both axes of the grid; say which"):
        read_sampling(path, (24, 24))
    with pytest.raises(InputError, match="does not fit a grid of 24×30 along kx"):
        read_sampling(path, (24, 30), "kx")


def test_an_archive_without_a_mask_or_with_a_foreign_provenance_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", image=LINES)
    with pytest.raises(InputError, match="holds image but no array 'mask'"):
        read_sampling(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", mask=np.ones((4, 4)), provenance="[1, 2]")
    with pytest.raises(InputError, match="damaged"):
        read_sampling(tmp_path / "b.npz")


def test_nothing_is_written_where_it_cannot_be(tmp_path):
    with pytest.raises(InputError, match=r"has the suffix '\.gif', which says no format"):
        write_sampling(sample_patterns()[0], tmp_path / "mask.gif")
    with pytest.raises(InputError, match="does not exist: create it first"):
        write_sampling(sample_patterns()[0], tmp_path / "no" / "mask.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".cfl", ".png"])
def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"mask{suffix}"
    write_sampling(sample_patterns()[0], path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", fail)
    with pytest.raises(InputError, match="No space left on device"):
        write_sampling(sample_patterns()[2], path)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before
