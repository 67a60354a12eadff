"""Files as sources of examples: what is read of each kind, what is refused, and that reading leaves nothing behind."""

import gc
import sys
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch
from benchmarks.loading import growth
from PIL import Image
from skimage.color import rgb2lab

from fourfold.datasets import DataSettings, Examples, training_set
from fourfold.datasets.photographs import lightness
from fourfold.datasets.settings import Images, RawData
from fourfold.datasets.sources import open_source
from fourfold.errors import InputError
from fourfold.formats import save_scan
from fourfold.simulation.simulate import phantom, simulate

OPEN_FILES = Path("/proc/self/fd")


def opened(path, **settings):
    return open_source(Images(path=str(path), **settings))


def one_coil(path, **changes) -> DataSettings:
    source = {"kind": "images", "path": str(path), "crop": None}
    return DataSettings(training=[source], masks={"lines": 4}, simulation={"coils": 1}, **changes)


# Arrays


def test_stacks_are_read_by_the_names_of_their_arrays(tmp_path):
    values = np.arange(1, 3 * 20 * 24 + 1, dtype=np.uint16).reshape(3, 20, 24)
    np.savez(tmp_path / "a.npz", slices=values, ids=["p1:z1", "p1:z2", "p2@x:z1"])
    np.savez(tmp_path / "b.npz", image=values[0] * (1 + 2j))
    np.save(tmp_path / "c.npy", values.astype(np.float64))
    named, single, plain = opened(tmp_path)
    assert [named.subject(index) for index in range(3)] == ["p1", "p1", "p2"]
    assert named.name(2) == "a.npz:p2@x:z1"
    assert torch.equal(named.image(1), torch.from_numpy(values[1].astype(np.float32)))
    assert torch.equal(single.image(0), torch.from_numpy(values[0] * (1 + 2j)).to(torch.complex64))
    assert (single.subject(0), single.size(0)) == ("b", (20, 24))
    assert torch.equal(plain.image(2), torch.from_numpy(values[2].astype(np.float32)))


def test_large_whole_numbers_stay_exact(tmp_path):
    values = np.full((16, 16), 65535, np.uint16)
    values[0, 0] = 40000
    np.save(tmp_path / "large.npy", values)
    np.save(tmp_path / "other_end.npy", values.astype(">u2"))
    for stack in opened(tmp_path):
        assert float(stack.image(0)[0, 0]) == 40000
        assert float(stack.image(0)[5, 5]) == 65535


def test_blank_slices_are_left_out_and_counted(tmp_path):
    values = np.zeros((4, 16, 16), np.uint8)
    values[1], values[3] = 5, 7
    np.savez(tmp_path / "some.npz", slices=values, ids=[f"a:{index}" for index in range(4)])
    examples = training_set(one_coil(tmp_path / "some.npz"))
    assert [examples.name(index) for index in range(len(examples))] == ["some.npz:a:1", "some.npz:a:3"]
    values[1, 3:] = 0
    values[3] = 60
    np.savez(tmp_path / "little.npz", slices=values, ids=[f"a:{index}" for index in range(4)])
    assert len(opened(tmp_path / "little.npz", min_object_fraction=0.1)[0]) == 1
    assert len(opened(tmp_path / "little.npz")[0]) == 2
    assert examples.summary()["left_out"] == {str(tmp_path / "some.npz"): "2 dark slices"}


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"kspace": np.ones((16, 16), complex)}, r"holds kspace but none of slices, images, image"),
        ({"image": np.ones((16, 16, 16, 2))}, r"float64 of shape \(16, 16, 16, 2\)"),
        ({"image": np.ones((40, 16, 3))}, r"have 16×3 pixels"),
        ({"image": np.zeros((2, 16, 16))}, r"All images in '.*' are zero or show too little"),
        ({"image": np.full((2, 16, 16), np.nan)}, r"Image 0 in '.*' holds NaN or Inf"),
        ({"image": np.full((16, 16), "x")}, r"must be numbers"),
        ({"slices": np.ones((3, 16, 16)), "ids": ["a", "b"]}, r"names 2 slices but holds 3 images"),
        ({"image": np.array([None])}, r"damaged or holds Python objects"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, arrays, sentence):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=sentence):
        opened(tmp_path / "a.npz")


# Folders


def test_files_are_found_in_folders_and_by_patterns(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.npy", "a.npy", "deep/c.npy"):
        np.save(tmp_path / name, np.ones((16, 16)))
    (tmp_path / "README.txt").write_text("about these")
    assert [volume.path.name for volume in opened(tmp_path)] == ["a.npy", "b.npy", "c.npy"]
    assert [volume.path.name for volume in opened(tmp_path / "[ab].npy")] == ["a.npy", "b.npy"]
    assert [volume.path.name for volume in opened(tmp_path / "**" / "c.npy")] == ["c.npy"]


def test_what_is_not_there_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    with pytest.raises(InputError, match="holds no images"):
        opened(tmp_path)
    with pytest.raises(InputError, match="holds no raw data"):
        open_source(RawData(kind="raw", path=str(tmp_path)))
    with pytest.raises(InputError, match=r"does not hold images"):
        opened(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"There is no file '.*nots\.txt'.*Did you mean 'notes\.txt'"):
        opened(tmp_path / "nots.txt")
    with pytest.raises(InputError, match=r"There is no file '.*\*\.npz'"):
        opened(tmp_path / "*.npz")
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match=r"is empty \(0 bytes\)"):
        opened(tmp_path / "empty.png")


