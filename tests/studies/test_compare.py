"""`compare`: what it gives the methods, what it scores them against, and what it does with refusals."""

import io
import json
import math
import sys
from typing import ClassVar

import pytest
import torch
from rich.console import Console

from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.methods.method import Method, Solution
from fourfold.methods.registry import find_method, quick_methods
from fourfold.metrics import METRICS, score
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import make_sampling
from fourfold.scan import FrameLabels, Geometry, Sampling, Scan, Source
from fourfold.studies import compare
from fourfold.studies.compare import series_left_out
from fourfold.studies.reference import reference_image


class Scaled(Method):
    """Zero-filling times a factor: its quality is known."""

    name: ClassVar[str] = "scaled"
    title: ClassVar[str] = "Scaled"
    family: ClassVar = "classical"

    factor: float = 1.0
    """Factor."""

    def solve(self, scan, progress):
        progress(0.5, "half way")
        return Solution(self.factor * root_sum_of_squares(ifft(scan.kspace[0])).to(torch.complex64), iterations=3)


class Fussy(ZeroFilled):
    """Refuses every scan."""

    name: ClassVar[str] = "fussy"

    def solve(self, scan, progress):  # noqa: ARG002
        raise InputError("The scan [/red] is too plain; give a better one.")


class Watcher(ZeroFilled):
    """Remembers the scans it was given."""

    name: ClassVar[str] = "watcher"
    seen: ClassVar[list] = []

    def solve(self, scan, progress):
        self.seen.append(scan)
        return super().solve(scan, progress)


class Several(ZeroFilled):
    """Three members of different brightness."""

    name: ClassVar[str] = "several"

    def solve(self, scan, progress):
        members = torch.stack([factor * super(Several, self).solve(scan, progress).image for factor in (0.7, 1.2, 1.1)])
        return Solution(members.mean(dim=0), std=members.abs().std(dim=0), members=members)


@pytest.fixture
def watcher():
    Watcher.seen.clear()
    return Watcher()


def simulated_scan(frames=1, **changes):
    """Four coils around a disc with a bar in it, 64×60, with noise."""
    generator = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 60), indexing="ij")
    disc = (y**2 + x**2 < 0.6).float() - 0.5 * ((y.abs() < 0.1) & (x.abs() < 0.5)).float()
    centres = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    maps = torch.stack([torch.exp(-((y - a) ** 2 + (x - b) ** 2) / 2 + 0.5j * (x * a - y * b)) for a, b in centres])
    brightness = torch.arange(frames, 0, -1).view(-1, 1, 1, 1) / frames
    kspace = fft((brightness * disc * maps).to(torch.complex64))
    kspace += 0.02 * torch.randn(kspace.shape, dtype=torch.complex64, generator=generator)
    return Scan(kspace, source=Source(label="disc", simulated=True), **changes)


@pytest.fixture
def scan():
    return simulated_scan()


@pytest.fixture
def half(scan):
    """A mask that keeps every second line, and those of the centre."""
    mask = torch.zeros(1, *scan.shape, dtype=torch.bool)
    mask[:, ::2] = True
    mask[:, 24:40] = True
    return Sampling(mask, kind="half")


def test_all_data_reproduces_the_reference(scan):
    everything = Sampling(torch.ones(1, *scan.shape, dtype=torch.bool))
    comparison = compare(scan, [ZeroFilled()], everything)
    expected = ifft(scan.kspace).abs().square().sum(dim=1).sqrt()
    assert torch.allclose(comparison.reference, expected, atol=1e-6)
    assert comparison.reference_name == "root-sum-of-squares of the fully sampled data"
    scores = comparison.entries[0].scores
    assert scores["nmse"] == pytest.approx(0, abs=1e-10)
    assert scores["fastmri-ssim"] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("axis", "along"), [("ky", 2), ("kx", 1)])
