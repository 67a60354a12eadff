"""fastMRI's HDF5 layout: files written as the paper and the project's README describe them."""

import pickle

import h5py
import numpy as np
import pytest
import torch
from tests.helpers.fastmri import (
    COILS,
    HEIGHT,
    LEFT,
    RIGHT,
    SIZE,
    SLICES,
    WIDTH,
    fastmri_header,
    full_kspace,
    write_fastmri,
)

from fourfold.cli.main import main
from fourfold.datasets import DataSettings, training_set
from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.scan import FrameLabels
from fourfold.studies.reference import reference_image


@pytest.mark.parametrize("single_coil", [False, True])
def test_zero_filled_image_equals_the_files_own_reconstruction(tmp_path, single_coil):
    file = open_scan(write_fastmri(tmp_path / "volume.h5", full_kspace(single_coil)))
    assert file.shape == (SLICES, 1 if single_coil else COILS, HEIGHT, WIDTH)
    for index, scan in enumerate(file):
        image = ZeroFilled()(scan).magnitude[0]
        reference = file.reference(index)
        assert reference.dtype == torch.float32
        torch.testing.assert_close(image, reference, rtol=1e-5, atol=1e-4)


def test_header_and_attributes_become_geometry_and_details(tmp_path):
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", full_kspace()))[1]
    assert scan.line_axis == "kx"
    assert scan.geometry.image_size == (SIZE, SIZE)
    assert scan.geometry.voxel_size == pytest.approx((4.5, 280 / HEIGHT, 200 / WIDTH))
    details = scan.source.details
    assert details["acquisition"] == "CORPD_FBK"
    assert details["patient_id"] == "abc"
    assert (details["norm"], details["max"]) == (0.07, 0.0004)
    assert (details["vendor"], details["TE_ms"]) == ("SIEMENS", 33.0)
    assert scan.labels == FrameLabels({"slice": [1]})


def test_padding_of_a_fully_sampled_file_counts_as_sampled_and_is_stated(tmp_path):
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", full_kspace()))[0]
    assert scan.fully_sampled
    assert scan.sampling.details["padded_columns"] == [LEFT, RIGHT]


def test_size_without_reference_comes_from_the_header_and_never_exceeds_the_grid(tmp_path):
    path = write_fastmri(tmp_path / "volume.h5", full_kspace(), reconstructions=False)
    with h5py.File(path, "a") as file:
        del file["ismrmrd_header"]
        file["ismrmrd_header"] = fastmri_header().replace(f"<x>{SIZE}</x><y>{SIZE}</y>", "<x>60</x><y>60</y>")
    file = open_scan(path)
    assert file[0].geometry.image_size == (60, WIDTH)
    assert file.reference(0) is None


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_mask_without_padding_is_what_was_acquired(tmp_path, dtype):
    mask = np.zeros(WIDTH, bool)
    mask[::4] = mask[19:27] = True
    kspace = full_kspace() * mask
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", kspace, mask.astype(dtype), reconstructions=False))[0]
    expected = mask.copy()
    expected[:LEFT] = expected[WIDTH - RIGHT :] = False
    assert mask[:LEFT].any()
    np.testing.assert_array_equal(scan.mask[0].numpy(), np.broadcast_to(expected, (HEIGHT, WIDTH)))
    assert scan.sampling.kind == "acquired"
    assert scan.sampling.acs_shape == (HEIGHT, 8)


def test_columns_that_a_mask_marks_but_that_hold_nothing_are_not_taken_for_zeros(tmp_path):
    mask = np.zeros(WIDTH, bool)
    mask[5:40] = True
    kspace = full_kspace() * mask
    kspace[..., 8] = 0
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", kspace, mask, reconstructions=False))[0]
    assert not scan.mask[..., 8].any()
    assert scan.mask[..., 9].all()
    assert scan.sampling.details["columns_marked_but_empty"] == 1


