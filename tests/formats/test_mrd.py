"""MRD (ISMRMRD): files written with the ismrmrd package, which fourfold itself does not use."""

import pickle
from itertools import product

import h5py
import numpy as np
import pytest
import torch
from tests.helpers.mrd import (
    MrdHeader,
    cropped,
    ismrmrd,
    make_image,
    mrd_line,
    numpy_fft,
    slice_lines,
    volume_header,
    volume_lines,
    write_mrd,
)

from fourfold.errors import InputError
from fourfold.formats import open_scan
from fourfold.formats.lines import table as mrd_lines
from fourfold.formats.mrd.reader import read_samples
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.operators.fourier import ifft
from fourfold.scan import FrameLabels, Geometry


def test_flag_bits_are_those_of_the_ismrmrd_package():
    def bits(*names):
        return sum(1 << getattr(ismrmrd, f"ACQ_IS_{name}") - 1 for name in names)

    left_out = bits(
        "NAVIGATION_DATA",
        "PHASECORR_DATA",
        "HPFEEDBACK_DATA",
        "DUMMYSCAN_DATA",
        "RTFEEDBACK_DATA",
        "SURFACECOILCORRECTIONSCAN_DATA",
        "PHASE_STABILIZATION_REFERENCE",
        "PHASE_STABILIZATION",
    )
    assert bits("NOISE_MEASUREMENT") == mrd_lines.NOISE
    assert bits("PARALLEL_CALIBRATION") == mrd_lines.CALIBRATION
    assert bits("PARALLEL_CALIBRATION_AND_IMAGING") == mrd_lines.CALIBRATION_AND_IMAGING
    assert bits("REVERSE") == mrd_lines.REVERSE
    assert left_out == mrd_lines.NOT_FOR_IMAGES


def test_oversampling_is_removed_and_the_image_kept(tmp_path):
    image = make_image((3, 20, 32))
    scan = open_scan(write_mrd(tmp_path / "a.mrd", MrdHeader(), slice_lines(image)))[0]
    assert scan.shape == (20, 16)
    assert scan.line_axis == "ky"
    assert scan.fully_sampled
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(image), atol=1e-5)


def test_odd_sizes_keep_the_centre(tmp_path):
    protocol = MrdHeader(
        matrix=(33, 21, 1), fov=(99.0, 63.0, 5.0), recon_matrix=(17, 21, 1), recon_fov=(51.0, 63.0, 5.0)
    )
    image = np.zeros((1, 21, 33), np.complex64)
    image[0, 10, 16], image[0, 4, 20] = 1, 2
    scan = open_scan(write_mrd(tmp_path / "a.h5", protocol, slice_lines(image)))[0]
    expected = np.zeros((21, 17), np.complex64)
    expected[10, 8], expected[4, 12] = 1, 2
    np.testing.assert_allclose(ifft(scan.kspace)[0, 0].numpy(), expected, atol=1e-5)


def test_averages_are_averaged_and_repeated_positions_too(tmp_path):
    image = make_image((2, 20, 32))
    noise = make_image((2, 20, 32), seed=1)
    lines = slice_lines(image + noise, average=0) + slice_lines(image - noise, average=1)
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))[0]
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(image), atol=1e-5)
    assert scan.source.details["averages"] == 2
    assert scan.source.notes == ("Every line was acquired 2 times (2 averages); the repeats were averaged.",)


def test_reversed_lines_are_turned_round(tmp_path):
    image = make_image((2, 20, 32))
    kspace = numpy_fft(image)
    lines = [
        mrd_line(kspace[:, ky, ::-1], ky, flags=(ismrmrd.ACQ_IS_REVERSE,)) if ky % 2 else mrd_line(kspace[:, ky], ky)
        for ky in range(20)
    ]
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))[0]
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(image), atol=1e-5)