def test_sampling_is_random_four_times_by_default(scan, axis, along):
    comparison = compare(scan.replace(line_axis=axis), [ZeroFilled()])
    sampling = comparison.scan.sampling
    assert (sampling.kind, sampling.seed, sampling.target_acceleration) == ("random", 0, 4.0)
    assert sampling.acceleration == pytest.approx(4, rel=0.01)
    lines = sampling.mask.all(dim=along)
    assert torch.equal(lines, sampling.mask.any(dim=along))
    again = compare(scan.replace(line_axis=axis), [ZeroFilled()])
    assert torch.equal(again.scan.mask, sampling.mask)


def test_methods_get_the_undersampled_scan_alone(scan, half, watcher):
    comparison = compare(scan, [watcher], half)
    (seen,) = watcher.seen
    assert torch.equal(seen.mask, half.mask)
    assert not seen.kspace[~half.mask[:, None].expand_as(seen.kspace)].any()
    assert torch.equal(seen.kspace, comparison.scan.kspace)


def test_scores_are_those_of_the_metrics(scan, half):
    comparison = compare(scan, [Scaled(factor=0.9)], half, metrics=["nmse", "vif"])
    (entry,) = comparison.entries
    image = 0.9 * root_sum_of_squares(ifft(torch.where(half.mask[:, None], scan.kspace, 0)))
    assert list(entry.scores) == ["nmse", "vif"]
    for name, value in entry.scores.items():
        assert value == pytest.approx(score(image, comparison.reference, name), rel=1e-4)


def test_names_and_instances_and_their_order(scan, half):
    comparison = compare(scan, [Scaled(factor=0.5), "zero-filled", Scaled()], half)
    assert [entry.method for entry in comparison.entries] == ["scaled", "zero-filled", "scaled"]
    rows = comparison.table()
    assert [row["settings"] for row in rows] == ["factor 0.5", "", ""]
    assert [row["iterations"] for row in rows] == [3, 0, 3]
    assert rows[1]["psnr"] == pytest.approx(rows[2]["psnr"], abs=1e-4)
    assert rows[1]["psnr"] > rows[0]["psnr"]
    assert all(row["seconds"] >= 0 for row in rows)


def test_all_fast_methods_by_default(scan):
    comparison = compare(scan, sampling=make_sampling("regular", scan.shape, 2, lines=20))
    ran = [entry.method for entry in comparison.entries]
    refused = [name for name, _ in comparison.failures]
    assert sorted(ran + refused) == sorted(quick_methods(comparison.scan))
    assert "zero-filled" in ran
    assert not {"homodyne", "pocs"} & {*ran, *refused}


def test_methods_join_where_they_suit(scan):
    """Methods for partial Fourier where one side is missing; those for series where there are several frames."""
    mask = torch.ones(1, *scan.shape, dtype=torch.bool)
    for reach, partial in ((0.3, True), (0.75, True), (0.9, False), (1.0, False)):
        for axis in (1, 2):
            half = scan.shape[axis - 1] // 2
            side = torch.arange(scan.shape[axis - 1]) - half >= -round(reach * half)
            sampling = Sampling(mask & (side[:, None] if axis == 1 else side))
            names = quick_methods(scan.with_sampling(sampling))
            assert ("homodyne" in names, "pocs" in names) == (partial, partial)
            assert "kt-tv" not in names


def test_methods_for_series_that_are_left_out_stand_in_one_line_with_the_reason(half, monkeypatch):
    known = {"zero-filled": find_method("zero-filled"), "kt-tv": find_method("kt-tv")}
    known["low-rank-sparse"] = find_method("low-rank-sparse")

    def quick(scan=None):
        return {name: kind for name, kind in known.items() if scan is None or kind.suits(scan)}

    monkeypatch.setattr(sys.modules[series_left_out.__module__], "quick_methods", quick)
    slices = simulated_scan(2, labels=FrameLabels({"slice": range(2)}))
    comparison = compare(slices, sampling=half)
    assert [entry.method for entry in comparison.entries] == ["zero-filled"]
    sentence = "The 2 frames lie at 2 places (slices or partitions) and not at several times."
    assert comparison.failures == (("kt-tv", sentence), ("low-rank-sparse", sentence))
    assert f"Not reconstructed: kt-tv, low-rank-sparse. {sentence}" in " ".join(printed(comparison).split())
    assert series_left_out(simulated_scan(2, labels=FrameLabels({"time": range(2)}))) == ()
    assert series_left_out(simulated_scan(1, labels=FrameLabels({"slice": [0]}))) == ()


