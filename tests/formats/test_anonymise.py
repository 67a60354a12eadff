"""Copies without identity: nothing that names the patient is left in any byte, and the samples are the same."""

import dataclasses
import gzip
import json

import h5py
import nibabel
import numpy as np
import pytest
import torch
from tests.formats.test_mrd_facts import write_with_subject
from tests.helpers.oriented_images import TILT, all_axes, dciodvfy, oriented_image

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load, load_image, save, save_scan
from fourfold.formats.anonymise import anonymise
from fourfold.scan import Identity, Protocol, Scan

pydicom = pytest.importorskip("pydicom", reason="needs pydicom")

WHO = Identity(
    "Doe^Jane",
    "PAT77",
    "19700301",
    "F",
    61.5,
    "1.2.3.77",
    "1.2.4.77",
    "ST5",
    "ACC1",
    "a study of Jane",
    "House",
    "20240229",
    "123456",
    "Janes knee",
)


def all_bytes(path):
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    contents = [each.read_bytes() for each in files]
    return b"\n".join(gzip.decompress(each) if each[:2] == b"\x1f\x8b" else each for each in contents)


def test_mrd(tmp_path):
    path = write_with_subject(tmp_path / "a.h5", "ST5")
    with h5py.File(path, "a") as file:
        file["dataset/image_0"] = b"Doe^Jane"
        file["notes"] = b"Doe^Jane"
    removed = anonymise(path, tmp_path / "b.h5")
    assert "subjectInformation/patientName" in removed
    assert "studyInformation/studyID" in removed
    assert {"'notes' of the file", "'dataset/image_0' of the file"} <= set(removed)
    assert not any("Jane" in name for name in removed)
    for word in (b"Doe", b"1970", b"ST5", b"61.5", b"12:30"):
        assert word in all_bytes(path)
        assert word not in all_bytes(tmp_path / "b.h5")
    before, after = load(path), load(tmp_path / "b.h5")
    assert torch.equal(after.kspace, before.kspace)
    assert (after.identity, after.protocol, after.geometry) == (Identity(), before.protocol, before.geometry)


@pytest.mark.parametrize("kind", ["classic", "enhanced"])
def test_dicom(tmp_path, kind):
    image = dataclasses.replace(
        oriented_image(all_axes(TILT)[4], volumes=2),
        identity=WHO,
        protocol=Protocol(vendor="ACME", institution="St Jane", station="JANE1", protocol="Jane", field_strength=3.0),
    )
    save(image, tmp_path / "Doe_Jane", dicom=kind)
    removed = anonymise(tmp_path / "Doe_Jane", tmp_path / "b")
    names = {"PatientName", "StudyInstanceUID", "InstitutionName", "private (0021)", "names of files"}
    assert names <= set(removed)
    content = all_bytes(tmp_path / "b")
    original = all_bytes(tmp_path / "Doe_Jane")
    for word in (b"Jane", b"PAT77", b"19700301", b"1.2.3.77", b"1.2.4.77", b"ST5", b"ACC1", b"House", b"20240229"):
        assert word in original
        assert word not in content
    assert b"JANE" not in content
    before, after = load_image(tmp_path / "Doe_Jane"), load_image(tmp_path / "b")
    assert torch.equal(after.image, before.image)
    assert after.geometry == before.geometry
    assert after.identity.patient_id is None
    files = [pydicom.dcmread(path) for path in (tmp_path / "b" / "images").iterdir()]
    assert len({file.StudyInstanceUID for file in files}) == 1
    assert len({file.SOPInstanceUID for file in files}) == len(files)
    assert {file.PatientIdentityRemoved for file in files} == {"YES"}
    assert dciodvfy(sorted((tmp_path / "b" / "images").iterdir())[0]) == []


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_and_its_sidecar(tmp_path, suffix):
    image = oriented_image(all_axes(TILT)[4])
    path = tmp_path / f"a{suffix}"
    save(image, path)
    facts = {**json.loads((tmp_path / "a.json").read_text()), "PatientName": "Jane", "more": [{"PatientID": "Jane"}]}
    (tmp_path / "a.json").write_text(json.dumps(facts))
    file = nibabel.load(path)
    values, affine = np.array(file.dataobj), file.affine
    file.header["descrip"] = b"Jane"
    file.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"Jane"))
    nibabel.save(nibabel.Nifti1Image(values, affine, file.header), path)
    removed = anonymise(path, tmp_path / f"b{suffix}")
    assert removed == ["header/descrip", "header extensions", "sidecar/PatientName", "sidecar/PatientID"]
    for name in (f"b{suffix}", "b.json"):
        assert b"Jane" not in all_bytes(tmp_path / name)
    copy = nibabel.load(tmp_path / f"b{suffix}")
    np.testing.assert_array_equal(np.asanyarray(copy.dataobj), values)
    np.testing.assert_array_equal(copy.affine, affine)
    assert json.loads((tmp_path / "b.json").read_text())["SliceThickness"] == 3.5
    assert anonymise(tmp_path / f"b{suffix}", tmp_path / "c.nii") == []


def test_what_cannot_be_anonymised_is_refused(tmp_path):
    kspace = torch.randn(1, 2, 8, 8, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    save_scan(Scan(kspace), tmp_path / "a.npz")
    with pytest.raises(InputError, match="of the format NumPy, whose identity fourfold cannot remove"):
        anonymise(tmp_path / "a.npz", tmp_path / "b.npz")
    (tmp_path / "a.txt").write_text("Jane")
    with pytest.raises(InputError, match="a file of unknown format"):
        anonymise(tmp_path / "a.txt", tmp_path / "b.txt")
    save(oriented_image(all_axes()[0]), tmp_path / "a.nii")
    with pytest.raises(InputError, match="is the input itself"):
        anonymise(tmp_path / "a.nii", tmp_path / "a.nii", replace=True)
    with pytest.raises(InputError, match=r"which says no format; end it in one of \.nii, \.nii\.gz"):
        anonymise(tmp_path / "a.nii", tmp_path / "b.dcm")
    (tmp_path / "b.nii").write_text("mine")
    with pytest.raises(InputError, match="is kept"):
        anonymise(tmp_path / "a.nii", tmp_path / "b.nii")
    assert (tmp_path / "b.nii").read_text() == "mine"
    save(oriented_image(all_axes()[0]), tmp_path / "a.dcm", dicom="enhanced")
    file = pydicom.dcmread(tmp_path / "a.dcm")
    file.BurnedInAnnotation = "YES"
    file.save_as(tmp_path / "a.dcm")
    with pytest.raises(InputError, match="has text burned into its pixels"):
        anonymise(tmp_path / "a.dcm", tmp_path / "b.dcm")
    assert not (tmp_path / "b.dcm").exists()


def test_the_command_says_what_was_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_with_subject(tmp_path / "a.h5", "ST5")
    assert main(["anonymise", "a.h5", "-o", "b.h5"]) == 0
    out, err = capsys.readouterr()
    assert "b.h5: removed or replaced subjectInformation/patientName" in out
    assert "can show the face" in err
    assert main(["anonymise", "a.h5", "-o", "b.h5"]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["anonymise", "a.h5", "-o", "b.h5", "--force", "--json"]) == 0
    assert "studyInformation/studyID" in json.loads(capsys.readouterr().out)["removed"]