def test_partial_fourier_lines_stand_where_the_centre_says(tmp_path):
    image = make_image((2, 20, 32))
    kspace = numpy_fft(image)
    # The scanner counts from 0 the 13 lines that it acquires; step 3 is the centre of k-space.
    lines = [mrd_line(kspace[:, step + 7], step) for step in range(13)]
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(centre=(3, 0)), lines))[0]
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), np.arange(20) >= 7)
    expected = np.where(np.arange(20)[:, None] >= 7, kspace, 0)
    full = numpy_fft(
        cropped(
            np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(expected, (-2, -1)), norm="ortho", axes=(-2, -1)), (-2, -1))
        )
    )
    np.testing.assert_allclose(scan.kspace[0].numpy(), full, atol=1e-5)


def test_asymmetric_echo_is_placed_by_its_centre_sample(tmp_path):
    image = make_image((2, 20, 32))
    kspace = numpy_fft(image)
    lines = [mrd_line(kspace[:, ky, 10:], ky, centre=6) for ky in range(20)]
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))[0]
    # Samples 10 to 31 of 32 lie 6 before to 15 after the centre: 3 before to 7 after on the grid of half as many.
    np.testing.assert_array_equal(scan.mask[0, 4].numpy(), np.arange(16) >= 5)
    assert (scan.kspace[..., :5] == 0).all()
    half = np.zeros_like(kspace)
    half[..., 10:] = kspace[..., 10:]
    full = numpy_fft(cropped(ifft(torch.from_numpy(half)).numpy()))
    np.testing.assert_allclose(scan.kspace[0, ..., 5:].numpy(), full[..., 5:], atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
def test_discarded_samples_are_not_used(tmp_path, reverse):
    image = make_image((2, 20, 32))
    kspace = numpy_fft(image)
    with_discarded = kspace.copy()
    with_discarded[..., :4], with_discarded[..., 30:] = 1e6, 1e6
    order = slice(None, None, -1 if reverse else 1)
    ends = (2, 4) if reverse else (4, 2)
    flags = (ismrmrd.ACQ_IS_REVERSE,) if reverse else ()
    lines = [
        mrd_line(with_discarded[:, ky, order], ky, flags=flags, discard_pre=ends[0], discard_post=ends[1])
        for ky in range(20)
    ]
    protocol = MrdHeader(recon_fov=(128.0, 60.0, 5.0))
    scan = open_scan(write_mrd(tmp_path / "a.h5", protocol, lines))[0]
    valid = (np.arange(32) >= 4) & (np.arange(32) < 30)
    np.testing.assert_array_equal(scan.mask[0, 0].numpy(), valid)
    np.testing.assert_allclose(scan.kspace[0].numpy(), np.where(valid, kspace, 0), atol=1e-6)


def test_lines_that_are_not_for_images_are_left_out(tmp_path):
    image = make_image((2, 20, 32))
    not_for_images = np.full((2, 32), 1e6, np.complex64)
    names = ("NAVIGATION", "PHASECORR", "HPFEEDBACK", "DUMMYSCAN", "RTFEEDBACK")
    flags = [getattr(ismrmrd, f"ACQ_IS_{name}_DATA") for name in names]
    lines = [mrd_line(not_for_images, 10, flags=(flag,)) for flag in flags] + slice_lines(image)
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))[0]
    np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(image), atol=1e-5)
    assert scan.source.details["lines"] == {
        "imaging": 20,
        "calibration_apart": 0,
        "noise": 0,
        "phase_correction": 1,
        "left_out": 4,
    }


def test_noise_lines_become_the_noise_scan(tmp_path):
    rng = np.random.default_rng(0)
    noise = (rng.normal(size=(2, 2, 50)) + 1j * rng.normal(size=(2, 2, 50))).astype(np.complex64)
    flags = (ismrmrd.ACQ_IS_NOISE_MEASUREMENT,)
    lines = [mrd_line(part, flags=flags, dwell=20.0) for part in noise] + slice_lines(make_image((2, 20, 32)))
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))[0]
    np.testing.assert_array_equal(scan.noise.numpy(), np.concatenate(noise, axis=1))
    assert scan.source.details["noise_dwell_time_ratio"] == 4


def test_noise_of_other_coils_is_left_out_and_stated(tmp_path):
    flags = (ismrmrd.ACQ_IS_NOISE_MEASUREMENT,)
    lines = [mrd_line(np.ones((5, 8)), flags=flags), *slice_lines(make_image((2, 20, 32)))]
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))[0]
    assert scan.noise is None
    assert scan.source.details["noise_left_out"] == "5 coils, but the image lines have 2"


