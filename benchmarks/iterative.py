"""CG-SENSE, wavelet and TV: seconds from k-space to the same objective, and to the same image quality.

All get the same k-space, coil maps and weight, and minimise one objective (`benchmarks.objective`). Its lowest value
is found once, by many iterations of fourfold. Every contender is run from scratch with 4, 8, 16, … iterations until
it has come within 1 % of that value and its image within 0.1 dB of the converged one; the fewest iterations to
the first are found between, and these are timed, set-up included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import harness
from benchmarks.cases import score
from benchmarks.harness import Contender, Rows, Task
from benchmarks.objective import WEIGHTS, objective
from benchmarks.problems import Problem, slices
from benchmarks.solvers import BUILDERS, Solve

__all__ = ["METHODS", "compare_contenders", "tasks"]

METHODS = {"cg-sense": "CG-SENSE", "wavelet": "Wavelet", "tv": "Total variation"}

TARGET = 0.01
TOLERANCE_DB = 0.1
REFERENCE_ITERATIONS = 400
INITIAL_ITERATIONS, MOST_ITERATIONS = 4, 1024
MOST_SECONDS = 60.0
MOST_SECONDS_FOR_QUALITY = 15.0

Images = NDArray[np.complex64]
Builders = dict[str, tuple[Callable[..., Callable[[int], Images]], str]]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield one task per problem and method."""
    builders: Builders = {name: (partial(of_frames, build), needs) for name, (build, needs) in BUILDERS.items()}
    for problem in slices(sizes):
        for method, title in METHODS.items():
            name = f"{title}, {problem.name}"
            yield Task(name, partial(compare_contenders, name, problem, method, builders, quick))


def of_frames(build: Callable[..., Solve], problem: Problem, method: str) -> Callable[[int], Images]:
    """Return ``solve(iterations) -> images (frame, y, x)`` of a problem with one frame."""
    solve = build(problem.load()[0], method, WEIGHTS[method])
    return lambda iterations: solve(iterations)[None]


def compare_contenders(name: str, problem: Problem, method: str, builders: Builders, quick: bool) -> Rows:
    """Return one row per contender."""
    reference = harness.in_fresh_process(converge, builders["fourfold"][0], problem, method, 40 if quick else None)
    if "lowest" not in reference:
        raise RuntimeError(f"{name}: no reference: {reference['status']}")
    contenders = [
        Contender(
            label, partial(timed_search, build, problem, method, reference, 32 if quick else MOST_ITERATIONS), requires
        )
        for label, (build, requires) in builders.items()
    ]
    rows = harness.compare_contenders(
        name, contenders, quick=quick, repeats=2, figures=partial(figures, reference["lowest"])
    )
    kind = {"method": method, "problem": problem.name}
    return [kind | row | memory(builders[row["contender"]][0], problem, method, row) for row in rows]


def memory(build: Callable[..., Any], problem: Problem, method: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return the peak memory of one run: that of the search includes the objective's, in double precision."""
    if row["status"] != "ok":
        return {}
    prepare = partial(one_run, build, problem, method, row["figures"]["iterations"])
    return harness.in_fresh_process(harness.peak_memory, prepare)


def one_run(
    build: Callable[..., Callable[[int], Images]], problem: Problem, method: str, iterations: int
) -> Callable[[], Images]:
    """Return the work: one run from scratch."""
    solve = build(problem, method)
    return lambda: solve(iterations)


def converge(build: Callable[..., Any], problem: Problem, method: str, iterations: int | None) -> dict[str, float]:
    """Return the lowest objective and the converged image's PSNR in dB."""
    images = build(problem, method)(iterations or REFERENCE_ITERATIONS)
    scan, truth = problem.load()
    return {"lowest": objective(scan, images, method), "psnr": psnr(images, truth)}


def psnr(images: Images, truth: NDArray[np.float32]) -> float:
    """Return the PSNR in dB of the magnitudes of all frames together."""
    return score(np.abs(images).reshape(-1, images.shape[-1]), truth.reshape(-1, truth.shape[-1])).psnr


def timed_search(
    build: Callable[..., Callable[[int], Images]], problem: Problem, method: str, reference: dict[str, float], most: int
) -> Callable[[], Search]:
    """Return the work: its first call, the warm-up, finds how many iterations are enough."""
    scan, truth = problem.load()
    solve = build(problem, method)
    search = Search(
        solve,
        objective_and_psnr=lambda images: (objective(scan, images, method), psnr(images, truth)),
        target=reference["lowest"] * (1 + TARGET),
        psnr=reference["psnr"],
        most=most,
    )

    def work() -> Search:
        if search.iterations_needed is None:
            search.run()
        else:
            solve(search.iterations_needed)
        return search

    return work


class Point(NamedTuple):
    """One run from scratch."""

    iterations: int
    seconds: float
    objective: float
    psnr: float


@dataclass
class Search:
    """Finds the fewest iterations with which a contender reaches the target.

    Its images are as good as converged ones where their PSNR is, within `TOLERANCE_DB`.
    """

    solve: Callable[[int], Images]
    """Runs the contender from scratch."""
    objective_and_psnr: Callable[[Images], tuple[float, float]]
    """Returns objective and PSNR of images."""
    target: float
    """The objective to reach."""
    psnr: float
    """The PSNR to reach."""
    most: int
    """At most so many iterations."""
    points: list[Point] = field(default_factory=list)
    """Every run so far."""
    iterations_needed: int | None = None
    """The fewest iterations, or where the target was never reached the most that were tried."""

    def run(self) -> None:
        """Double the iterations until both targets are reached, then halve the gap before the first."""
        self.solve(1)
        count = INITIAL_ITERATIONS
        while self._needs_more_iterations(self._attempt(count)) and count < self.most:
            count *= 2
        reached = [point.iterations for point in self.points if point.objective <= self.target]
        high = min(reached, default=count)
        low = max((point.iterations for point in self.points if point.iterations < high), default=0)
        # To within a sixth: every run more costs as much as what is measured.
        while reached and high - low > max(1, high // 6):
            middle = (low + high) // 2
            low, high = (low, middle) if self._attempt(middle).objective <= self.target else (middle, high)
        self.iterations_needed = high

    def _attempt(self, count: int) -> Point:
        images, seconds = harness.timed(lambda: self.solve(count))
        self.points.append(Point(count, seconds, *self.objective_and_psnr(images)))
        return self.points[-1]

    def _needs_more_iterations(self, last: Point) -> bool:
        """Return whether twice the iterations are worth their time; the objective is worth more than the quality."""
        if last.objective > self.target:
            return sum(point.seconds for point in self.points) < MOST_SECONDS
        return not self.is_converged(last) and 2 * last.seconds < MOST_SECONDS_FOR_QUALITY

    def is_converged(self, point: Point) -> bool:
        """Return whether the image is as good as the converged one."""
        return abs(point.psnr - self.psnr) <= TOLERANCE_DB


def figures(lowest: float, search: Search) -> dict[str, Any]:
    """Return what the table and the plots say about a search."""
    points = sorted(search.points)
    # From there on: on its way an image may pass the converged quality and leave it again.
    converged = list(takewhile(search.is_converged, reversed(points)))
    best = min(point.objective for point in points)
    return {
        "iterations": search.iterations_needed,
        "reached": best <= search.target,
        "to 0.1 dB s": converged[-1].seconds if converged else None,
        "lowest +%": 100 * (best / lowest - 1),
        "PSNR dB": points[-1].psnr,
        "curve": [
            [point.iterations, round(point.seconds, 5), 100 * (point.objective / lowest - 1), round(point.psnr, 3)]
            for point in points
        ],
    }