def test_a_refusal_does_not_stop_the_others(scan, half):
    comparison = compare(scan, [Fussy(), "zero-filled"], half)
    assert [entry.method for entry in comparison.entries] == ["zero-filled"]
    assert comparison.failures == (("fussy", "The scan [/red] is too plain; give a better one."),)
    assert "too plain" in comparison.to_json()["failures"][0]["reason"]
    assert "Not reconstructed: fussy. The scan [/red] is too plain" in printed(comparison)


def test_a_diverging_method_is_a_refusal(scan, half):
    comparison = compare(scan, [Scaled(factor=1e200), Scaled()], half)
    ((name, sentence),) = comparison.failures
    assert name == "scaled"
    assert "NaN or Inf" in sentence


def test_progress_covers_the_whole(scan, half):
    calls = []
    compare(scan, [Scaled(), "zero-filled"], half, progress=lambda fraction, words: calls.append((fraction, words)))
    fractions = [fraction for fraction, _ in calls]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert (0.25, "scaled: half way") in calls
    assert any(fraction > 0.5 and words.startswith("zero-filled: ") for fraction, words in calls)


def test_metrics_that_do_not_suit_are_told(scan, half):
    comparison = compare(scan, ["zero-filled"], half)
    assert [metric.name for metric in comparison.metrics] == [
        name for name, metric in METRICS.items() if name != "ms-ssim" and not metric.by_name_only
    ]
    ((name, sentence),) = comparison.omitted
    assert name == "ms-ssim"
    assert "64×60" in sentence
    assert "161×161" in sentence
    assert sentence in " ".join(printed(comparison).split())


def test_a_metric_asked_for_must_suit(scan, half, watcher):
    with pytest.raises(InputError, match=r"ms-ssim: .*161×161"):
        compare(scan, [watcher], half, metrics=["psnr", "ms-ssim"])
    assert not watcher.seen


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"methods": ["zero-fild"]}, "Did you mean 'zero-filled'"),
        ({"methods": []}, "No method"),
        ({"metrics": ["snr-bd"]}, "Did you mean 'snr-db'"),
        ({"reference": "matchd"}, "Did you mean 'matched'"),
        ({"reference": torch.ones(1, 64, 64)}, r"\(1, 64, 64\).*\(1, 64, 60\)"),
        ({"reference": torch.ones(1, 64, 60) * math.nan}, "The reference contains NaN"),
        ({"reference": torch.ones(1, 64, 60, dtype=torch.complex64)}, "The reference is torch.complex64"),
        ({"reference": torch.zeros(1, 64, 60)}, "zero everywhere"),
    ],
)
def test_mistakes_are_refused_before_any_work(scan, watcher, arguments, words):
    with pytest.raises(InputError, match=words):
        compare(scan, **({"methods": [watcher]} | arguments))
    assert not watcher.seen


def test_undersampled_data_has_no_scores(scan, half):
    acquired = scan.with_sampling(half)
    comparison = compare(acquired, ["zero-filled"])
    assert comparison.reference is None
    assert comparison.entries[0].scores == {}
    assert comparison.metrics == ()
    assert torch.equal(comparison.scan.mask, half.mask)
    assert "undersampled as acquired" in printed(comparison)
    with pytest.raises(InputError, match="for want of a reference"):
        comparison.best("psnr")