def calibration_lines(image, extra_scale=1.0):
    """Every second line, and the centre from 6 to 13, whose extra lines are for calibration alone."""
    kspace = numpy_fft(image)
    lines = []
    for ky in range(20):
        centre = 6 <= ky < 14
        if ky % 2 == 0:
            lines.append(
                mrd_line(kspace[:, ky], ky, flags=(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING,) if centre else ())
            )
        elif centre:
            lines.append(mrd_line(extra_scale * kspace[:, ky], ky, flags=(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,)))
    return lines


def test_embedded_calibration_lines_are_part_of_the_kspace(tmp_path):
    lines = calibration_lines(make_image((2, 20, 32)))
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(calibration_mode="embedded"), lines))[0]
    acquired = np.arange(20) % 2 == 0
    acquired[6:14] = True
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), acquired)
    assert scan.calibration_kspace is None
    assert scan.sampling.acs_shape == (9, 16)


@pytest.mark.parametrize("mode", ["separate", None])
def test_calibration_lines_apart_stay_apart(tmp_path, mode):
    image = make_image((2, 20, 32))
    scan = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(calibration_mode=mode), calibration_lines(image)))[0]
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), np.arange(20) % 2 == 0)
    assert scan.calibration_kspace.shape == (1, 2, 8, 16)
    expected = numpy_fft(cropped(image))[:, 6:14]
    np.testing.assert_allclose(scan.calibration_kspace[0].numpy(), expected, atol=1e-5)


def test_calibration_follows_slice_and_repetition(tmp_path):
    images = {(s, r): make_image((2, 20, 32), seed=10 * s + r) for s in range(2) for r in range(2)}
    lines = []
    for (index, repetition), image in images.items():
        kspace = numpy_fft(image)
        lines += [mrd_line(kspace[:, ky], ky, slice=index, repetition=repetition) for ky in range(0, 20, 2)]
        if repetition == 0:
            flags = (ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,)
            lines += [mrd_line(kspace[:, ky], ky, flags=flags, slice=index) for ky in range(6, 14)]
    file = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(calibration_mode="separate"), lines))
    scan = file.load()
    assert scan.labels == FrameLabels({"slice": [0, 1, 0, 1], "repetition": [0, 0, 1, 1]})
    for frame, index in enumerate([0, 1, 0, 1]):
        np.testing.assert_allclose(
            scan.calibration_kspace[frame].numpy(), numpy_fft(cropped(images[index, 0]))[:, 6:14], atol=1e-5
        )


def test_frames_are_slices_by_position_then_the_other_counters(tmp_path):
    # Interleaved: slice counter 0, 1, 2 at heights 0, 10, 5 mm.
    heights = (0.0, 10.0, 5.0)
    images, lines = {}, []
    for repetition, contrast, index in product(range(2), range(2), range(3)):
        image = make_image((2, 20, 32), seed=100 * repetition + 10 * contrast + index)
        images[repetition, contrast, index] = image
        lines += slice_lines(
            image,
            slice=index,
            contrast=contrast,
            repetition=repetition,
            geometry={"position": (1.0, 2.0, heights[index])},
        )
    file = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))
    assert len(file) == 12
    order = [(r, c, s) for r in range(2) for c in range(2) for s in (0, 2, 1)]
    numbers = file.labels(range(12)).numbers
    assert [*zip(numbers["repetition"], numbers["contrast"], numbers["slice"], strict=True)] == order
    for scan, key in zip(file, order, strict=True):
        np.testing.assert_allclose(ifft(scan.kspace)[0].numpy(), cropped(images[key]), atol=1e-5)
        assert scan.geometry.placements[0].centre == (1, 2, heights[key[2]])
        assert scan.geometry.voxel_size == (5, 3, 4)
    assert file[7].labels == FrameLabels({"repetition": [1], "contrast": [0], "slice": [2]})


