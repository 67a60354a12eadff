"""Frames of a scan side by side: each worker is a thread that computes with one processor core."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import TypeAlias, TypeVar

import torch

__all__ = ["Report", "solve_side_by_side"]

Result = TypeVar("Result")
Report: TypeAlias = Callable[[float, str], None]
"""Called with the done fraction (0 to 1) and a few words on what is being done."""


def solve_side_by_side(
    solve: Callable[[int, Report], Result], parts: int, workers: int, progress: Report | None
) -> list[Result]:
    """Return the results of all parts in their order, computed by several threads.

    Every part is computed by one core whatever the number of workers, so that the results are the same to the bit:
    sums over several cores are rounded in another order.

    Parameters
    ----------
    solve
        Computes the part of an index; it calls its second argument now and then, which ends it after an interruption.
    parts
        Number of parts, which take about the same time.
    workers
        Number of threads.
    progress
        Called by one thread at a time, with the done fraction of the whole.

    Raises
    ------
    BaseException
        What the first part in order raises that fails, or an interruption; parts that still run are ended.
    """
    stop, lock, done = Event(), Lock(), [0.0] * parts

    def solve_part(index: int) -> Result:
        def report(fraction: float, words: str) -> None:
            if stop.is_set():
                raise KeyboardInterrupt
            with lock:
                done[index] = fraction
                try:
                    if progress is not None:
                        progress(sum(done) / parts, words)
                except KeyboardInterrupt:
                    stop.set()
                    raise

        # Whether gradients are computed is a setting of each thread.
        with torch.no_grad():
            return solve(index, report)

    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(workers, "frame", torch.set_num_threads, (1,)) as pool:
            futures = [pool.submit(solve_part, index) for index in range(parts)]
            try:
                return [future.result() for future in futures]
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        # A thread's setting also reaches the library of Fourier transforms, which has one for all threads.
        torch.set_num_threads(threads)
