"""Races contenders on one problem: each in its own process, two threads, a warm-up, medians, peak memory.

A benchmark is a module in this folder with ``tasks(sizes, quick) -> Iterator[Task]``; each task describes its
contenders and hands them to `compare_contenders`::

    def ours(lines):                       # imports, loads the inputs, returns the work that is timed
        import fourfold as ff
        scan = problem(lines)
        method = ff.Grappa()
        return lambda: method(scan)

    def tasks(sizes, quick):
        contenders = [
            Contender("fourfold", partial(ours, 24)),
            Contender("pygrappa", partial(theirs, 24), requires="pygrappa"),
        ]
        name = "GRAPPA 12×320×320, 4×, 24 lines"
        yield Task(name, partial(compare_contenders, name, contenders, quick=quick, figures=psnr_of))

`prepare`, and `figures` where given, must be functions of a module (or `functools.partial` of one), because
they travel to a fresh process. Ours comes first: ratios are theirs over ours.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import multiprocessing
import os
import platform
import shutil
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import bart

__all__ = [
    "THREADS",
    "Contender",
    "Rows",
    "Task",
    "absent",
    "compare_contenders",
    "in_fresh_process",
    "machine",
    "peak_memory",
    "timed",
]

THREADS = 2
LIMIT_SECONDS = 1800.0
ENOUGH_SECONDS = 10.0
PACKAGES = ("fourfold", "torch", "numpy", "scipy", "sigpy", "pygrappa", "mrpro", "deepinv", "mri-nufft")
# BART sets its own count: its threads and those of its BLAS must not multiply (see bart.py).
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

Work = Callable[[], Any]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Task:
    """One problem: its name, which each of its rows carries, and what runs all contenders on it."""

    name: str
    run: Callable[[], Rows]


@dataclass(frozen=True)
class Contender:
    """One of the implementations that are compared."""

    name: str
    """As printed."""
    prepare: Callable[[], Work]
    """Imports what is needed, loads the inputs and returns the work, a function without arguments. Untimed."""
    requires: str = "fourfold"
    """The importable module, or the program ``bart``, without which the contender is reported as absent."""


def absent(requires: str) -> bool:
    """Return whether the module, or the program ``bart``, is not installed."""
    if requires == "bart":
        return not bart.available()
    return importlib.util.find_spec(requires) is None


def compare_contenders(
    task: str,
    contenders: Sequence[Contender],
    *,
    quick: bool = False,
    repeats: int = 5,
    figures: Callable[[Any], Mapping[str, Any]] | None = None,
) -> Rows:
    """Return one row per contender: task, contender, status, seconds (median), all times, memory and figures.

    Parameters
    ----------
    task
        The problem in a few words.
    contenders
        Ours first.
    quick
        One timed run instead of `repeats`.
    repeats
        Timed runs after one warm-up; fewer where these take long. 0 times the first run, for what takes very long.
    figures
        Turns what the work returns into numbers worth a column (image quality, realised acceleration).
    """
    rows = []
    for contender in contenders:
        row: dict[str, Any] = {"task": task, "contender": contender.name}
        if absent(contender.requires):
            row["status"] = f"absent: {contender.requires} is not installed"
        else:
            row |= in_fresh_process(_measure, contender.prepare, min(repeats, 1) if quick else repeats, figures)
        seconds = f"{row['seconds']:.3g} s" if row["status"] == "ok" else row["status"]
        print(f"{task}: {contender.name}: {seconds}", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


def _measure(prepare: Callable[[], Work], repeats: int, figures: Callable[[Any], Any] | None) -> dict[str, Any]:
    """Run in the child: time the work, and take its peak memory above imports and inputs."""
    work = prepare()
    base = _reset_peak_memory()
    result, first = timed(work)
    seconds = [] if repeats else [first]
    while len(seconds) < repeats and sum(seconds) < ENOUGH_SECONDS:
        result, elapsed = timed(work)
        seconds.append(elapsed)
    return {
        "status": "ok",
        "seconds": statistics.median(seconds),
        "all_seconds": [round(value, 5) for value in seconds],
        **_memory(base),
        "figures": dict(figures(result)) if figures else {},
    }


def peak_memory(prepare: Callable[[], Work]) -> dict[str, Any]:
    """Run in the child: do the work once and return its peak memory above imports and inputs."""
    work = prepare()
    base = _reset_peak_memory()
    work()
    return _memory(base)


def _memory(base: int) -> dict[str, float]:
    """Return the peak above `base` bytes, BART's being that of its own process, and the base."""
    of_bart = bart.peak_bytes()
    memory = of_bart or _status("VmHWM") - base
    return {"memory_mib": memory / 2**20, "base_mib": 0.0 if of_bart else base / 2**20}


def timed(work: Work) -> tuple[Any, float]:
    """Return what the work returns, and its seconds; a command line's are from its own start to its own end."""
    bart_before = bart.seconds()
    start = time.perf_counter()
    result = work()
    elapsed = time.perf_counter() - start
    # Writing BART's inputs and reading its outputs is not its fault.
    return result, (bart.seconds() - bart_before) or elapsed


def in_fresh_process(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Return ``function(*arguments)`` from a new process with `THREADS` threads, or what failed."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ |= dict.fromkeys(THREAD_VARIABLES, str(THREADS))
    try:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(sender, function, arguments))
        process.start()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    sender.close()
    try:
        if not receiver.poll(LIMIT_SECONDS):
            return {"status": f"stopped after {LIMIT_SECONDS:.0f} s"}
        outcome: dict[str, Any] = receiver.recv()
        return outcome
    except EOFError:
        process.join()
        return {"status": f"failed: the process died with exit code {process.exitcode}"}
    finally:
        if process.is_alive() and not receiver.closed:
            process.join(5)
        process.kill()
        process.join()


def _child(sender: Connection, function: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> None:
    try:
        outcome = function(*arguments)
    except Exception as error:  # a peer may fail in any way, and the others must still run
        traceback.print_exc()
        outcome = {"status": f"failed: {type(error).__name__}: {error}"}
    sender.send(outcome)


def _status(field: str) -> int:
    """Return a memory field of this process (VmRSS: now, VmHWM: the peak) in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def _reset_peak_memory() -> int:
    """Bring the peak down to what is used now, and return that in bytes.

    Heap that loading the inputs left free is given back first: it would hide what the work takes.
    """
    bart.reset_peak_memory()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmHWM")


def machine() -> dict[str, Any]:
    """Return what the times depend on: processor, cores, memory, threads and versions."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = next(line.split(":")[1].strip() for line in cpu.splitlines() if line.startswith("model name"))
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "threads": THREADS,
        "versions": versions | {"bart": bart.version() if shutil.which("bart") else None},
    }
