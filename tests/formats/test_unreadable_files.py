"""Files that cannot be read: one sentence each, that names the file and what to do."""

import gzip
import os
import struct
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import savemat
from tests.helpers.ge import write_pfile
from tests.helpers.mrd import MrdHeader, make_image, mrd_line, numpy_fft, write_mrd
from tests.helpers.philips import lines as philips_lines
from tests.helpers.philips import write_philips
from tests.helpers.twix import slice_lines, write_twix

from fourfold import memory
from fourfold.errors import InputError
from fourfold.files.input import check_file
from fourfold.formats import load, open_scan
from fourfold.formats.registry import readers

KSPACE = (np.random.default_rng(0).normal(size=(2, 3, 16, 16)) + 1j).astype(np.complex64)


def refused(path):
    """Return the sentence with which `path` is refused."""
    with pytest.raises(InputError) as error:
        load(path)
    text = str(error.value)
    assert path.name in text
    assert "\n" not in text
    return text


def test_missing_file_names_its_nearest_neighbour(tmp_path):
    (tmp_path / "knee_1.h5").write_bytes(b"x")
    assert "There is no file" in (text := refused(tmp_path / "kne_1.h5"))
    assert text.endswith("Did you mean 'knee_1.h5'?")


def test_missing_folder(tmp_path):
    assert "There is no file" in refused(tmp_path / "nowhere" / "a.h5")


def test_folder(tmp_path):
    assert "is a folder, not a file: name one file in it" in refused(tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / "a.h5").touch()
    assert "is empty (0 bytes)" in refused(tmp_path / "a.h5")


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
def test_unreadable_file(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"x")
    (tmp_path / "a.h5").chmod(0)
    assert "cannot be read (Permission denied): check its permissions" in refused(tmp_path / "a.h5")


def test_file_that_the_system_does_not_open(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    path.write_bytes(b"x")

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("fourfold.files.input.first_bytes", deny)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\): check its permissions"):
        check_file(path)


