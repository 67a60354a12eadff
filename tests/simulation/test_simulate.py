"""The phantom, the simulated coils and noise, and the sample that ships."""

import math
from importlib.resources import files

import numpy as np
import pytest
import torch

from fourfold.coils.root_sum_of_squares import matched_combination, root_sum_of_squares
from fourfold.errors import InputError
from fourfold.operators.fourier import ifft
from fourfold.simulation.sample import sample, sample_image
from fourfold.simulation.simulate import (
    in_object,
    loop_maps,
    loop_sensitivity,
    phantom,
    simulate,
    smooth_phase,
)

# ---- phantom


@pytest.mark.parametrize("shape", [(128, 128), (101, 150), (64, 33)])
def test_the_phantom_has_its_published_intensities(shape):
    image = phantom(shape)
    assert image.shape == shape
    assert image.dtype == torch.float32
    # (x, y) in half fields of view, y up: background, skull, brain, both ventricles, tumour above the middle.
    points = {(0.95, 0): 0, (0, 0.9): 1.0, (0.5, 0): 0.2, (0.22, 0): 0, (-0.22, 0): 0, (0, 0.4): 0.3}
    for (x, y), value in points.items():
        pixel = round(shape[0] // 2 - y * shape[0] / 2), round(shape[1] // 2 + x * shape[1] / 2)
        assert image[pixel] == pytest.approx(value, abs=1e-6)


def test_the_phantom_agrees_with_scikit_image():
    data = pytest.importorskip("skimage.data")
    theirs = data.shepp_logan_phantom()
    ours = phantom(theirs.shape).numpy()
    # Theirs is a picture of 8 bits with its own resampling: edges differ, areas do not.
    assert np.mean(np.abs(ours - theirs) < 0.01) > 0.97
    assert np.mean(np.abs(ours - theirs[:, ::-1]) < 0.01) < 0.96
    assert np.mean(np.abs(ours - theirs[::-1]) < 0.01) < 0.96


def test_the_phantom_is_the_same_object_at_every_size():
    assert phantom((64, 64)).mean() == pytest.approx(float(phantom((257, 130)).mean()), rel=0.01)


# ---- coils


@pytest.mark.parametrize(
    ("angle", "height", "distance", "radius"), [(0.3, 0.0, 1.5, 0.6), (2.0, 0.5, 1.4, 0.5), (0.0, 0.0, 1.3, 1.2)]
)
def test_a_loop_has_the_field_of_the_biot_savart_integral(angle, height, distance, radius):
    y, x = np.linspace(0.9, -0.9, 4), np.linspace(-0.9, 0.9, 5)
    closed_form = loop_sensitivity(y, x, angle, height, distance, radius)
    ratio = biot_savart(y, x, angle, height, distance, radius) / closed_form
    assert np.allclose(ratio, ratio.flat[0], rtol=1e-9)
    assert ratio.flat[0].real > 0


def biot_savart(y, x, angle, height, distance, radius, segments=4000) -> np.ndarray:
    """Return Bx − iBy of the loop as the sum of dl × r / |r|³ over straight segments."""
    outwards = np.array([math.cos(angle), math.sin(angle), 0])
    tangent = np.array([-math.sin(angle), math.cos(angle), 0])
    along_z = np.array([0.0, 0, 1])
    turn = 2 * np.pi * np.arange(segments)[:, None] / segments
    wire = distance * outwards + height * along_z + radius * (np.cos(turn) * tangent + np.sin(turn) * along_z)
    step = radius * (np.cos(turn) * along_z - np.sin(turn) * tangent) * 2 * np.pi / segments
    points = np.stack(np.broadcast_arrays(x, y[:, None], 0.0), axis=-1)
    to_point = points[..., None, :] - wire
    field = (np.cross(step, to_point) / np.linalg.norm(to_point, axis=-1, keepdims=True) ** 3).sum(axis=-2)
    return field[..., 0] - 1j * field[..., 1]


@pytest.mark.parametrize("coils", [1, 3, 8, 16, 20, 32])
@pytest.mark.parametrize("shape", [(48, 48), (41, 64)])
def test_coil_maps_have_unit_root_sum_of_squares_and_are_smooth(coils, shape):
    maps = loop_maps(shape, coils)
    assert maps.shape == (1, 1, coils, *shape)
    assert maps.dtype == torch.complex64
    assert torch.allclose(root_sum_of_squares(maps[0, 0]), torch.ones(shape), atol=1e-5)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, size) for size in shape), indexing="ij")
    round_head = torch.where(torch.hypot(y, x) < 0.85, maps, torch.nan)
    assert max(round_head.diff(dim=axis).abs().nan_to_num().max() for axis in (-2, -1)) < 0.15


def test_each_coil_is_strongest_beside_itself():
    maps = loop_maps((64, 64), 4)[0, 0].abs()
    # Anticlockwise from the right; row 0 is the top.
    beside = [(32, 60), (3, 32), (32, 3), (60, 32)]
    for coil, pixel in enumerate(beside):
        assert int(maps[:, *pixel].argmax()) == coil
        assert maps[coil][pixel] > 2 * maps[(coil + 2) % 4][pixel]


def test_turning_a_coil_turns_its_map_and_its_phase():
    maps = loop_maps((65, 65), 4)[0, 0]
    for coil in range(3):
        turned = torch.rot90(maps[coil]) * -1j
        assert torch.allclose(maps[coil + 1], turned, atol=1e-5)


# ---- acquisition


def test_without_noise_and_phase_the_combined_image_is_the_image():
    image = phantom((60, 51))
    scan = simulate(image, coils=5, snr=None, phase=False)
    assert scan.kspace.shape == (1, 5, 60, 51)
    assert scan.fully_sampled
    assert torch.allclose(root_sum_of_squares(ifft(scan.kspace))[0], image, atol=1e-5)


