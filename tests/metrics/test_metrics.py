"""The metrics: agreement with established implementations, laws, and what they refuse."""

import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage, signal
from skimage import metrics as skimage_metrics

import fourfold
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.metrics import METRICS, find_metric, score, score_frames
from fourfold.operators.fourier import ifft

NAMES = list(METRICS)
REAL = ["brain8_full_T1", "brain8_smallfov_T1", "head8_T1_256", "mprage4_T1_256"]


def magnitude(kspace):
    return root_sum_of_squares(ifft(kspace))


@pytest.fixture(params=REAL)
def pair(request, raw):
    """A real image of every third line, and its reference; the second frame is mirrored and dimmer."""
    kspace = raw(request.param).kspace[:1]
    ny = kspace.shape[2]
    kept = torch.arange(ny) % 3 == 0
    kept[ny // 2 - 12 : ny // 2 + 12] = True
    reference = magnitude(kspace)
    image = magnitude(kspace * kept[:, None])
    return torch.cat([image, 0.6 * image.flip(2)]), torch.cat([reference, 0.6 * reference.flip(2)])


@pytest.fixture
def smooth():
    """A synthetic pair of two frames, 176×176, for laws that need no real data."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((2, 2, 176, 176), generator=generator, dtype=torch.float64).numpy()
    blobs = torch.from_numpy(ndimage.gaussian_filter(noise, (0, 0, 3, 3), mode="wrap"))
    reference = (blobs[0] - blobs.min()).float()
    return reference + 0.1 * (blobs[1] - blobs.min()).float(), reference


def per_frame(function, image, reference):
    frames = zip(image.double().numpy(), reference.double().numpy(), strict=True)
    return float(np.mean([function(frame, truth) for frame, truth in frames]))


def test_psnr_is_scikit_images(pair):
    image, reference = pair
    peak = float(reference.max())
    expected = skimage_metrics.peak_signal_noise_ratio(reference.numpy(), image.numpy(), data_range=peak)
    assert score(image, reference, "psnr") == pytest.approx(expected, abs=1e-4)


def test_scores_in_the_object_are_those_of_its_pixels(pair):
    image, reference = (array.double().numpy() for array in pair)
    peak = reference.max()
    inside = reference > 0.1 * peak
    expected = skimage_metrics.peak_signal_noise_ratio(reference[inside], image[inside], data_range=peak)
    assert score(*pair, "object-psnr") == pytest.approx(expected, abs=1e-4)
    maps = np.stack(
        [
            skimage_metrics.structural_similarity(truth, frame, data_range=peak, full=True)[1]
            for frame, truth in zip(image, reference, strict=True)
        ]
    )
    fits = np.s_[:, 3:-3, 3:-3]
    assert score(*pair, "object-ssim") == pytest.approx(maps[fits][inside[fits]].mean(), abs=1e-6)


@pytest.mark.parametrize("name", ["object-psnr", "object-ssim"])
def test_air_counts_for_nothing_in_the_object(name):
    reference = torch.zeros(1, 40, 40)
    reference[:, 12:28, 12:28] = 1 + torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    image = 0.9 * reference
    noisy = image.clone()
    # Beyond the window of any pixel of the object.
    noisy[:, :8] += 0.05
    assert score(noisy, reference, name) == pytest.approx(score(image, reference, name), abs=1e-9)
    assert score(noisy, reference, "psnr") < score(image, reference, "psnr")


def test_nmse_is_scikit_images(pair):
    image, reference = pair
    root = skimage_metrics.normalized_root_mse(reference.numpy(), image.numpy(), normalization="euclidean")
    assert score(image, reference, "nmse") == pytest.approx(root**2, abs=1e-4)


def test_fastmri_ssim_is_scikit_images(pair):
    image, reference = pair
    peak = float(reference.max())
    expected = per_frame(
        lambda frame, truth: skimage_metrics.structural_similarity(truth, frame, data_range=peak),
        image,
        reference,
    )
    assert score(image, reference, "fastmri-ssim") == pytest.approx(expected, abs=1e-4)


def test_ssim_3x3_is_scikit_images(pair):
    image, reference = pair
    expected = per_frame(
        lambda frame, truth: skimage_metrics.structural_similarity(
            truth, frame, win_size=3, K1=0.01, K2=0.03, use_sample_covariance=False, data_range=truth.max()
        ),
        image,
        reference,
    )
    assert score(image, reference, "ssim-3x3") == pytest.approx(expected, abs=1e-4)


def ms_ssim_of_wang(image, reference, peak):
    """MS-SSIM as the authors' MATLAB code has it: valid windows, symmetric edges, every second pixel."""
    positions = np.arange(-5, 6)
    window = np.exp(-(positions[:, None] ** 2 + positions**2) / (2 * 1.5**2))
    window /= window.sum()

    def local(array):
        return signal.convolve2d(array, window, mode="valid")

    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_i, mean_r = local(image), local(reference)
        covariance = local(image * reference) - mean_i * mean_r
        variances = local(image**2) - mean_i**2 + local(reference**2) - mean_r**2
        contrast = (2 * covariance + c2) / (variances + c2)
        luminance = (2 * mean_i * mean_r + c1) / (mean_i**2 + mean_r**2 + c1)
        product *= np.mean(contrast * luminance if scale == 4 else contrast) ** weight
        image, reference = (
            ndimage.correlate(array, np.full((2, 2), 0.25), mode="reflect", origin=-1)[::2, ::2]
            for array in (image, reference)
        )
    return product


def test_ms_ssim_is_the_authors(pair):
    image, reference = pair
    peak = float(reference.max())
    expected = per_frame(lambda frame, truth: ms_ssim_of_wang(frame, truth, peak), image, reference)
    assert score(image, reference, "ms-ssim") == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_is_pytorch_msssims(raw):
    peer = pytest.importorskip("pytorch_msssim", reason="needs pytorch-msssim to agree with")
    # That package pads odd sizes with zeros, which darkens the border; 256 halves evenly four times.
    kspace = raw("head8_T1_256").kspace
    reference = magnitude(kspace)
    image = magnitude(kspace * (torch.arange(256) % 2 == 0))
    expected = peer.ms_ssim(image[:, None], reference[:, None], data_range=float(reference.max()))
    assert score(image, reference, "ms-ssim") == pytest.approx(float(expected), abs=1e-4)


def test_vif_is_torchmetrics(pair):
    peer = pytest.importorskip("torchmetrics.functional.image", reason="needs torchmetrics to agree with")
    image, reference = (array[:1] for array in pair)
    white = 255 / float(reference.max())
    expected = float(peer.visual_information_fidelity(white * image[:, None], white * reference[:, None]))
    assert score(image, reference, "vif") == pytest.approx(expected, abs=1e-4)


def test_snr_is_torchmetrics(pair):
    peer = pytest.importorskip("torchmetrics.functional.audio", reason="needs torchmetrics to agree with")
    image, reference = (array.double().flatten(1) for array in pair)
    expected = float(peer.signal_noise_ratio(image, reference).mean())
    assert score(*pair, "snr-db") == pytest.approx(expected, abs=1e-4)


def test_known_values():
    reference = torch.full((1, 4, 4), 2.0)
    image = torch.full((1, 4, 4), 1.8)
    assert score(image, reference, "psnr") == pytest.approx(20, abs=1e-4)
    assert score(image, reference, "snr-db") == pytest.approx(20, abs=1e-4)
    assert score(image, reference, "nmse") == pytest.approx(0.01, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_reference_scores_best_against_itself(name, smooth):
    image, reference = smooth
    perfect = {"psnr": math.inf, "snr-db": math.inf, "object-psnr": math.inf}.get(
        name, 1.0 if METRICS[name].higher_is_better else 0.0
    )
    assert score(reference, reference, name) == pytest.approx(perfect, abs=1e-9)
    sign = 1 if METRICS[name].higher_is_better else -1
    assert sign * score(image, reference, name) < sign * score(reference, reference, name)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("name", NAMES)
def test_units_do_not_matter(name, factor, smooth):
    image, reference = smooth
    expected = score(image, reference, name)
    assert score(factor * image, factor * reference, name) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_image_is_not_rescaled_to_fit(name, smooth):
    _, reference = smooth
    perfect = score(reference, reference, name)
    assert score(1.2 * reference, reference, name) != pytest.approx(perfect, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_score_is_the_mean_of_frames_unless_pooled(name, smooth):
    image, reference = smooth
    reference = torch.stack([reference[0], 0.3 * reference[1]])
    frames = score_frames(image, reference, name)
    assert len(frames) == 2
    together = score(image, reference, name)
    agrees = together == pytest.approx(sum(frames) / 2, abs=1e-9)
    assert agrees != METRICS[name].pooled


def test_data_range_is_of_the_volume_or_of_the_frame(smooth):
    image, reference = smooth
    dim = torch.stack([reference[0], 0.1 * reference[1]]), torch.stack([image[0], 0.1 * image[1]])
    alone = dim[0][1:], dim[1][1:]
    for name in ("ssim-3x3", "snr-db"):
        assert score_frames(*dim, name)[1] == pytest.approx(score(*alone, name), abs=1e-9)
    for name in ("psnr", "fastmri-ssim", "ms-ssim", "vif"):
        assert score_frames(*dim, name)[1] != pytest.approx(score(*alone, name), abs=1e-3)


def test_double_precision_survives_a_bright_spot():
    """In float32, windowed variances cancel wherever a bright offset swamps the contrast."""
    generator = torch.Generator().manual_seed(1)
    reference = 1000 + 0.1 * torch.rand((1, 64, 64), generator=generator, dtype=torch.float64)
    image = reference.flip(1)
    expected = skimage_metrics.structural_similarity(
        reference[0].numpy(), image[0].numpy(), data_range=float(reference.max())
    )
    assert score(image, reference, "fastmri-ssim") == pytest.approx(expected, abs=1e-9)


def test_vif_counts_lost_detail_and_contrast(smooth):
    _, reference = smooth
    blurred = torch.from_numpy(ndimage.gaussian_filter(reference.numpy(), (0, 2, 2)))
    assert score(blurred, reference, "vif") < 0.8
    assert score(1.2 * reference, reference, "vif") > 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda image, reference: (image[:, 1:], reference), "shape"),
        (lambda image, reference: (image.to(torch.complex64), reference), "complex64"),
        (lambda image, reference: (image.int(), reference), "int32"),
        (lambda image, reference: (image[0], reference), "frame axis"),
        (lambda image, reference: (image.numpy(), reference), "torch tensor"),
        (lambda image, reference: (image * math.nan, reference), "image contains NaN"),
        (lambda image, reference: (image, reference / 0), "reference contains NaN or Inf"),
        (lambda image, reference: (-image, reference), "negative"),
        (lambda image, reference: (image, 0 * reference), "zero everywhere"),
        (lambda image, reference: (image[:0], reference[:0]), "0 frame"),
    ],
)
def test_bad_images_are_refused_by_name(name, damage, words, smooth):
    with pytest.raises(InputError, match=words) as refusal:
        score(*damage(*smooth), name)
    assert str(refusal.value).startswith(f"{name}: ")


