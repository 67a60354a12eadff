"""Siemens twix: files written byte by byte, and real ones compared with the twixtools package."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.helpers.mrd import cropped, make_image, numpy_fft
from tests.helpers.twix import Line, mark, measurement_bytes, slice_lines, write_twix

from fourfold.errors import InputError
from fourfold.formats import load, open_scan
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.operators.fourier import ifft
from fourfold.scan import FrameLabels, Identity, Protocol


def siemens_kspace(image):
    """Return k-space as Siemens stores it, of which the forward transform gives the image."""
    return numpy_fft(image).conj()


@pytest.fixture
def image():
    return make_image((3, 20, 32))


@pytest.fixture
def kspace(image):
    return siemens_kspace(image)


def assert_shows(scan, image, frame=0):
    np.testing.assert_allclose(ifft(scan.kspace)[frame].numpy(), cropped(image), atol=1e-5)


@pytest.mark.parametrize(
    ("version", "software"), [("vb", "syngo MR B17"), ("vd", "syngo MR E11"), ("vd", "syngo MR XA30")]
)
def test_each_version_is_read(tmp_path, image, kspace, version, software):
    path = write_twix(tmp_path / "a.dat", slice_lines(kspace), version=version, software=software)
    file = open_scan(path)
    assert_shows(file[0], image)
    assert file.shape == (1, 3, 20, 16)
    assert file[0].fully_sampled
    assert file[0].geometry.voxel_size == (5, 3, 3)
    assert file[0].geometry.placements[0].x_axis == pytest.approx((-1, 0, 0), abs=1e-6)
    assert [note for note in file.notes if "not been tested" in note] == (
        ["Reading of files of Numaris XA has not been tested on a real one: check the image."] * ("XA" in software)
    )


def test_protocol_values(tmp_path, kspace):
    changes = {
        "lContrasts": "2",
        "alTE[1]": "9250",
        "sPrepPulses.ucInversion": "2",
        "alTI[0]": "900000",
        "sRXSPEC.alDwellTime[1]": "5000",
    }
    lines = slice_lines(kspace) + slice_lines(kspace, counters={"eco": 1})
    scan = load(write_twix(tmp_path / "a.dat", lines, changes=changes))
    assert scan.protocol == Protocol(
        vendor="SIEMENS",
        model="Skyra",
        software="syngo MR E11",
        field_strength=2.89362,
        patient_position="HFS",
        protocol="a test",
        sequence="gre",
        acquisition="2D",
        repetition_times=(2000.0,),
        echo_times=(4.5, 9.25),
        inversion_times=(900.0,),
        flip_angles=(15.0,),
        parallel_acceleration=(1.0, 1.0),
    )
    assert scan.labels == FrameLabels({"slice": [0, 0], "contrast": [0, 1]})


def test_patient_and_study(tmp_path, kspace):
    names = {"PatientName": "Doe^Jo", "PatientID": "xxxxx", "FrameOfReference": "1.3.12.2.1107.0.0.0"}
    parameters = "".join(f'<ParamString."{name}"> {{ "{value}" }}\n' for name, value in names.items())
    parameters += '<ParamLong."PatientSex"> { 1 }\n<ParamDouble."flUsedPatientWeight"> { <Precision> 6 72.500000 }\n'
    scan = load(write_twix(tmp_path / "a.dat", slice_lines(kspace), parameters=parameters))
    assert scan.identity == Identity(
        patient_name="Doe^Jo", sex="F", weight=72.5, frame_of_reference_uid="1.3.12.2.1107.0.0.0"
    )
    assert not any("Doe" in str(value) for value in open_scan(tmp_path / "a.dat").summary().values())


def test_noise_lines_become_the_noise_scan(tmp_path, kspace):
    noise = Line(make_image((3, 256)), flags=("NOISEADJSCAN",), centre_line=0)
    scan = load(write_twix(tmp_path / "a.dat", [noise, *slice_lines(kspace)]))
    np.testing.assert_array_equal(scan.noise.numpy(), noise.samples.conj())
    # 130 Hz for each of 256 samples are 30 µs, a multiple of 0.1 µs.
    assert scan.source.details["noise_dwell_time_ratio"] == 6


def test_the_last_measurement_is_the_scan_and_noise_of_the_same_coils_serves_it(tmp_path, image, kspace):
    noise = Line(make_image((3, 32), seed=1), flags=("NOISEADJSCAN",), channels=(4, 5, 6))
    scan = slice_lines(kspace, channels=(4, 5, 6))
    path = write_twix(tmp_path / "a.dat", [noise, *slice_lines(2 * kspace)], scan)
    assert_shows(load(path), image)
    np.testing.assert_array_equal(load(path).noise.numpy(), noise.samples.conj())
    first = open_scan(path, measurement=0)
    assert_shows(first[0], 2 * image)
    assert first.details["measurements"] == 2
    assert any("Measurement 0 of 2 was read" in note for note in first.notes)
    with pytest.raises(InputError, match="has measurements 0 to 1; 2 was asked for"):
        open_scan(path, measurement=2)
    other = write_twix(tmp_path / "b.dat", [noise], slice_lines(kspace, channels=(4, 5, 7)))
    assert load(other).noise is None


def pat_lines(kspace):
    """Every second line; lines 6 to 13 also as calibration, the even ones of which are for the image too."""
    even = slice_lines(kspace, range(0, 6, 2)) + slice_lines(kspace, range(14, 20, 2))
    both = slice_lines(kspace, range(6, 14, 2), flags=("PATREFSCAN", "PATREFANDIMASCAN"))
    return even + both + slice_lines(kspace, range(7, 14, 2), flags=("PATREFSCAN",))


def test_embedded_calibration_lines_are_part_of_the_image(tmp_path, kspace):
    scan = load(write_twix(tmp_path / "a.dat", pat_lines(kspace), changes={"sPat.ucRefScanMode": "0x2"}))
    acquired = np.arange(20) % 2 == 0
    acquired[6:14] = True
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), acquired)
    assert scan.calibration_kspace is None


def test_calibration_lines_apart_may_count_from_another_centre(tmp_path, image, kspace):
    calibration = [
        Line(kspace[:, 6 + step], flags=("PATREFSCAN",), centre_line=4, counters={"lin": step}) for step in range(8)
    ]
    lines = calibration + slice_lines(kspace, range(0, 20, 2))
    scan = load(write_twix(tmp_path / "a.dat", lines, changes={"sPat.ucRefScanMode": "4"}))
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), np.arange(20) % 2 == 0)
    np.testing.assert_allclose(scan.calibration_kspace[0].numpy(), numpy_fft(cropped(image))[:, 6:14], atol=1e-5)


def test_partial_fourier_and_phase_resolution_stand_where_the_line_headers_say(tmp_path, image, kspace):
    # The protocol's pixels are square: 20 lines. The scanner counts from 0 the 11 lines from 6 to 16.
    lines = [Line(kspace[:, 6 + step], centre_line=4, counters={"lin": step}) for step in range(11)]
    scan = load(write_twix(tmp_path / "a.dat", lines, changes={"sKSpace.ucPhasePartialFourier": "0x8"}))
    held = (np.arange(20) >= 6) & (np.arange(20) < 17)
    np.testing.assert_array_equal(scan.mask[0, :, 0].numpy(), held)
    expected = np.where(held[:, None], numpy_fft(cropped(image)), 0)
    np.testing.assert_allclose(scan.kspace[0].numpy(), expected, atol=1e-5)


def test_phase_oversampling_stays_in_kspace_and_is_cut_from_the_image(tmp_path, kspace):
    changes = {"sSliceArray.asSlice[0].dPhaseFOV": "48", "sKSpace.dPhaseOversamplingForDialog": "0.25"}
    scan = load(write_twix(tmp_path / "a.dat", slice_lines(kspace), changes=changes))
    assert scan.shape == (20, 16)
    assert scan.geometry.image_size == (16, 16)
    assert scan.geometry.voxel_size == (5, 3, 3)


def test_readout_oversampling_may_be_kept(tmp_path, image, kspace):
    scan = load(write_twix(tmp_path / "a.dat", slice_lines(kspace)), keep_oversampling=True)
    np.testing.assert_array_equal(scan.kspace[0].numpy(), kspace.conj())
    assert scan.geometry.image_size == (20, 16)
    np.testing.assert_allclose(ZeroFilled()(scan).image.abs()[0].numpy(), rss(cropped(image)), atol=1e-5)


def rss(image):
    return np.sqrt(np.square(np.abs(image)).sum(axis=0))


def test_asymmetric_echoes_and_cut_off_samples(tmp_path, kspace):
    short = slice_lines(kspace[..., 10:], centre_column=6, cutoff=(2, 0))
    scan = load(write_twix(tmp_path / "a.dat", short))
    # Samples 12 to 31 of 32 lie 4 before to 15 after the centre: 2 before to 7 after on the grid of half as many.
    np.testing.assert_array_equal(scan.mask[0, 4].numpy(), np.arange(16) >= 6)


def test_reflected_lines_are_turned_round(tmp_path, image, kspace):
    lines = slice_lines(kspace, range(0, 20, 2)) + slice_lines(kspace[..., ::-1], range(1, 20, 2), flags=("REFLECT",))
    assert_shows(load(write_twix(tmp_path / "a.dat", lines)), image)


def test_averages_are_averaged_or_frames(tmp_path, image, kspace):
    noise = siemens_kspace(make_image((3, 20, 32), seed=1)) / 10
    lines = slice_lines(kspace + noise) + slice_lines(kspace - noise, counters={"ave": 1})
    path = write_twix(tmp_path / "a.dat", lines)
    assert_shows(load(path), image)
    assert load(path, repeats="frames").labels == FrameLabels({"slice": [0, 0], "average": [0, 1]})


def test_lines_that_share_all_counters_are_refused(tmp_path, kspace):
    second = slice_lines(3j * kspace, counters={"idb": 1})
    path = write_twix(tmp_path / "a.dat", slice_lines(kspace) + second)
    with pytest.raises(InputError, match=r"20 imaging lines of .* share all counters .* in the counters idb\. Make a"):
        open_scan(path)
    assert len(open_scan(path, repeats="frames")) == 2


def test_interleaved_slices_are_sorted_by_position(tmp_path):
    images = [make_image((3, 20, 32), seed) for seed in range(3)]
    heights = (0.0, 10.0, 5.0)
    lines = []
    for index, (picture, height) in enumerate(zip(images, heights, strict=True)):
        lines += slice_lines(siemens_kspace(picture), position=(1.0, 2.0, height), counters={"sli": index})
    scan = load(write_twix(tmp_path / "a.dat", lines))
    assert scan.labels == FrameLabels({"slice": [0, 2, 1]})
    for frame, index in enumerate((0, 2, 1)):
        assert_shows(scan, images[index], frame)
        assert scan.geometry.placements[frame].centre == pytest.approx((1, 2, heights[index]))


def test_every_voxel_has_its_place_in_the_patient(tmp_path):
    """A turned and tilted slice: the quaternion's rotation has the directions of phase, readout and slice."""
    rng = np.random.default_rng(4)
    quaternion = rng.normal(size=4)
    s, *v = quaternion / np.linalg.norm(quaternion)
    v = np.array(v)
    cross = np.cross(np.eye(3), v)
    rotation = np.eye(3) + 2 * s * cross + 2 * cross @ cross
    phase, read, _ = rotation.T
    image = np.zeros((1, 20, 32), np.complex64)
    image[0, 10 - 3, 16 + 5] = 1
    lines = slice_lines(siemens_kspace(image), quaternion=tuple(quaternion), position=(11.0, -7.0, 30.0))
    scan = load(write_twix(tmp_path / "a.dat", lines))
    magnitude = ifft(scan.kspace)[0, 0].abs()
    y, x = np.unravel_index(int(magnitude.argmax()), magnitude.shape)
    place = scan.geometry.ras_affine(scan.shape) @ (x, y, 0, 1)
    expected = np.array((11.0, -7.0, 30.0)) + 5 * 3 * read - 3 * 3 * phase
    np.testing.assert_allclose(place[:3], expected * (-1, -1, 1), atol=1e-4)


