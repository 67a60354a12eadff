"""Methods for dynamic series: what they promise, their proximal maps, and quality floors on real data."""

import json

import numpy as np
import pytest
import torch
from tests.helpers.psnr import psnr

from fourfold.cli.main import main
from fourfold.coils.calibration import estimate_maps
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.kspace.time_average import time_average
from fourfold.methods.classical.kt_total_variation import KtTotalVariation
from fourfold.methods.classical.locally_low_rank import LocallyLowRank
from fourfold.methods.classical.low_rank_sparse import LowRankSparse
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.sense_problem import SenseProblem
from fourfold.methods.solution import Solution, reconstruction_of
from fourfold.optimize.minimise import minimise
from fourfold.regularisers.low_rank import (
    LocallyLowRankPenalty,
    LowRankPenalty,
    LowRankPlusSparsePenalty,
    shrink_singular_values,
)
from fourfold.regularisers.temporal import SeriesTotalVariationPenalty, TemporalFourierPenalty
from fourfold.regularisers.total_variation import TotalVariationPenalty
from fourfold.sampling import undersample
from fourfold.scan import FrameLabels, Geometry, Placement
from fourfold.simulation.simulate import beating_phantom, loop_maps, simulate

PLACED = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (4.0, 5.0, 6.0))
METHODS = [KtTotalVariation(), LowRankSparse(), LocallyLowRank()]
IDS = [method.name for method in METHODS]
PENALTIES = {
    "time": SeriesTotalVariationPenalty(inner_iterations=300),
    "time and space": SeriesTotalVariationPenalty(0.5, inner_iterations=300),
    "frequencies": TemporalFourierPenalty(),
    "low rank": LowRankPenalty(),
}


@pytest.fixture(scope="module")
def truth():
    return beating_phantom((64, 56), frames=16)


@pytest.fixture(scope="module")
def full(truth):
    return simulate(truth, coils=6, snr=40, seed=1)


@pytest.fixture(scope="module")
def scan(full):
    return undersample(full, "kt-interleaved", 64 / 12, lines=2, seed=0)


@pytest.mark.parametrize("space", [0.0, 0.3])
@pytest.mark.parametrize("weight", [0.05, 0.5])
def test_large_weights_take_as_many_dual_iterations_as_they_need(space, weight, scan):
    """With too few of them the proximal map lags behind and the iteration runs away from the minimum."""
    problem = SenseProblem.of(scan, calibrated=time_average(scan))
    data = problem.data_term
    objectives = [
        minimise(data, SeriesTotalVariationPenalty(space, inner_iterations=inner), weight, iterations=100).details
        for inner in (None, 100)
    ]
    assert objectives[0]["objective"] < 1.01 * objectives[1]["objective"]


@pytest.fixture
def series():
    return torch.randn(10, 2, 12, 9, dtype=torch.complex64, generator=torch.Generator().manual_seed(3))


def test_time_average_of_interleaved_lines_is_fully_sampled(full, scan):
    still = full.replace(kspace=full.kspace[:1].expand(16, -1, -1, -1).contiguous()).with_sampling(scan.sampling)
    average = time_average(still)
    assert average.fully_sampled
    torch.testing.assert_close(average.kspace, full.kspace[:1])


def test_maps_are_estimated_once_from_the_time_average(scan):
    assert scan.sampling.acs_shape[0] < 6
    maps = estimate_maps(time_average(scan), threshold=0.0)
    assert maps.shape[0] == 1
    overlap = (maps[:, 0].conj() * loop_maps(scan.shape, 6)[:, 0]).sum(dim=1).abs()
    assert float(overlap[0, 8:-8, 8:-8].median()) > 0.99


@pytest.fixture(scope="module")
def framewise_psnr(truth, scan):
    """PSNR of total variation frame by frame, with the coil maps of the series."""
    shared = scan.replace(coil_maps=estimate_maps(time_average(scan)))
    return psnr(TotalVariation(weight=0.003, iterations=100)(shared).magnitude, truth)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_beats_total_variation_frame_by_frame(method, framewise_psnr, truth, scan):
    result = method(scan)
    assert result.image.shape == truth.shape
    assert psnr(result.magnitude, truth) > framewise_psnr + 2
    # What moves must move: errors of the cavity's area stay below a tenth of its change.
    area, expected = ((image[:, 12:40, 16:44] > 0.8).float().sum(dim=(1, 2)) for image in (result.magnitude, truth))
    assert float((area - expected).abs().max()) < 0.1 * float(expected.max() - expected.min()) + 4


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_weight_follows_the_noise(method, truth):
    """Of noisy data a weight for clean ones keeps the noise; of clean data the weight is the least one."""
    noisy, clean = (
        undersample(simulate(truth, coils=4, snr=snr, seed=1), "kt-interleaved", 8, lines=2) for snr in (6, None)
    )
    result, fixed = method(noisy), type(method)(weight=method.initial_weight)(noisy)
    assert psnr(result.magnitude, truth) > psnr(fixed.magnitude, truth) + 1
    assert psnr(result.magnitude, truth) > psnr(ZeroFilled()(noisy).magnitude, truth) + 1
    assert result.record.details["weight"]["weight"] > 2 * method.initial_weight
    details = type(method)(iterations=2)(clean).record.details
    assert details["weight"]["weight"] == pytest.approx(method.initial_weight, rel=0.5)


