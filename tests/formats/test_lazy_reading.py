"""Large files: what is read is what was asked for. The files are sparse, so that no gigabyte is written."""

import json
import subprocess
import sys
import textwrap
import zipfile

import h5py
import numpy as np
import pytest
import torch

from fourfold.errors import InputError
from fourfold.files.numpy_arrays import stored_array
from fourfold.formats import open_scan

SHAPE = (60, 16, 640, 320)
"""Frames, coils, rows, columns: 1.5 GB."""
FRAME_MB = 16 * 640 * 320 * 8 / 2**20
RNG = np.random.default_rng(0)
FRAME = (RNG.normal(size=SHAPE[1:]) + 1j).astype(np.complex64)
MIDDLE = 30


def write_fastmri(path):
    with h5py.File(path, "w") as file:
        kspace = file.create_dataset("kspace", SHAPE, np.complex64, chunks=(1, *SHAPE[1:]))
        kspace[MIDDLE] = FRAME
    return path


def write_cfl(path):
    (path.with_suffix(".hdr")).write_text("# Dimensions\n640 320 1 16 1 1 1 1 1 1 1 1 1 60 1 1\n")
    with path.with_suffix(".cfl").open("wb") as file:
        file.truncate(8 * int(np.prod(SHAPE)))
        file.seek(MIDDLE * FRAME.nbytes)
        file.write(np.ascontiguousarray(FRAME.swapaxes(1, 2)).tobytes())
    return path.with_suffix(".cfl")


def write_npy(path):
    array = np.lib.format.open_memmap(path, "w+", np.complex64, SHAPE)
    array[MIDDLE] = FRAME
    array.flush()
    return path


WRITERS = {"fastmri.h5": write_fastmri, "bart.cfl": write_cfl, "numpy.npy": write_npy}


def test_one_frame_of_a_large_file_needs_the_memory_of_few_frames(tmp_path):
    paths = [write(tmp_path / name) for name, write in WRITERS.items()]
    # A process of its own, whose peak is that of these reads alone.
    code = f"""
        import json, resource
        from fourfold.formats import open_scan
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        base = peak()
        found = []
        for path in {[str(path) for path in paths]}:
            file = open_scan(path)
            found.append([file.shape, float(file[{MIDDLE}].kspace.abs().sum()), peak() - base])
        print(json.dumps(found))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    for shape, total, megabytes in json.loads(done.stdout):
        assert tuple(shape) == SHAPE
        assert total == pytest.approx(float(np.abs(FRAME).sum()), rel=1e-3)
        # The file's 60 frames would take 1500 MB.
        assert megabytes < 8 * FRAME_MB


def test_arrays_of_an_uncompressed_npz_are_mapped(tmp_path):
    small = FRAME[:, ::16, ::16]
    np.savez(tmp_path / "a.npz", first=np.ones(7), kspace=np.stack([small] * 3), last=np.ones((3, 3)))
    file = open_scan(tmp_path / "a.npz")
    assert isinstance(stored_array(tmp_path / "a.npz", "kspace").read(), np.memmap)
    assert file.block == 1
    np.testing.assert_array_equal(file[2].kspace[0].numpy(), small)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert archive.getinfo("kspace.npy").compress_type == zipfile.ZIP_STORED


def test_compressed_npz_is_unpacked_once_for_all_frames(tmp_path):
    small = FRAME[:, ::16, ::16]
    np.savez_compressed(tmp_path / "a.npz", kspace=np.stack([small] * 3))
    file = open_scan(tmp_path / "a.npz")
    reads = []
    read = file.read
    file.read = lambda frames: reads.append(list(frames)) or read(frames)
    assert len(list(file)) == 3
    assert reads == [[0, 1, 2]]


def test_volume_that_must_be_transformed_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("fourfold.formats.cfl.BLOCK_BYTES", 3 * 8 * 2 * 12 * 10)
    array = (RNG.normal(size=(12, 10, 8, 2)) + 1j).astype(np.complex64)
    array.ravel(order="F").tofile(tmp_path / "a.cfl")
    (tmp_path / "a.hdr").write_text("# Dimensions\n12 10 8 2\n")
    file = open_scan(tmp_path / "a.cfl")
    assert file.block == 3
    whole = file.load()
    for index, scan in enumerate(file):
        torch.testing.assert_close(scan.kspace[0], whole.kspace[index])
        assert scan.geometry == file.geometry([index])
    assert index == 7


def test_empty_frame_of_a_sparse_file_is_refused(tmp_path):
    file = open_scan(write_fastmri(tmp_path / "a.h5"))
    with pytest.raises(InputError, match=r"Frame\(s\) \[0\] of .* contain only zeros: leave them out"):
        file[0]
