"""Labels that a file holds as arrays, and those that the user gives with `frames_are`."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from tests.helpers.bart import write_cfl

from fourfold import FrameLabels
from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load, open_scan, save, save_scan
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.scan import Scan

CINE = FrameLabels({"slice": [0, 0, 0, 1, 1, 1], "phase": [0, 1, 2, 0, 1, 2]})


def kspace(*shape):
    """Return k-space whose centre holds most of the energy, as in images."""
    samples = np.random.default_rng(0).normal(size=(*shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    samples[..., shape[-2] // 2, shape[-1] // 2] *= 50
    return samples


@pytest.fixture(params=["npz", "h5"])
def unlabelled(request, tmp_path):
    """A file of six frames that says nothing on them, but that fastMRI's layout means slices."""
    path = tmp_path / f"scan.{request.param}"
    if request.param == "npz":
        np.savez(path, kspace=kspace(6, 2, 12, 10))
    else:
        with h5py.File(path, "w") as file:
            file["kspace"] = kspace(6, 2, 12, 10)
    return path


@pytest.mark.parametrize(
    ("frames_are", "numbers"),
    [
        ("time", {"time": range(6)}),
        ("slice=2,phase", CINE.numbers),
        ("slice,phase=3", CINE.numbers),
        (" slice = 2 , phase = 3 ", CINE.numbers),
        ("phase=3,slice=2", {"phase": [0, 0, 1, 1, 2, 2], "slice": [0, 1, 0, 1, 0, 1]}),
    ],
)
def test_the_user_says_what_frames_are(frames_are, numbers, unlabelled):
    file = open_scan(unlabelled, frames_are=frames_are)
    assert file.load().labels == FrameLabels(numbers)
    assert file[4].labels == FrameLabels(numbers).select([4])
    assert load(unlabelled, slice(1, 6, 2), frames_are=frames_are).labels == FrameLabels(numbers).select([1, 3, 5])


def test_nothing_is_invented(unlabelled):
    expected = FrameLabels({"slice": range(6)}) if unlabelled.suffix == ".h5" else FrameLabels()
    assert load(unlabelled).labels == expected


@pytest.mark.parametrize(
    ("frames_are", "sentence"),
    [
        ("slices", r"The frames are said to be 'slices'; give each label once, .*Did you mean 'slice'\?"),
        ("slice,slice", r"give each label once"),
        ("", r"give each label once, such as slice, time or slice=8,time"),
        ("slice,time", r"said to be 'slice,time' but '.*' has 6 frames: give sizes whose product is their number"),
        ("slice=4,time", r"has 6 frames: give sizes"),
        ("slice=0,time", r"has 6 frames: give sizes"),
        ("slice=2,time=2", r"has 6 frames: give sizes"),
        ("slice=-2,time", r"has 6 frames: give sizes"),
        ("slice=7", r"has 6 frames: give sizes"),
    ],
)
def test_what_does_not_fit_the_frames_is_refused(frames_are, sentence, unlabelled):
    with pytest.raises(InputError, match=sentence):
        open_scan(unlabelled, frames_are=frames_are)


def test_dimensions_of_cfl_may_be_named(tmp_path):
    samples = kspace(2, 3, 4, 12, 10).reshape(2, 1, 1, 1, 1, 3, 1, 4, 1, 12, 10)
    path = write_cfl(tmp_path / "scan", samples.transpose())
    by_dimension = FrameLabels({"contrast": [0, 1, 2] * 2, "time": [0, 0, 0, 1, 1, 1]})
    assert load(path).labels == by_dimension
    assert load(path, frames_are="phase,set").labels == FrameLabels({"phase": [0, 0, 0, 1, 1, 1], "set": [0, 1, 2] * 2})
    assert load(path, frames_are="time").labels == FrameLabels({"time": range(6)})
    with pytest.raises(InputError, match=r"has 2 × 3 frames: give sizes"):
        load(path, frames_are="slice,time,set")


def test_arrays_of_an_npz_file_label_its_frames(tmp_path):
    arrays = {"frame_slice": np.array(CINE.numbers["slice"]), "frame_phase": np.array(CINE.numbers["phase"])}
    np.savez(tmp_path / "a.npz", kspace=kspace(6, 2, 12, 10), **arrays)
    file = open_scan(tmp_path / "a.npz")
    assert file.load().labels == CINE
    assert "arrays_not_used" not in file.details
    assert load(tmp_path / "a.npz", frames_are="time").labels == FrameLabels({"time": range(6)})


@pytest.mark.parametrize("array", [np.arange(5), np.linspace(0, 1, 6), np.arange(6) - 1, np.zeros((2, 3), int)])
def test_arrays_that_label_no_frames_are_refused(array, tmp_path):
    np.savez(tmp_path / "a.npz", kspace=kspace(6, 2, 12, 10), frame_time=array)
    with pytest.raises(InputError, match=r"frame_time in '.*a.npz' is .*; it must be 6 whole numbers from 0 on"):
        open_scan(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", ["npz", "h5", "cfl"])
def test_scans_are_read_back_with_their_labels(suffix, tmp_path):
    scan = Scan(torch.from_numpy(kspace(6, 2, 12, 10)), labels=CINE)
    save_scan(scan, tmp_path / f"a.{suffix}")
    assert load(tmp_path / f"a.{suffix}").labels == CINE
    assert load(tmp_path / f"a.{suffix}", slice(1, 4)).labels == CINE.select([1, 2, 3])


def test_images_hold_their_labels_as_arrays(tmp_path):
    image = ZeroFilled()(Scan(torch.from_numpy(kspace(6, 2, 12, 10)), labels=CINE))
    save(image, tmp_path / "a.npz")
    save(image, tmp_path / "a.h5")
    with np.load(tmp_path / "a.npz") as npz, h5py.File(tmp_path / "a.h5") as h5:
        for file in (npz, h5):
            found = {name: tuple(file[name][()].tolist()) for name in file if name.startswith("frame_")}
            assert found == {"frame_slice": CINE.numbers["slice"], "frame_phase": CINE.numbers["phase"]}


def test_the_command_line_says_what_is_not_known_and_takes_it(unlabelled, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["info", unlabelled.name]) == 0
    printed = capsys.readouterr().out
    assert ("not known: say what the frames are with --frames-are slice" in printed) == (unlabelled.suffix == ".npz")
    assert main(["info", unlabelled.name, "--frames-are", "slice=2,phase"]) == 0
    assert "slice 2, phase 3" in capsys.readouterr().out
    assert main(["info", unlabelled.name, "--frames-are", "time", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames_by_label"] == {"time": 6}
    command = ["recon", unlabelled.name, "--method", "kt-tv", "--weight", "0.01", "--iterations", "2", "-o", "a.npz"]
    assert main([*command, "--frames-are", "slice"]) == 2
    assert "6 places" in capsys.readouterr().err
    assert not Path("a.npz").exists()
    assert main([*command, "--frames-are", "slice=2,phase", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == {name: list(each) for name, each in CINE.numbers.items()}