def test_undersampled_data_with_a_given_reference(scan, half):
    truth = reference_image(scan)
    comparison = compare(scan.with_sampling(half), ["zero-filled"], reference=truth.double())
    assert comparison.reference_name == "given image"
    full = compare(scan, ["zero-filled"], half)
    assert comparison.entries[0].scores == pytest.approx(full.entries[0].scores)


def test_undersampled_data_makes_no_reference(scan, half):
    with pytest.raises(InputError, match="undersampled"):
        compare(scan.with_sampling(half), ["zero-filled"], reference="rss")


def test_the_mask_must_lie_within_the_acquired_one(scan, half):
    with pytest.raises(InputError, match="not acquired"):
        compare(scan.with_sampling(half), ["zero-filled"], make_sampling("random", scan.shape, 2))


def test_images_are_cut_as_the_scanner_shows_them():
    scan = simulated_scan(geometry=Geometry(image_size=(50, 100)))
    comparison = compare(scan, ["zero-filled"])
    assert comparison.reference.shape == (1, 50, 60)
    whole = root_sum_of_squares(ifft(scan.kspace))
    assert torch.equal(comparison.reference, whole[:, 7:57])
    assert comparison.entries[0].reconstruction.image.shape == (1, 50, 60)


def test_frames_are_scored_one_by_one_and_together(half):
    comparison = compare(simulated_scan(frames=3), [ZeroFilled()], half)
    (entry,) = comparison.entries
    for name, value in entry.scores.items():
        frames = entry.frame_scores[name]
        assert len(frames) == 3
        if not METRICS[name].pooled:
            assert value == pytest.approx(sum(frames) / 3)
    assert len(set(entry.frame_scores["snr-db"])) == 3


def test_best_follows_the_metrics_direction(scan, half):
    comparison = compare(scan, [Scaled(factor=0.5), Scaled(), Scaled(factor=2)], half)
    for metric in ("psnr", "nmse", "ssim-3x3"):
        assert comparison.best(metric) is comparison.entries[1]
    with pytest.raises(InputError, match=r"'ms-ssim'.*this comparison has: psnr, nmse"):
        comparison.best("ms-ssim")


def printed(comparison, width=80):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(comparison.render())
    return console.export_text()


def test_table_shows_the_best_in_bold(scan, half):
    comparison = compare(scan, [Scaled(factor=0.5), Scaled()], half)
    columns = {str(column.header).replace("\n", ""): list(column.cells) for column in comparison.render().columns}
    for name in ("psnr", "nmse", "vif"):
        value = comparison.entries[0].scores[name]
        assert columns[name][0].plain == f"{value:.{METRICS[name].decimals}f}"
    assert [cell.style for cell in columns["nmse"]] == ["", "bold"]
    bold = [sum(cell.style == "bold" for cell in columns[metric.name]) for metric in comparison.metrics]
    assert bold == [1] * len(comparison.metrics)


def test_table_fits_a_terminal(raw):
    scan = raw("head8_T1_256")
    comparison = compare(scan, ["zero-filled", Scaled(factor=0.123)])
    text = printed(comparison)
    assert max(map(len, text.splitlines())) <= 80
    for entry in comparison.entries:
        line = next(line for line in text.splitlines() if line.split()[:1] == [entry.method])
        scores = [f"{value:.{METRICS[name].decimals}f}" for name, value in entry.scores.items()]
        assert line.split()[-9:-2] == scores
        assert line.split()[-1] == str(entry.reconstruction.record.iterations)
    assert "head8_T1_256, random sampling, 4.00×" in text
    for metric in METRICS:
        assert metric.split("-")[-1] in text


def test_simulated_data_is_labelled(scan, half):
    comparison = compare(scan, ["zero-filled"], half)
    assert "disc (simulated)" in printed(comparison)
    assert comparison.to_json()["simulated"] is True