@pytest.mark.parametrize(("name", "smallest"), [("fastmri-ssim", 7), ("ssim-3x3", 3), ("vif", 41), ("ms-ssim", 161)])
def test_too_small_images_are_refused(name, smallest, smooth):
    image, reference = (array[:, :, :smallest] for array in smooth)
    assert math.isfinite(score(image, reference, name))
    with pytest.raises(InputError, match=f"{name}: .*176×{smallest - 1} pixels.*{smallest}×{smallest}"):
        score(image[:, :, 1:], reference[:, :, 1:], name)
    assert f"{smallest}×{smallest}" in METRICS[name].needs


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_frame_is_refused_where_it_has_no_score(name, smooth):
    image, reference = smooth
    reference = torch.stack([reference[0], torch.zeros_like(reference[1])])
    if METRICS[name].frame_content == "anything":
        assert math.isfinite(score(image, reference, name))
    else:
        with pytest.raises(InputError, match=r"frame\(s\) \[1\] of the reference"):
            score(image, reference, name)


def test_a_flat_frame_has_no_vif(smooth):
    image, reference = smooth
    with pytest.raises(InputError, match="contrast"):
        score(image, torch.ones_like(reference), "vif")


def test_a_typo_names_the_nearest_metric(smooth):
    with pytest.raises(InputError, match="Did you mean 'psnr'"):
        score(*smooth, "pnsr")


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_states_itself(name):
    metric = METRICS[name]
    assert metric.name == name
    for text in (metric.title, metric.statement, metric.needs):
        assert text == text.strip()
        assert len(text) > 3
    assert ("mean over frames" in " ".join(metric.statement.split())) != metric.pooled


