"""DICOM images that fourfold writes, judged by dcm2niix, nibabel and dciodvfy."""

import dataclasses
import json

import nibabel
import numpy as np
import pytest
import torch
from tests.helpers.oriented_images import (
    NX,
    NY,
    SLICES,
    TILT,
    VOXEL,
    all_axes,
    check_volume,
    dciodvfy,
    dcm2niix,
    oriented_image,
    positions,
)

from fourfold.errors import InputError
from fourfold.formats import save
from fourfold.formats.dicom.series import LARGEST, series_of
from fourfold.scan import FrameLabels, Geometry, Identity, Placement, Protocol

pydicom = pytest.importorskip("pydicom", reason="needs pydicom")

AXIAL = np.eye(3)


@pytest.mark.parametrize("kind", ["classic", "enhanced"])
@pytest.mark.parametrize("tilt", [None, TILT], ids=["aligned", "oblique"])
def test_every_orientation_is_read_as_it_is(tmp_path, kind, tilt):
    """All 48 orientations in 3D and 4D: each voxel has its number at its place."""
    images = {
        f"{number}x{volumes}": (oriented_image(axes, volumes, number, f"{number}x{volumes}"), axes)
        for number, axes in enumerate(all_axes(tilt))
        for volumes in (1, 2)
    }
    (tmp_path / "dicom").mkdir()
    for name, (image, axes) in images.items():
        save(image, tmp_path / "dicom" / name, dicom=kind)
        if kind == "classic":
            save(image, tmp_path / f"{name}.nii")
            check_volume(nibabel.load(tmp_path / f"{name}.nii"), image, axes)
    converted = dcm2niix(tmp_path / "dicom", tmp_path / "out")
    assert sorted(converted) == sorted(images)
    for name, (image, axes) in images.items():
        assert converted[name].shape[3:] == ((2,) if name.endswith("x2") else ())
        check_volume(converted[name], image, axes)


def phantom(axes):
    """Return an image with one bright voxel, which lies to the left of the patient's middle, in front and below."""
    image = oriented_image(axes, name="phantom")
    places = positions(axes)
    target = places.reshape(-1, 3)[np.argmax(places.reshape(-1, 3) @ (1.0, -0.1, -0.01))]
    values = np.where(np.linalg.norm(places - target, axis=-1) < 0.1, 1, 0).astype(np.complex64)
    return dataclasses.replace(image, image=torch.from_numpy(values)), target


@pytest.mark.parametrize("axes", [all_axes(TILT)[index] for index in (0, 7, 30)])
def test_the_left_of_the_patient_stays_left(tmp_path, axes):
    image, (left, back, head) = phantom(axes)
    save(image, tmp_path / "dicom")
    save(image, tmp_path / "a.nii")
    files = [nibabel.load(tmp_path / "a.nii"), *dcm2niix(tmp_path / "dicom", tmp_path / "out").values()]
    for file in files:
        index = np.unravel_index(np.asanyarray(file.dataobj).argmax(), file.shape)
        np.testing.assert_allclose((file.affine @ (*index, 1))[:3], (-left, -back, head), atol=1e-4)


def ensemble(**changes):
    """Return an image with phase and standard deviation, of two echoes."""
    image = oriented_image(all_axes(TILT)[3], volumes=2)
    phase = torch.exp(1j * torch.linspace(-3, 3, image.image.numel()).reshape(image.image.shape))
    numbers = {"slice": image.labels.numbers["slice"], "contrast": image.labels.numbers["repetition"]}
    protocol = Protocol(
        vendor="Ünïversal",
        model="M",
        field_strength=3.0,
        frequency=123.2,
        protocol="t1",
        sequence="gre",
        body_part="knee",
        patient_position="FFS",
        acquisition="2D",
        repetition_times=(500.0,),
        echo_times=(5.0, 10.0),
        inversion_times=(300.0,),
        flip_angles=(30.0,),
    )
    whole = dataclasses.replace(
        image,
        image=image.image * phase,
        std=image.magnitude / 100,
        labels=FrameLabels(numbers),
        protocol=protocol,
        record=dataclasses.replace(
            image.record, source={"path": "/data/Doe_Jane.h5"}, notes=("'/data/Doe_Jane.h5' x",)
        ),
        identity=Identity("Doe^Jäne", "77", "19700301", "F", 61.5, "1.2.3", "1.2.4", "5", "A1", "brain"),
    )
    return dataclasses.replace(whole, **changes)


BLANK = {"identity": Identity(), "protocol": Protocol()}
HEAD = {"protocol": Protocol(body_part="HEAD")}


