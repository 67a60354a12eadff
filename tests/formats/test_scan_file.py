"""What all formats share: the transform they use, and what `fourfold info` tells of a file."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fourfold.formats import open_scan, save_scan
from fourfold.formats.numpy_fourier import crop_field_of_view, inverse_rows, to_image
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import FrameLabels, Geometry, Placement, Sampling, Scan, Source, centre_slice

sizes = st.integers(1, 40)


def random_kspace(*shape):
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))


@settings(deadline=None)
@given(sizes)
def test_transform_is_that_of_the_physics(size):
    kspace = random_kspace(3, size)
    expected = ifft(kspace, (-1,))
    torch.testing.assert_close(torch.from_numpy(to_image(kspace.numpy())), expected)
    rows = torch.from_numpy(inverse_rows(size, range(size)))
    torch.testing.assert_close(kspace @ rows.T, expected, rtol=1e-4, atol=1e-5)


@settings(deadline=None)
@given(sizes, st.data())
def test_field_of_view_is_cut_around_the_centre(size, data):
    kept = data.draw(st.integers(1, size))
    kspace = random_kspace(3, size)
    expected = fft(ifft(kspace, (-1,))[:, centre_slice(size, kept)], (-1,))
    cropped = crop_field_of_view(kspace.numpy(), kept)
    assert cropped.dtype == np.complex64
    torch.testing.assert_close(torch.from_numpy(cropped), expected)


AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".cfl"])
def test_the_summary_states_what_a_file_holds(tmp_path, suffix):
    mask = torch.zeros(1, 16, 12, dtype=torch.bool)
    mask[:, :, ::3] = mask[:, :, 4:8] = True
    scan = Scan(
        torch.where(mask, random_kspace(2, 3, 16, 12), 0),
        Sampling(mask, "regular", seed=5, target_acceleration=3.0),
        "kx",
        noise=random_kspace(3, 50),
        calibration_kspace=random_kspace(2, 3, 6, 8),
        geometry=Geometry.stack((5.0, 2.0, 1.0), Placement(*AXES), 2, (16, 10)),
        source=Source(details={"vendor": "ACME"}),
    )
    path = save_scan(scan, tmp_path / f"scan{suffix}")
    summary = json.loads(json.dumps(open_scan(path).summary()))
    assert summary["path"] == str(path)
    assert summary["bytes"] == path.stat().st_size
    assert (summary["frames"], summary["coils"], summary["matrix"]) == (2, 3, [16, 12])
    assert summary["image_size"] == [16, 10]
    assert summary["voxel_size_mm"] == [5, 2, 1]
    assert summary["dtype"] == "complex64"
    assert summary["line_axis"] == "kx"
    assert summary["orientation"] == "LPS"
    sampling = summary["sampling"]
    assert (sampling["kind"], sampling["seed"], sampling["target_acceleration"]) == ("regular", 5, 3)
    assert (sampling["acceleration"], sampling["acs_shape"]) == (round(12 / 7, 4), [16, 4])
    assert summary["noise_samples"] == (None if suffix == ".cfl" else 50)
    assert summary["calibration_scan"] == (None if suffix == ".cfl" else [6, 8])
    assert summary["reference"] is False
    assert summary["details"]["vendor"] == "ACME"


def test_summaries_of_real_files_are_json(data):
    files = [data / "formats" / "ismrmrd" / "meas_MID00349_FID09273_SNR_R3.h5"]
    files += [data / "formats" / "bart_cfl" / "und2x2.cfl", data / "raw_multicoil" / "head8_T1_256.npz"]
    for path in files:
        summary = json.loads(json.dumps(open_scan(path).summary(), allow_nan=False))
        assert summary["coils"] in (8, 14)


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".cfl"])
def test_notes_on_the_file_lead_the_notes_of_every_image(tmp_path, suffix):
    note = "The header leaves the field of view open."
    scan = Scan(random_kspace(1, 2, 8, 8), source=Source(notes=(note,)))
    save_scan(scan, tmp_path / f"scan{suffix}")
    loaded = open_scan(tmp_path / f"scan{suffix}")
    assert loaded.summary()["notes"] == [note]
    assert ZeroFilled()(loaded[0]).record.notes[0] == note


def test_frames_are_named_by_labels_that_tell_them_apart(tmp_path):
    def names(**numbers):
        scan = Scan(random_kspace(3, 2, 6, 8), labels=FrameLabels(numbers))
        save_scan(scan, tmp_path / "scan.npz")
        file = open_scan(tmp_path / "scan.npz", check_content=False)
        return [file.frame_name(frame) for frame in range(3)]

    assert names(slice=[4, 4, 5], phase=[0, 1, 0]) == ["slice 4, phase 0", "slice 4, phase 1", "slice 5, phase 0"]
    assert names(slice=[4, 4, 5]) == ["frame 0", "frame 1", "slice 5"]
    assert names() == ["frame 0", "frame 1", "frame 2"]
