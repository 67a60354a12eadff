"""Scan and Reconstruction: validated on construction, immutable, provenance carried along."""

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fourfold
from fourfold.errors import InputError
from fourfold.scan import (
    Geometry,
    Reconstruction,
    Record,
    Sampling,
    Scan,
    Source,
    acquired_samples,
    centre_slice,
    crop_centre,
)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def scan():
    return Scan(gaussian(2, 3, 12, 10))


def lines(count, kept, frames=1, width=10):
    mask = torch.zeros(frames, count, width, dtype=torch.bool)
    mask[:, kept] = True
    return Sampling(mask, kind="made", seed=3, target_acceleration=4.0, details={"density": "high"})


def test_cannot_be_changed(scan):
    with pytest.raises(dataclasses.FrozenInstanceError):
        scan.kspace = gaussian(1, 1, 4, 4)
    changed = scan.replace(line_axis="kx")
    assert (scan.line_axis, changed.line_axis) == ("ky", "kx")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"kspace": torch.zeros(1, 2, 8, 8)},
            r"k-space is torch.float32 of shape .* must be complex64: give the complex samples",
        ),
        ({"kspace": gaussian(2, 8, 8)}, r"shape \(2, 8, 8\); it must be \(frame, coil, ky, kx\)"),
        ({"kspace": gaussian(1, 0, 8, 8)}, r"holds no sample; every axis needs one"),
        ({"kspace": gaussian(1, 2, 8, 8) * torch.tensor(float("nan"))}, r"contains 128 samples that are NaN or Inf"),
        ({"kspace": gaussian(1, 2, 8, 8) / 0}, r"NaN or Inf .*find and remove the corrupt samples"),
        (
            {"kspace": gaussian(1, 3, 8, 8) * torch.tensor([1, 0, 1])[:, None, None]},
            r"Coil\(s\) \[1\] contain only zeros",
        ),
        (
            {"sampling": lines(12, [6], width=9)},
            r"mask has shape \(1, 12, 9\) but the k-space has 2 frame\(s\) of 12×10",
        ),
        ({"line_axis": "kz"}, r"line_axis is 'kz'; it must be 'ky' or 'kx'"),
        (
            {"coil_maps": gaussian(1, 1, 3, 12, 9)},
            r"coil maps have shape \(1, 1, 3, 12, 9\).*\(1 or 2, sets, 3, 12, 10\)",
        ),
        ({"coil_maps": torch.ones(1, 1, 3, 12, 10)}, r"coil_maps is torch.float32 with 5 axes; it must be complex64"),
        ({"calibration_kspace": gaussian(1, 2, 6, 6)}, r"calibration k-space has shape \(1, 2, 6, 6\)"),
        ({"noise": gaussian(4, 100)}, r"noise scan has 4 coils but the k-space has 3"),
        ({"noise": gaussian(3, 100) / 0}, r"noise contains NaN or Inf"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(scan, change, sentence):
    with pytest.raises(InputError, match=sentence) as raised:
        scan.replace(**change)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("axes", "names"), [((2,), "ky"), ((3,), "kx"), ((2, 3), "ky and kx")])
def test_uncentred_kspace_is_refused(axes, names):
    kspace = torch.zeros(1, 1, 32, 40, dtype=torch.complex64)
    kspace[0, 0] = torch.exp(-(torch.linspace(-4, 4, 32)[:, None].square() + torch.linspace(-4, 4, 40).square()))
    assert Scan(kspace).shape == (32, 40)
    with pytest.raises(InputError, match=f"seems uncentred along {names}: .*apply fftshift"):
        Scan(torch.fft.fftshift(kspace, dim=axes))


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_any_scale_is_accepted(scan, factor):
    assert scan.replace(kspace=scan.kspace * factor).fully_sampled


def test_zeros_mark_what_was_not_acquired():
    kspace = gaussian(2, 3, 12, 10)
    kspace[:, :, 1::2] = 0
    scan = Scan(kspace)
    assert scan.sampling.acceleration == 2
    assert scan.mask.shape == (1, 12, 10)
    assert scan.sampling.kind == "acquired"
    kspace[1, :, 0] = 0
    assert Scan(kspace).mask.shape == (2, 12, 10)


def test_single_zeros_are_readings_but_patterns_are_patterns():
    """An integer receiver reads exact zeros; a line with a few of them was acquired, a scattered pattern was not."""
    kspace = gaussian(1, 1, 40, 40)
    kspace[0, 0, 3, 7] = kspace[0, 0, 11, 30] = 0
    assert Scan(kspace).fully_sampled
    kspace[:, :, 4:8] = 0
    assert torch.equal(acquired_samples(kspace)[0].all(dim=1), (torch.arange(40) < 4) | (torch.arange(40) >= 8))
    scattered = torch.rand(40, 40, generator=torch.Generator().manual_seed(1)) < 0.5
    assert torch.equal(acquired_samples(gaussian(1, 1, 40, 40) * scattered)[0], scattered)


