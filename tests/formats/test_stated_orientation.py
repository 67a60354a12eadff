"""Files that do not say how their frames lie: they stay as they are, unless the user states the orientation."""

import nibabel
import numpy as np
import pytest
import torch
from tests.helpers.fastmri import SIZE, SLICES, full_kspace, write_fastmri

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load, open_scan, save, save_scan
from fourfold.formats.orientation import axis_codes, placement_of_codes
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.scan import FrameLabels, Geometry, Placement, Scan

pydicom = pytest.importorskip("pydicom", reason="needs pydicom")


def test_fastmri_images_stay_as_the_file_has_them_and_their_place_unknown(tmp_path):
    """Neither turned nor flipped: the image is the file's own reconstruction, and no output invents an orientation."""
    path = write_fastmri(tmp_path / "knee.h5", full_kspace())
    image = ZeroFilled()(load(path))
    for index in range(SLICES):
        np.testing.assert_allclose(image.magnitude[index], open_scan(path).reference(index), rtol=1e-4)
    assert image.geometry.placements == ()
    assert image.geometry.phase_axis == "x"
    save(image, tmp_path / "a.nii")
    file = nibabel.load(tmp_path / "a.nii")
    assert (int(file.header["sform_code"]), int(file.header["qform_code"])) == (0, 0)
    np.testing.assert_array_equal(np.asanyarray(file.dataobj), image.magnitude.numpy().T)
    with pytest.raises(InputError, match="needs the orientation and position of the frames, which are not known"):
        save(image, tmp_path / "dicom")


def test_a_stated_orientation_places_the_middle_of_the_volume_at_0(tmp_path):
    path = write_fastmri(tmp_path / "knee.h5", full_kspace())
    scan = load(path, orientation="lsp")
    first, _, last = scan.geometry.placements
    assert axis_codes(first) == "LSP"
    assert first.right_handed is False
    # Slices count to the back and are 4.5 mm apart.
    assert (first.centre, last.centre) == ((0.0, -4.5, 0.0), (0.0, 4.5, 0.0))
    assert open_scan(path, orientation="LSP")[2].geometry.placements == (last,)
    assert "The orientation LSP was stated by the user" in scan.source.notes[-1]
    image = ZeroFilled()(scan)
    affine = image.geometry.ras_affine((SIZE, SIZE))
    dy, dx = image.geometry.pixel_size
    np.testing.assert_allclose(affine[:3, :3], [[-dx, 0, 0], [0, 0, -4.5], [0, dy, 0]])


@pytest.mark.parametrize("codes", ["LP", "LLS", "LPX", "", "LPSS", "LRS"])
def test_codes_that_are_no_orientation_are_refused(codes):
    with pytest.raises(InputError, match="one letter of each of L or R, A or P, S or I"):
        placement_of_codes(codes)


PLACED = Placement((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("geometry", "labels", "words"),
    [
        (
            Geometry((5.0, 1.0, 1.0), None, (PLACED, PLACED.moved(5))),
            {"slice": [0, 1]},
            "says itself how its frames lie",
        ),
        (Geometry((None, 1.0, 1.0)), {"slice": [0, 1]}, "do not follow from its slice spacing"),
        (Geometry((5.0, 1.0, 1.0)), {}, "say what the frames are"),
        (Geometry((5.0, 1.0, 1.0)), {"readout": [0, 1]}, "say what the frames are"),
    ],
)
def test_an_orientation_that_does_not_fit_the_file_is_refused(tmp_path, geometry, labels, words):
    kspace = torch.randn(2, 2, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    save_scan(Scan(kspace, geometry=geometry, labels=FrameLabels(labels)), tmp_path / "a.npz")
    with pytest.raises(InputError, match=words):
        open_scan(tmp_path / "a.npz", orientation="LPS")


def test_times_of_one_slice_lie_at_one_place(tmp_path):
    kspace = torch.randn(2, 2, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    scan = Scan(kspace, geometry=Geometry((5.0, 1.0, 1.0)), labels=FrameLabels({"time": [0, 1]}))
    save_scan(scan, tmp_path / "a.npz")
    assert load(tmp_path / "a.npz", orientation="LPS").geometry.placements == (PLACED, PLACED)


@pytest.fixture
def knee(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write_fastmri(tmp_path / "knee.h5", full_kspace()).relative_to(tmp_path))


def test_recon_writes_dicom_and_nifti_that_agree(knee, tmp_path, capsys):
    call = ["recon", knee, "--method", "zero-filled", "--orientation", "LSP"]
    names = ["--patient-name", "Doe^Jane", "--study-uid", "1.2.3", "--series-description", "knee"]
    assert main([*call, "-o", "knee", *names, "--series", "magnitude"]) == 0
    assert main([*call, "-o", "knee.nii"]) == 0
    assert "knee: 3 frame(s)" in capsys.readouterr().out
    volume = nibabel.load("knee.nii")
    for index, path in enumerate(sorted((tmp_path / "knee" / "magnitude").iterdir())):
        file = pydicom.dcmread(path)
        assert (file.PatientName, file.StudyInstanceUID) == ("Doe^Jane", "1.2.3")
        assert file.SeriesDescription == "knee zero-filled magnitude"
        corner = np.array(file.ImagePositionPatient, float)
        np.testing.assert_allclose((volume.affine @ (0, 0, index, 1))[:3], corner * (-1, -1, 1), atol=1e-4)
        values = file.RealWorldValueMappingSequence[0].RealWorldValueSlope * file.pixel_array
        shown = volume.get_fdata()[..., index].T
        np.testing.assert_allclose(values, shown, atol=1e-4 * shown.max())
    assert main([*call, "-o", "knee"]) == 2
    assert "exists: choose another name, or add --force" in capsys.readouterr().err
    assert main([*call, "-o", "knee", "--force", "--dicom", "enhanced"]) == 0
    assert [path.name for path in (tmp_path / "knee" / "magnitude").iterdir()] == ["magnitude.dcm"]


def test_the_place_is_asked_for_before_the_work(knee, capsys):
    assert main(["recon", knee, "-o", "knee"]) == 2
    err = capsys.readouterr().err
    assert "'knee' is to be in DICOM, which needs the orientation and position" in err
    assert "--orientation" in err


def test_a_blank_identity_leaves_that_of_the_file_out(knee, monkeypatch, tmp_path):
    from fourfold.formats.fastmri import FastMRIFile
    from fourfold.scan import Identity

    monkeypatch.setattr(FastMRIFile, "__init__", _with_identity(FastMRIFile.__init__, Identity("Doe^Jane", "7")))
    call = ["recon", knee, "--method", "zero-filled", "--orientation", "LSP", "--frames", "0", "--dicom", "classic"]
    for name, options, expected in (
        ("a.dcm", [], ("Doe^Jane", "7")),
        ("b.dcm", ["--identity", "blank"], ("", "")),
        ("c.dcm", ["--identity", "blank", "--patient-id", "x"], ("", "x")),
        ("d.dcm", ["--patient-id", "x"], ("Doe^Jane", "x")),
    ):
        assert main([*call, "-o", name, *options]) == 0
        file = pydicom.dcmread(tmp_path / name)
        assert (file.PatientName, file.PatientID) == expected


def _with_identity(make, identity):
    def made(self, *arguments, **options):
        make(self, *arguments, **options)
        self.identity = identity

    return made
