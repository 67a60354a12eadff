"""Jobs side by side, such as the frames of a scan: each worker is a thread or a process that computes with one core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from threading import Lock, get_native_id
from typing import Generic, TypeAlias, TypeVar

import torch

from fourfold.errors import InputError
from fourfold.methods.worker_processes import Report, StopFlag, WorkerProcesses, can_fork, wait_for_threads

__all__ = ["Report", "solve_side_by_side"]

Job = TypeVar("Job")
Result = TypeVar("Result")
Work: TypeAlias = Callable[[Job, Report], Result]
Pool: TypeAlias = tuple[ThreadPoolExecutor, Work[Job, Result]]


def solve_side_by_side(
    solve: Work[Job, Result],
    jobs: Iterable[Job],
    total: int,
    workers: int,
    progress: Report | None,
    interrupted: Callable[[Result], bool] = lambda _: False,
    *,
    processes: bool,
) -> Generator[Result, None, None]:
    """Yield the results of all jobs in their order, computed by several processes or threads.

    Every job is computed by one core whatever the number of workers, so that the results are the same to the bit:
    sums over several cores are rounded in another order. After an interruption, results go on up to the first job
    that it ended, which may keep what it has reached.

    Parameters
    ----------
    solve
        Computes a job; it calls its second argument now and then, which ends it after an interruption.
    jobs
        Taken by the calling thread, one more than there are workers, so that none waits for the next to be read.
    total
        Number of jobs.
    workers
        How many jobs are computed at a time.
    progress
        Called by one thread at a time, with the done fraction of the whole.
    interrupted
        Whether a result is what an interrupted job has reached.
    processes
        Whether several workers are processes, copies of this one, where the system allows it. They see its arrays
        without a copy, but what `solve` changes is changed in the copy. Jobs and results must be picklable. Otherwise
        workers are threads.

    Raises
    ------
    InputError
        Where the system has killed a process.
    BaseException
        What the first job in order raises that fails or cannot be taken, or an interruption; jobs that still run are
        ended.
    """
    stop = StopFlag()
    forked = processes and workers > 1 and can_fork()
    with _processes(solve, workers, stop) if forked else _threads(solve, workers) as (pool, work):
        queue = _Queue(work, jobs, total, progress, interrupted, pool, workers + 1, stop)
        try:
            yield from queue.results()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


@contextmanager
def _threads(solve: Work[Job, Result], workers: int) -> Iterator[Pool[Job, Result]]:
    """Yield threads of one core each, and what they do with a job."""
    threads = torch.get_num_threads()
    numbers: list[int] = []

    def begin() -> None:
        numbers.append(get_native_id())
        torch.set_num_threads(1)

    try:
        yield ThreadPoolExecutor(workers, "worker", begin), solve
    finally:
        # A thread's setting also reaches the library of Fourier transforms, which has one for all threads.
        torch.set_num_threads(threads)
        wait_for_threads(numbers)


@contextmanager
def _processes(solve: Work[Job, Result], workers: int, stop: StopFlag) -> Iterator[Pool[Job, Result]]:
    """Yield threads that each wait for a process of one core, and what they do with a job."""
    with closing(WorkerProcesses(solve, workers, stop)) as forked:
        yield ThreadPoolExecutor(workers, "worker"), forked.solve


class _Queue(Generic[Job, Result]):
    """Jobs that wait for a worker, run, or are finished before one that comes first."""

    def __init__(
        self,
        solve: Work[Job, Result],
        jobs: Iterable[Job],
        total: int,
        progress: Report | None,
        interrupted: Callable[[Result], bool],
        pool: ThreadPoolExecutor,
        most: int,
        stop: StopFlag,
    ) -> None:
        self.solve, self.jobs, self.progress, self.interrupted = solve, iter(jobs), progress, interrupted
        self.pool = pool
        self.most = most
        """How many may be unfinished."""
        self.stop, self.lock = stop, Lock()
        self.done = [0.0] * total
        self.taken, self.all_taken = 0, False
        self.futures: deque[Future[Result]] = deque()

    def results(self) -> Iterator[Result]:
        """Yield the results in order."""
        while self._first_is_finished():
            yield self.futures.popleft().result()
        if self.stop.is_set():
            raise KeyboardInterrupt

    def _first_is_finished(self) -> bool:
        """Wait until the first job is finished, and take others meanwhile; return whether there is one."""
        while True:
            try:
                self._take()
                if not self.futures or self.futures[0].done():
                    return bool(self.futures)
                wait(self._unfinished(), return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                self.stop.set()

    def _unfinished(self) -> list[Future[Result]]:
        return [future for future in self.futures if not future.done()]

    def _take(self) -> None:
        """Hand jobs to the workers, as many as may be unfinished."""
        while not self.all_taken and not self.stop.is_set() and len(self._unfinished()) < self.most:
            try:
                job = next(self.jobs)
            except StopIteration:
                self.all_taken = True
            except InputError as refusal:
                # It is raised in its place, after the results of earlier jobs.
                self.all_taken = True
                refused: Future[Result] = Future()
                refused.set_exception(refusal)
                self.futures.append(refused)
            else:
                self.futures.append(self.pool.submit(self._run, self.taken, job))
                self.taken += 1

    def _run(self, index: int, job: Job) -> Result:
        def report(fraction: float, words: str) -> None:
            self._end_if_interrupted()
            with self.lock:
                self.done[index] = fraction
                if self.progress is not None:
                    self.progress(sum(self.done) / len(self.done), words)

        try:
            self._end_if_interrupted()
            # Whether gradients are computed is a setting of each thread.
            with torch.no_grad():
                result = self.solve(job, report)
        except KeyboardInterrupt:
            self.stop.set()
            raise
        if self.interrupted(result):
            self.stop.set()
        return result

    def _end_if_interrupted(self) -> None:
        if self.stop.is_set():
            raise KeyboardInterrupt