def test_undersampling_zeroes_the_rest_and_keeps_the_provenance(scan):
    sampling = lines(12, [2, 5, 6, 7])
    under = scan.with_sampling(sampling)
    assert not under.kspace[:, :, [0, 1, 3, 4, 8]].any()
    assert torch.equal(under.kspace[:, :, 5], scan.kspace[:, :, 5])
    summary = under.sampling.summary()
    assert summary == {
        "kind": "made",
        "seed": 3,
        "target_acceleration": 4.0,
        "acceleration": 3.0,
        "acs_shape": [3, 10],
        "density": "high",
    }
    with pytest.raises(InputError, match="asks for 10 samples that were not acquired"):
        under.with_sampling(lines(12, [2, 3]))


def test_frames_are_picked_with_all_that_belongs_to_them(scan):
    mask = torch.ones(2, 12, 10, dtype=torch.bool)
    mask[1, 0] = False
    series = scan.replace(coil_maps=gaussian(2, 1, 3, 12, 10), calibration_kspace=gaussian(1, 3, 6, 6))
    series = series.with_sampling(Sampling(mask))
    last = series.frame(-1)
    assert torch.equal(last.kspace[0], series.kspace[1])
    assert torch.equal(last.coil_maps[0], series.coil_maps[1])
    assert torch.equal(last.mask[0], mask[1])
    assert last.calibration_kspace is series.calibration_kspace
    for frames in ([0, 2], [-1], range(1, 3)):
        with pytest.raises(InputError, match=r"Frame (2|-1) was asked for; this scan has frames 0 to 1"):
            scan.select(frames)
    with pytest.raises(InputError, match="No frame was asked for; give some of this scan's frames 0 to 1"):
        scan.select([])
    with pytest.raises(InputError, match="Frame 2 was asked for; this scan has frames 0 to 1"):
        series.frame(2)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_calibration_is_the_largest_centred_box(ny, nx, data):
    height, width = data.draw(st.integers(1, ny)), data.draw(st.integers(1, nx))
    mask = torch.zeros(1, ny, nx, dtype=torch.bool)
    mask[:, centre_slice(ny, height), centre_slice(nx, width)] = True
    assert Sampling(mask).acs_shape == (height, width)


def test_calibration_without_a_centre_is_empty():
    mask = torch.ones(1, 8, 8, dtype=torch.bool)
    mask[0, 4, 4] = False
    assert Sampling(mask).acs_shape == (0, 0)


def test_bad_masks_are_refused():
    with pytest.raises(InputError, match=r"mask is torch.float32 of shape .*must be bool"):
        Sampling(torch.ones(1, 4, 4))
    with pytest.raises(InputError, match="frame without any sample"):
        Sampling(torch.zeros(1, 4, 4, dtype=torch.bool))


def test_crop_keeps_the_centre_pixel():
    image = torch.zeros(1, 9, 8)
    image[0, 4, 4] = 1
    cut = crop_centre(image, (5, 4))
    assert cut.shape == (1, 5, 4)
    assert cut[0, 2, 2] == 1
    assert crop_centre(image, (20, 20)).shape == (1, 9, 8)


def test_images_that_are_no_images_are_refused():
    record = Record(method="x", settings={})
    assert Reconstruction(gaussian(1, 4, 4), record, geometry=Geometry()).magnitude.dtype == torch.float32
    with pytest.raises(InputError, match="must be complex64 of shape"):
        Reconstruction(torch.ones(1, 4, 4), record)
    with pytest.raises(InputError, match="'x' contains NaN or Inf"):
        Reconstruction(gaussian(1, 4, 4) / 0, record)


def test_values_show_their_facts_in_one_line():
    scan = Scan(torch.ones(2, 1, 8, 6, dtype=torch.complex64), source=Source(label="a knee"))
    assert repr(scan) == "Scan(2 frames of 1 coil, 8×6, fully sampled, 'a knee')"
    half = torch.ones(1, 8, 6, dtype=torch.bool)
    half[:, 1::2] = False
    assert repr(scan.frame(0).with_sampling(Sampling(half))) == "Scan(1 frame of 1 coil, 8×6, 2.00× acquired, 'a knee')"
    record = Record("tv", {}, seconds=1.23, source=scan.source.summary())
    image = Reconstruction(torch.ones(2, 8, 6, dtype=torch.complex64), record)
    assert repr(image) == "Reconstruction('tv' of 'a knee', 2 frames, 8×6, 1.2 s)"


def test_the_package_lists_what_is_documented():
    assert set(dir(fourfold)) == {*fourfold.__all__, "__version__"}
