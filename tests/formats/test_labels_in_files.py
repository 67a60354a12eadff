"""A scan of several slices, echoes and phases: every image lands at its labels in every output."""

import json
from itertools import product

import nibabel
import numpy as np
import pytest
import torch
from tests.helpers.mrd import MrdHeader, cropped, make_image, slice_lines, write_mrd

from fourfold.cli.main import main
from fourfold.errors import InputError
from fourfold.formats import load, open_scan, save, save_scan
from fourfold.methods.classical.kt_total_variation import KtTotalVariation
from fourfold.methods.classical.zero_filled import ZeroFilled

SLICES, ECHOES, PHASES = 2, 2, 3
# The slice with counter 0 lies above that with counter 1, so that frames are not in the order of the counters.
HEIGHTS = (10.0, 0.0)


@pytest.fixture
def images():
    keys = product(range(PHASES), range(ECHOES), range(SLICES))
    return {key: make_image((2, 20, 32), seed=int("{}{}{}".format(*key))) for key in keys}


@pytest.fixture
def mrd_file(images, tmp_path):
    lines = []
    for (phase, echo, place), image in images.items():
        geometry = {"position": (0.0, 0.0, HEIGHTS[place])}
        lines += slice_lines(image, phase=phase, contrast=echo, slice=place, geometry=geometry)
    return write_mrd(tmp_path / "scan.h5", MrdHeader(), lines)


def magnitude(image):
    return np.sqrt((np.abs(cropped(image)) ** 2).sum(0))


def each(labels):
    """Return the labels of each frame."""
    return [dict(zip(labels, numbers, strict=True)) for numbers in zip(*labels.values(), strict=True)]


def key_of(label):
    return label["phase"], label["contrast"], label["slice"]


def test_every_image_lands_at_its_labels(images, mrd_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for output in ("image.nii", "image.npz"):
        assert main(["recon", str(mrd_file), "--method", "zero-filled", "--no-check-content", "-o", output]) == 0
    arrays = np.load("image.npz")
    labels = each(json.loads(str(arrays["record"]))["labels"])
    assert {key_of(label) for label in labels} == set(images)
    for image, label in zip(arrays["image"], labels, strict=True):
        np.testing.assert_allclose(np.abs(image), magnitude(images[key_of(label)]), atol=1e-5)
    volume = nibabel.load("image.nii")
    assert volume.shape == (16, 20, SLICES, PHASES * ECHOES)
    record = json.loads(volume.header.extensions[0].get_content())
    in_file = each(record["labels"])
    for index, label in enumerate(in_file):
        later, place = divmod(index, SLICES)
        assert HEIGHTS[label["slice"]] == (0.0, 10.0)[place]
        written = np.asarray(volume.dataobj)[:, :, place, later].T
        np.testing.assert_allclose(written, magnitude(images[key_of(label)]), atol=1e-5)


def test_series_run_along_the_phases_of_each_slice_and_echo(mrd_file):
    file = open_scan(mrd_file, check_content=False)
    scan = file.load()
    method = KtTotalVariation(weight=0.01, iterations=2)
    whole = method(scan)
    labels = each(scan.labels.numbers)
    for echo, place in product(range(ECHOES), range(SLICES)):
        frames = [i for i, label in enumerate(labels) if (label["contrast"], label["slice"]) == (echo, place)]
        assert [labels[frame]["phase"] for frame in frames] == list(range(PHASES))
        chosen = file.load(slice(frames[0], frames[-1] + 1, frames[1] - frames[0]))
        assert torch.equal(whole.image[frames], method(chosen).image)


def test_a_silent_coil_breaks_the_reading_of_no_frame(images, tmp_path):
    lines = []
    for (phase, echo, place), image in images.items():
        coils = image * np.array([1, phase + echo + place > 0])[:, None, None]
        lines += slice_lines(coils, phase=phase, contrast=echo, slice=place)
    file = open_scan(write_mrd(tmp_path / "silent.h5", MrdHeader(), lines), check_content=False)
    whole = file.load()
    note = "Coil 1 contained only zeros in frame 0 and was left out."
    for frame, scan in enumerate(file):
        silent = frame == 0
        assert scan.coils == (1 if silent else 2)
        assert scan.labels == whole.labels.select([frame])
        assert (note in scan.source.notes) == silent


def test_slices_alone_are_refused(mrd_file):
    slices = open_scan(mrd_file, check_content=False).load(slice(0, SLICES))
    assert not KtTotalVariation.suits(slices)
    with pytest.raises(InputError, match="lie at 2 places"):
        KtTotalVariation()(slices)


@pytest.mark.parametrize("suffix", ["npz", "h5", "cfl"])
def test_outputs_keep_the_labels(suffix, mrd_file, tmp_path):
    scan = load(mrd_file, check_content=False)
    save_scan(scan, tmp_path / f"again.{suffix}")
    again = load(tmp_path / f"again.{suffix}", check_content=False)
    # BART's dimensions have an order of their own.
    found = [again.labels.of(frame) for frame in range(again.frames)]
    order = [found.index(scan.labels.of(frame)) for frame in range(scan.frames)]
    assert again.labels.select(order) == scan.labels
    assert torch.equal(again.kspace[order], scan.kspace)
    assert suffix == "cfl" or order == list(range(scan.frames))
    assert save(ZeroFilled()(again), tmp_path / "image.png") == [tmp_path / "image.png"]