@pytest.mark.parametrize("changes", [{}, BLANK, HEAD], ids=["known", "blank", "head"])
@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_dciodvfy_finds_no_error(tmp_path, kind, changes):
    save(ensemble(**changes), tmp_path / "dicom", dicom=kind)
    for name in ("magnitude", "phase", "std"):
        assert dciodvfy(sorted((tmp_path / "dicom" / name).iterdir())[-1]) == []


@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_series_share_study_and_place_and_say_how_they_were_made(tmp_path, kind):
    image = ensemble()
    assert save(image, tmp_path / "dicom", dicom=kind) == [tmp_path / "dicom"]
    files = {
        name: [pydicom.dcmread(path) for path in sorted((tmp_path / "dicom" / name).iterdir())]
        for name in ("magnitude", "phase", "std")
    }
    every = [file for series in files.values() for file in series]
    assert len(every) == 3 * (2 * SLICES if kind == "classic" else 1)
    assert {file.StudyInstanceUID for file in every} == {"1.2.3"}
    assert {file.FrameOfReferenceUID for file in every} == {"1.2.4"}
    assert len({file.SeriesInstanceUID for file in every}) == 3
    assert len({file.SOPInstanceUID for file in every}) == len(every)
    assert {(str(file.PatientName), file.PatientID, file.PatientSex) for file in every} == {("Doe^Jäne", "77", "F")}
    assert {file.PatientPosition for file in every} == {"FFS"}
    for file in every:
        block = file.private_block(0x0021, "FOURFOLD")
        made = json.loads(block[0x02].value)
        assert "research" in block[0x01].value
        assert "research" in file.ImageComments
        assert (made["method"], made["settings"]) == ("zero-filled", {"weight": 0.1})
        assert made["notes"] == ["'the raw file' x"]
        assert "Doe_Jane" not in str(file)


def test_one_scale_and_one_window_hold_for_a_whole_series(tmp_path):
    image = ensemble()
    save(image, tmp_path / "dicom")
    for name, values in (("magnitude", image.magnitude), ("std", image.std), ("phase", image.image.angle())):
        files = [pydicom.dcmread(path) for path in sorted((tmp_path / "dicom" / name).iterdir())]
        assert len({(str(file.WindowCenter), str(file.WindowWidth)) for file in files}) == 1
        assert not any("RescaleSlope" in file for file in files)
        stored = np.stack([file.pixel_array for file in files]).astype(float)
        scales = {
            (each.RealWorldValueSlope, each.RealWorldValueIntercept)
            for file in files
            for each in file.RealWorldValueMappingSequence
        }
        ((slope, intercept),) = scales
        assert np.abs(slope * stored + intercept - values.numpy()).max() <= 0.51 * slope
        if name != "phase":
            assert stored.max() == LARGEST


def test_rescaled_values_of_enhanced_images_are_those_of_the_image(tmp_path):
    image = ensemble()
    save(image, tmp_path / "a.dcm", dicom="enhanced", series=["phase"])
    file = pydicom.dcmread(tmp_path / "a.dcm")
    transformation = file.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence[0]
    slope, intercept = float(transformation.RescaleSlope), float(transformation.RescaleIntercept)
    np.testing.assert_allclose(slope * file.pixel_array + intercept, image.image.angle().numpy(), atol=1e-4)


def test_echoes_volumes_and_slices_are_told(tmp_path):
    save(ensemble(), tmp_path / "dicom", series=["magnitude"])
    files = [pydicom.dcmread(path) for path in sorted((tmp_path / "dicom" / "magnitude").iterdir())]
    assert [file.InstanceNumber for file in files] == list(range(1, 2 * SLICES + 1))
    assert [file.EchoNumbers for file in files] == [1] * SLICES + [2] * SLICES
    assert [float(file.EchoTime) for file in files] == [5.0] * SLICES + [10.0] * SLICES
    assert [file.TemporalPositionIdentifier for file in files] == [1] * SLICES + [2] * SLICES
    first = files[0]
    assert (list(map(float, first.PixelSpacing)), float(first.SliceThickness)) == ([VOXEL[1], VOXEL[2]], 3.5)
    assert float(first.SpacingBetweenSlices) == pytest.approx(VOXEL[0])
    assert (first.InPlanePhaseEncodingDirection, first.MRAcquisitionType) == ("COL", "2D")
    assert (float(first.RepetitionTime), float(first.FlipAngle), float(first.MagneticFieldStrength)) == (500, 30, 3)


def test_what_is_not_known_is_blank_and_uids_are_new(tmp_path):
    for name in "ab":
        save(ensemble(**BLANK), tmp_path / name, series=["magnitude"])
    first, second = (pydicom.dcmread(tmp_path / name / "magnitude" / "00001.dcm") for name in "ab")
    assert first.StudyInstanceUID != second.StudyInstanceUID
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyID", "EchoTime"):
        assert first[keyword].value in ("", None)
    assert "MagneticFieldStrength" not in first
    assert "ContributingEquipmentSequence" not in first