def test_the_image_phase_is_smooth_and_leaves_the_magnitude_alone():
    image = phantom((60, 51)) + 0.1
    scan = simulate(image, coils=5, snr=None, seed=3)
    combined = matched_combination(ifft(scan.kspace), loop_maps((60, 51), 5)[:, 0])[0]
    assert torch.allclose(combined.abs(), image, atol=1e-4)
    assert torch.allclose(combined / image, torch.polar(torch.ones(60, 51), smooth_phase((60, 51), 3)), atol=1e-3)
    phase = smooth_phase((60, 51), 3)
    assert phase.std() == pytest.approx(1, rel=1e-3)
    assert max(phase.diff(dim=axis).abs().max() for axis in (0, 1)) < 0.5


@pytest.mark.parametrize("snr", [5.0, 50.0])
def test_the_noise_has_the_asked_strength(snr):
    image = torch.stack([phantom((96, 80)), 2 * phantom((96, 80))])
    clean, noisy = (simulate(image, coils=6, snr=level, seed=2).kspace for level in (None, snr))
    noise = torch.view_as_real(noisy - clean)
    expected = float(image[in_object(image)].mean()) / snr
    samples = noise.numel() / 2
    for part in (0, 1):
        assert float(noise[..., part].std()) == pytest.approx(expected, rel=5 / math.sqrt(2 * samples))
    assert abs(float(noise.mean())) < 5 * expected / math.sqrt(noise.numel())


def test_the_noise_is_white_and_independent_between_coils():
    image = phantom((96, 80))
    noise = (simulate(image, coils=6, snr=10, seed=1).kspace - simulate(image, coils=6, snr=None, seed=1).kspace)[0]
    covariance = torch.einsum("cyx,dyx->cd", noise, noise.conj()) / noise[0].numel()
    correlation = covariance.abs() / covariance.diagonal().real.mean()
    assert torch.allclose(correlation, torch.eye(6), atol=0.06)
    neighbour = (noise[:, 1:] * noise[:, :-1].conj()).mean().abs() / covariance.diagonal().real.mean()
    assert neighbour < 0.03


def test_the_seed_decides_phase_and_noise():
    image = phantom((40, 40))
    first, again, other = (simulate(image, seed=seed).kspace for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)


def test_a_simulated_scan_is_labelled_and_hides_the_true_maps():
    scan = simulate(phantom((40, 40)), coils=3, snr=12.0, seed=9, phase=False)
    assert scan.source.simulated
    assert scan.source.details == {"coils": 3, "snr": 12.0, "seed": 9, "phase": False}
    assert scan.coil_maps is None


def test_a_complex_image_keeps_its_own_phase():
    image = torch.polar(phantom((40, 40)) + 0.1, torch.linspace(-1, 1, 40).expand(40, 40))
    scan = simulate(image, coils=2, snr=None, phase=False)
    combined = matched_combination(ifft(scan.kspace), loop_maps((40, 40), 2)[:, 0])[0]
    assert torch.allclose(combined, image, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: phantom((0, 4)), "two positive whole numbers"),
        (lambda: phantom((4,)), "two positive whole numbers"),
        (lambda: loop_maps((8, 8), 0), "0 coils cannot be simulated"),
        (lambda: loop_maps((8, 8), 2.5), "2.5 coils cannot be simulated"),
        (lambda: loop_maps((8, 8), 4, distance=0.9), "distance is 0.9"),
        (lambda: simulate(phantom((8, 8)), snr=0), "The SNR is 0"),
        (lambda: simulate(phantom((8, 8)), snr=math.nan), "The SNR is nan"),
        (lambda: simulate(torch.zeros(8, 8)), "zeros only"),
        (lambda: simulate(torch.full((8, 8), math.nan)), "holds NaN"),
        (lambda: simulate(torch.ones(8)), r"shape \(8,\); a simulation needs"),
        (lambda: simulate(torch.ones(8, 8, dtype=torch.int32)), "needs a float or complex image"),
    ],
)
def test_bad_settings_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


# ---- the sample


def test_the_sample_is_labelled_as_simulated():
    scan = sample()
    assert scan.kspace.shape == (1, 8, 240, 200)
    assert scan.fully_sampled
    assert scan.coil_maps is None
    assert scan.source.label == "sample head"
    assert scan.source.simulated


def test_the_sample_is_the_same_every_time():
    assert torch.equal(sample().kspace, sample().kspace)
    assert not torch.equal(sample().kspace, sample(seed=1).kspace)


def test_the_sample_shows_its_image_with_little_noise():
    image = sample_image()
    combined = root_sum_of_squares(ifft(sample().kspace))[0]
    head = in_object(image)
    error = torch.linalg.vector_norm((combined - image)[head]) / torch.linalg.vector_norm(image[head])
    assert 0.01 < error < 0.05


def test_the_sample_head_is_upright():
    image = sample_image()
    head = in_object(image)
    # Both eyes are dark balls in front, right and left of the middle; behind the head there is a margin.
    eyes = image[38:52, 50:66], image[38:52, 128:144]
    assert all(float(eye.mean()) < 30 for eye in eyes)
    assert float(image[226:].mean()) < 1
    assert float(head[100:140].float().mean()) > 0.7


def test_the_sample_ships_with_its_licence():
    folder = files("fourfold") / "data"
    licence = (folder / "sample_head_LICENSE.txt").read_text()
    assert "Copyright (c) 2013, Regents of the University of California" in licence
    assert "Redistribution and use in source and binary forms" in licence
    assert len((folder / "sample_head.npz").read_bytes()) < 150_000
