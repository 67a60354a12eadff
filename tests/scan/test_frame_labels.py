"""What frames are: labels that are known are checked and kept by every step, the others stay unknown."""

import dataclasses

import numpy as np
import pytest
import torch

import fourfold
from fourfold import FrameLabels, Reconstruction, Scan
from fourfold.coils.compression import compress_coils
from fourfold.coils.geometric_compression import compress_coils_geometrically
from fourfold.errors import InputError
from fourfold.kspace.time_average import time_average
from fourfold.methods.classical.zero_filled import ZeroFilled
from fourfold.noise.covariance import prewhiten
from fourfold.result_cache import CacheKey, ResultCache, fingerprint
from fourfold.sampling import undersample
from fourfold.sampling.hold_out import hold_out
from fourfold.scan import LABELS, Record, Sampling
from fourfold.simulation.simulate import simulate

CINE = FrameLabels({"phase": np.array([0, 1, 0, 1]), "slice": [3, 3, 4, 4]})


@pytest.fixture
def scan():
    image = torch.zeros(4, 48, 40)
    image[:, 12:36, 10:30] = torch.arange(1.0, 5.0)[:, None, None]
    noise = torch.randn(6, 500, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    return simulate(image, coils=6, snr=50, seed=0).replace(labels=CINE, noise=noise)


def test_labels_are_kept_in_one_order_and_put_in_words():
    assert [*CINE.numbers.items()] == [("slice", (3, 3, 4, 4)), ("phase", (0, 1, 0, 1))]
    assert CINE.words(1) == "slice 3, phase 1"
    assert FrameLabels({"partition": [7], "slice": [0]}).words(0) == "slice 0, partition 7"
    assert (CINE.counts, CINE.varying) == ({"slice": 2, "phase": 2}, ("slice", "phase"))
    assert CINE.of(2) == {"slice": 4, "phase": 0}
    assert list(CINE.numbers) == [name for name in LABELS if name in CINE.numbers]


def test_what_is_not_known_stays_unknown():
    unknown = FrameLabels()
    assert (unknown.known, unknown.words(5), unknown.varying) == (False, "", ())
    assert not Scan(torch.ones(2, 1, 4, 4, dtype=torch.complex64)).labels.known
    assert FrameLabels.join([CINE, FrameLabels({"slice": [5]})]) == FrameLabels({"slice": [3, 3, 4, 4, 5]})
    assert FrameLabels.join([CINE, unknown]) == unknown
    assert FrameLabels.of_each([{"slice": 1, "set": 0}, {"slice": 2}]) == FrameLabels({"slice": [1, 2]})


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ({"slices": [0]}, r"Frames have no label 'slices'; there are readout, .*Did you mean 'slice'\?"),
        ({"slice": [0.5]}, r"The label 'slice' is \[0\.5\]; it must be whole numbers from 0 on, one for each frame"),
        ({"slice": [-1]}, r"it must be whole numbers from 0 on"),
        ({"slice": 3}, r"it must be whole numbers from 0 on"),
        ({"slice": [0, 1], "phase": [0]}, r"different numbers of frames \('slice' of 2, 'phase' of 1\)"),
        ([{"slice": 0}], r"The labels of frames is of type list; it must be of type Mapping: give a mapping"),
    ],
)
def test_wrong_labels_are_refused(numbers, sentence):
    with pytest.raises(InputError, match=sentence):
        FrameLabels(numbers)


def test_labels_of_other_frames_are_refused(scan):
    with pytest.raises(InputError, match=r"The labels are of 3 frame\(s\) but there are 4; give one number for each"):
        scan.replace(labels=FrameLabels({"slice": range(3)}))
    with pytest.raises(InputError, match=r"The labels are of 4 frame\(s\) but there are 2"):
        Reconstruction(torch.ones(2, 4, 4, dtype=torch.complex64), Record("m", {}), labels=CINE)
    with pytest.raises(InputError, match=r"The labels is of type dict; it must be of type FrameLabels"):
        scan.replace(labels={"slice": range(4)})


def held_out(scan):
    mask = scan.mask.expand(scan.frames, -1, -1)
    return scan.with_sampling(Sampling(mask & ~hold_out(mask)))


@pytest.mark.parametrize(
    "step",
    [
        prewhiten,
        lambda scan: compress_coils(scan, 3),
        lambda scan: compress_coils_geometrically(prewhiten(scan), 3),
        lambda scan: undersample(scan, "random", 2),
        held_out,
        lambda scan: scan.to("cpu"),
        lambda scan: scan.without_coils([2]),
        ZeroFilled(),
    ],
    ids=["prewhiten", "compress", "compress-geometric", "undersample", "hold-out", "to", "without-coils", "method"],
)
def test_every_step_keeps_the_labels(step, scan):
    assert step(scan).labels == CINE


def test_chosen_frames_take_their_labels_along(scan):
    assert scan.select([3, 0]).labels == FrameLabels({"slice": [4, 3], "phase": [1, 0]})
    assert scan.part(1, 3).labels == FrameLabels({"slice": [3, 4], "phase": [1, 0]})
    assert scan.frame(-1).labels == FrameLabels({"slice": [4], "phase": [1]})
    assert ZeroFilled()(scan.frame(2)).labels == FrameLabels({"slice": [4], "phase": [0]})


def test_the_average_of_a_series_has_the_labels_that_its_frames_share(scan):
    assert time_average(scan.part(0, 2)).labels == FrameLabels({"slice": [3]})


def test_positions_along_the_readout_are_labelled():
    kspace = torch.randn(2, 8, 10, 6, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    assert fourfold.split_volume(kspace).labels == FrameLabels({"readout": range(6)})


def test_results_that_are_kept_are_those_of_the_labels(scan, tmp_path):
    """Labels decide which frames form a series, so other labels are other data."""
    image = ZeroFilled()(scan)
    cache, key = ResultCache(tmp_path), CacheKey("scan", "zero-filled", {"data": fingerprint(scan)})
    cache.keep(key, {}, image)
    assert cache.reconstruction(key).labels == CINE
    other = scan.replace(labels=FrameLabels({"slice": range(4)}))
    assert fingerprint(other) != fingerprint(scan)
    assert fingerprint(dataclasses.replace(scan)) == fingerprint(scan)
