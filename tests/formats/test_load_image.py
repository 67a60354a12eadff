"""Images in: NIfTI and DICOM with their place, for simulation and as references."""

import dataclasses
import json

import nibabel
import numpy as np
import pytest
import torch
from tests.helpers.oriented_images import NX, NY, SLICES, TILT, all_axes, dcm2niix, oriented_image

import fourfold as ff
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load_image, open_scan, save
from fourfold.scan import Geometry, Placement, on_grid_of

pydicom = pytest.importorskip("pydicom", reason="needs pydicom")

SHAPE = (NY, NX)
AXES = [all_axes()[0], all_axes()[13], all_axes(TILT)[40]]


@pytest.mark.parametrize("axes", AXES, ids=["axial", "turned", "oblique"])
@pytest.mark.parametrize("volumes", [1, 2])
@pytest.mark.parametrize("name", ["a.nii.gz", "a", "a.dcm"])
def test_images_come_back_with_their_place(tmp_path, axes, volumes, name):
    image = oriented_image(axes, volumes)
    save(image, tmp_path / name, **({"dicom": "enhanced"} if name == "a.dcm" else {}))
    read = load_image(tmp_path / name)
    assert read.record.method == "file"
    assert [read.labels.words(frame) for frame in (0, -1)] == [
        image.labels.words(frame) if volumes == 2 else f"slice {frame % SLICES}" for frame in (0, -1)
    ] or name == "a.nii.gz"
    one, other = (dataclasses.replace(each, **_first_volume(each)) for each in (read, image))
    turned = on_grid_of(one, other.geometry, (SLICES, NY, NX))
    np.testing.assert_allclose(turned.magnitude, other.magnitude, rtol=1e-5)
    if name != "a.nii.gz":
        assert read.geometry.slice_thickness == 3.5


def _first_volume(image):
    """Return what a volume has of an image whose frames are volume by volume."""
    return {
        "image": image.image[:SLICES],
        "geometry": image.geometry.part(0, SLICES),
        "labels": image.labels.select(range(SLICES)),
    }


def test_phase_protocol_and_identity_are_read(tmp_path):
    image = oriented_image(all_axes()[0], name="77")
    image = dataclasses.replace(image, image=image.image * torch.exp(torch.tensor(1j)))
    save(image, tmp_path / "a")
    with pytest.raises(InputError, match=r"holds 2 series .*magnitude.*phase.*: name a folder that holds the files"):
        load_image(tmp_path / "a")
    phase = load_image(tmp_path / "a" / "phase")
    np.testing.assert_allclose(phase.image.real[image.magnitude > 0], 1, atol=1e-3)
    assert phase.identity.patient_id == "77"
    assert (phase.protocol.repetition_times, phase.protocol.echo_times) == ((500.0,), (5.0,))
    assert (phase.protocol.vendor, phase.protocol.software) == ("ACME", None)


def test_a_nifti_file_of_dcm2niix_is_read_in_its_own_order(tmp_path):
    image = oriented_image(all_axes(TILT)[5], name="x")
    save(image, tmp_path / "dicom")
    dcm2niix(tmp_path / "dicom", tmp_path / "out")
    read = load_image(tmp_path / "out" / "x.nii")
    np.testing.assert_array_equal(on_grid_of(read, image.geometry, tuple(image.image.shape)).image, image.image)


def nifti(path, array, affine=None, code=1, unit="mm"):
    file = nibabel.Nifti1Image(array, affine)
    file.header.set_xyzt_units(unit)
    file.set_sform(affine, 0 if affine is None else code)
    file.set_qform(affine, 0)
    nibabel.save(file, path)
    return path


ARRAY = np.arange(24, dtype=np.float32).reshape(2, 3, 4) + 1


def test_what_a_nifti_file_leaves_open_stays_unknown(tmp_path):
    read = load_image(nifti(tmp_path / "a.nii", ARRAY))
    assert read.geometry == Geometry((1.0, 1.0, 1.0))
    np.testing.assert_array_equal(read.magnitude, ARRAY.transpose(2, 1, 0))
    assert load_image(nifti(tmp_path / "b.nii", ARRAY, unit="unknown")).geometry == Geometry()
    template = load_image(nifti(tmp_path / "c.nii", ARRAY, np.diag([2, 2, 2, 1]), code=4))
    assert template.geometry.placements[0].centre is None
    assert "space of a template" in template.record.notes[0]
    metres = load_image(nifti(tmp_path / "d.nii", ARRAY, np.diag([0.002, 0.002, 0.003, 1]), unit="meter"))
    assert metres.geometry.voxel_size == pytest.approx((3, 2, 2))


