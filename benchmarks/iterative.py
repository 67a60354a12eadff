"""CG-SENSE, wavelet and TV: seconds from k-space to an image within 0.1 dB of the converged one.

Every contender is run from scratch with 8, 16, 32, … iterations until its image stands still: its converged quality,
against the truth. The fewest iterations from which on it stays within 0.1 dB of that are found by bisection, and
these are timed, set-up included. All get the same k-space, coil maps and weight; `benchmarks.solvers` says how their
terms differ.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks import harness, problems, solvers
from benchmarks.cases import DATA, score
from benchmarks.harness import Contender
from benchmarks.problems import Problem
from benchmarks.solvers import Image, Solve
from fourfold.optimize.total_variation import TotalVariationPenalty
from fourfold.optimize.wavelet import CycleSpunPenalty
from fourfold.physics.encoding import Encoding
from fourfold.physics.wavelet import UndecimatedWavelet
from fourfold.registry import find_method
from fourfold.scan import Scan

__all__ = ["run"]

TOLERANCE_DB = 0.1
STILL_DB = 0.02
MOST_ITERATIONS = 512
LONGEST_SECONDS = 60.0

METHODS = {"cg-sense": "CG-SENSE", "wavelet": "Wavelet", "tv": "Total variation"}
BUILDERS: dict[str, tuple[Callable[..., Solve], str]] = {
    "fourfold": (solvers.with_fourfold, "fourfold"),
    "BART": (solvers.with_bart, "bart"),
    "SigPy": (solvers.with_sigpy, "sigpy"),
    "mrpro": (solvers.with_mrpro, "mrpro"),
    "deepinv": (solvers.with_deepinv, "deepinv"),
}


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Return one row per problem, method and contender; the real brain where its data is at hand."""
    chosen = [problems.HEAD_LINES, problems.HEAD_POISSON, *([problems.BRAIN] if DATA.is_dir() else [])]
    return [
        row for problem in chosen[: 1 if quick else None] for method in METHODS for row in race(problem, method, quick)
    ]


def race(problem: Problem, method: str, quick: bool) -> list[dict[str, Any]]:
    """Return one row per contender of one problem and method."""
    weight = find_method(method)().weight  # type: ignore[attr-defined]  # these three have one
    most = 32 if quick else MOST_ITERATIONS
    contenders = [
        Contender(name, partial(converging, build, problem, method, weight, most), requires)
        for name, (build, requires) in BUILDERS.items()
    ]
    describe = partial(figures, problem, method, weight)
    rows = harness.race(f"{METHODS[method]}, {problem.name}", contenders, quick=quick, figures=describe)
    reached = [row["figures"] for row in rows if "figures" in row]
    lowest = min((found["objective"] for found in reached), default=1.0)
    for found in reached:
        found["objective +%"] = 100 * (found.pop("objective") / lowest - 1)
    return rows


@dataclass(frozen=True, eq=False)
class Outcome:
    """An image with the iterations it took, and the quality after each count that was tried."""

    image: Image
    iterations: int
    converged: float
    curve: list[tuple[int, float]]


def converging(
    build: Callable[..., Solve], problem: Problem, method: str, weight: float, most: int
) -> Callable[[], Outcome]:
    """Return the work: its first call, the warm-up, finds how many iterations are enough."""
    scan, truth = problem.load()
    solve = build(scan, method, weight)
    search = _Search(lambda count: score(np.abs(solve(count)), truth).psnr, most)

    def work() -> Outcome:
        iterations, converged = search.result()
        return Outcome(solve(iterations), iterations, converged, sorted(search.curve.items()))

    return work


@dataclass
class _Search:
    """Finds a contender's converged quality and the fewest iterations that come close to it."""

    quality: Callable[[int], float]
    most: int
    curve: dict[int, float] = field(default_factory=dict)
    found: tuple[int, float] | None = None

    def result(self) -> tuple[int, float]:
        """Return the fewest iterations that are enough, and the converged quality in dB."""
        if self.found is None:
            ladder = self._climb()
            # BART's random shifts never stand still: it need not come nearer to its last images than they are alike.
            last = [self._at(ladder[-1] - back) for back in range(3)]
            converged, wobble = statistics.median(last), max(last) - min(last)
            self.found = self._bisect(ladder, converged, max(TOLERANCE_DB, wobble)), converged
        return self.found

    def _at(self, count: int) -> float:
        if count not in self.curve:
            self.curve[count] = self.quality(count)
        return self.curve[count]

    def _climb(self) -> list[int]:
        """Double the iterations until the quality stands still."""
        # Not from 1: BART's first ten are spent inside one step, after which all look alike.
        ladder = [4, 8, 16]
        seconds = 0.0
        while ladder[-1] < self.most and seconds < LONGEST_SECONDS:
            ladder.append(2 * ladder[-1])
            start = time.perf_counter()
            last = self._at(ladder[-1])
            seconds = time.perf_counter() - start
            if max(abs(last - self._at(count)) for count in ladder[-3:-1]) < STILL_DB:
                break
        return ladder

    def _bisect(self, ladder: list[int], converged: float, tolerance: float) -> int:
        """Return the fewest iterations that come close, above the last rung that does not."""

        def close(count: int) -> bool:
            return abs(self._at(count) - converged) <= tolerance

        low = max((count for count in ladder if not close(count)), default=0)
        high = min(count for count in ladder if count > low)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if close(middle) else (middle, high)
        return high


def figures(problem: Problem, method: str, weight: float, outcome: Outcome) -> dict[str, Any]:
    """Return what the table and the results say about an outcome."""
    scan, truth = problem.load()
    return {
        "iterations": outcome.iterations,
        "PSNR dB": score(np.abs(outcome.image), truth).psnr,
        "converged dB": outcome.converged,
        "objective": objective(scan, outcome.image, method, weight),
        "curve": [[count, round(decibel, 3)] for count, decibel in outcome.curve],
    }


def objective(scan: Scan, image: Image, method: str, weight: float) -> float:
    """Return ½‖A x − y‖² + weight · R(x) in double precision; R is ½‖x‖², isotropic TV, or ours of the wavelets."""
    x = torch.from_numpy(image).to(torch.complex128)[None, None]
    assert scan.coil_maps is not None
    residual = Encoding(scan.mask, scan.coil_maps.to(torch.complex128)).forward(x) - scan.kspace
    misfit = float(residual.abs().square().sum()) / 2
    return misfit + weight * penalty(x[0, 0], method)


def penalty(x: torch.Tensor, method: str) -> float:
    """Return R(x) of a complex128 image (y, x)."""
    if method == "cg-sense":
        return float(x.abs().square().sum()) / 2
    if method == "tv":
        return TotalVariationPenalty().value(x)
    return CycleSpunPenalty(UndecimatedWavelet((x.shape[0], x.shape[1]))).value(x)
