"""MATLAB and HDF5 files whose axes the user names."""

import h5py
import numpy as np
import pytest
import torch
from scipy.io import savemat
from tests.helpers.mrd import make_image, numpy_fft

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load, open_scan
from fourfold.scan import FrameLabels
from fourfold.simulation.simulate import loop_maps, phantom

KSPACE = numpy_fft(np.stack([make_image((3, 20, 24), seed) for seed in range(2)]))
"""(slice, coil, ky, kx)"""
AXES = "ky,kx,coil,slice"
IN_MATLAB = KSPACE.transpose(2, 3, 1, 0)


def write_v73(path, **variables):
    """Write variables as MATLAB 7.3 does: HDF5 behind a preface, axes reversed, complex numbers as two fields."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, variable in variables.items():
            stored = np.ascontiguousarray(variable.T)
            if stored.dtype.kind == "c":
                pair = np.empty(stored.shape, [("real", stored.real.dtype), ("imag", stored.real.dtype)])
                pair["real"], pair["imag"] = stored.real, stored.imag
                stored = pair
            file[name] = stored
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def write_hdf5(path, **variables):
    with h5py.File(path, "w") as file:
        for name, variable in variables.items():
            file[name] = variable


def assert_is_kspace(scan):
    torch.testing.assert_close(scan.kspace, torch.from_numpy(KSPACE), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["v5", "v7.3"])
def test_matlab_variables_are_read_by_their_axes_in_matlabs_order(tmp_path, kind):
    path = tmp_path / "a.mat"
    if kind == "v5":
        savemat(path, {"k": IN_MATLAB, "other": np.eye(3)}, do_compression=True)
    else:
        write_v73(path, k=IN_MATLAB, other=np.eye(3))
    scan = load(path, dataset="k", axes=AXES)
    assert_is_kspace(scan)
    assert scan.labels == FrameLabels({"slice": [0, 1]})
    assert scan.source.details["axes"] == AXES.split(",")
    assert_is_kspace(load(path, dataset="k", axes="ky, kx, coil, slice"))
    one = open_scan(path, dataset="k", axes=AXES)[1]
    assert torch.equal(one.kspace, scan.kspace[1:])
    for options in ({}, {"dataset": "k"}, {"dataset": "l", "axes": AXES}):
        with pytest.raises(InputError, match=r"20×24×3×2.*(--axes|Did you mean 'k'|--dataset)"):
            open_scan(path, **options)


def test_real_and_imaginary_parts_are_said(tmp_path):
    single = np.stack([KSPACE.real, KSPACE.imag], axis=-1)
    write_hdf5(tmp_path / "a.h5", **{"raw/last": single, "raw/re": KSPACE.real, "raw/im": KSPACE.imag})
    assert_is_kspace(load(tmp_path / "a.h5", dataset="raw/last", axes="slice,coil,ky,kx,complex"))
    assert_is_kspace(load(tmp_path / "a.h5", dataset="/raw/re,/raw/im", axes="slice,coil,ky,kx"))
    savemat(tmp_path / "b.mat", {"last": single})
    assert_is_kspace(load(tmp_path / "b.mat", dataset="last", axes="slice,coil,ky,kx,complex"))
    with pytest.raises(InputError, match="real numbers: where an axis of two holds real and imaginary part, call it"):
        open_scan(tmp_path / "a.h5", dataset="raw/re", axes="slice,coil,ky,kx")
    with pytest.raises(InputError, match="the axis 'complex' must have two entries"):
        open_scan(tmp_path / "a.h5", dataset="raw/re", axes="slice,complex,ky,kx")


def test_a_file_of_another_layout_takes_the_axes_too(tmp_path):
    """A data set called kspace makes it a fastMRI file, unless the axes say otherwise."""
    write_hdf5(tmp_path / "a.h5", kspace=KSPACE.transpose(0, 2, 3, 1))
    scan = load(tmp_path / "a.h5", dataset="kspace", axes="time,ky,kx,coil")
    assert_is_kspace(scan)
    assert scan.labels == FrameLabels({"time": [0, 1]})


def test_several_axes_of_frames_and_no_coils(tmp_path):
    stack = KSPACE.reshape(2, 3, 20, 24)
    write_hdf5(tmp_path / "a.h5", data=stack)
    scan = load(tmp_path / "a.h5", dataset="data", axes="slice,time,ky,kx")
    assert torch.equal(scan.kspace[:, 0], torch.from_numpy(stack.reshape(6, 20, 24)))
    assert scan.labels == FrameLabels({"slice": [0, 0, 0, 1, 1, 1], "time": [0, 1, 2, 0, 1, 2]})


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (None, r"has the shape 2×3×20×24: say what its axes are, in their order, such as --axes coil,ky,kx"),
        ("slice,coils,ky,kx", "'coils' is none of coil, ky, .* Did you mean 'coil'"),
        ("coil,ky,kx", "name each axis once, in their order"),
        ("slice,coil,ky,ky", "name each axis once, in their order"),
        ("slice,coil,ky,time", "lack ky or kx"),
        ("complex,coil,ky,kx", "and complex numbers: leave 'complex' out of its axes"),
    ],
)
def test_axes_that_do_not_fit_are_refused(tmp_path, axes, message):
    write_hdf5(tmp_path / "a.h5", data=KSPACE)
    with pytest.raises(InputError, match=message):
        open_scan(tmp_path / "a.h5", dataset="data", axes=axes)


def test_wrong_axes_are_found_by_the_content(tmp_path):
    head = (phantom((128, 128)) * loop_maps((128, 128), 4)).squeeze().numpy()
    write_hdf5(tmp_path / "a.h5", data=numpy_fft(head).transpose(1, 2, 0))
    with pytest.raises(InputError, match="stands for the coils looks like one of k-space"):
        open_scan(tmp_path / "a.h5", dataset="data", axes="coil,ky,kx")[0]


def test_the_command_line_names_what_is_there(tmp_path, capsys):
    write_hdf5(tmp_path / "a.h5", data=KSPACE, numbers=np.arange(5))
    assert main(["info", str(tmp_path / "a.h5")]) == 2
    error = capsys.readouterr().err
    assert "holds 'data' (complex64 of 2×3×20×24): name the k-space with --dataset and its axes with --axes" in error
    assert main(["info", str(tmp_path / "a.h5"), "--dataset", "data", "--axes", "slice,coil,ky,kx"]) == 0
    assert "HDF5 or MATLAB 7.3 arrays" in capsys.readouterr().out


def test_what_does_not_fit_into_memory_is_refused(tmp_path, monkeypatch):
    savemat(tmp_path / "a.mat", {"k": IN_MATLAB})
    write_hdf5(tmp_path / "a.h5", k=KSPACE)
    monkeypatch.setattr("fourfold.memory.memory_at_hand", lambda: 4000)
    with pytest.raises(InputError, match=r"stored in one piece, needs .* save it with save\('-v7.3'\)"):
        open_scan(tmp_path / "a.mat", dataset="k", axes=AXES)
    with pytest.raises(InputError, match="One frame of"):
        open_scan(tmp_path / "a.h5", dataset="k", axes="slice,coil,ky,kx")[0]