def test_the_documentation_states_the_metrics_as_they_are():
    page = " ".join((Path(__file__).parents[2] / "docs" / "metrics.md").read_text().split())
    described = re.findall(r" ### ([\w-]+): ", page)
    assert len(described) >= 7
    for metric in map(find_metric, described):
        assert f"### {metric.name}: {metric.title} {metric.statement} **Needs:** {metric.needs}" in page


def test_a_metric_needs_one_file(tmp_path):
    """A copy of the package with one more file scores by the metric, and `compare` does."""
    copy = tmp_path / "fourfold"
    shutil.copytree(Path(fourfold.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__", "data"))
    (copy / "metrics" / "mean_error.py").write_text(
        "from fourfold.metrics.metric import Metric\n"
        "MEAN_ERROR = Metric('mean-error', 'Mean error', 'Mean error; mean over frames.', 'Any size.', False,"
        " lambda image, reference, _: float((image - reference).abs().mean()))\n"
    )
    code = """
import torch, fourfold
from fourfold.metrics import score
from fourfold.simulation.simulate import phantom, simulate
scan = simulate(phantom((32, 32)), coils=3, seed=0)
comparison = fourfold.compare(scan, ["zero-filled"])
assert comparison.metrics[-1].name == "mean-error"
assert comparison.entries[0].scores["mean-error"] > 0
assert score(torch.ones(1, 4, 4), torch.zeros(1, 4, 4) + 0.5, "mean-error") == 0.5
"""
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=tmp_path)
