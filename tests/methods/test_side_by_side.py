"""Frames side by side: the image, its order and its errors are those of one worker."""

import threading

import pytest
import torch

from fourfold.errors import InputError
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate

FRAMES = 4


@pytest.fixture(scope="module")
def scan():
    """Four frames of different brightness."""
    full = simulate(phantom((40, 36)), coils=3, snr=60, seed=1)
    kspace = torch.cat([full.kspace * factor for factor in range(1, FRAMES + 1)])
    return undersample(full.replace(kspace=kspace, coil_maps=None), "random", 2.5, seed=0)


@pytest.mark.parametrize("method", [TotalVariation(), CgSense()], ids=["tv", "cg-sense"])
def test_the_number_of_workers_changes_no_bit(scan, method):
    alone, *others = [method(scan, workers=workers) for workers in (1, 2, 4)]
    assert len(alone.image) == FRAMES
    for other in others:
        assert torch.equal(alone.image, other.image)
        assert other.record.by_frame == alone.record.by_frame
        assert other.record.notes == alone.record.notes


def test_threads_of_torch_are_as_before(scan):
    before = torch.get_num_threads()
    CgSense()(scan, workers=2)
    assert torch.get_num_threads() == before


def test_progress_grows_to_one_and_names_the_frames(scan):
    calls = []
    CgSense()(scan, lambda *call: calls.append(call), workers=2)
    fractions = [fraction for fraction, _ in calls]
    assert max(fractions) == pytest.approx(1)
    assert min(fractions) >= 0
    assert all(words.startswith("frame ") and f"of {FRAMES}: " in words for _, words in calls)


def test_the_first_error_in_the_order_of_frames_is_raised(scan, monkeypatch):
    """The second frame fails only after the third has failed."""
    third_failed, solve = threading.Event(), CgSense.solve
    brightness = scan.kspace.abs().amax(dim=(1, 2, 3))

    def failing(self, part, progress):
        index = int((brightness - part.kspace.abs().max()).abs().argmin())
        if index == 1:
            third_failed.wait(60)
            raise InputError("second")
        if index == 2:
            third_failed.set()
            raise InputError("third")
        return solve(self, part, progress)

    monkeypatch.setattr(CgSense, "solve", failing)
    with pytest.raises(InputError, match="second"):
        CgSense()(scan, workers=2)


def test_an_interruption_ends_all_workers(scan):
    def interrupt(fraction, _):
        if fraction > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CgSense()(scan, interrupt, workers=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker")]


def test_no_workers_are_refused(scan):
    with pytest.raises(InputError, match="0 workers were asked for; give 1 or more"):
        CgSense()(scan, workers=0)