def test_a_magnitude_alone_has_no_phase_series(tmp_path):
    save(oriented_image(AXIAL), tmp_path / "dicom")
    assert [path.name for path in (tmp_path / "dicom").iterdir()] == ["magnitude"]


def test_a_black_image_is_written(tmp_path):
    image = oriented_image(AXIAL)
    save(dataclasses.replace(image, image=torch.zeros_like(image.image)), tmp_path / "dicom")
    assert not pydicom.dcmread(tmp_path / "dicom" / "magnitude" / "00001.dcm").pixel_array.any()


def test_several_stacks_are_one_series(tmp_path):
    first, second = oriented_image(AXIAL), oriented_image(all_axes()[20])
    both = dataclasses.replace(
        first,
        image=torch.cat([first.image, second.image]),
        geometry=Geometry.join([first.geometry, second.geometry]),
        labels=FrameLabels(),
    )
    save(both, tmp_path / "a.dcm", dicom="enhanced")
    frames = pydicom.dcmread(tmp_path / "a.dcm").PerFrameFunctionalGroupsSequence
    contents = [frame.FrameContentSequence[0] for frame in frames]
    assert [(each.StackID, each.InStackPositionNumber) for each in contents] == [
        (stack, number) for stack in "12" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.dcm", {}, "3 frames are as many files of classic DICOM: name a folder"),
        ("a.dcm", {"dicom": "enhanced", "series": ["magnitude", "std"]}, "can hold one series"),
        ("a", {"dicom": "modern"}, "choose classic or enhanced"),
        ("a", {"series": ["fase"]}, "Did you mean 'phase'"),
        ("a", {"series": []}, "are not known; give a list"),
        ("a", {"series": ["std"]}, "has no standard deviation"),
        ("a.png", {"series": ["std"]}, "PNG, the format of .*, has no option 'series'; it has: none"),
        ("a.nii", {"dicom": "classic"}, "NIfTI, the format of .*, has no option 'dicom'; it has: series"),
        ("a.nii", {"series": ["std"]}, "has no standard deviation"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, options, words):
    with pytest.raises(InputError, match=words):
        save(oriented_image(AXIAL), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


PLACED = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


@pytest.mark.parametrize(
    ("geometry", "missing"),
    [
        (Geometry(), "voxel size and orientation and position"),
        (Geometry(VOXEL), "orientation and position"),
        (Geometry(VOXEL, None, (PLACED,) * SLICES), "position"),
        (Geometry((4.0, None, 1.0), None, oriented_image(AXIAL).geometry.placements), "voxel size"),
    ],
)
def test_an_unknown_place_is_not_made_up(tmp_path, geometry, missing):
    with pytest.raises(
        InputError, match=f"is to be in DICOM, which needs the {missing} of the frames, which are not known"
    ):
        save(dataclasses.replace(oriented_image(AXIAL), geometry=geometry), tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_without_pydicom_the_message_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(InputError, match=r"pydicom is missing: pip install 'fourfold\[dicom\]', or take NIfTI"):
        save(oriented_image(AXIAL), tmp_path / "a")


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    image = oriented_image(AXIAL)
    folder = tmp_path / "dicom"
    folder.mkdir()  # an empty folder is free
    save(image, folder, replace=False)
    before = sorted(path.name for path in (folder / "magnitude").iterdir())
    with pytest.raises(InputError, match="holds files already"):
        save(image, folder, replace=False)
    fewer = dataclasses.replace(
        image, image=image.image[:2], geometry=image.geometry.part(0, 2), labels=image.labels.select([0, 1])
    )
    with monkeypatch.context() as patch:
        patch.setattr(pydicom.Dataset, "save_as", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "no space left")))
        with pytest.raises(InputError, match=r"could not be written \(no space left\)"):
            save(fewer, folder)
    assert sorted(path.name for path in (folder / "magnitude").iterdir()) == before
    save(fewer, folder)
    assert [path.name for path in sorted((folder / "magnitude").iterdir())] == ["00001.dcm", "00002.dcm"]
    (folder / "magnitude" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files than \.dcm"):
        save(fewer, folder)
    assert [path.name for path in tmp_path.iterdir()] == ["dicom"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="is a file: name a folder"):
        save(fewer, tmp_path / "file")


def test_stored_numbers_are_the_nearest_ones():
    series = series_of(ensemble(), "std")
    error = series.slope * series.stored(0).astype(float) - series.frame(0)
    assert np.abs(error).max() <= 0.51 * series.slope
    assert series.stored(0).shape == (NY, NX)