def test_three_dimensions_become_slices(tmp_path):
    image = make_image((2, 8, 20, 32))
    kspace = numpy_fft(image, (-3, -2, -1)).conj()
    lines = [
        Line(kspace[:, par, lin], centre_partition=4, counters={"lin": lin, "par": par})
        for par in range(8)
        for lin in range(20)
    ]
    changes = {"sKSpace.ucDimension": "0x4", "sKSpace.lImagesPerSlab": "8"}
    changes["sSliceArray.asSlice[0].dThickness"] = "24"
    scan = load(write_twix(tmp_path / "a.dat", lines, changes=changes))
    assert scan.kspace.shape == (8, 2, 20, 16)
    assert scan.geometry.voxel_size == (3, 3, 3)
    for partition in range(8):
        assert_shows(scan, image[:, partition], partition)


def test_other_data_among_the_lines_and_wrong_lengths_do_not_matter(tmp_path, image, kspace):
    lines = slice_lines(kspace, packed=True)
    lines[3:3] = [mark("SYNCDATA", "vd", 416), Line(9e3 * kspace[:, 10], flags=("PHASCOR",), counters={"lin": 10})]
    lines.append(Line(9e3 * kspace[:, 10], flags=("RTFEEDBACK",), counters={"lin": 10}))
    file = open_scan(write_twix(tmp_path / "a.dat", lines))
    assert_shows(file[0], image)
    assert file.details["lines"] == {
        "imaging": 20,
        "calibration_apart": 0,
        "noise": 0,
        "phase_correction": 1,
        "left_out": 1,
    }