def test_mask_that_leaves_out_data_is_refused(tmp_path):
    mask = np.zeros(WIDTH, bool)
    mask[5:40] = True
    path = write_fastmri(tmp_path / "volume.h5", full_kspace() * mask, np.roll(mask, 1))
    with pytest.raises(InputError, match=r"The mask in .* leaves out 64 samples that hold data"):
        open_scan(path)[0]


def test_mask_of_another_size_is_refused(tmp_path):
    path = write_fastmri(tmp_path / "volume.h5", full_kspace(), np.ones(WIDTH + 2, bool))
    with pytest.raises(InputError, match=rf"has shape \({WIDTH + 2},\); this k-space needs \({WIDTH},\)"):
        open_scan(path)[0]


def test_mask_with_other_values_is_refused(tmp_path):
    path = write_fastmri(tmp_path / "volume.h5", full_kspace(), np.full(WIDTH, 0.5))
    with pytest.raises(InputError, match="values other than 0 and 1"):
        open_scan(path)[0]


def test_undersampled_file_without_a_mask_takes_its_non_zero_columns(tmp_path):
    mask = np.zeros(WIDTH, bool)
    mask[::3] = mask[19:27] = True
    kspace = full_kspace() * mask
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", kspace, reconstructions=False))[0]
    np.testing.assert_array_equal(scan.mask[0, 0].numpy(), (kspace != 0).any(axis=(0, 1, 2)))


