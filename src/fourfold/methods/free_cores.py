"""Processor cores that other programs leave free: how many there are, and as many threads as that for one frame.

Torch's threads wait for each other after every operation. Where another program uses one of the cores, they wait until
the system gives it back, which takes several times as long as the operation itself.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType

import torch

__all__ = ["FreeCoreThreads", "free_cores"]

SHORTEST, LONGEST = 0.05, 5.0
"""Seconds over which the load is measured. The system counts in hundredths; what is long ago says little."""
INTERVAL = 2.0
"""Seconds after which a solver's number of threads is chosen anew."""
TOLERATED = 0.35
"""Part of a core that other programs may use before it counts as used."""
_STATISTICS = Path("/proc/stat")


@dataclass(frozen=True)
class _Reading:
    """What was counted up to a time, in seconds."""

    time: float
    idle: float
    """Sum over the cores of this process."""
    own: float
    """Used by this process, and by those that it has started and that have ended, such as workers."""


class _CoreLoad:
    """The load of the cores between readings of the system's counters."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = _read()
        self._free: int | None = None

    def free(self) -> int:
        """Return how many cores other programs leave free, at least one."""
        with self._lock:
            age = time.monotonic() - (self._last.time if self._last else 0)
            if self._free is None or age >= SHORTEST:
                self._free = self._measure(age)
            return self._free

    def _measure(self, age: float) -> int:
        before = self._last
        if before is not None and not SHORTEST <= age <= LONGEST:
            before = _read()
            time.sleep(SHORTEST)
        self._last = after = _read()
        cores = len(_cores())
        if before is None or after is None:
            return cores
        seconds = after.time - before.time
        used_by_others = cores - (after.idle - before.idle + after.own - before.own) / seconds
        return max(1, cores - max(0, math.ceil(used_by_others - TOLERATED)))


def _cores() -> set[int]:
    """Return the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _read() -> _Reading | None:
    """Return the counters now; None where the system has none."""
    try:
        lines = _STATISTICS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    names = {f"cpu{core}" for core in _cores()}
    # The fourth and fifth numbers: idle, and idle while something is read or written.
    ticks = sum(sum(map(int, line.split()[4:6])) for line in lines if line.split()[0] in names)
    ended = os.times()
    own = time.process_time() + ended.children_user + ended.children_system
    return _Reading(time.monotonic(), ticks / os.sysconf("SC_CLK_TCK"), own)


_load = _CoreLoad()


def free_cores() -> int:
    """Return how many cores of this process other programs leave free now, at least one.

    What this process itself uses counts as free. All cores where the system has no ``/proc/stat``.
    """
    return _load.free()


class FreeCoreThreads:
    """Lets torch use no more threads than there are free cores within a ``with`` block, and never more than before."""

    def __enter__(self) -> FreeCoreThreads:
        self._before = torch.get_num_threads()
        self._next = 0.0
        self.adapt()
        return self

    def adapt(self) -> None:
        """Choose the number of threads anew where the last choice is long enough ago."""
        now = time.monotonic()
        if self._before == 1 or now < self._next:
            return
        self._next = now + INTERVAL
        threads = min(self._before, free_cores())
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if torch.get_num_threads() != self._before:
            torch.set_num_threads(self._before)