def test_a_scan_that_was_stopped_leaves_a_note(tmp_path, kspace):
    file = open_scan(write_twix(tmp_path / "a.dat", slice_lines(kspace, range(15)), ended=False))
    assert file.notes == ("The measurement has no end mark: the scan was stopped early, or the file is cut.",)


@pytest.mark.parametrize("version", ["vb", "vd"])
@pytest.mark.parametrize("lost", [700, 9000])
def test_a_file_that_was_cut_is_refused(tmp_path, kspace, version, lost):
    path = write_twix(tmp_path / "a.dat", slice_lines(kspace), version=version)
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(InputError, match="cut when it was copied; copy it from the scanner again"):
        open_scan(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sKSpace.ucTrajectory": "2"}, "is a radial scan, whose trajectory twix files do not hold"),
        ({"sSliceAcceleration.lMultiBandFactor": "4"}, r"holds 4 slices that were excited together \(SMS\)"),
        ({"sKSpace.lBaseResolution": None}, "does not give sKSpace.lBaseResolution, a positive number"),
        ({"sSliceArray.asSlice[0].dReadoutFOV": "-1"}, "gives -1 for sSliceArray.*dReadoutFOV"),
        ({"sSliceArray.lSize": "2", "sSliceArray.asSlice[1].dPhaseFOV": "90"}, "have different fields of view"),
        ({"sKSpace.lBaseResolution": "90000"}, "describes a matrix of 180000"),
    ],
)
def test_a_protocol_that_cannot_be_read_is_refused(tmp_path, kspace, changes, message):
    with pytest.raises(InputError, match=message):
        open_scan(write_twix(tmp_path / "a.dat", slice_lines(kspace), changes=changes))


