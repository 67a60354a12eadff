"""Labelled frames lie in BART's own dimensions, as BART and fourfold read them."""

import shutil

import numpy as np
import pytest
import torch
from tests.helpers.bart import read_cfl, run_bart

from fourfold.files.bart import read_bart_header
from fourfold.formats import open_scan, save, save_scan
from fourfold.formats.bart_dimensions import place_frames
from fourfold.scan import FrameLabels, FrameRecord, Reconstruction, Record, Scan


def grid(**sizes):
    """Return the labels of a complete grid, the last one fastest."""
    numbers = np.indices(tuple(sizes.values())).reshape(len(sizes), -1)
    return FrameLabels(dict(zip(sizes, numbers.tolist(), strict=True)))


@pytest.mark.parametrize(
    ("labels", "sizes"),
    [
        (grid(contrast=3), {5: 3}),
        (grid(time=4), {10: 4}),
        (grid(slice=2), {13: 2}),
        (grid(average=2), {14: 2}),
        (grid(slice=2, phase=3), {10: 3, 13: 2}),
        (grid(repetition=2, time=3), {10: 3, 11: 2}),
        (grid(repetition=2, phase=3, contrast=2), {5: 2, 10: 3, 11: 2}),
        (grid(slice=2, partition=3), {13: 6}),
        (grid(phase=2, time=2, repetition=2), {13: 8}),
        (FrameLabels({"slice": [0, 0, 1], "time": [0, 1, 0]}), {13: 3}),
        (FrameLabels({"slice": [0, 0]}), {13: 2}),
        (FrameLabels({"slice": [4, 0, 7]}), {13: 3}),
    ],
)
def test_dimensions_follow_the_labels(labels, sizes):
    frames = len(next(iter(labels.numbers.values())))
    placed, order = place_frames(labels, frames)
    assert placed == sizes
    assert sorted(order) == list(range(frames))


def test_frames_without_labels_are_slices():
    assert place_frames(FrameLabels(), 3) == ({13: 3}, [0, 1, 2])


@pytest.fixture
def labels():
    """Twelve frames of two slices, two echoes and three times, slices fastest and the second one first."""
    turned = grid(time=3, contrast=2, slice=2)
    return FrameLabels({**turned.numbers, "slice": [1 - number for number in turned.numbers["slice"]]})


def number(label):
    """Return a number that tells a frame."""
    return 1 + 100 * label["slice"] + 10 * label["contrast"] + label["time"]


def test_kspace_comes_back_with_its_labels(labels, tmp_path):
    values = [number(labels.of(frame)) for frame in range(12)]
    kspace = torch.tensor(values, dtype=torch.complex64)[:, None, None, None] * torch.ones(12, 2, 6, 8)
    save_scan(Scan(kspace, labels=labels), tmp_path / "scan.cfl")
    sizes, _ = read_bart_header(tmp_path / "scan.hdr")
    assert (sizes[5], sizes[10], sizes[13]) == (2, 3, 2)
    for stated in (True, False):
        if not stated:
            # Without fourfold's record, BART's dimensions alone tell the labels.
            (tmp_path / "scan.hdr").write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")
        scan = open_scan(tmp_path / "scan.cfl", check_content=False).load()
        found = [scan.labels.of(frame) for frame in range(12)]
        assert sorted(map(number, found)) == sorted(values)
        assert scan.kspace[:, 0, 0, 0].real.tolist() == [number(label) for label in found]
    save_scan(scan, tmp_path / "again.cfl")
    assert (tmp_path / "again.cfl").read_bytes() == (tmp_path / "scan.cfl").read_bytes()


def test_an_image_is_where_its_labels_say(labels, tmp_path):
    values = [number(labels.of(frame)) for frame in range(12)]
    image = torch.tensor(values, dtype=torch.complex64)[:, None, None] * torch.ones(12, 3, 4)
    record = Record("tv", {}, by_frame=tuple(FrameRecord(iterations=value) for value in values))
    save(Reconstruction(image, record, labels=labels), tmp_path / "image.cfl")
    array = read_cfl(tmp_path / "image")
    for frame in range(12):
        label = labels.of(frame)
        place = [0] * array.ndim
        place[5], place[10], place[13] = label["contrast"], label["time"], label["slice"]
        assert array[tuple(place)] == values[frame]
    if shutil.which("bart"):
        shown = run_bart(tmp_path, "show", "-m", "image").split("\n")
        assert any(line.startswith("AoD:\t3\t4\t1\t1\t1\t2\t1\t1\t1\t1\t3\t1\t1\t2") for line in shown)
