"""BART's cfl pairs: written by hand after BART's documentation, by BART, and read back by BART."""

import numpy as np
import pytest
import torch
from tests.helpers.bart import needs_bart, read_cfl, run_bart, write_cfl

from fourfold.errors import InputError
from fourfold.formats import open_scan, save_scan
from fourfold.operators.fourier import fft, ifft
from fourfold.scan import FrameLabels, Geometry, Scan
from fourfold.simulation.sample import sample


def random_array(*shape, seed=0):
    rng = np.random.default_rng(seed)
    array = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)
    # The centre of k-space holds most of the energy, as it does in images.
    array[tuple(slice(size // 2, size // 2 + 1) for size in shape[:3])] *= 50
    return array


@pytest.mark.parametrize("named", ["scan.cfl", "scan.hdr", "scan"])
def test_either_file_or_the_common_name_may_be_given(tmp_path, named):
    array = random_array(12, 10, 1, 3)
    write_cfl(tmp_path / "scan", array)
    file = open_scan(tmp_path / named)
    assert file.shape == (1, 3, 12, 10)
    np.testing.assert_array_equal(file[0].kspace[0].numpy(), array[:, :, 0].transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("shape", "matrix", "line_axis"),
    [
        ((12, 10, 1, 3), (12, 10), "kx"),
        ((1, 12, 10, 3), (12, 10), "ky"),
        ((12, 1, 10, 3), (12, 10), "kx"),
    ],
)
def test_spatial_dimensions_become_rows_and_columns_in_their_order(tmp_path, shape, matrix, line_axis):
    array = random_array(*shape)
    scan = open_scan(write_cfl(tmp_path / "scan", array))[0]
    assert scan.shape == matrix
    assert scan.line_axis == line_axis
    np.testing.assert_array_equal(scan.kspace[0].numpy(), array.reshape(*matrix, 3).transpose(2, 0, 1))


def test_mask_and_line_axis_come_from_the_samples(tmp_path):
    array = random_array(1, 12, 10, 3)
    array[:, :, 1::2] = 0
    scan = open_scan(write_cfl(tmp_path / "scan", array))[0]
    np.testing.assert_array_equal(scan.mask[0].numpy(), np.broadcast_to(np.arange(10) % 2 == 0, (12, 10)))
    assert scan.line_axis == "kx"


def test_later_dimensions_become_frames_with_labels(tmp_path):
    array = random_array(12, 10, 1, 3, 1, 2, 1, 1, 1, 1, 4)
    file = open_scan(write_cfl(tmp_path / "scan", array))
    assert file.shape == (8, 3, 12, 10)
    expected = array[:, :, 0, :, 0, 1, 0, 0, 0, 0, 2].transpose(2, 0, 1)
    np.testing.assert_array_equal(file[5].kspace[0].numpy(), expected)
    assert file[5].labels == FrameLabels({"contrast": [1], "time": [2]})
    np.testing.assert_array_equal(file.load().kspace[5].numpy(), expected)


def centred_ifft(array, axis):
    return ifft(torch.from_numpy(array), (axis,)).numpy()


@pytest.mark.parametrize("partitions", [40, 7])
def test_volume_with_full_partitions_becomes_slices(tmp_path, partitions):
    array = random_array(12, 10, partitions, 3)
    array[:, 1::2] = 0
    file = open_scan(write_cfl(tmp_path / "scan", array))
    assert file.shape == (partitions, 3, 12, 10)
    expected = centred_ifft(array, 2).transpose(2, 3, 0, 1)
    np.testing.assert_allclose(file.load().kspace.numpy(), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(file[4].kspace[0].numpy(), expected[4], rtol=1e-4, atol=1e-4)
    for index, scan in enumerate(file):
        np.testing.assert_allclose(scan.kspace[0].numpy(), expected[index], rtol=1e-4, atol=1e-4)
        assert scan.labels == FrameLabels({"partition": [index]})
    assert file[0].mask[0, 0].tolist() == [True, False] * 5


def test_volume_undersampled_in_both_phase_encodings_is_split_along_the_readout(tmp_path):
    array = random_array(12, 10, 20, 3)
    pattern = np.random.default_rng(0).random((10, 20)) < 0.5
    pattern[4:7, 8:12] = True
    array *= pattern[..., None]
    file = open_scan(write_cfl(tmp_path / "scan", array))
    assert file.shape == (12, 3, 10, 20)
    expected = centred_ifft(array, 0).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(file.load().kspace.numpy(), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(file[7].kspace[0].numpy(), expected[7], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(file[0].mask[0].numpy(), pattern)


def test_coils_in_the_place_of_partitions_are_refused(tmp_path):
    kspace = sample().kspace[0, :3].permute(2, 1, 0).numpy()
    file = open_scan(write_cfl(tmp_path / "coils", kspace))
    for frame in (0, 1):
        with pytest.raises(InputError, match=r"3 planes in dimension 2 .* seem to be coils, .* coils in dimension 3"):
            file[frame]
    assert open_scan(tmp_path / "coils", check_content=False)[0].coils == 1
    partitions = kspace[:, :, :1] * np.array([0.2, 1, 0.2], np.float32)
    assert len(list(open_scan(write_cfl(tmp_path / "volume", partitions)))) == 3


def test_volume_undersampled_along_all_dimensions_is_refused(tmp_path):
    array = random_array(12, 10, 8, 2)
    array *= (np.random.default_rng(0).random((12, 10, 8)) < 0.5)[..., None]
    with pytest.raises(InputError, match="undersampled along all three dimensions"):
        open_scan(write_cfl(tmp_path / "scan", array))


def test_truncated_samples_are_refused(tmp_path):
    path = write_cfl(tmp_path / "scan", random_array(12, 10, 1, 3))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"is truncated: it has 2,872 bytes but its header \(12 × 10 × 3\) .* 2,880"):
        open_scan(path)


@pytest.mark.parametrize("missing", [".cfl", ".hdr"])
def test_half_a_pair_is_refused(tmp_path, missing):
    path = write_cfl(tmp_path / "scan", random_array(12, 10, 1, 3))
    path.with_suffix(missing).unlink()
    left = path.with_suffix(".hdr" if missing == ".cfl" else ".cfl")
    with pytest.raises(InputError, match=rf"has no 'scan{missing}' beside it: copy both files of the pair"):
        open_scan(left)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Dimensions\n", "gives no dimensions"),
        ("# Dimensions\n12 ten\n", "gives the dimensions '12 ten'"),
        ("# Dimensions\n12 0 3\n", "gives the dimensions '12 0 3'"),
        ("# Dimensions\n23.9996 10\n", "gives the dimensions '23.9996 10'; .* whole numbers from 1 on"),
        (f"# Dimensions\n{'1 ' * 17}\n", "up to 16 whole numbers"),
        ("# Dimensions\n12 10 1 3\n# Record\n{}\n", "The record 'fourfold' .* is damaged"),
        ("# Dimensions\n12 10 1 3\n# Record\n{\n", "The record 'fourfold' .* is damaged"),
    ],
)
def test_header_without_dimensions_is_refused(tmp_path, text, message):
    path = write_cfl(tmp_path / "scan", random_array(12, 10, 1, 3))
    path.with_suffix(".hdr").write_text(text)
    with pytest.raises(InputError, match=message):
        open_scan(path)


def test_coil_maps_are_not_taken_for_kspace(tmp_path):
    with pytest.raises(InputError, match="has 2 map sets in dimension 4, so it holds coil maps and no k-space"):
        open_scan(write_cfl(tmp_path / "maps", random_array(12, 10, 1, 3, 2)))


def test_zeros_alone_are_refused(tmp_path):
    with pytest.raises(InputError, match="contains only zeros"):
        open_scan(write_cfl(tmp_path / "scan", np.zeros((12, 10, 8, 2))))


@needs_bart
def test_bart_writes_what_is_read(tmp_path):
    run_bart(tmp_path, "phantom", "-x", 32, "-s", 3, "-k", "kspace")
    run_bart(tmp_path, "fft", "-i", "-u", 3, "kspace", "image")
    run_bart(tmp_path, "rss", 8, "image", "rss")
    scan = open_scan(tmp_path / "kspace")[0]
    rss = read_cfl(tmp_path / "rss").real
    image = ifft(scan.kspace)[0].abs().square().sum(dim=0).sqrt()
    np.testing.assert_allclose(image.numpy(), rss, rtol=1e-4, atol=1e-5 * rss.max())


@needs_bart
def test_bart_reads_what_is_written(tmp_path):
    image = torch.randn(1, 3, 12, 10, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    scan = Scan(fft(image), line_axis="kx", geometry=Geometry(voxel_size=(5.0, 2.0, 1.0)))
    save_scan(scan, tmp_path / "ours.cfl")
    assert run_bart(tmp_path, "show", "-m", "ours").split()[-16:] == [str(n) for n in (12, 10, 1, 3, *[1] * 12)]
    run_bart(tmp_path, "fft", "-i", "-u", 3, "ours", "image")
    read = read_cfl(tmp_path / "image")[:, :, 0].transpose(2, 0, 1)
    np.testing.assert_allclose(read, image[0].numpy(), atol=1e-5)


def test_real_pairs_equal_the_same_data_as_npz(data):
    pair = open_scan(data / "formats" / "bart_cfl" / "und2x2.hdr")[0]
    npz = open_scan(data / "raw_undersampled" / "brain8_und2x2_acs.npz")[0]
    torch.testing.assert_close(pair.kspace, npz.kspace, rtol=0, atol=0)
    assert torch.equal(pair.mask, npz.mask)
    small = open_scan(data / "formats" / "bart_cfl" / "smallfov.cfl")
    assert small.shape == (1, 8, 320, 168)
    assert small[0].sampling.acceleration == pytest.approx(1.979, abs=1e-3)
