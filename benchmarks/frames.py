"""The slices of a volume side by side, on a quiet computer and beside another program.

Each contender is given all slices at once and may use both cores. Ours gives them to workers of one core each, and for
comparison to one worker, to two processes that know nothing of each other, and one after the other to all free cores.
The others take slice after slice with two threads; BART also as two processes of one thread. The other program counts
without end.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.harness import Contender, Rows, Task, compare_contenders
from benchmarks.objective import WEIGHTS
from benchmarks.problems import head, lines, simulated
from benchmarks.sizes import Size
from benchmarks.solvers import BART_RHO, BUILDERS
from fourfold.methods.method import Method
from fourfold.scan import Scan

__all__ = ["tasks"]

SIZE = Size(8, 240, 200)
SLICES, QUICK_SLICES = 16, 2
LOADS = {0: "quiet", 1: "one busy process"}
NAMES = {"cg-sense": "CG-SENSE", "tv": "total variation"}
ITERATIONS = {
    "cg-sense": {"fourfold": 9, "BART": 9, "mrpro": 9},
    "tv": {"fourfold": 7, "BART": 16, "mrpro": 56},
}
"""With so many, each comes within 1 % of the lowest objective of the volume in `benchmarks.volume`."""
AUTOMATIC = {"cg-sense": 16, "tv": 8, "wavelet": 4, "pnp": 2, "varnet": 4}
"""Methods that are also run as a user does, coil maps, weight and stopping included, and the number of slices."""
WORKERS: tuple[tuple[str, int | None], ...] = (
    ("fourfold, 2 workers", 2),
    ("fourfold, 1 worker", 1),
    ("fourfold, slice after slice", None),
)


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield the methods with given maps beside others, then ours with all that it decides; the size is its own."""
    del sizes
    slices = QUICK_SLICES if quick else SLICES
    for method in NAMES:
        for load, words in LOADS.items():
            name = f"{NAMES[method]}, {slices} slices {SIZE}, {words}"
            yield Task(name, partial(race, name, contenders(method, slices), load, quick))
    for method, most in AUTOMATIC.items():
        count = min(most, slices)
        name = f"{method} with automatic settings, {count} slices {SIZE}, {LOADS[0]}"
        yield Task(name, partial(race, name, ours(partial(automatic, method), count), 0, quick))


def race(name: str, chosen: Sequence[Contender], load: int, quick: bool) -> Rows:
    """Return the rows of a task, measured beside so many busy processes."""
    with ExitStack() as stack:
        for _ in range(load):
            stack.enter_context(busy_process())
        rows = [row for each in chosen for row in compare_contenders(name, [each], quick=quick, repeats=repeats(each))]
    for row in rows:
        # It is that of one process, and most of these have several.
        row.pop("memory_mib", None)
    return rows


def repeats(contender: Contender) -> int:
    """Return how many runs are timed; without a warm-up where one takes half a minute."""
    return 0 if contender.prepare.args[:2] == ("mrpro", "tv") else 2  # type: ignore[attr-defined]  # a partial


@contextmanager
def busy_process() -> Iterator[None]:
    """Run a process that uses one core."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def contenders(method: str, slices: int) -> list[Contender]:
    """Return ours and the peers with given coil maps and iterations."""
    peers = [
        Contender("BART", partial(slice_after_slice, "BART", method, slices), "bart"),
        Contender("BART, 2 processes", partial(bart_processes, method, slices), "bart"),
        Contender("mrpro", partial(slice_after_slice, "mrpro", method, slices), "mrpro"),
    ]
    return ours(partial(given, method), slices) + peers


def ours(build: Callable[[int], tuple[Method, Scan]], slices: int) -> list[Contender]:
    """Return ours with workers, slice after slice, and as two processes."""
    return [
        *(Contender(title, partial(with_workers, build, slices, workers)) for title, workers in WORKERS),
        Contender("fourfold, 2 plain processes", partial(plain_processes, build, slices)),
    ]


def volume(slices: int) -> Scan:
    """Return the scan of heads of several sizes."""
    parts = np.linspace(0.7, 0.94, slices)
    return simulated(torch.stack([head(SIZE.ny, SIZE.nx, float(part)) for part in parts]), SIZE.coils, lines)[0]


def given(method: str, slices: int) -> tuple[Method, Scan]:
    """Return ours with fixed settings, and a volume with coil maps."""
    from fourfold.methods.registry import find_method

    settings: dict[str, Any] = {"weight": WEIGHTS[method], "tolerance": 0, "coil_combination": "maps"}
    return find_method(method)(iterations=ITERATIONS[method]["fourfold"], **settings), volume(slices)


def automatic(method: str, slices: int) -> tuple[Method, Scan]:
    """Return ours as it is called without settings, and a volume without coil maps."""
    from fourfold.methods.registry import find_method

    return find_method(method)(), volume(slices).replace(coil_maps=None)


def with_workers(
    build: Callable[[int], tuple[Method, Scan]], slices: int, workers: int | None
) -> Callable[[], torch.Tensor]:
    """Prepare ours with so many workers."""
    solver, scan = build(slices)
    return lambda: solver(scan, workers=workers).image


def plain_processes(build: Callable[[int], tuple[Method, Scan]], slices: int) -> Callable[[], None]:
    """Prepare ours as two processes of one thread, each with half of the slices, whose images are thrown away."""
    solver, scan = build(slices)

    def half(first: int) -> None:
        torch.set_num_threads(1)
        for index in range(first, slices, 2):
            solver(scan.frame(index))

    def work() -> None:
        processes = [multiprocessing.get_context("fork").Process(target=half, args=(first,)) for first in (0, 1)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
            if process.exitcode:
                raise RuntimeError(f"A process ended with exit code {process.exitcode}.")

    return work


def slice_after_slice(name: str, method: str, slices: int) -> Callable[[], list[NDArray[np.complex64]]]:
    """Prepare a peer that is given one slice after the other."""
    scan, (build, _) = volume(slices), BUILDERS[name]
    solvers = [build(scan.frame(index), method, WEIGHTS[method]) for index in range(slices)]
    iterations = ITERATIONS[method][name]
    return lambda: [solve(iterations) for solve in solvers]


def bart_processes(method: str, slices: int) -> Callable[[], list[NDArray[np.complex64]]]:
    """Prepare BART as two processes of one thread, each with a slice."""
    scan, weight = volume(slices), WEIGHTS[method]
    assert scan.coil_maps is not None
    inputs = [
        (scan.kspace[index, :, None].numpy(), scan.coil_maps[index, 0, :, None].numpy()) for index in range(slices)
    ]
    flags = {"cg-sense": f"-l2 -r{weight}", "tv": f"-RT:3:0:{weight} -u{BART_RHO}"}[method]
    command = f"pics -w1 -i{ITERATIONS[method]['BART']} {flags}"
    return lambda: bart.run_side_by_side(command, inputs, processes=2)
