"""Frames side by side: the image, its order and its errors are those of one worker."""

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings

import pytest
import torch

from fourfold.errors import InputError, SilentCoils
from fourfold.methods import worker_processes
from fourfold.methods.classical.cg_sense import CgSense
from fourfold.methods.classical.total_variation import TotalVariation
from fourfold.methods.side_by_side import solve_side_by_side
from fourfold.sampling import undersample
from fourfold.simulation.simulate import phantom, simulate

FRAMES = 4

needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="workers are threads here")


@pytest.fixture(scope="module")
def scan():
    """Four frames of different brightness."""
    full = simulate(phantom((40, 36)), coils=3, snr=60, seed=1)
    kspace = torch.cat([full.kspace * factor for factor in range(1, FRAMES + 1)])
    return undersample(full.replace(kspace=kspace, coil_maps=None), "random", 2.5, seed=0)


@pytest.fixture(params=[pytest.param(True, marks=needs_fork), False], ids=["processes", "threads"])
def processes(request, monkeypatch):
    """Whether workers are processes."""
    if not request.param:
        monkeypatch.setattr("fourfold.methods.side_by_side.can_fork", lambda: False)
    return request.param


def run(solve, jobs=range(FRAMES), workers=2, progress=None):
    return list(solve_side_by_side(solve, jobs, FRAMES, workers, progress, processes=True))


@pytest.mark.parametrize("method", [TotalVariation(weight=0.002, iterations=15), CgSense()], ids=["tv", "cg-sense"])
@pytest.mark.usefixtures("processes")
def test_the_number_of_workers_changes_no_bit(scan, method):
    alone, *others = [method(scan, workers=workers) for workers in (1, 2, 4)]
    assert len(alone.image) == FRAMES
    for other in others:
        assert torch.equal(alone.image, other.image)
        assert other.record.by_frame == alone.record.by_frame
        assert other.record.notes == alone.record.notes


def test_workers_are_what_they_should_be(processes):
    assert (run(lambda *_: os.getpid()).count(os.getpid()) == 0) == processes


@needs_fork
def test_a_method_can_ask_for_threads(scan, monkeypatch):
    numbers, solve = [], CgSense.solve

    def noting(self, part, progress):
        numbers.append(os.getpid())
        return solve(self, part, progress)

    monkeypatch.setattr(CgSense, "solve", noting)
    CgSense()(scan, workers=2)
    assert not numbers
    monkeypatch.setattr(CgSense, "workers_are_processes", False)
    CgSense()(scan, workers=2)
    assert numbers == FRAMES * [os.getpid()]


@pytest.mark.usefixtures("processes")
def test_threads_of_torch_are_as_before(scan):
    before = torch.get_num_threads()
    CgSense()(scan, workers=2)
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("processes")
def test_workers_compute_with_one_thread_after_torch_has_used_several():
    """A copy of a process has none of its threads; a call that waited for them would never return."""
    image, before = torch.randn(48, 64, 64), torch.get_num_threads()

    def solve(*_):
        return torch.get_num_threads(), float(torch.fft.fft2(image.exp()).abs().sum())

    expected = run(solve, workers=1)
    torch.set_num_threads(3)
    try:
        for _ in range(5):
            torch.fft.fft2(image).abs().sum()
            assert run(solve) == expected
    finally:
        torch.set_num_threads(before)
    assert expected[0][0] == 1


@pytest.mark.usefixtures("processes")
def test_progress_grows_to_one_and_names_the_frames(scan):
    calls = []
    CgSense()(scan, lambda *call: calls.append(call), workers=2)
    fractions = [fraction for fraction, _ in calls]
    assert max(fractions) == pytest.approx(1)
    assert min(fractions) >= 0
    assert all(words.startswith("frame ") and f"of {FRAMES}: " in words for _, words in calls)


@pytest.mark.usefixtures("processes")
def test_the_first_error_in_the_order_of_frames_is_raised():
    """The second job fails only after the third has failed."""
    third_failed = multiprocessing.Event()

    def failing(job, _):
        if job == 1:
            third_failed.wait(60)
            raise SilentCoils([1, 2], 8)
        if job == 2:
            third_failed.set()
            raise InputError("third")
        return job

    with pytest.raises(SilentCoils) as error:
        run(failing)
    assert (error.value.coils, error.value.total) == ([1, 2], 8)