def test_adjustments_alone_are_refused(tmp_path):
    lines = [Line(np.ones((2, 8)), flags=("NOISEADJSCAN",))]
    with pytest.raises(InputError, match="has no imaging line: it is an adjustment"):
        open_scan(write_twix(tmp_path / "a.dat", lines))
    with pytest.raises(InputError, match="has no lines"):
        open_scan(write_twix(tmp_path / "b.dat", []))


def test_garbage_between_lines_is_refused(tmp_path, kspace):
    lines = slice_lines(kspace)
    with pytest.raises(InputError, match=r"at byte .* stands no header of a line"):
        open_scan(write_twix(tmp_path / "a.dat", [*lines[:5], bytes(700), *lines[5:]]))


def test_a_damaged_protocol_is_refused(tmp_path, kspace):
    content = measurement_bytes(slice_lines(kspace))
    for damaged in (content.replace(b"ASCCONV", b"ASCCONX"), content[:4] + b"\xff\xff\0\0" + content[8:]):
        with pytest.raises(InputError, match=r"protocol in .* is damaged or missing|does not give"):
            open_scan(write_twix(tmp_path / "a.dat", damaged))


def test_only_the_lines_of_a_frame_are_read(tmp_path, monkeypatch):
    lines = []
    for index in range(3):
        lines += slice_lines(siemens_kspace(make_image((3, 20, 32), index)), counters={"sli": index})
    file = open_scan(write_twix(tmp_path / "a.dat", lines))
    read = []
    original = file.open_lines

    def recorded():
        opened = original()

        class Recorded:
            def __enter__(self):
                reader = opened.__enter__()
                return lambda indices: (read.extend(indices.tolist()), reader(indices))[1]

            def __exit__(self, *error):
                return opened.__exit__(*error)

        return Recorded()

    monkeypatch.setattr(file, "open_lines", recorded)
    assert file[1].frames == 1
    assert set(read) == set(range(20, 40))


