"""Runs BART's command line, with its own wall-clock time and its own peak memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "available",
    "peak_bytes",
    "read",
    "reset_peak_memory",
    "run",
    "run_side_by_side",
    "seconds",
    "version",
    "write",
]

# Linux counts the memory of the process that starts a program into that program's peak, so a bare interpreter
# (9 MiB) stands between this process and BART, and takes the time as well.
_LAUNCHER = """
import json, os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(json.dumps([time.perf_counter() - start, usage.ru_maxrss * 1024, os.waitstatus_to_exitcode(status)]))
"""

_total = {"seconds": 0.0, "peak_bytes": 0}


def available() -> bool:
    """Return whether the program is installed."""
    return shutil.which("bart") is not None


def version() -> str:
    """Return BART's version."""
    return subprocess.run(["bart", "version"], capture_output=True, text=True, check=True).stdout.strip()


def seconds() -> float:
    """Return the wall-clock seconds spent inside BART since this process started."""
    return _total["seconds"]


def peak_bytes() -> int:
    """Return the largest peak memory of a BART process since `reset_peak_memory`, less that of an idle one.

    0 where none ran. Unlike a Python contender's, it holds the inputs too, because BART reads them itself.
    """
    if not _total["peak_bytes"]:
        return 0
    _, base = _launch(["bart", "version"], threads=1)
    return int(_total["peak_bytes"]) - base


def reset_peak_memory() -> None:
    """Start a new peak."""
    _total["peak_bytes"] = 0


def run(
    command: str, *inputs: Path | NDArray[np.complex64], outputs: int = 1, threads: int = 2
) -> list[NDArray[np.complex64]]:
    """Return the output arrays of ``bart command inputs… outputs…``.

    Parameters
    ----------
    command
        Tool and options in one string.
    inputs
        Arrays, written before BART starts, or the paths (without suffix) of arrays written with `write`.
    outputs
        How many arrays BART writes.
    threads
        Its OpenMP threads. OpenBLAS gets one: with more, BART's calibration crashes now and then.
    """
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        paths = [
            entry if isinstance(entry, Path) else write(Path(folder, f"in{index}"), entry)
            for index, entry in enumerate(inputs)
        ]
        results = [Path(folder, f"out{index}") for index in range(outputs)]
        arguments = ["bart", *command.split(), *map(str, paths), *map(str, results)]
        elapsed, peak = _launch(arguments, threads)
        _total["seconds"] += elapsed
        _total["peak_bytes"] = max(_total["peak_bytes"], peak)
        return [read(path) for path in results]


def run_side_by_side(
    command: str, inputs: Sequence[tuple[NDArray[np.complex64], ...]], processes: int
) -> list[NDArray[np.complex64]]:
    """Return what `run` returns for each of some inputs, by several processes of one thread at a time.

    The seconds are those of all of them together, with the transfer of the arrays and the start of the processes.
    """
    before, start = _total["seconds"], time.perf_counter()
    with ThreadPoolExecutor(processes) as pool:
        outputs = list(pool.map(lambda arrays: run(command, *arrays, threads=1)[0], inputs))
    _total["seconds"] = before + time.perf_counter() - start
    return outputs


def _launch(arguments: list[str], threads: int) -> tuple[float, int]:
    """Return the seconds and the peak bytes of one BART process."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1"}
    launcher = [sys.executable, "-ISc", _LAUNCHER, *arguments]
    process = subprocess.run(launcher, capture_output=True, text=True, check=True, env=environment)
    elapsed, peak, code = json.loads(process.stdout.splitlines()[-1])
    if code:
        raise RuntimeError(f"{' '.join(arguments)} ended with {code}: {process.stderr.strip() or process.stdout}")
    return elapsed, peak


def _fast_folder() -> str | None:
    """Return a folder in memory where there is one, so that BART is not charged for the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def write(path: Path, array: NDArray[np.complex64]) -> Path:
    """Write `array` (C order, last axis fastest) as BART's header and data; return `path`."""
    dims = " ".join(str(size) for size in reversed(array.shape))
    path.with_suffix(".hdr").write_text(f"# Dimensions\n{dims}\n")
    np.ascontiguousarray(array, dtype=np.complex64).tofile(path.with_suffix(".cfl"))
    return path


def read(path: Path) -> NDArray[np.complex64]:
    """Return an array that BART wrote, as C order (last axis fastest), leading axes of size one left out."""
    dims = [int(size) for size in path.with_suffix(".hdr").read_text().splitlines()[1].split()]
    while len(dims) > 1 and dims[-1] == 1:
        dims.pop()
    return np.fromfile(path.with_suffix(".cfl"), dtype=np.complex64).reshape(dims[::-1])