def pattern(name):
    """Patterns of k-space without padding: rows or columns left out, a 2D pattern, a partial echo."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if name == "rows":
        mask[::3] = mask[28:36] = True
    elif name == "columns":
        mask[:, ::3] = mask[:, 19:27] = True
    elif name == "two-dimensional":
        mask = np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.3
        mask[28:36, 19:27] = True
    else:
        mask[10:] = True
    mask[:, :LEFT] = mask[:, WIDTH - RIGHT :] = False
    return mask


@pytest.mark.parametrize("xml", [False, True])
@pytest.mark.parametrize("frames", [1, SLICES])
@pytest.mark.parametrize("name", ["rows", "columns", "two-dimensional", "partial echo"])
def test_undersampling_along_any_axis_is_seen_without_a_mask(tmp_path, name, frames, xml):
    mask = pattern(name)
    kspace = full_kspace()[:frames] * mask
    path = write_fastmri(tmp_path / "volume.h5", kspace.astype(np.complex64), reconstructions=False, xml=xml)
    scan = open_scan(path)[0]
    assert not scan.fully_sampled
    np.testing.assert_array_equal(scan.mask[0].numpy(), mask)
    if xml and name in ("rows", "partial echo"):
        # Padding that the header states is no undersampling of columns.
        assert scan.sampling.details["padded_columns"] == [LEFT, RIGHT]
    if name == "columns":
        assert scan.line_axis == "kx"


def test_rows_left_out_make_ky_the_line_axis(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[::3] = mask[28:36] = True
    kspace = fft_of_noise() * mask
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", kspace, xml=False, reconstructions=False))[0]
    np.testing.assert_array_equal(scan.mask[0].numpy(), mask)
    assert scan.line_axis == "ky"


def fft_of_noise():
    rng = np.random.default_rng(3)
    shape = (SLICES, COILS, HEIGHT, WIDTH)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


@pytest.mark.parametrize("xml", [False, True])
def test_whole_numbers_with_single_zeros_are_fully_sampled(tmp_path, xml):
    kspace = np.round(3 * fft_of_noise()[:, :1]).astype(np.complex64)
    if xml:
        kspace[..., :LEFT] = kspace[..., WIDTH - RIGHT :] = 0
    inner = kspace[0, 0, :, LEFT : WIDTH - RIGHT]
    assert 0 < (inner == 0).mean() < 0.05
    assert open_scan(write_fastmri(tmp_path / "volume.h5", kspace, xml=xml, reconstructions=False))[0].fully_sampled


def test_undersampled_file_is_no_reference(tmp_path, capsys):
    path = write_fastmri(tmp_path / "volume.h5", (full_kspace() * pattern("two-dimensional")).astype(np.complex64))
    scan = open_scan(path)[0]
    with pytest.raises(InputError, match="The scan is undersampled"):
        reference_image(scan)
    assert main(["demo", str(path)]) == 2
    assert "is undersampled already" in capsys.readouterr().err
    training = [{"kind": "raw", "path": str(path)}]
    settings = DataSettings(
        training=training, masks={"axis": "kx", "lines": 8, "acceleration": 2}, maps="none", reference="rss"
    )
    with pytest.raises(InputError, match="is undersampled already"):
        training_set(settings)[0]


@pytest.mark.parametrize("name", ["rows", "two-dimensional"])
def test_full_mask_beside_undersampled_kspace_is_not_believed(tmp_path, name):
    mask = pattern(name)
    path = write_fastmri(tmp_path / "volume.h5", (full_kspace() * mask).astype(np.complex64), np.ones(WIDTH, bool))
    scan = open_scan(path)[0]
    np.testing.assert_array_equal(scan.mask[0].numpy(), mask)
    share = 1 - mask.sum() / (HEIGHT * (WIDTH - LEFT - RIGHT))
    assert scan.source.notes == (
        f"{share:.0%} of the samples that the mask marks hold zeros alone; they count as not acquired.",
    )


def test_limits_that_leave_out_data_are_not_used_and_have_a_note(tmp_path):
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", fft_of_noise()))[0]
    assert scan.fully_sampled
    assert "padded_columns" not in scan.sampling.details
    assert scan.source.notes == (
        "The header's encoding limits leave out columns that hold data; the limits were not used.",
    )
    mask = np.ones(WIDTH, bool)
    assert open_scan(write_fastmri(tmp_path / "masked.h5", fft_of_noise(), mask))[0].fully_sampled


def test_header_with_exchanged_axes_is_read_by_the_axes_that_agree(tmp_path):
    kspace = fft_of_noise().swapaxes(2, 3).copy()
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", kspace, reconstructions=False))[0]
    assert scan.shape == (WIDTH, HEIGHT)
    assert scan.geometry.voxel_size == pytest.approx((4.5, 200 / WIDTH, 280 / HEIGHT))
    assert (scan.fully_sampled, scan.line_axis) == (True, "ky")
    assert "64×46 but the k-space has 46×64: its axes were exchanged" in scan.source.notes[0]


def test_a_header_of_another_matrix_has_a_note(tmp_path):
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", fft_of_noise()[..., 8:-8, :], reconstructions=False))[0]
    assert "The header gives the matrix as 64×46 but the k-space has 48×46" in scan.source.notes[0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"<x>{HEIGHT}</x>", "<x>23.9996</x>", "encodedSpace/matrixSize/x is '23.9996', not a whole number from 1 to"),
        (f"<x>{HEIGHT}</x>", "<x>0</x>", "encodedSpace/matrixSize/x is 0, not a whole number"),
        (f"<x>{HEIGHT}</x>", "<x>-384</x>", "encodedSpace/matrixSize/x is -384, not a whole number"),
        (f"<x>{HEIGHT}</x>", "<x>65536</x>", "encodedSpace/matrixSize/x is 65536, not a whole number"),
        ("<x>280</x>", "<x>28 cm</x>", "encodedSpace/fieldOfView_mm/x is '28 cm', not a length in mm"),
        (
            "<x>280</x>",
            "<x>0.28</x>",
            "along x the field of view of encodedSpace is 0.28 mm, which seems to be in metres",
        ),
        ("<TR>2800.0</TR>", "<TR>long</TR>", "sequenceParameters/TR is 'long', not a number"),
        ("<minimum>0<", "<minimum>30<", "the minimum 30, the centre 20 and the maximum 40; the centre must lie"),
        ("<center>20<", "<center>41<", "the minimum 0, the centre 41 and the maximum 40; the centre must lie"),
        ("<center>20<", "<center>-3<", "kspace_encoding_step_1/center is -3, not a whole number from 0"),
    ],
)
def test_header_values_that_cannot_be_are_refused(tmp_path, old, new, message):
    path = write_fastmri(tmp_path / "volume.h5", full_kspace(), xml=False)
    assert old in fastmri_header()
    with h5py.File(path, "a") as file:
        file["ismrmrd_header"] = fastmri_header().replace(old, new)
    with pytest.raises(InputError, match=message):
        open_scan(path)[0]


@pytest.mark.parametrize("shape", [(), (3,), (SLICES, 8), (SLICES + 1, 8, 8), (SLICES, 0, 8)])
def test_reference_of_another_shape_is_refused(tmp_path, shape):
    path = write_fastmri(tmp_path / "volume.h5", full_kspace(), reconstructions=False)
    with h5py.File(path, "a") as file:
        file["reconstruction_rss"] = np.zeros(shape, np.float32)
    with pytest.raises(InputError, match=r"reconstruction_rss in .* it must be \(slice, y, x\) with 3 slice"):
        open_scan(path)


def test_file_without_a_header_is_read(tmp_path):
    kspace = full_kspace()
    scan = open_scan(write_fastmri(tmp_path / "volume.h5", kspace, xml=False, reconstructions=False))[2]
    np.testing.assert_array_equal(scan.kspace[0].numpy(), kspace[2])
    assert scan.geometry.image_size is None


def test_frames_load_together_and_survive_pickling(tmp_path):
    kspace = full_kspace()
    file = pickle.loads(pickle.dumps(open_scan(write_fastmri(tmp_path / "volume.h5", kspace))))
    np.testing.assert_array_equal(file.load().kspace.numpy(), kspace)
    np.testing.assert_array_equal(file.load(slice(1, None)).kspace.numpy(), kspace[1:])
    np.testing.assert_array_equal(file[-1].kspace.numpy(), kspace[-1:])
    assert file[2].geometry.placements == ()
    assert file.load(slice(0, 3, 2)).geometry.voxel_size[0] == 9


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4, 8, 8, 2), np.float32), "float32"),
        (np.zeros((8, 8), np.complex64), r"has shape \(8, 8\)"),
        (np.zeros((0, 4, 8, 8), np.complex64), r"has shape \(0, 4, 8, 8\)"),
    ],
)
def test_other_kspace_is_refused(tmp_path, array, message):
    with h5py.File(tmp_path / "volume.h5", "w") as file:
        file["kspace"] = array
    with pytest.raises(InputError, match=message):
        open_scan(tmp_path / "volume.h5")


def test_damaged_header_is_refused(tmp_path):
    path = write_fastmri(tmp_path / "volume.h5", full_kspace(), xml=False)
    with h5py.File(path, "a") as file:
        file["ismrmrd_header"] = fastmri_header()[:500]
    with pytest.raises(InputError, match=r"The ISMRMRD header of .* is damaged"):
        open_scan(path)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_units_of_any_size_are_read(tmp_path, scale):
    kspace = (full_kspace() * scale).astype(np.complex64)
    file = open_scan(write_fastmri(tmp_path / "volume.h5", kspace))
    image = ZeroFilled()(file[0]).magnitude[0]
    torch.testing.assert_close(image / scale, file.reference(0) / scale, rtol=1e-5, atol=1e-4)


def test_agrees_with_the_fastmri_package(tmp_path):
    pytest.importorskip("fastmri", reason="needs the fastmri package")
    from fastmri.data.mri_data import SliceDataset

    path = write_fastmri(tmp_path / "volume.h5", full_kspace())
    ours = open_scan(path)
    theirs = SliceDataset(tmp_path, challenge="multicoil")
    assert len(theirs) == len(ours)
    for index in range(SLICES):
        kspace, _, target, attributes, _, _ = theirs[index]
        np.testing.assert_array_equal(ours[index].kspace[0].numpy(), kspace)
        np.testing.assert_array_equal(ours.reference(index).numpy(), target)
        assert ours._padding() == (attributes["padding_left"], WIDTH - attributes["padding_right"])
        assert ours[index].geometry.image_size == tuple(attributes["recon_size"][:2])
