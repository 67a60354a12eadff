"""The scans that intervals are learned from."""

import numpy as np
import pytest
import torch

import fourfold as ff
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.errors import InputError
from fourfold.intervals.scans import Undersampling, learning_scans
from fourfold.operators.fourier import ifft
from fourfold.simulation.simulate import phantom, simulate


@pytest.fixture
def images(tmp_path):
    path = tmp_path / "heads.npz"
    head = phantom((48, 40)).numpy()
    np.savez(path, slices=np.stack([head] * 14), ids=[f"{'ab'[number // 9]}:{number}" for number in range(14)])
    return path


def test_slices_are_evenly_spaced_among_those_of_each_subject(images):
    scans = learning_scans([images], "^[ab]", Undersampling(slices=3))
    assert [scans.image_name(index) for index in scans.chosen] == [
        f"heads.npz:{name}" for name in ("a:1", "a:4", "a:7", "b:9", "b:11", "b:13")
    ]
    assert scans.subjects == ("a", "b")
    assert scans.simulated
    few = learning_scans([images], "^[ab]", Undersampling(slices=9), only=["b"])
    assert few.subjects == ("b",)
    assert len(few.chosen) == 5


def test_the_truth_of_a_simulated_scan_is_what_full_sampling_would_have_given(images):
    scans = learning_scans([images], "^[ab]", Undersampling(acceleration=(1.0,), snr=(5.0, 5.1)))
    test = scans.read(0)
    assert test.scan.fully_sampled
    torch.testing.assert_close(test.reference, root_sum_of_squares(ifft(test.scan.kspace[0]))[None])
    # With its noise: the air of the phantom is not zero.
    assert float(test.reference[0, 0].min()) > 0
    undersampled = learning_scans([images], "^[ab]").read(0)
    assert undersampled.scan.acceleration == pytest.approx(4, rel=0.05)
    assert undersampled.scan.coil_maps is None


def test_each_pattern_takes_the_options_that_it_has(images):
    choice = Undersampling(slices=5, pattern=("random", "regular"), acceleration=(2.0, 4.0))
    scans = learning_scans([images], "^[ab]", choice, {"centre": 0.2})
    accelerations = {round(scans.read(index).scan.acceleration, 2) for index in scans.chosen}
    assert len(accelerations) > 2
    with pytest.raises(InputError, match="No pattern among random has the option 'box'"):
        learning_scans([images], "^[ab]", Undersampling(), {"box": (8, 8)})


def test_raw_files_are_undersampled_and_not_mixed_with_images(images, tmp_path):
    paths = []
    for seed, name in enumerate(("one", "two")):
        paths.append(tmp_path / f"{name}.npz")
        ff.save_scan(simulate(phantom((48, 40)), coils=4, seed=seed), paths[-1])
    scans = learning_scans(paths, ".*", Undersampling(slices=1))
    assert scans.subjects == ("one", "two")
    assert not scans.simulated
    test = scans.read(1)
    full = root_sum_of_squares(ifft(ff.load(paths[1]).kspace[0]))
    torch.testing.assert_close(test.reference[0] / test.reference.max(), full / full.max(), rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="Both raw data and images were given"):
        learning_scans([images, paths[0]], ".*")