def test_position_and_directions_place_every_voxel(tmp_path):
    rng = np.random.default_rng(3)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    geometry = {"position": (11.0, -7.0, 30.0), "read_dir": axes[0], "phase_dir": axes[1], "slice_dir": axes[2]}
    # A point 5 voxels along the readout and -3 along the phase encoding from the centre, of 4 by 3 mm each.
    image = np.zeros((1, 20, 32), np.complex64)
    image[0, 10 - 3, 16 + 5] = 1
    lines = slice_lines(image, geometry=geometry)
    protocol = MrdHeader(recon_fov=(64.0, 30.0, 5.0))
    scan = open_scan(write_mrd(tmp_path / "a.h5", protocol, lines))[0]
    assert scan.geometry.image_size == (10, 16)
    magnitude = ifft(scan.kspace)[0, 0].abs()
    y, x = np.unravel_index(int(magnitude.argmax()), magnitude.shape)
    # Both the full grid and the cut one are centred on the same voxel.
    for shape, (row, column) in ((scan.shape, (y, x)), ((10, 16), (y - 5, x))):
        place = scan.geometry.ras_affine(shape) @ (column, row, 0, 1)
        expected = np.array(geometry["position"]) + 5 * 4 * axes[0] - 3 * 3 * axes[1]
        np.testing.assert_allclose(place[:3], expected * (-1, -1, 1), atol=1e-4)


@pytest.mark.parametrize("nothing", [0.0, float("nan"), -1.0])
def test_a_field_of_view_that_is_not_known_is_not_invented(tmp_path, nothing):
    lines = slice_lines(make_image((2, 20, 32)))
    file = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(fov=(nothing, 60.0, 5.0)), lines))
    assert file[0].geometry.voxel_size == (5, 3, None)
    assert file.matrix == (20, 32)
    assert file.summary()["voxel_size_mm"] == [5, 3, None]
    assert any("field of view along x" in note for note in file.notes)
    assert any("Oversampling along x" in note for note in ZeroFilled()(file[0]).record.notes)
    file = open_scan(write_mrd(tmp_path / "b.h5", MrdHeader(recon_fov=(nothing, 60.0, 5.0)), lines))
    assert file[0].geometry.voxel_size == (5, 3, 4)
    assert file.matrix == (20, 32)
    assert ["Oversampling along x" in note for note in file.notes] == [True]


def test_a_known_header_leaves_no_note(tmp_path):
    assert open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))).notes == ()


def test_a_place_that_is_not_known_is_not_invented(tmp_path):
    image = make_image((2, 20, 32))
    lost = open_scan(
        write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(image, geometry={"position": (0, float("nan"), 0)}))
    )
    assert lost.summary()["orientation"] == "LPS"
    assert lost[0].geometry.placements[0].centre is None
    assert ["position not known" in note for note in lost.notes] == [True]
    for direction in ((0, 0, 0), (float("nan"), 0, 0)):
        path = tmp_path / f"{direction[0]}.h5"
        turned = open_scan(write_mrd(path, MrdHeader(), slice_lines(image, geometry={"read_dir": direction})))
        assert turned[0].geometry == Geometry((5.0, 3.0, 4.0), (20, 16), slice_thickness=5.0, phase_axis="y")
        assert turned.summary()["orientation"] is None
        assert ["orientation not known" in note for note in turned.notes] == [True]


def test_siemens_directions_belong_to_the_forward_transform(tmp_path):
    image = make_image((2, 20, 32))
    noise = mrd_line(np.full((2, 4), 1j), flags=(ismrmrd.ACQ_IS_NOISE_MEASUREMENT,))
    siemens, other = (MrdHeader(vendor=vendor, recon_fov=(128.0, 60.0, 5.0)) for vendor in ("SIEMENS", "other"))
    scan = open_scan(write_mrd(tmp_path / "a.h5", siemens, [noise, *slice_lines(image)]))[0]
    plain = open_scan(write_mrd(tmp_path / "b.h5", other, slice_lines(image)))[0]
    np.testing.assert_allclose(scan.kspace[0].numpy(), numpy_fft(image).conj(), atol=1e-6)
    np.testing.assert_allclose(plain.kspace[0].numpy(), numpy_fft(image), atol=1e-6)
    assert (scan.noise == -1j).all()
    assert scan.source.details["conjugated"]
    assert not plain.source.details["conjugated"]