@pytest.mark.parametrize(
    ("array", "affine", "words"),
    [
        (np.zeros((2, 3, 4, 5, 6), np.float32), np.eye(4), r"shape \(2, 3, 4, 5, 6\); give an image of numbers"),
        (ARRAY, np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "has a shear"),
        (np.full_like(ARRAY, np.nan), np.eye(4), "contains NaN or Inf"),
    ],
)
def test_nifti_files_that_cannot_be_used_are_refused(tmp_path, array, affine, words):
    with pytest.raises(InputError, match=words):
        load_image(nifti(tmp_path / "a.nii", array, affine))


def changed(path, **attributes):
    file = pydicom.dcmread(path)
    for name, value in attributes.items():
        setattr(file, name, value)
    file.save_as(path)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "is a Siemens mosaic.*convert it with dcm2niix"),
        ({"PhotometricInterpretation": "RGB"}, "of kind 'RGB'; give greyscale"),
        ({"Rows": 4}, "cannot be decoded|several sizes"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not of length 1 and perpendicular"),
    ],
)
def test_dicom_files_that_cannot_be_used_are_refused(tmp_path, attributes, words):
    save(oriented_image(all_axes()[0]), tmp_path / "a")
    changed(tmp_path / "a" / "magnitude" / "00002.dcm", **attributes)
    with pytest.raises(InputError, match=words):
        load_image(tmp_path / "a")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match="neither a NIfTI nor a DICOM image"):
        load_image(tmp_path / "a.txt")
    with pytest.raises(InputError, match="holds no DICOM file"):
        load_image(tmp_path)
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM" + bytes(100))
    with pytest.raises(InputError, match=r"cannot be decoded|of kind 'no image'"):
        load_image(tmp_path / "a.dcm")
    (tmp_path / "a.nii").write_bytes(bytes(344) + b"n+1\0" + bytes(100))
    with pytest.raises(InputError, match="is damaged or not a NIfTI file"):
        load_image(tmp_path / "a.nii")


def test_images_are_no_raw_data_and_the_message_says_what_to_do(tmp_path):
    save(oriented_image(all_axes()[0]), tmp_path / "a.nii")
    with pytest.raises(InputError, match=r"fourfold\.simulate\(fourfold\.load_image\(path\)\)"):
        open_scan(tmp_path / "a.nii")


def test_a_simulated_scan_lies_where_its_image_does(tmp_path):
    save(oriented_image(all_axes(TILT)[9]), tmp_path / "a.nii")
    image = load_image(tmp_path / "a.nii")
    scan = ff.simulate(image, coils=4, snr=None)
    assert (scan.geometry, scan.labels) == (image.geometry, image.labels)
    made = ff.ZeroFilled()(scan)
    np.testing.assert_allclose(made.geometry.ras_affine(SHAPE), nibabel.load(tmp_path / "a.nii").affine, atol=1e-4)
    np.testing.assert_allclose(made.magnitude, image.magnitude, rtol=1e-3, atol=20)


def test_a_reference_is_turned_to_the_axes_of_the_scan():
    axes = all_axes(TILT)
    image = oriented_image(axes[2])
    scan = ff.simulate(image, coils=4, snr=None)
    # The same head, stored along other axes: reversed, exchanged, slices in another plane.
    turned = on_grid_of(image, _other_axes(image), (NX, SLICES, NY))
    assert tuple(turned.image.shape) == (NX, SLICES, NY)
    comparison = ff.compare(scan, ["zero-filled"], scan.sampling, ["psnr"], turned)
    np.testing.assert_array_equal(comparison.reference, image.magnitude)
    assert comparison.entries[0].scores["psnr"] > 40