def test_a_file_that_has_been_cut_since_is_refused_and_an_open_one_is_pickled(tmp_path, image, kspace):
    path = write_twix(tmp_path / "a.dat", slice_lines(kspace))
    file = pickle.loads(pickle.dumps(open_scan(path)))
    assert_shows(file[0], image)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match="has become shorter since it was opened"):
        file[0]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", ["vb", "vd"])
def test_written_files_are_those_that_twixtools_reads(tmp_path, kspace, version):
    twixtools = pytest.importorskip("twixtools", reason="needs the twixtools package as a reference")
    lines = [Line(kspace[:, :, :8].reshape(3, -1), flags=("NOISEADJSCAN",)), *slice_lines(kspace, counters={"rep": 2})]
    content = [*lines[:4], mark("SYNCDATA", version, 320), *lines[4:]]
    # twixtools tells VB by a protocol of more than 10,000 bytes.
    path = write_twix(tmp_path / "a.dat", content, version=version, parameters=" " * 12_000)
    found = twixtools.read_twix(
        str(path), parse_prot=False, parse_pmu=False, parse_geometry=False, keep_syncdata=False, verbose=False
    )[-1]["mdb"]
    file = open_scan(path)
    assert len(found) == len(file.table) == 21
    with file.open_lines() as reader:
        for index, block in enumerate(found):
            (_, samples), *_ = reader(np.array([index]))
            np.testing.assert_array_equal(samples[0], block.data)
            assert file.table[index]["idx"]["repetition"] == block.mdh.Counter.Rep
            assert file.table[index]["center_sample"] == block.mdh.CenterCol
            np.testing.assert_array_equal(block.mdh.SliceData.Quaternion, np.float32(lines[index].quaternion))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["gre", "epi", "singlechannel", "meas_MID00273_FID117236_gre_bodycoil"])
def test_real_lines_are_those_of_twixtools_to_the_bit(data, name):
    twixtools = pytest.importorskip("twixtools", reason="needs the twixtools package as a reference")
    path = data / "formats" / "siemens_twix" / f"{name}.dat"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        blocks = list(twixtools.read_twix(str(path), verbose=False)[-1]["mdb"])
    file = open_scan(path)
    assert len(blocks) == len(file.table)
    with file.open_lines() as lines:
        for index, block in enumerate(blocks):
            (_, samples), *_ = lines(np.array([index]))
            expected = block.data[:, ::-1] if block.is_flag_set("REFLECT") else block.data
            np.testing.assert_array_equal(samples[0], expected)
            row, counter = file.table[index]["idx"], block.mdh.Counter
            assert (row["kspace_encode_step_1"], row["slice"], row["repetition"], row["average"]) == (
                counter.Lin,
                counter.Sli,
                counter.Rep,
                counter.Ave,
            )
            assert file.table[index]["position"].tolist() == [
                block.mdh.SliceData.SlicePos.Sag,
                block.mdh.SliceData.SlicePos.Cor,
                block.mdh.SliceData.SlicePos.Tra,
            ]
    geometry = twixtools.geometry.quat_to_rotmat(*blocks[0].mdh.SliceData.Quaternion)
    read = np.stack([file.table[0][direction] for direction in ("phase_dir", "read_dir", "slice_dir")], axis=1)
    np.testing.assert_allclose(read, geometry, atol=1e-4)


def test_a_real_echo_planar_scan_has_no_ghost_and_shows_what_the_gradient_echo_shows(data):
    """The same phantom in the same place: regridded, ghost corrected, against the gradient echo."""
    folder = data / "formats" / "siemens_twix"

    def energy(file):
        return ifft(torch.from_numpy(file.read([0]).kspace))[0].abs().square().sum(dim=0)

    def ghost(image):
        # Left and right of the phantom's upper end lies nothing but the ghost.
        return float(image[:8, :12].mean() / image[20:60, 20:60].mean())

    corrected = open_scan(folder / "epi.dat")
    plain = open_scan(folder / "epi.dat")
    plain.roles = replace(plain.roles, phase_correction=plain.roles.phase_correction[:0])
    assert ghost(energy(corrected)) < 0.5 * ghost(energy(plain))
    assert corrected.read([0]).source.notes == ()
    assert plain.read([0]).source.notes == (
        "No navigators of both directions were acquired: EPI's ghost was not corrected.",
    )
    gre = torch.nn.functional.avg_pool2d(energy(open_scan(folder / "gre.dat")).sqrt()[None], 2)[0]
    images = torch.stack([gre.ravel(), energy(corrected).sqrt().ravel()])
    assert float(torch.corrcoef(images)[0, 1]) > 0.85
