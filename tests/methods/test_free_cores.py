"""The cores that other programs leave free, and torch's threads in the reconstruction of one frame."""

import time

import pytest
import torch

from fourfold.methods import free_cores as module
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.free_cores import FreeCoreThreads, free_cores
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate

THREADS = 3


@pytest.fixture
def counters(tmp_path, monkeypatch):
    """A computer of four cores of which the process may use the first two; returns what sets its counters.

    Times are in seconds, and the last choice is forgotten.
    """
    statistics = tmp_path / "stat"
    monkeypatch.setattr(module, "_STATISTICS", statistics)
    monkeypatch.setattr(module, "_cores", lambda: {0, 1})
    monkeypatch.setattr(module.os, "sysconf", lambda _: 100)
    clock = {"now": 0.0, "own": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(time, "process_time", lambda: clock["own"])

    def count(now, own, *idle):
        """Write the seconds that each core was idle, half of them while something was read."""
        clock.update(now=now, own=own)
        lines = [f"cpu{core} 7 7 7 {round(50 * each)} {round(50 * each)} 7" for core, each in enumerate(idle)]
        statistics.write_text("\n".join(["cpu  1 2 3 4 5 6", *lines, "intr 1"]))

    count(0, 0, 0, 0, 0, 0)
    monkeypatch.setattr(module, "_load", module._CoreLoad())
    return count


@pytest.mark.parametrize(
    ("own", "idle", "free"),
    [
        (0, (1, 1), 2),
        (0.1, (0.8, 0.85), 2),
        (0, (1, 0), 1),
        (0, (0, 0), 1),
        (1.9, (0, 0.05), 2),
        (1.3, (0, 0), 1),
    ],
    ids=["quiet", "next to nothing", "one busy", "both busy", "busy with this process", "shared with another"],
)
def test_what_other_programs_use_is_not_free(counters, own, idle, free):
    counters(1, own, *idle, 0, 0)
    assert free_cores() == free


def test_the_load_is_measured_where_the_last_reading_is_long_ago(counters, monkeypatch):
    counters(100, 0, 0, 0, 0, 0)
    monkeypatch.setattr(time, "sleep", lambda seconds: counters(100 + seconds, 0, seconds, 0, 0, 0))
    assert free_cores() == 1


def test_a_measurement_holds_for_a_while(counters):
    counters(1, 0, 1, 0, 0, 0)
    assert free_cores() == 1
    counters(1.02, 0, 1.02, 0.02, 0, 0)
    assert free_cores() == 1
    counters(2, 0, 2, 1, 0, 0)
    assert free_cores() == 2


def test_without_counters_all_cores_are_free(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_STATISTICS", tmp_path / "none")
    monkeypatch.setattr(module, "_cores", lambda: {0, 1, 2})
    monkeypatch.setattr(module, "_load", module._CoreLoad())
    assert free_cores() == 3


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def threads_in_the_work(monkeypatch, *free):
    """Return the threads of each iteration of CG-SENSE where so many cores are free, chosen anew for each."""
    seen, choices = [], list(free)
    monkeypatch.setattr(module, "free_cores", lambda: choices.pop(0) if len(choices) > 1 else choices[0])
    monkeypatch.setattr(module, "INTERVAL", 0)
    scan = undersample(simulate(phantom((40, 36)), coils=3, snr=60, seed=1), "random", 2.5, seed=0)
    CgSense()(scan, lambda *_: seen.append(torch.get_num_threads()))
    return seen[:-1]


@pytest.mark.usefixtures("three_threads")
def test_a_frame_takes_the_free_cores_and_the_threads_are_as_before(monkeypatch):
    assert set(threads_in_the_work(monkeypatch, 2)) == {2}
    assert torch.get_num_threads() == THREADS


@pytest.mark.usefixtures("three_threads")
def test_a_frame_takes_no_more_threads_than_are_set(monkeypatch):
    assert set(threads_in_the_work(monkeypatch, 16)) == {THREADS}


@pytest.mark.usefixtures("three_threads")
def test_the_threads_follow_the_load(monkeypatch):
    assert threads_in_the_work(monkeypatch, 3, 1, 2)[:2] == [1, 2]


@pytest.mark.usefixtures("three_threads")
def test_the_threads_are_as_before_after_an_error(monkeypatch):
    monkeypatch.setattr(module, "free_cores", lambda: 1)
    seen = []

    def fail():
        with FreeCoreThreads():
            seen.append(torch.get_num_threads())
            raise ValueError("any")

    with pytest.raises(ValueError, match="any"):
        fail()
    assert seen == [1]
    assert torch.get_num_threads() == THREADS