# Raw data


def test_raw_files_of_a_folder_are_found_by_their_content(tmp_path):
    scan = simulate(phantom((32, 32)), coils=2)
    for name in ("a.h5", "b.npz", "c.cfl"):
        save_scan(scan, tmp_path / name)
    np.savez(tmp_path / "images.npz", image=np.ones((16, 16)))
    (tmp_path / "notes.txt").write_text("about these")
    volumes = open_source(RawData(kind="raw", path=str(tmp_path)))
    assert [volume.path.stem for volume in volumes] == ["a", "b", "c"]
    assert [volume.subject(0) for volume in volumes] == ["a", "b", "c"]


def test_a_share_of_the_frames_is_taken(tmp_path):
    save_scan(simulate(phantom((32, 32)).expand(10, -1, -1), coils=2), tmp_path / "ten.h5")
    (volume,) = open_source(RawData(kind="raw", path=str(tmp_path), frame_range=(0.2, 0.5)))
    assert [volume.name(index) for index in range(len(volume))] == ["ten.h5:2", "ten.h5:3", "ten.h5:4"]
    with pytest.raises(InputError, match=r"range of the slices is \(0\.5, 0\.2\)"):
        open_source(RawData(kind="raw", path=str(tmp_path), frame_range=(0.5, 0.2)))


# NIfTI


def head_file(tmp_path: Path, affine) -> Path:
    """A volume (x, y, z) with a mark at the front, at the patient's right, one slice from the bottom."""
    array = np.zeros((20, 24, 18), np.int16)
    array[4:16, 4:20, 2:16] = 10
    array[15, 19, 1] = 99
    path = tmp_path / "sub-01_T1w.nii.gz"
    nibabel.save(nibabel.as_closest_canonical(nibabel.Nifti1Image(array, affine)), path)
    return path


def test_slices_of_a_volume_have_the_nose_up_and_the_right_on_the_left(tmp_path):
    path = head_file(tmp_path, np.eye(4))
    (volume,) = opened(path, subject=r"sub-\d+")
    assert (volume.subject(0), volume.size(0)) == ("sub-01", (24, 20))
    # Slices 0, 16 and 17 are blank.
    assert volume.left_out == "3 dark slices"
    assert volume.name(0) == "sub-01_T1w.nii.gz:axial 1"
    row, column = divmod(int(volume.image(0).argmax()), 20)
    assert (row, column) == (24 - 1 - 19, 20 - 1 - 15)
    (coronal,) = opened(path, axis="coronal")
    assert coronal.size(0) == (18, 20)
    row, column = divmod(int(coronal.image(15).argmax()), 20)
    assert (row, column) == (18 - 1 - 1, 20 - 1 - 15)
    (upper,) = opened(path, slice_range=(0.5, 1.0))
    assert [upper.name(index)[-2:] for index in range(len(upper))] == [" 9", *map(str, range(10, 16))]


def test_the_orientation_of_the_file_makes_no_difference(tmp_path):
    turned = nibabel.load(head_file(tmp_path, np.eye(4)))
    data = np.asanyarray(turned.dataobj)[::-1].swapaxes(1, 2)
    affine = np.array([[-1.0, 0, 0, 19], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(data, affine), tmp_path / "turned.nii")
    first, second = opened(tmp_path)
    assert all(torch.equal(first.image(index), second.image(index)) for index in range(len(first)))


def test_nifti_files_that_hold_no_volume_are_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.ones((16, 16, 16, 3), np.float32), np.eye(4)), tmp_path / "series.nii")
    with pytest.raises(InputError, match=r"shape \(16, 16, 16, 3\); give a single volume"):
        opened(tmp_path / "series.nii")
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(InputError, match="is damaged or not a NIfTI file"):
        opened(tmp_path / "broken.nii.gz")


# DICOM


def test_without_pydicom_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "image").write_bytes(bytes(128) + b"DICM" + bytes(8))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(InputError, match=r"pip install 'fourfold\[dicom\]'"):
        opened(tmp_path / "image")


def test_dicom_images_are_rescaled_and_belong_to_the_patient(tmp_path, monkeypatch):
    (tmp_path / "image.dcm").write_bytes(bytes(128) + b"DICM" + bytes(8))
    pixels = np.arange(256, dtype=np.uint16).reshape(16, 16)
    file = {"pixel_array": pixels, "PatientID": "P7", "RescaleSlope": "2", "RescaleIntercept": 1}
    grey = SimpleNamespace(**file, PhotometricInterpretation="MONOCHROME2")
    monkeypatch.setitem(sys.modules, "pydicom", SimpleNamespace(dcmread=lambda _: grey))
    (volume,) = opened(tmp_path)
    assert volume.subject(0) == "P7"
    assert torch.equal(volume.image(0), torch.from_numpy(2 * pixels.astype(np.float32) + 1))
    colour = SimpleNamespace(**file, PhotometricInterpretation="RGB")
    monkeypatch.setitem(sys.modules, "pydicom", SimpleNamespace(dcmread=lambda _: colour))
    with pytest.raises(InputError, match="of kind 'RGB'; give greyscale"):
        opened(tmp_path)


