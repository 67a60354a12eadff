"""GE P-files: a real one, and files written byte by byte."""

import numpy as np
import pytest
import torch
from tests.helpers.ge import write_pfile

from fourfold.errors import InputError
from fourfold.formats import load, open_scan
from fourfold.operators.fourier import ifft
from fourfold.scan import FrameLabels, Protocol
from fourfold.simulation.simulate import loop_maps, phantom


@pytest.fixture
def kspace():
    """Whole numbers (slice, coil, ky, kx)."""
    image = (phantom((24, 32)) * loop_maps((24, 32), 2)).squeeze().numpy()
    images = np.stack([image * scale for scale in (1.0, 0.5, 0.25)])
    k = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(images, (-2, -1))), (-2, -1))
    return np.round(k / np.abs(k).max() * 30000)


@pytest.mark.parametrize("sample_bytes", [2, 4])
def test_slices_are_read_in_the_order_of_their_positions(tmp_path, kspace, sample_bytes):
    scan = load(write_pfile(tmp_path / "P1.7", kspace, places=[0, 2, 1], sample_bytes=sample_bytes))
    np.testing.assert_array_equal(scan.kspace.numpy(), kspace.astype(np.complex64))
    assert scan.labels == FrameLabels({"slice": [0, 1, 2]})
    assert scan.geometry.voxel_size == (6, 1.5, 2)
    assert scan.geometry.slice_thickness == 3
    assert scan.geometry.placements == ()
    assert "may be turned or mirrored" in scan.source.notes[0]
    assert scan.protocol == Protocol(
        vendor="GE",
        field_strength=3.0,
        sequence="2dfast",
        acquisition="2D",
        repetition_times=(250.0,),
        echo_times=(5.1,),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revision": 24.0}, r"revision 24.000, whose header fourfold does not know \(it knows 26.002\): convert it"),
        ({"_146": 2}, "is a P-file with 2 echoes, whose order of lines is not known"),
        ({"_140": 2, "_154": 8}, "with 2 passes and partial Fourier, whose order"),
        ({"_144": 4}, r"do not fit its header \(2 coils, 4 slices, 24 lines of 32 samples\)"),
        ({"_158": 3}, "do not fit its header"),
        ({"places": [0, 1, 1]}, r"the places \[1, 2, 2\], of which each must occur once"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path, kspace, changes, message):
    with pytest.raises(InputError, match=message):
        open_scan(write_pfile(tmp_path / "P1.7", kspace, **changes))


def test_a_file_that_was_cut_is_refused(tmp_path, kspace):
    path = write_pfile(tmp_path / "P1.7", kspace)
    whole = path.read_bytes()
    for length, message in ((len(whole) - 2, "do not fit its header"), (5000, "ends within its header")):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=message):
            open_scan(path)


def test_the_real_file_shows_its_phantom(data):
    path = data / "formats" / "ge_pfile" / "P20480_GRE.7"
    stored = np.fromfile(path, "<i2", offset=213684).reshape(8, 7, 129, 128, 2)[:, :, 1:]
    expected = (stored[..., 0] + 1j * stored[..., 1]) * np.where(np.arange(128) % 2, -1, 1)[:, None]
    scan = load(path)
    np.testing.assert_array_equal(scan.kspace[1].numpy(), expected[:, 4].astype(np.complex64))
    assert scan.geometry.voxel_size == pytest.approx((18, 2, 2))
    images = ifft(scan.kspace).abs().square().sum(dim=1).sqrt()
    # A sphere at the middle; neighbours are alike, which they are not in the order of the acquisition.
    assert float(images[2, 40:88, 40:88].mean() / images[2, :20].mean()) > 30
    acquired = images[[0, 2, 4, 6, 1, 3, 5]]
    alike, apart = (
        [float(torch.corrcoef(each[i : i + 2].flatten(1))[0, 1]) for i in range(6)] for each in (images, acquired)
    )
    assert sum(alike) > sum(apart) + 0.2