def test_full_partitions_become_slices(tmp_path):
    image = make_image((2, 12, 20, 32))
    pattern = np.zeros((12, 20), bool)
    pattern[:, ::2] = True
    geometry = {"position": (0.0, 0.0, 50.0)}
    file = open_scan(write_mrd(tmp_path / "a.h5", volume_header(), volume_lines(image, pattern, geometry=geometry)))
    # Partition oversampling is cut off: 8 of 12 remain.
    assert file.shape == (8, 2, 20, 16)
    assert file.details["split_along"] == "partitions"
    expected = numpy_fft(cropped(image)) * (np.arange(20) % 2 == 0)[:, None]
    together = file.load()
    for index, scan in enumerate(file):
        np.testing.assert_allclose(scan.kspace[0].numpy(), expected[:, index + 2], atol=2e-5)
        torch.testing.assert_close(scan.kspace[0], together.kspace[index])
        assert scan.geometry.placements[0].centre == pytest.approx((0, 0, 50 + 3 * (index - 4)))
        assert scan.geometry.voxel_size == (3, 3, 4)
        assert scan.labels == FrameLabels({"slice": [0], "partition": [index]})
    np.testing.assert_array_equal(file[5].kspace.numpy(), together.kspace[5:6].numpy())


def test_volume_undersampled_in_both_phase_encodings_is_split_along_the_readout(tmp_path):
    image = make_image((2, 12, 20, 32))
    rng = np.random.default_rng(0)
    pattern = rng.random((12, 20)) < 0.5
    pattern[4:8, 8:12] = True
    geometry = {"position": (100.0, 0.0, 0.0)}
    file = open_scan(write_mrd(tmp_path / "a.h5", volume_header(), volume_lines(image, pattern, geometry=geometry)))
    assert file.shape == (16, 2, 20, 12)
    assert file.details["split_along"] == "readout"
    expected = np.where(pattern[..., None], numpy_fft(cropped(image), (-3, -2)), 0)
    for index, scan in enumerate(file):
        np.testing.assert_allclose(scan.kspace[0].numpy(), expected[..., index].swapaxes(1, 2), atol=2e-5)
        np.testing.assert_array_equal(scan.mask[0].numpy(), pattern.T)
    scan = file[3]
    assert scan.geometry.image_size == (20, 8)
    assert scan.geometry.voxel_size == (4, 3, 3)
    assert scan.geometry.placements[0].centre == pytest.approx((100 + 4 * (3 - 8), 0, 0))
    placement = scan.geometry.placements[0]
    assert (placement.x_axis, placement.slice_axis) == ((0, 0, 1), (1, 0, 0))


def test_only_the_lines_of_a_frame_are_read(tmp_path, monkeypatch):
    lines = [part for index in range(3) for part in slice_lines(make_image((2, 20, 32)), slice=index)]
    file = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))
    read = []

    def recorded(*arguments):
        for indices, samples in read_samples(*arguments):
            read.extend(indices.tolist())
            yield indices, samples

    monkeypatch.setattr("fourfold.formats.mrd.file.read_samples", recorded)
    assert file[1].frames == 1
    assert read == list(range(20, 40))


@pytest.mark.parametrize("storage", [{"chunks": (7,)}, {"chunks": (7,), "compression": "gzip"}, {}])
def test_storage_of_the_lines_does_not_matter(tmp_path, storage):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    expected = open_scan(path)
    with h5py.File(path) as old, h5py.File(tmp_path / "b.h5", "w") as new:
        new["dataset/xml"] = old["dataset/xml"][()]
        new.create_dataset("dataset/data", data=old["dataset/data"][()], dtype=old["dataset/data"].dtype, **storage)
    file = open_scan(tmp_path / "b.h5")
    np.testing.assert_array_equal(file.table, expected.table)
    assert torch.equal(file[0].kspace, expected[0].kspace)