def _other_axes(image):
    """Return a geometry of frames along x, rows along slices, reversed, and columns along y."""
    first, (spacing, dy, dx) = image.geometry.placements[0], image.geometry.voxel_size
    along = np.array([first.y_axis, np.negative(first.slice_axis), first.x_axis])
    corner = np.array(image.geometry.corner(0, SHAPE)) + (SLICES - 1) * spacing * np.array(first.slice_axis)
    centre = corner + NY // 2 * dy * along[0] + SLICES // 2 * spacing * along[1]
    return Geometry.stack((dx, spacing, dy), Placement(*map(tuple, along.tolist()), tuple(centre.tolist())), NX)


def test_references_that_do_not_fit_are_refused():
    image = oriented_image(all_axes()[0])
    shape = tuple(image.image.shape)
    moved = dataclasses.replace(image.geometry.placements[0], centre=(0.0, 0.0, 0.4))
    with pytest.raises(InputError, match="resample it to the scan's grid first"):
        on_grid_of(image, Geometry.stack((4.0, 1.5, 2.0), moved, SLICES), shape)
    with pytest.raises(InputError, match="ends before the scan does along its axis z"):
        on_grid_of(image, Geometry.stack((4.0, 1.5, 2.0), image.geometry.placements[1], SLICES), shape)
    with pytest.raises(InputError, match="it cannot be placed"):
        on_grid_of(image, Geometry(), (SLICES, NY, NX + 1))
    assert on_grid_of(image, Geometry(), shape) is image
    # A part of the slices is enough.
    one = on_grid_of(image, image.geometry.part(1, 2), (1, NY, NX))
    assert torch.equal(one.image, image.image[1:2])


def test_real_images_are_read(data):
    folder = data / "formats" / "nifti_dicom"
    head = load_image(folder / "flash_t1.nii.gz")
    assert tuple(head.image.shape) == (128, 116, 88)
    np.testing.assert_allclose(
        head.geometry.ras_affine((116, 88)), nibabel.load(folder / "flash_t1.nii.gz").affine, atol=1e-4
    )
    slices = load_image(folder)
    # Slices 8, 10 and 12, by their headers 14.03 and 13.93 mm apart.
    assert len(slices.geometry.placements) == 3
    assert slices.geometry.voxel_size == pytest.approx((13.98, 0.859375, 0.859375), rel=1e-3)


def test_compare_takes_a_reference_from_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    image = oriented_image(all_axes(TILT)[9])
    blank = dataclasses.replace(image, geometry=Geometry())
    ff.save_scan(ff.simulate(image, coils=4, snr=None), "placed.npz")
    ff.save_scan(ff.simulate(blank, coils=4, snr=None), "blank.npz")
    np.savez("mask.npz", mask=np.ones((NY, NX), bool))
    save(image, "image")
    save(blank, "blank.nii")
    for scan, reference in (("placed.npz", "image"), ("blank.npz", "blank.nii")):
        call = ["compare", scan, "zero-filled", "--frame", "1", "--reference-file", reference, "--mask", "mask.npz"]
        assert main([*call, "--no-check-content", "--metrics", "psnr", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["reference"] == "given image"
    assert main([*call, "--reference", "rss"]) == 2
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.nii", "a.dcm", "classic.dcm"])
def test_any_damage_is_read_as_it_stands_or_refused_in_one_sentence(tmp_path, name):
    path = tmp_path / name
    image = oriented_image(all_axes(TILT)[5])
    one = dataclasses.replace(
        image, image=image.image[:1], geometry=image.geometry.part(0, 1), labels=image.labels.select([0])
    )
    save(one, path, **({"dicom": "enhanced"} if name == "a.dcm" else {}))
    intact = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        content = bytearray(intact)
        for place in (rng.random(6) ** 2 * len(content)).astype(int):
            content[place] = rng.integers(256)
        path.write_bytes(content[: int(len(content) * min(1, rng.uniform(0.7, 1.6)))])
        outcome = image_or_sentence(path)
        assert "\n" not in outcome if isinstance(outcome, str) else outcome.image.dtype == torch.complex64
        refused += isinstance(outcome, str)
    assert refused > 10


def image_or_sentence(path):
    try:
        return load_image(path)
    except InputError as error:
        return str(error)
