"""Philips' exported raw data, written line by line."""

import numpy as np
import pytest
from tests.helpers.mrd import cropped, make_image, numpy_fft
from tests.helpers.philips import lines, vector, write_philips

from fourfold.errors import InputError
from fourfold.formats import load, open_scan
from fourfold.operators.fourier import ifft
from fourfold.scan import FrameLabels


@pytest.fixture
def image():
    return make_image((3, 20, 32))


def assert_shows(scan, image, frame=0):
    np.testing.assert_allclose(ifft(scan.kspace)[frame].numpy(), cropped(image), atol=1e-5)


def test_either_file_is_read_and_noise_and_other_vectors_are_told_apart(tmp_path, image):
    noise = make_image((3, 64), seed=1)
    vectors = [vector("NOI", noise[coil], chan=coil) for coil in range(3)]
    vectors += [vector("PHX", 9e3 * noise[coil], chan=coil) for coil in range(3)]
    vectors += lines(numpy_fft(image), range(-10, 10))
    path = write_philips(tmp_path / "raw_001.list", vectors)
    scan = load(path)
    assert_shows(scan, image)
    np.testing.assert_array_equal(scan.noise.numpy(), noise)
    assert scan.fully_sampled
    assert scan.geometry.voxel_size == (None, None, None)
    assert any("directions" in note for note in scan.source.notes)
    assert not any("Oversampling" in note for note in scan.source.notes)
    other = load(path.with_suffix(".data"))
    assert_shows(other, image)
    assert other.protocol.vendor == "Philips"


def test_counters_are_labels(tmp_path):
    pictures = [make_image((3, 20, 32), seed) for seed in range(4)]
    counters = [{"echo": 0}, {"echo": 1}, {"echo": 0, "extr1": 2}, {"echo": 1, "extr1": 2}]
    vectors = []
    for picture, counter in zip(pictures, counters, strict=True):
        vectors += lines(numpy_fft(picture), range(-10, 10), **counter)
    scan = load(write_philips(tmp_path / "a.list", vectors))
    assert scan.labels == FrameLabels({"slice": [0] * 4, "contrast": [0, 1, 0, 1], "set": [0, 0, 1, 1]})
    for frame, picture in enumerate(pictures):
        assert_shows(scan, picture, frame)


def test_partial_fourier_asymmetric_echoes_and_oversampled_lines(tmp_path, image):
    kspace = numpy_fft(image)
    vectors = lines(kspace[:, 6:, 10:], range(-4, 10))
    scan = load(write_philips(tmp_path / "a.list", vectors, kx=(-6, 15), oversampling=(2, 1.25, 1)))
    assert scan.shape == (20, 16)
    assert scan.geometry.image_size == (16, 16)
    np.testing.assert_array_equal(scan.mask[0, :, 12].numpy(), np.arange(20) >= 6)
    np.testing.assert_array_equal(scan.mask[0, 10].numpy(), np.arange(16) >= 5)


def test_lines_of_sense_lie_on_the_grid_of_the_full_field_of_view(tmp_path, image):
    kspace = numpy_fft(image)
    scan = load(write_philips(tmp_path / "a.list", lines(kspace[:, ::2], range(-5, 5)), sense=2.0))
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), np.arange(20) % 2 == 0)
    with pytest.raises(InputError, match=r"SENSE factor 1\.5 along Y, which is no whole number"):
        open_scan(write_philips(tmp_path / "b.list", lines(kspace[:, ::2], range(-5, 5)), sense=1.5))


def test_three_dimensions_become_slices(tmp_path):
    image = make_image((2, 8, 20, 32))
    kspace = numpy_fft(image, (-3, -2, -1))
    vectors = []
    for kz in range(-4, 4):
        vectors += lines(kspace[:, kz + 4], range(-10, 10), kz=kz)
    scan = load(write_philips(tmp_path / "a.list", vectors, oversampling=(2, 1, 2)))
    assert scan.frames == 4
    for frame in range(4):
        assert_shows(scan, image[:, frame + 2], frame)


def test_what_does_not_fit_is_refused(tmp_path, image):
    kspace = numpy_fft(image)
    good = lines(kspace, range(-10, 10))

    def refused(message, vectors=good, change=None, **options):
        path = write_philips(tmp_path / "a.list", vectors, **options)
        if change:
            change(path)
        with pytest.raises(InputError, match=message):
            open_scan(path)

    refused(r"names samples outside 'a.data', which has .* bytes", change=lambda path: cut(path.with_suffix(".data")))
    refused("There is no file", change=lambda path: path.with_suffix(".data").unlink())
    refused("lists no standard vectors", vectors=[vector("NOI", kspace[0, 0])])
    refused("lists lines of different coils", vectors=good[:-1])
    refused(r"32 to 32 samples, but its kx_range -16 to 10 has 27", kx=(-16, 10))
    refused("an oversampling of 40, which cannot be", oversampling=(40, 1, 1))
    refused(r"Line 14 of .* is damaged", change=lambda path: replace(path, "STD ", "STD x"))
    refused("does not give kx_range", change=lambda path: replace(path, "kx_range", "k"))


def replace(path, old, new):
    path.write_text(path.read_text().replace(old, new, 1))


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


def test_other_raw_files_of_philips_are_named(tmp_path):
    for suffix in (".raw", ".lab", ".sin"):
        (tmp_path / f"scan{suffix}").write_bytes(b"something" * 100)
    with pytest.raises(InputError, match=r"part of a Philips raw scan .* export the scan as \.list and \.data"):
        open_scan(tmp_path / "scan.raw")