def test_json_tells_where_everything_came_from(scan):
    comparison = compare(scan, [Scaled(factor=0.5), "zero-filled"], make_sampling("random", scan.shape, 2, seed=7))
    facts = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert facts["source"]["label"] == "disc"
    assert facts["sampling"]["kind"] == "random"
    assert facts["sampling"]["seed"] == 7
    assert facts["sampling"]["target_acceleration"] == 2
    assert facts["reference"] == comparison.reference_name
    assert facts["metrics"]["vif"]["statement"] == METRICS["vif"].statement
    assert facts["metrics"]["nmse"]["higher_is_better"] is False
    assert facts["results"][0]["settings"] == {"factor": 0.5}
    assert facts["results"][1]["scores"] == comparison.entries[1].scores


def test_json_has_no_infinity(scan):
    everything = Sampling(torch.ones(1, *scan.shape, dtype=torch.bool))
    comparison = compare(scan, [ZeroFilled()], everything)
    assert comparison.entries[0].scores["psnr"] == math.inf
    facts = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert facts["results"][0]["scores"]["psnr"] is None


def test_matched_reference_has_less_of_a_noise_floor(raw):
    scan = raw("head8_T1_256")
    floors = {}
    for kind in ("rss", "matched"):
        image = reference_image(scan, kind)
        corner = torch.cat([image[0, :20, :20], image[0, -20:, :20], image[0, :20, -20:], image[0, -20:, -20:]])
        floors[kind] = float(corner.mean() / image.max())
    assert floors["matched"] < 0.6 * floors["rss"]
    bright = reference_image(scan) > 0.3 * reference_image(scan).max()
    ratio = (reference_image(scan, "matched") / reference_image(scan))[bright]
    assert ratio.median() == pytest.approx(1, abs=0.02)


def test_matched_reference_joins_the_sets_of_a_scans_own_maps():
    """Two coils that see two overlapping images through orthogonal maps: the sets' images add up as energies."""
    generator = torch.Generator().manual_seed(5)
    images = torch.randn((2, 32, 32), dtype=torch.complex64, generator=generator)
    maps = torch.tensor([[1, 1j], [1, -1j]])[:, :, None, None].expand(2, 2, 32, 32) / math.sqrt(2)
    scan = Scan(fft((maps * images[:, None]).sum(dim=0))[None], coil_maps=maps[None].contiguous())
    expected = images.abs().square().sum(dim=0).sqrt()
    assert torch.allclose(reference_image(scan, "matched")[0], expected, atol=1e-5)


def test_sense_beats_zero_filling_on_a_real_head(raw):
    comparison = compare(raw("brain8_full_T1"), ["zero-filled", "cg-sense"], reference="matched")
    for metric in ("psnr", "ms-ssim", "vif", "snr-db"):
        assert comparison.best(metric).method == "cg-sense"
    zero_filled, sense = (entry.scores["psnr"] for entry in comparison.entries)
    assert sense > zero_filled + 3


def test_scores_against_the_number_of_members_are_those_of_their_means(scan):
    entry = compare(scan, [Several(), "zero-filled"], metrics=["psnr", "nmse"]).entries[0]
    reference = root_sum_of_squares(ifft(scan.kspace))
    first, second, third = entry.reconstruction.members.abs()
    means = [first, (first + second) / 2, (first + second + third) / 3]
    for name in ("psnr", "nmse"):
        metric = METRICS[name]
        single = [score(member, reference, name) for member in (first, second, third)]
        assert entry.ensemble.averaged[name] == pytest.approx([score(image, reference, name) for image in means])
        assert entry.ensemble.single[name] == pytest.approx(single)
        assert entry.ensemble.averaged[name][-1] == pytest.approx(entry.scores[name])
        best = max(single) if metric.higher_is_better else min(single)
        assert single[entry.ensemble.best(metric)] == best


def test_methods_without_members_have_no_ensemble(scan):
    comparison = compare(scan, ["zero-filled", Several()], metrics=["psnr"])
    assert comparison.entries[0].ensemble is None
    written = json.loads(json.dumps(comparison.to_json()))
    assert written["results"][0]["ensemble"] is None
    assert len(written["results"][1]["ensemble"]["averaged"]["psnr"]) == 3
