"""Any raw file as MRD: what comes back is what was there, and the ismrmrd package reads it."""

import json

import numpy as np
import pytest
import torch
from tests.helpers.mrd import ismrmrd, make_image, numpy_fft
from tests.helpers.philips import lines as philips_lines
from tests.helpers.philips import write_philips
from tests.helpers.twix import Line, slice_lines, write_twix

import fourfold as ff
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import open_scan, save_scan
from fourfold.formats.mrd.convert import write_mrd
from fourfold.scan import FrameLabels, Geometry, Placement, Sampling, Trajectory

KSPACE = numpy_fft(make_image((3, 20, 32))).conj()


def converted(path, **options):
    """Return the file of a path, and the one it becomes as MRD; the ismrmrd package must read that."""
    target = path.with_name("converted.mrd.h5")
    before = open_scan(path, check_content=False, **options)
    write_mrd(before, target)
    with ismrmrd.Dataset(str(target), "dataset", create_if_needed=False) as dataset:
        header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
        count = dataset.number_of_acquisitions()
        lines = {index: dataset.read_acquisition(index) for index in (0, 1, count - 1)}
    assert len(header.encoding) == 1
    assert all(line.data.shape == (line.active_channels, line.number_of_samples) for line in lines.values())
    return before, open_scan(target, check_content=False), header, lines


def assert_same(one, other):
    assert torch.equal(one.kspace, other.kspace)
    assert torch.equal(one.mask, other.mask)
    assert one.labels == other.labels
    for name in ("noise", "calibration_kspace"):
        first, second = getattr(one, name), getattr(other, name)
        assert (first is None) == (second is None)
        assert first is None or torch.equal(first, second)


def test_twix_becomes_mrd_with_all_its_lines(tmp_path):
    noise = Line(make_image((3, 64), seed=1), flags=("NOISEADJSCAN",))
    calibration = slice_lines(KSPACE, range(6, 14), flags=("PATREFSCAN",))
    navigator = Line(KSPACE[:, 10], flags=("PHASCOR",), counters={"lin": 10})
    image = slice_lines(KSPACE, range(0, 20, 2), position=(1.0, 2.0, 3.0))
    changes = {"sPat.ucRefScanMode": "4", "sPat.lAccelFactPE": "2"}
    path = write_twix(tmp_path / "a.dat", [noise, navigator, *calibration, *image], changes=changes)
    before, after, header, lines = converted(path)
    assert_same(before.load(), after.load())
    assert before[0].geometry == after[0].geometry
    assert after.details["lines"] == before.details["lines"]
    assert after.details["noise_dwell_time_ratio"] == before.details["noise_dwell_time_ratio"]
    assert max(lines) == 19
    np.testing.assert_array_equal(lines[1].data, KSPACE[:, 10])
    assert header.acquisitionSystemInformation.systemVendor == "SIEMENS"
    assert header.sequenceParameters.TE == [4.5]
    assert header.encoding[0].parallelImaging.accelerationFactor.kspace_encoding_step_1 == 2
    assert header.encoding[0].parallelImaging.calibrationMode.value == "separate"
    assert after.protocol.echo_times == before.protocol.echo_times
    assert header.subjectInformation is None


@pytest.mark.parametrize("name", ["gre", "epi", "singlechannel", "meas_MID00273_FID117236_gre_bodycoil"])
def test_real_twix_files_give_the_same_images_as_mrd(data, tmp_path, name):
    path = tmp_path / f"{name}.dat"
    path.symlink_to(data / "formats" / "siemens_twix" / path.name)
    before, after, header, _ = converted(path)
    assert_same(before.load(), after.load())
    assert before.load().geometry == after.load().geometry
    assert header.acquisitionSystemInformation.systemFieldStrength_T == pytest.approx(before.protocol.field_strength)


def test_philips_keeps_what_is_shown_without_a_field_of_view(tmp_path):
    path = write_philips(tmp_path / "a.list", philips_lines(KSPACE, range(-10, 10)))
    before, after, *_ = converted(path)
    assert after.matrix == (20, 16)
    assert_same(before.load(), after.load())


def scan_of_frames(**changes):
    """Return a scan of two slices and two echoes with everything that MRD can hold."""
    generator = torch.Generator().manual_seed(0)
    kspace = torch.randn(4, 2, 12, 16, dtype=torch.complex64, generator=generator)
    mask = torch.zeros(1, 12, 16, dtype=torch.bool)
    mask[:, ::2, 3:] = True
    mask[:, 6] = True
    places = [Placement((1, 0, 0), (0, 0.6, 0.8), (0, -0.8, 0.6), (1.0, 2.0, 3.0 + slice_)) for slice_ in (0, 4, 0, 4)]
    values = {
        "kspace": torch.where(mask[:, None], kspace, 0),
        "sampling": Sampling(mask),
        "calibration_kspace": torch.randn(4, 2, 4, 6, dtype=torch.complex64, generator=generator),
        "noise": torch.randn(2, 300, dtype=torch.complex64, generator=generator),
        "geometry": Geometry((4.0, 2.0, 1.5), (10, 16), tuple(places), slice_thickness=4.0, phase_axis="y"),
        "labels": FrameLabels({"slice": [0, 1, 0, 1], "contrast": [0, 0, 1, 1]}),
    }
    return ff.Scan(**(values | changes))