@pytest.mark.usefixtures("processes")
def test_an_interruption_ends_all_workers(scan):
    def interrupt(fraction, _):
        if fraction > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CgSense()(scan, interrupt, workers=2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker")]
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("processes")
def test_an_error_of_the_callers_progress_ends_the_work_after_earlier_results():
    def progress(_, words):
        if words == "2":
            raise ZeroDivisionError

    def solve(job, report):
        report(0.5, str(job))
        return job

    results = solve_side_by_side(solve, range(FRAMES), FRAMES, 2, progress, processes=True)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("processes")
def test_results_of_interrupted_jobs_are_kept():
    """As those of methods that keep what they have reached."""

    def progress(*_):
        raise KeyboardInterrupt

    def solve(job, report):
        try:
            for _ in range(6000):
                report(0.5, "")
                time.sleep(0.01)
        except KeyboardInterrupt:
            return "interrupted"
        return job

    results = solve_side_by_side(
        solve, range(FRAMES), FRAMES, 2, progress, lambda result: result == "interrupted", processes=True
    )
    assert next(results) == "interrupted"


@pytest.mark.usefixtures("processes")
def test_tensors_and_arrays_come_back_as_they_were():
    tensors = {
        "image": torch.randn(3, 4, dtype=torch.complex64),
        "turned": torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        "part": torch.randn(5, 6)[::2, 1:4],
        "repeated": torch.randn(3, 1).expand(3, 4),
        "conjugate": torch.randn(3, dtype=torch.complex64).conj(),
        "half": torch.randn(3).to(torch.bfloat16),
        "mask": torch.tensor([True, False]),
        "number": torch.tensor(3.0),
        "empty": torch.zeros(0, 4),
    }
    arrays = {name: each.numpy() for name, each in tensors.items() if name not in ("half", "conjugate")}
    for made, array in run(lambda *_: (tensors, arrays)):
        assert made.keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(made[name], tensor), name
            assert made[name].dtype == tensor.dtype
            assert made[name].stride() == tensor.stride()
        assert all((array[name] == each).all() for name, each in arrays.items())
    sent = [scale * tensors["image"] for scale in range(FRAMES)]
    assert torch.equal(torch.stack(run(lambda job, _: 2 * job, jobs=sent)), 2 * torch.stack(sent))


@needs_fork
def test_arrays_of_this_process_are_not_copied():
    """A worker sees the page of memory that this process writes to, where both share it."""
    shared = torch.zeros(8).share_memory_()

    def solve(job, _):
        shared[job] = job
        return shared.data_ptr()

    assert run(solve) == FRAMES * [shared.data_ptr()]
    assert shared[:FRAMES].tolist() == list(range(FRAMES))


@needs_fork
def test_a_worker_that_the_system_kills_is_explained():
    def solve(job, _):
        if job == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return job

    results = solve_side_by_side(solve, range(FRAMES), FRAMES, 2, None, processes=True)
    assert next(results) == 0
    with pytest.raises(InputError, match=r"The system has ended a worker, .* memory does not suffice: ask for fewer"):
        next(results)
    assert not multiprocessing.active_children()


@needs_fork
def test_a_worker_that_ends_by_itself_is_a_fault():
    with pytest.raises(RuntimeError, match="exit code 3"):
        run(lambda *_: os._exit(3))


class AwkwardError(Exception):
    """An exception that cannot be made again from its text."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


@needs_fork
def test_other_errors_carry_the_lines_of_the_worker():
    def fail(*_):
        raise ZeroDivisionError("by nothing")

    def fail_awkwardly(*_):
        raise AwkwardError(1, 2)

    with pytest.raises(ZeroDivisionError, match="by nothing") as error:
        run(fail)
    assert "in fail\n" in error.value.__notes__[0]
    with pytest.raises(RuntimeError, match=r"(?s)in fail_awkwardly\n.*1 and 2"):
        run(fail_awkwardly)
    with pytest.raises((TypeError, AttributeError), match="pickle"):
        run(lambda *_: threading.Lock())


@pytest.mark.usefixtures("processes")
def test_warnings_are_given_once_and_may_be_errors():
    def warn(job, _):
        warnings.warn("not like this", FutureWarning, stacklevel=1)
        return job

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        assert run(warn) == list(range(FRAMES))
    assert [str(each.message) for each in caught] == ["not like this"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FutureWarning):
            run(warn)


def test_workers_are_threads_where_a_gpu_is_in_use(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert not worker_processes.can_fork()
    assert run(lambda *_: os.getpid()) == FRAMES * [os.getpid()]


def test_no_workers_are_refused(scan):
    with pytest.raises(InputError, match="0 workers were asked for; give 1 or more"):
        CgSense()(scan, workers=0)