def test_file_is_pickled_and_read_elsewhere(tmp_path):
    file = open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32)))))
    torch.testing.assert_close(pickle.loads(pickle.dumps(file))[0].kspace, file[0].kspace)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trajectory": "radial"}, "trajectories of 0 dimensions, though the header calls the scan 'radial'"),
        ({"centre": (3, 0)}, "kspace_encode_step_1 from 0 to 19, not fitting the 20 steps"),
        (
            {"matrix": (24, 20, 1)},
            "lines of 32 samples with the centre at 16, which do not fit its encoded matrix of 24",
        ),
    ],
)
def test_header_that_does_not_fit_is_refused(tmp_path, changes, message):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(**changes), slice_lines(make_image((2, 20, 32))))
    with pytest.raises(InputError, match=message):
        open_scan(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<x>32</x>", "<x>31.9996</x>", "encodedSpace/matrixSize/x is '31.9996', not a whole number from 1 to 65535"),
        ("<y>20</y>", "<y>0</y>", "encodedSpace/matrixSize/y is 0, not a whole number"),
        ("<y>20</y>", "<y>-384</y>", "encodedSpace/matrixSize/y is -384, not a whole number"),
        ("<z>1</z>", "<z>1_0</z>", "encodedSpace/matrixSize/z is '1_0', not a whole number"),
        ("<x>32</x>", "<x>65535</x>", "cover 32 samples of the 65535 of the encoded matrix"),
        ("<y>20</y>", "<y>60000</y>", "not fitting the 60000 steps|cover 20 kspace_encode_step_1 of the 60000"),
        ("<x>128.0</x>", "<x>12.8 cm</x>", "encodedSpace/fieldOfView_mm/x is '12.8 cm', not a length in mm"),
        ("<x>128.0</x>", "<x>1e308</x>", "along x the field of view of encodedSpace is 1e.308 mm"),
        ("<x>64.0</x>", "<x>0.064</x>", "that of reconSpace 0.064 mm, which cannot differ by more than 16 times"),
        ("<x>128.0</x>", "<x>0.128</x>", "0.128 mm, which seems to be in metres: it must be in millimetres"),
        ("<maximum>19<", "<maximum>-1<", "kspace_encoding_step_1/maximum is -1, not a whole number from 0"),
        ("<center>10<", "<center>20<", "the centre 20 and the maximum 19; the centre must lie between"),
        ("<minimum>0<", "<minimum>12<", "the minimum 12, the centre 10 and the maximum 19; the centre must lie"),
    ],
)
def test_header_values_that_cannot_be_are_refused(tmp_path, old, new, message):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    xml = MrdHeader().xml()
    assert old in xml
    with h5py.File(path, "a") as file:
        file["dataset/xml"][0] = xml.replace(old, new, 1)
    with pytest.raises(InputError, match=message):
        open_scan(path)


@pytest.mark.parametrize("field", ["number_of_samples", "active_channels"])
def test_lines_without_samples_are_refused(tmp_path, field):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    with h5py.File(path, "a") as file:
        row = file["dataset/data"][5]
        row["head"][field] = 0
        file["dataset/data"][5] = row
    with pytest.raises(InputError, match="has lines without coils or samples"):
        open_scan(path)


def test_lines_of_different_coils_are_refused(tmp_path):
    lines = [*slice_lines(make_image((2, 20, 32))), *slice_lines(make_image((3, 20, 32)))]
    with pytest.raises(InputError, match="lines of 2, 3 coils; all must have the same"):
        open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))


def test_file_without_imaging_lines_is_refused(tmp_path):
    lines = [mrd_line(np.ones((2, 8)), flags=(ismrmrd.ACQ_IS_NOISE_MEASUREMENT,))]
    with pytest.raises(InputError, match="has no imaging line in encoding space 0"):
        open_scan(write_mrd(tmp_path / "a.h5", MrdHeader(), lines))


def test_line_shorter_than_its_header_is_refused(tmp_path):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    with h5py.File(path, "a") as file:
        row = file["dataset/data"][5]
        row["data"] = row["data"][:-2]
        file["dataset/data"][5] = row
    with pytest.raises(InputError, match=r"Line 5 of .* has 63 samples; its header stands for 2 coils of 32"):
        open_scan(path)[0]


