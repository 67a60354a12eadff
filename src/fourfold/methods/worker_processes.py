"""Processes that compute jobs for the threads of this one: copies of it, made by fork, which share its arrays.

Python computes in one thread of a process at a time, which holds up methods of many small operations.
"""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

import torch

from fourfold.errors import InputError
from fourfold.methods.messages import receive, send

__all__ = ["Report", "StopFlag", "WorkerProcesses", "can_fork"]

_LONGEST_WAIT = 5.0
"""Seconds."""

Job = TypeVar("Job")
Result = TypeVar("Result")
Report: TypeAlias = Callable[[float, str], None]
"""Called with the done fraction (0 to 1) and a few words on what is being done."""


def can_fork() -> bool:
    """Return whether workers can be forked processes here.

    Copies of a process that uses a GPU are not safe, nor are those of any process that uses macOS's libraries. No other
    thread may compute with torch while a copy is made.
    """
    on_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return sys.platform == "linux" and not on_gpu and not multiprocessing.current_process().daemon


def wait_for_threads(numbers: Iterable[int]) -> None:
    """Wait until the system has ended threads of this process that Python has joined.

    A thread's last act is to give memory back to the library of Fourier transforms. A copy that is made meanwhile
    would wait for the library's lock without end.

    Parameters
    ----------
    numbers
        The system's numbers of the threads.
    """
    end = time.monotonic() + _LONGEST_WAIT
    while any(Path(f"/proc/self/task/{number}").exists() for number in numbers) and time.monotonic() < end:
        time.sleep(0.001)


class StopFlag:
    """A flag that a process and those forked from it can set, and all of them see."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Set it."""
        self._byte[0] = 1

    def clear(self) -> None:
        """Take it back."""
        self._byte[0] = 0

    def is_set(self) -> bool:
        """Whether one of the processes has set it."""
        return self._byte[0] == 1


@dataclass(frozen=True, eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    stop: StopFlag
    """Ends the job that this worker computes."""


class WorkerProcesses(Generic[Job, Result]):
    """Processes that wait for jobs. Each computes with one core, and ends when this process ends in any way.

    Parameters
    ----------
    solve
        Computes a job in a process; it calls its second argument now and then, which ends it after an interruption.
        It sees all that this process holds now. Jobs and results are sent, and must be picklable.
    number
        Of processes.
    stop
        Once it is set, all jobs end by a KeyboardInterrupt.
    """

    def __init__(self, solve: Callable[[Job, Report], Result], number: int, stop: StopFlag) -> None:
        self._workers: list[_Worker] = []
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._seen_warnings: dict[Any, Any] = {}
        # The processes read from this pipe, which nobody writes to, until its other end is closed.
        self._life = os.pipe()
        try:
            for _ in range(number):
                self._workers.append(self._fork(solve, stop))
                self._idle.put(self._workers[-1])
        except BaseException:
            self.close()
            raise

    def _fork(self, solve: Callable[[Job, Report], Result], stop: StopFlag) -> _Worker:
        ours, theirs = multiprocessing.Pipe()
        stops = stop, StopFlag()
        # Other processes must not hold ends that tell a process that this one has ended.
        foreign = [ours, *(worker.connection for worker in self._workers)]
        child = _Child(solve, theirs, stops, self._life, foreign)
        process = multiprocessing.get_context("fork").Process(target=child.run, daemon=True)
        with warnings.catch_warnings():
            # Python from 3.12 on warns of threads, whose locks a copy may wait for. The copies use none of them: they
            # print nothing, and compute with one thread.
            warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*multi-threaded.*fork")
            process.start()
        theirs.close()
        return _Worker(process, ours, stops[1])

    def solve(self, job: Job, report: Report) -> Result:
        """Return the result of a job that an idle process computes; raises what is raised there or by `report`.

        Raises
        ------
        InputError
            Where the system has killed the process.
        """
        worker = self._idle.get()
        try:
            worker.stop.clear()
            send(worker.connection, job)
            return self._outcome(worker, report)
        except (EOFError, ConnectionError):
            raise _death(worker.process) from None
        finally:
            self._idle.put(worker)

    def _outcome(self, worker: _Worker, report: Report) -> Result:
        raised: BaseException | None = None
        while True:
            kind, content = receive(worker.connection)
            if kind == "progress" and raised is None:
                try:
                    report(*content)
                except BaseException as error:
                    # The process ends the job, or returns what it has reached.
                    raised = error
                    worker.stop.set()
            elif kind == "warning":
                self._warn(*content)
            elif kind == "error":
                raise content if raised is None else raised
            elif kind == "result":
                if raised is None or isinstance(raised, KeyboardInterrupt):
                    return content
                raise raised

    def _warn(self, message: Warning, category: type[Warning], file: str, line: int) -> None:
        """Repeat the warning of a process here, by this process's filters; once where all processes give it."""
        warnings.warn_explicit(message, category, file, line, registry=self._seen_warnings)

    def close(self) -> None:
        """End the processes, which are idle unless the user has interrupted twice."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        for end in self._life:
            os.close(end)


def _death(process: BaseProcess) -> Exception:
    """Return the error for a process that has ended by itself."""
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return InputError(
            "The system has ended a worker, most likely because the memory does not suffice: ask for fewer workers "
            "(--workers 1), or choose fewer coils or another method."
        )
    return RuntimeError(f"A worker process has ended by itself with exit code {process.exitcode}.")


@dataclass(frozen=True, eq=False)
class _Child(Generic[Job, Result]):
    """What runs in a process."""

    solve: Callable[[Job, Report], Result]
    connection: Connection
    stops: tuple[StopFlag, ...]
    life: tuple[int, int]
    foreign: list[Connection] = field(default_factory=list)
    """Ends of connections that belong to the other processes."""

    def run(self) -> None:
        """Compute jobs until the process is killed or its parent has ended."""
        # Ctrl-C reaches all processes of a terminal; the parent decides what follows.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.close(self.life[1])
        for connection in self.foreign:
            connection.close()
        threading.Thread(target=self._end_with_parent, daemon=True).start()
        # The garbage collector would touch, and thereby copy, all that is shared.
        gc.freeze()
        # The copy has none of the parent's threads, for which more than one would wait.
        torch.set_num_threads(1)
        try:
            while True:
                self._answer(receive(self.connection))
        except (EOFError, ConnectionError):
            return

    def _end_with_parent(self) -> None:
        os.read(self.life[0], 1)
        os._exit(1)

    def _answer(self, job: Job) -> None:
        """Send the result of a job, or what it raises."""
        try:
            with warnings.catch_warnings(record=True) as caught, torch.no_grad():
                result = self.solve(job, self._report)
            for each in caught:
                send(self.connection, ("warning", (each.message, each.category, each.filename, each.lineno)))
            send(self.connection, ("result", result))
        except BaseException as error:
            send(self.connection, ("error", _portable(error)))

    def _report(self, fraction: float, words: str) -> None:
        if any(stop.is_set() for stop in self.stops):
            raise KeyboardInterrupt
        send(self.connection, ("progress", (fraction, words)))


def _portable(error: BaseException) -> BaseException:
    """Return an exception as it can be sent, with the lines of the process that raised it."""
    lines = "".join(traceback.format_exception(error))
    if not isinstance(error, InputError | KeyboardInterrupt):
        error.add_note(f"In a worker process:\n{lines}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever the exception's own methods raise
        return RuntimeError(f"A worker process has failed.\n{lines}")
    return error