@pytest.mark.parametrize("weight", [0.01, "auto"])
def test_series_with_much_noise_have_a_note(weight, truth, scan):
    noisy = undersample(simulate(truth, coils=6, snr=3, seed=1), "kt-interleaved", 64 / 12, lines=2, seed=0)
    noisy_notes, clean_notes = (LowRankSparse(weight=weight, iterations=2)(data).record.notes for data in (noisy, scan))
    assert any("of the image's brightness" in note for note in noisy_notes)
    assert not any("of the image's brightness" in note for note in clean_notes)


def test_the_noise_scan_determines_the_noise_level(scan):
    noise = torch.randn(6, 2000, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    records = [LowRankSparse(iterations=2)(scan.replace(noise=level * noise)).record for level in (0.2, 0.4)]
    weights = [record.details["weight"]["weight"] for record in records]
    assert weights[1] == pytest.approx(2 * weights[0], rel=1e-3)
    assert weights[0] == pytest.approx(0.5 * 0.2 / records[0].scale, rel=0.05)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_same_image_whatever_the_data_s_scale(method, scan):
    method = type(method)(iterations=10)
    expected = method(scan).image
    result = method(scan.replace(kspace=scan.kspace * 1e5))
    torch.testing.assert_close(result.image / 1e5, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_a_single_frame_is_refused_with_one_sentence(method, scan):
    with pytest.raises(InputError, match=f"single frame; '{method.name}' works on what frames have in common"):
        method(scan.frame(0))


@pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("weight", [0.02, 0.2])
def test_proximal_map_minimises(penalty, weight, series):
    def objective(u):
        return 0.5 * float((u - series).abs().square().sum(dtype=torch.float64)) + weight * penalty.value(u)

    best = penalty.prox(series, weight)
    least = objective(best)
    assert least < objective(series)
    assert least < objective(torch.zeros_like(series)) + 1e-3
    for seed in range(6):
        step = torch.randn(series.shape, dtype=series.dtype, generator=torch.Generator().manual_seed(seed))
        for size in (1e-2, -1e-2, 1e-1):
            assert objective(best + size * step) > least


def test_singular_values_are_shrunk_as_by_a_decomposition(series):
    x = series.flatten(1).mT
    left, values, right = torch.linalg.svd(x, full_matrices=False)
    expected = (left * (values - 6).clamp_min(0)) @ right
    torch.testing.assert_close(shrink_singular_values(x, 6.0), expected, rtol=1e-4, atol=1e-4)
    assert not shrink_singular_values(torch.zeros_like(x), 1.0).any()


def test_space_alone_is_total_variation_in_the_plane(series):
    still = series[:1].expand(10, -1, -1, -1)
    expected = TotalVariationPenalty().value(still)
    assert SeriesTotalVariationPenalty(0.5).value(still) == pytest.approx(0.5 * expected, rel=1e-5)


@pytest.mark.parametrize("shape", [(6, 1, 24, 16), (6, 2, 21, 13)])
def test_blocks_cover_every_pixel_once_in_every_grid(shape):
    penalty = LocallyLowRankPenalty(block=8, grids=4)
    x = torch.randn(shape, dtype=torch.complex64)
    for shift in penalty.shifts:
        assert torch.equal(penalty._series(penalty._blocks(x, shift), x.shape, shift), x)
    # Blocks of rank one whose noise norm is far below their signal keep it but for a known part.
    constant = torch.ones(6, 1, 16, 16, dtype=torch.complex64)
    shrunk = LocallyLowRankPenalty(block=8, grids=1).prox(constant, 0.1)
    torch.testing.assert_close(shrunk, constant * (1 - 0.1 * (8 + 6**0.5) / (8 * 6**0.5)))


def test_low_rank_takes_the_still_part_and_sparse_the_rest():
    still = torch.ones(12, 1, 16, 16, dtype=torch.complex64)
    moving = torch.zeros_like(still)
    moving[::2, 0, 5, 5] = 3
    penalty = LowRankPlusSparsePenalty(1.0, TemporalFourierPenalty())
    low_rank, sparse = penalty.prox(torch.stack([still, moving]), 0.05)
    assert float((low_rank - still).abs().max()) < 0.2
    assert float(sparse[:, 0, 5, 5].abs().max()) > 2.5


def test_recon_writes_all_frames_of_a_series(scan, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(scan, "cine.npz")
    arguments = ["recon", "cine.npz", "--method", "kt-tv", "--iterations", "5", "--frames", "2:8", "--json"]
    assert main([*arguments, "-o", "image.npz", "--report", "page.html"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["shape"] == [6, 64, 56]
    some = scan.replace(kspace=scan.kspace[2:8], sampling=None)
    expected = KtTotalVariation(iterations=5)(some).image
    torch.testing.assert_close(torch.from_numpy(np.load("image.npz")["image"]), expected, rtol=1e-3, atol=1e-3)
    page = (tmp_path / "page.html").read_text()
    assert "Profiles over frames" in page
    assert "frames 2 to 7" in page


def test_compare_on_a_series(full, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_scan(full, "cine.npz")
    methods = ["--methods", "zero-filled,kt-tv", "--kt-tv.iterations", "8", "--metrics", "psnr"]
    pattern = ["--pattern", "kt-interleaved", "--acceleration", "4", "--lines", "4"]
    assert main(["compare", "cine.npz", *methods, *pattern, "--json", "--report", "page.html"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["sampling"]["kind"] == "kt-interleaved"
    zero_filled, series = (row["frame_scores"]["psnr"] for row in printed["results"])
    assert len(series) == 16
    assert np.mean(series) > np.mean(zero_filled) + 3
    assert "error of the column over the frames" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("method", "floor"), [*zip(METHODS, (27.5, 27, 28), strict=True)], ids=IDS)
def test_quality_on_a_beating_heart(method, floor, data):
    image = torch.from_numpy(np.load(data / "dynamic" / "heart_4ch_30x144x144.npz")["image"])[::2, :, 48:96]
    full = simulate(image.contiguous(), coils=8, snr=30, seed=1)
    scan = undersample(full, "kt-interleaved", 8, lines=4).replace(coil_maps=loop_maps(full.shape, 8))
    assert psnr(type(method)(iterations=40)(scan).magnitude, image) > floor


def labelled(scan, labels):
    return scan.replace(labels=FrameLabels.of_each(labels))


@pytest.mark.parametrize("method", [KtTotalVariation, LowRankSparse, LocallyLowRank])
def test_slices_are_no_series(method, scan):
    """Labels decide; where they are not known, the image has a note."""
    short = scan.part(0, 4)
    solver = method(weight=0.01, iterations=2)
    for place in ("slice", "partition", "readout"):
        labels = [{"slice": 0, place: index} for index in range(4)]
        with pytest.raises(InputError, match=r"The 4 frames lie at 4 places .* --frames-are time"):
            solver(labelled(short, labels))
    times = labelled(short, [{"slice": 3, "repetition": index} for index in range(4)])
    labelled_notes, notes = (solver(data).record.notes for data in (times, short))
    assert set(notes) - set(labelled_notes) == {note for note in notes if "what its 4 frames are" in note} != set()


QUICK = {"weight": 0.01, "iterations": 2}


@pytest.mark.parametrize("method", [KtTotalVariation, LowRankSparse, LocallyLowRank])
@pytest.mark.parametrize("slices_fastest", [True, False])
def test_each_slice_is_a_series_of_its_own(method, slices_fastest, scan):
    """Images are those of the slices alone, bit for bit, each in the place of its frame."""
    labels = [{"phase": index // 2, "contrast": 0, "slice": index % 2} for index in range(8)]
    if not slices_fastest:
        labels.sort(key=lambda label: label["slice"])
    both = labelled(scan.part(0, 8), labels)
    image_of_both = method(**QUICK)(both)
    assert len(image_of_both.record.by_frame) == 8
    assert "2 series along phase of 8 frames, each on its own: one for each slice" in " ".join(
        image_of_both.record.notes
    )
    for place in (0, 1):
        frames = [index for index, label in enumerate(labels) if label["slice"] == place]
        alone = method(**QUICK)(both.select(frames))
        assert torch.equal(image_of_both.image[frames], alone.image)
        assert [image_of_both.record.by_frame[frame].scale for frame in frames] == [alone.record.scale] * 4
        assert [image_of_both.record.by_frame[frame].iterations for frame in frames] == [alone.record.iterations] * 4


def test_times_that_are_out_of_order_are_put_in_order(scan):
    labels = [{"slice": 0, "time": time} for time in range(4)]
    order = [2, 0, 3, 1]
    expected = KtTotalVariation(**QUICK)(labelled(scan.part(0, 4), labels)).image
    mixed = labelled(scan.part(0, 4), labels).select(order)
    assert torch.equal(KtTotalVariation(**QUICK)(mixed).image, expected[order])


def test_everything_that_belongs_to_a_frame_is_put_in_its_place(scan):
    """Two series of two frames each, whose frames alternate in the scan."""
    images = torch.arange(4).reshape(4, 1, 1).expand(4, *scan.shape).to(torch.complex64)
    solutions = [
        Solution(images[[0, 2]], scale=1.0, before_data_consistency=images[[0, 2]]),
        Solution(images[[1, 3]], scale=2.0, before_data_consistency=images[[1, 3]]),
    ]
    placed = reconstruction_of(scan.part(0, 4), solutions, "kt-tv", {}, 0.0, order=[0, 2, 1, 3])
    assert torch.equal(placed.image, images)
    assert torch.equal(placed.before_data_consistency, images)
    assert [frame.scale for frame in placed.record.by_frame] == [1, 2, 1, 2]


def test_a_series_with_a_single_frame_is_left_out_of_comparisons(scan):
    labels = [{"slice": 0, "phase": 0}, {"slice": 0, "phase": 1}, {"slice": 1, "phase": 0}]
    single = labelled(scan.part(0, 3), labels)
    assert not KtTotalVariation.suits(single)
    with pytest.raises(InputError, match=r"Frame 2 \(slice 1, phase 0\) is the only one along phase"):
        KtTotalVariation(**QUICK)(single)


def test_echoes_are_a_series_of_locally_low_rank_alone(scan):
    echoes = labelled(scan.part(0, 4), [{"slice": 0, "contrast": index} for index in range(4)])
    assert LocallyLowRank(**QUICK)(echoes).image.shape[0] == 4
    for method in (KtTotalVariation, LowRankSparse):
        with pytest.raises(InputError, match=r"The 4 frames differ in contrast and not in time; .*'locally-low-rank'"):
            method(**QUICK)(echoes)
        assert not method.suits(echoes)
    phases = [{"slice": 0, "phase": index // 2, "contrast": index % 2} for index in range(4)]
    notes = LocallyLowRank(**QUICK)(labelled(scan.part(0, 4), phases)).record.notes
    assert any("2 series along phase" in note and "for each contrast" in note for note in notes)


def test_a_slice_with_a_single_time_is_refused(scan):
    labels = [{"phase": 0, "slice": 0}, {"phase": 1, "slice": 0}, {"phase": 0, "slice": 1}]
    with pytest.raises(InputError, match=r"Frame 2 \(slice 1, phase 0\) is the only one along phase of its series"):
        KtTotalVariation(**QUICK)(labelled(scan.part(0, 3), labels))


def test_a_coil_that_is_silent_in_one_slice_stays_in_the_other(scan):
    labels = [{"phase": index // 2, "slice": index % 2} for index in range(8)]
    kspace = scan.kspace[:8].clone()
    kspace[1, 2] = 0
    both = labelled(scan.part(0, 8).replace(kspace=kspace), labels)
    found = KtTotalVariation(**QUICK)(both)
    expected = KtTotalVariation(**QUICK)(labelled(scan.part(0, 8), labels))
    assert torch.equal(found.image[::2], expected.image[::2])
    assert sum("Coil 2 contained only zeros" in note for note in found.record.notes) == 1


def test_recon_takes_slices_in_turn_and_the_frames_of_one(scan, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    labels = [{"repetition": index // 2, "slice": index % 2} for index in range(6)]
    save_scan(labelled(scan.part(0, 6), labels), "scan.npz")
    command = ["recon", "scan.npz", "--method", "kt-tv", "--weight", "0.01", "--iterations", "2"]
    assert main([*command, "-o", "both.npz"]) == 0
    capsys.readouterr()
    assert main([*command, "-o", "one.npz", "--frames", "0:5:2", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["frames"] == [0, 2, 4]
    assert printed["labels"] == {"slice": [0, 0, 0], "repetition": [0, 1, 2]}
    np.testing.assert_array_equal(np.load("both.npz")["image"][::2], np.load("one.npz")["image"])


@pytest.mark.parametrize("method", METHODS, ids=IDS)
def test_frames_keep_their_place(method, scan):
    placed = scan.part(0, 4).replace(geometry=Geometry((5.0, 2.0, 2.0), placements=(PLACED,) * 4))
    assert method(placed).geometry == placed.geometry
    assert time_average(placed).geometry.placements == (PLACED,)