def test_frames_of_other_formats_become_lines(tmp_path):
    scan = scan_of_frames()
    save_scan(scan, tmp_path / "a.npz")
    _, after, *_ = converted(tmp_path / "a.npz")
    read = after.load()
    assert_same(scan, read)
    assert read.geometry.image_size == (10, 16)
    assert read.geometry.voxel_size[1:] == pytest.approx((2, 1.5))
    for one, other in zip(scan.geometry.placements, read.geometry.placements, strict=True):
        assert one.centre == pytest.approx(other.centre)
        assert one.y_axis == pytest.approx(other.y_axis)


def test_columns_that_are_lines_become_rows(tmp_path):
    """fastMRI's lines are columns: x and y are exchanged, and so are their directions."""
    scan = scan_of_frames()
    turned = scan.replace(
        kspace=scan.kspace.swapaxes(2, 3).contiguous(),
        sampling=Sampling(scan.mask.swapaxes(1, 2).contiguous()),
        calibration_kspace=scan.calibration_kspace.swapaxes(2, 3).contiguous(),
        geometry=Geometry((4.0, 1.5, 2.0), (16, 10), scan.geometry.placements),
        line_axis="kx",
    )
    save_scan(turned, tmp_path / "a.h5")
    _, after, *_ = converted(tmp_path / "a.h5")
    read = after.load()
    assert_same(scan, read)
    assert read.geometry.image_size == (10, 16)
    assert read.geometry.placements[0].y_axis == pytest.approx(turned.geometry.placements[0].x_axis)


def test_trajectories_become_points(tmp_path):
    generator = torch.Generator().manual_seed(0)
    points = 16 * (2 * torch.rand(1, 9, 40, 2, generator=generator) - 1)
    scan = ff.Scan(
        torch.randn(2, 3, 9, 40, dtype=torch.complex64, generator=generator),
        sampling=Sampling(torch.ones(1, 9, 40, dtype=torch.bool)),
        trajectory=Trajectory(points, (32, 32)),
        labels=FrameLabels({"time": [0, 1]}),
    )
    save_scan(scan, tmp_path / "a.npz")
    _, after, *_ = converted(tmp_path / "a.npz")
    read = after.load()
    assert torch.equal(read.kspace, scan.kspace)
    torch.testing.assert_close(read.trajectory.points, points)
    assert read.labels == FrameLabels({"slice": [0, 0], "repetition": [0, 1]})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": FrameLabels({"shift": [0, 1, 2, 3]})}, "MRD has no counter for the labels shift of the frames"),
        (
            {"labels": FrameLabels({"time": [0, 1, 0, 1], "repetition": [0, 0, 1, 1]})},
            "no counter for the labels time, repetition",
        ),
        (
            {"sampling": Sampling(torch.rand(1, 12, 16, generator=torch.Generator().manual_seed(0)) < 0.6)},
            "Frame 0 of .* is undersampled along both axes",
        ),
    ],
)
def test_what_mrd_cannot_hold_is_refused(tmp_path, changes, message):
    if "sampling" in changes:
        changes["sampling"].mask[:, 4:8, 6:10] = True
        changes = {**changes, "kspace": torch.where(changes["sampling"].mask[:, None], 1.0 + 0j, 0).repeat(4, 2, 1, 1)}
    save_scan(scan_of_frames(**changes), tmp_path / "a.npz")
    with pytest.raises(InputError, match=message):
        converted(tmp_path / "a.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_the_command_writes_lines_that_collide_and_keeps_files(tmp_path, capsys):
    path = write_twix(tmp_path / "a.dat", slice_lines(KSPACE) + slice_lines(2 * KSPACE))
    output = tmp_path / "scan.mrd.h5"
    assert main(["convert", str(path), "-o", str(output), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "output": str(output),
        "format": "Siemens twix",
        "lines": 40,
        "left_out": [],
    }
    assert len(open_scan(output, repeats="frames")) == 2
    assert main(["convert", str(path), "-o", str(output)]) == 2
    assert "exists: choose another name, or add --force" in capsys.readouterr().err
    assert main(["convert", str(path), "-o", str(tmp_path / "scan.nii")]) == 2
    assert "end it in one of .mrd.h5, .mrd" in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "missing"), "-o", str(output)]) == 2
    assert "There is no file" in capsys.readouterr().err