# Photographs


def test_lightness_is_that_of_an_independent_implementation():
    colours = np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    colours[0, :3] = [[0, 0, 0], [255, 255, 255], [1, 2, 3]]
    result = lightness(colours)
    np.testing.assert_allclose(result, rgb2lab(colours)[..., 0], atol=0.01)
    assert result[0, 0] == pytest.approx(0, abs=1e-5)
    assert result[0, 1] == pytest.approx(100, abs=1e-4)
    greys = colours[..., 0]
    np.testing.assert_allclose(lightness(greys), lightness(np.stack([greys] * 3, axis=-1)), atol=1e-4)


def test_photographs_are_upright_decoded_when_asked_for_and_cropped_or_padded(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.fromarray(values).save(tmp_path / "b.png", exif=exif)
    Image.fromarray(values[..., 0].astype(np.uint16) * 257).save(tmp_path / "c.png")
    Image.fromarray(values).convert("P").save(tmp_path / "d.jpg.png")
    (photographs,) = opened(tmp_path)
    assert [photographs.size(index) for index in range(3)] == [(20, 40), (40, 20), (20, 40)]
    torch.testing.assert_close(photographs.image(0), torch.from_numpy(lightness(values)))
    turned = np.ascontiguousarray(np.rot90(values, -1))
    torch.testing.assert_close(photographs.image(1), torch.from_numpy(lightness(turned)))
    torch.testing.assert_close(photographs.image(2), torch.from_numpy(lightness(values[..., 0])))
    assert photographs.image(3).shape == (20, 40)
    source = {"kind": "images", "path": str(tmp_path), "crop": (32, 32)}
    examples = training_set(DataSettings(training=[source], masks={"lines": 4}, simulation={"coils": 1}))
    assert {examples.subject(index) for index in range(4)} == {"a", "b", "c", "d.jpg"}
    for index in range(4):
        rows, columns = (examples[index].reference.abs() > 1e-6).any(1), (examples[index].reference.abs() > 1e-6).any(0)
        assert int(rows.sum()) == min(32, photographs.size(index)[0])
        assert int(columns.sum()) == min(32, photographs.size(index)[1])


@pytest.mark.parametrize(("place", "value"), [(6, b"\x01\x00"), (8, b"\x63\x00")], ids=["encrypted", "compression"])
def test_arrays_that_zip_cannot_unpack_are_refused(tmp_path, place, value):
    """Both of the member's headers say so: the local one, and that in the directory, two bytes further on."""
    np.savez_compressed(tmp_path / "a.npz", image=np.ones((16, 16)))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    for start in (content.index(b"PK\x03\x04") + place, content.index(b"PK\x01\x02") + place + 2):
        content[start : start + 2] = value
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match="damaged or holds Python objects"):
        opened(tmp_path / "a.npz")


def test_broken_pictures_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="is not a readable picture"):
        opened(tmp_path)
    values = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    (photographs,) = opened(tmp_path)
    with pytest.raises(InputError, match=r"'.*a\.png' is damaged"):
        photographs.image(0)


# Nothing is left behind


def raw_folder(folder: Path) -> Examples:
    for number in range(2):
        save_scan(simulate(phantom((32, 32)).expand(8, -1, -1), coils=2, seed=number), folder / f"{number}.h5")
    source = {"kind": "raw", "path": str(folder)}
    settings = DataSettings(training=[source], masks={"lines": 8}, maps="none", reference="rss")
    return training_set(settings)


def test_no_file_stays_open(tmp_path):
    examples = raw_folder(tmp_path)
    gc.collect()
    if not OPEN_FILES.is_dir():
        pytest.skip("needs /proc, which tells the open files")
    before = sorted(OPEN_FILES.iterdir())
    for index in range(len(examples)):
        examples[index]
    assert sorted(OPEN_FILES.iterdir()) == before


class LeakingExamples(Examples):
    """Keeps what it made, as a data set must not."""

    def __getitem__(self, index):
        example = super().__getitem__(index)
        self.__dict__.setdefault("kept", []).append(example.kspace.repeat(20, 1, 1))
        return example


@pytest.mark.parametrize("kind", [Examples, LeakingExamples])
def test_workers_do_not_grow(tmp_path, kind):
    if not Path("/proc/self/smaps_rollup").exists():
        pytest.skip("needs /proc, which tells the memory of each process")
    examples = raw_folder(tmp_path)
    examples.__class__ = kind
    before, after = growth(examples, slices=400, workers=2)
    grown = (after - before) / 2**20
    # 360 slices of 2×32×32 samples, 20 times over, are 112 MiB.
    assert (grown > 60) == (kind is LeakingExamples)