def test_truncated_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["kspace"] = KSPACE
    whole = (tmp_path / "a.h5").read_bytes()
    for part in (len(whole) // 2, 600, 100):
        (tmp_path / "a.h5").write_bytes(whole[:part])
        assert f"({part:,} bytes) is a " in (text := refused(tmp_path / "a.h5"))
        assert text.endswith("HDF5 file: copy or download it again.")


def test_hdf5_damaged_in_the_middle(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("kspace", data=KSPACE, chunks=(1, 3, 16, 16), compression="gzip", fletcher32=True)
    whole = bytearray((tmp_path / "a.h5").read_bytes())
    whole[len(whole) // 2 : len(whole) // 2 + 200] = bytes(200)
    (tmp_path / "a.h5").write_bytes(whole)
    assert "is a damaged HDF5 file" in refused(tmp_path / "a.h5")


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_npz(tmp_path, compressed):
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", kspace=KSPACE)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    assert "is truncated, damaged" in refused(tmp_path / "a.npz")


def test_npz_damaged_in_the_middle(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", kspace=KSPACE)
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[300:600] = bytes(300)
    (tmp_path / "a.npz").write_bytes(whole)
    assert "is truncated, damaged" in refused(tmp_path / "a.npz")


def test_truncated_npy(tmp_path):
    np.save(tmp_path / "a.npy", KSPACE)
    whole = (tmp_path / "a.npy").read_bytes()
    for part in (len(whole) // 2, 20):
        (tmp_path / "a.npy").write_bytes(whole[:part])
        assert "is truncated, damaged" in refused(tmp_path / "a.npy")


def write_kind(path):
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["kspace"] = KSPACE[:1]
            file["mask"] = np.ones(16, bool)
    elif path.suffix == ".dat":
        write_twix(path, slice_lines(numpy_fft(make_image((2, 20, 32)))))
    elif path.suffix == ".list":
        write_philips(path, philips_lines(numpy_fft(make_image((2, 20, 32))), range(-10, 10)))
    elif path.suffix == ".7":
        write_pfile(path, np.ones((1, 2, 16, 16), np.complex64))
    elif path.suffix == ".mat":
        savemat(path, {"k": KSPACE[0]}, do_compression=path.stem == "packed")
    elif path.suffix == ".mrd":
        write_mrd(path, MrdHeader(), [mrd_line(line, ky) for ky, line in enumerate(numpy_fft(make_image((20, 2, 32))))])
    elif path.suffix == ".npy":
        np.save(path, KSPACE[:1])
    else:
        (np.savez_compressed if path.stem == "packed" else np.savez)(path, kspace=KSPACE[:1], label="a label")
    return path


@cache
def intact(name):
    """Return the bytes of an intact file of the name's format."""
    with TemporaryDirectory() as folder:
        return write_kind(Path(folder) / name).read_bytes()


KINDS = ["a.h5", "a.npy", "a.npz", "packed.npz", "a.dat", "a.mrd", "a.mat", "packed.mat", "P1.7", "a.list"]
OPTIONS = {"a.mat": {"dataset": "k", "axes": "coil,ky,kx"}, "packed.mat": {"dataset": "k", "axes": "coil,ky,kx"}}


def scan_or_sentence(path):
    try:
        return load(path, 0, **OPTIONS.get(path.name, {}))
    except InputError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["a.h5", "a.npy", "a.npz", "packed.npz", "a.dat", "a.mrd", "a.mat", "packed.mat", "P1.7"]
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20), cut=st.floats(0.5, 2))
def test_any_damage_is_read_as_it_stands_or_refused_in_one_sentence(tmp_path, name, places, cut):
    path, content = tmp_path / name, bytearray(intact(name))
    if path.suffix == ".list" and not path.with_suffix(".data").exists():
        write_kind(path)
    # Most of the damage goes where the structure is described.
    for place, value in places:
        content[int(place**3 * (len(content) - 1))] = value
    path.write_bytes(content[: int(cut * len(content))])
    outcome = scan_or_sentence(path)
    assert "\n" not in outcome if isinstance(outcome, str) else outcome.frames == 1


def test_unknown_format_lists_the_known_ones(tmp_path):
    (tmp_path / "a.h5").write_text("hello")
    text = refused(tmp_path / "a.h5")
    assert "in no format that fourfold knows" in text
    assert all(name in text for name in readers())


def test_hdf5_of_other_content(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["numbers"] = [1, 2]
    assert "is an HDF5 file of unknown content" in refused(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["numbers"] = np.ones((3, 4))
    assert "holds 'numbers' (float64 of 3×4): name the k-space with --dataset" in refused(tmp_path / "b.h5")


def test_truncated_matlab_file(tmp_path):
    whole = intact("a.mat")
    for part in (len(whole) // 2, 200, 130):
        (tmp_path / "a.mat").write_bytes(whole[:part])
        with pytest.raises(InputError, match=r"truncated or damaged .*: save it again|holds no array"):
            open_scan(tmp_path / "a.mat", **OPTIONS["a.mat"])


def nifti_header():
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    header[344:348] = b"n+1\0"
    return bytes(header)


FOREIGN = {
    "a NIfTI image: it holds images and no k-space": nifti_header(),
    "a NIfTI image": gzip.compress(nifti_header()),
    "a DICOM image: it holds images and no k-space": bytes(128) + b"DICM" + bytes(20),
}


@pytest.mark.parametrize("sentence", FOREIGN)
def test_known_formats_without_readable_kspace_are_named(tmp_path, sentence):
    (tmp_path / "a.xyz").write_bytes(FOREIGN[sentence])
    assert sentence in refused(tmp_path / "a.xyz")


def test_our_own_images_are_not_taken_for_kspace(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["reconstruction"] = np.zeros((1, 4, 4), np.float32)
    assert "is an HDF5 file with a reconstruction: it holds images and no k-space" in refused(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ge_pfile/*.h5", "is a GE ScanArchive: convert it with ge_to_ismrmrd"),
        ("bruker/flash_100/acqp", "is part of a Bruker experiment: open the experiment's file 'fid'"),
        ("bruker/flash_100/pdata/1/2dseq", "is part of a Bruker experiment"),
        ("nifti_dicom/*.nii.gz", "is a NIfTI image: it holds images and no k-space"),
        ("nifti_dicom/*.dcm", "is a DICOM image: it holds images and no k-space"),
    ],
)
def test_real_files_of_other_formats_are_named(data, name, sentence):
    paths = list((data / "formats").glob(name))
    assert paths
    for path in paths:
        assert sentence in refused(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda k: k.__setitem__((0, 1, 3, 4), np.nan), "contains 1 samples that are NaN or Inf"),
        (lambda k: k.__setitem__((0, 1, 3, 4), np.inf), "contains 1 samples that are NaN or Inf"),
        (lambda k: k.__setitem__((slice(None), 1), 0), r"Coil\(s\) \[1\] contain only zeros"),
    ],
)
def test_bad_samples_are_refused(tmp_path, change, message):
    kspace = KSPACE.copy()
    change(kspace)
    np.savez(tmp_path / "a.npz", kspace=kspace)
    with pytest.raises(InputError, match=message):
        open_scan(tmp_path / "a.npz")[0]


@pytest.mark.parametrize("frames", [2, -3, slice(2, 5)])
def test_frames_that_do_not_exist(tmp_path, frames):
    np.savez(tmp_path / "a.npz", kspace=KSPACE)
    with pytest.raises(InputError, match="has frames 0 to 1: choose"):
        load(tmp_path / "a.npz", frames)


def test_index_past_the_end_ends_iteration_as_sequences_do(tmp_path):
    np.savez(tmp_path / "a.npz", kspace=KSPACE)
    with pytest.raises(IndexError):
        open_scan(tmp_path / "a.npz")[2]


def test_what_would_not_fit_half_the_memory_is_refused(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", kspace=KSPACE)
    needed = KSPACE.nbytes
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 2 * needed - 2)
    with pytest.raises(
        InputError, match=r"2 frames of .* needs 12 kB of memory, .* go through open_scan\(path\) frame by frame"
    ):
        load(tmp_path / "a.npz")
    assert load(tmp_path / "a.npz", 1).frames == 1
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 2 * needed)
    assert load(tmp_path / "a.npz").frames == 2