def test_headers_without_the_counters_are_refused(tmp_path):
    head = np.dtype([("flags", "<u8"), ("idx", [("slice", "<u2")])])
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["dataset/xml"] = [MrdHeader().xml()]
        file["dataset/data"] = np.zeros(2, [("head", head), ("data", "<f4")])
    with pytest.raises(InputError, match=r"The line headers of .* are not those of ISMRMRD"):
        open_scan(tmp_path / "a.h5")


def test_groups_and_encodings_are_chosen_by_options(tmp_path):
    images = [make_image((2, 20, 32), seed) for seed in range(3)]
    path = tmp_path / "a.h5"
    write_mrd(
        path, MrdHeader(encodings=2), slice_lines(images[0]) + slice_lines(images[1], encoding_space_ref=1), "first"
    )
    write_mrd(path, MrdHeader(), slice_lines(images[2]), "second")
    with pytest.raises(InputError, match=r"several groups with lines: choose one with dataset='…' of first, second"):
        open_scan(path)
    with pytest.raises(InputError, match="no such group"):
        open_scan(path, dataset="third")
    with pytest.raises(InputError, match="has encoding spaces 0 to 1; 2 was asked for"):
        open_scan(path, dataset="first", encoding=2)
    chosen = [{"dataset": "first"}, {"dataset": "first", "encoding": 1}, {"dataset": "second"}]
    for image, options in zip(images, chosen, strict=True):
        np.testing.assert_allclose(ifft(open_scan(path, **options)[0].kspace)[0].numpy(), cropped(image), atol=1e-5)


def test_option_of_no_format_is_refused(tmp_path):
    path = write_mrd(tmp_path / "a.h5", MrdHeader(), slice_lines(make_image((2, 20, 32))))
    with pytest.raises(
        InputError, match=r"has no option 'encodng'; it has: dataset, encoding.* Did you mean 'encoding'"
    ):
        open_scan(path, encodng=1)


def test_real_scan_equals_an_assembly_by_hand(data):
    path = data / "formats" / "ismrmrd" / "meas_MID00349_FID09273_SNR_R3.h5"
    kspace = np.zeros((14, 144, 384), np.complex64)
    with ismrmrd.Dataset(str(path), "dataset", create_if_needed=False) as dataset:
        lines = [dataset.read_acquisition(index) for index in range(dataset.number_of_acquisitions())]
    for acquisition in lines[1:]:
        kspace[:, acquisition.idx.kspace_encode_step_1 - 54 + 72] = acquisition.data
    file = open_scan(path)
    scan = file[0]
    expected = ifft(torch.from_numpy(kspace.conj()))[:, :, 96:288]
    torch.testing.assert_close(ifft(scan.kspace)[0], expected, rtol=1e-4, atol=float(expected.abs().max()) * 1e-5)
    np.testing.assert_array_equal(scan.noise.numpy(), lines[0].data.conj())
    # Every third line from the fourth on, and the embedded calibration from step 30 to 78.
    acquired = np.zeros(144, bool)
    acquired[18 : 18 + 106 : 3] = acquired[18 + 30 : 18 + 79] = True
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), acquired)
    assert scan.calibration_kspace is None
    assert scan.geometry.placements[0].centre == pytest.approx((20.048, 66.570, 0), abs=1e-3)
    assert scan.geometry.voxel_size == pytest.approx((8, 210 / 144, 560 / 384))
    assert file.summary()["orientation"] == "RPS"


def test_real_scan_lies_on_the_spine_coils(data):
    scan = open_scan(data / "formats" / "ismrmrd" / "meas_MID00349_FID09273_SNR_R3.h5")[0]
    energy = ifft(scan.kspace)[0].abs().square().sum(dim=-1)
    height = (energy * torch.arange(144)).sum(dim=-1) / energy.sum(dim=-1)
    # By the header's coil labels: 18-channel body coil above, 32-channel spine coil below; y grows to the back.
    body = height[[0, 1, 6, 7, 12, 13]].mean()
    spine = height[[2, 3, 4, 5, 8, 9, 10, 11]].mean()
    assert scan.geometry.placements[0].y_axis == pytest.approx((0, 1, 0), abs=1e-6)
    assert spine > body + 10
