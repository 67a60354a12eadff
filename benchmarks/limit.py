"""One iteration beside its limit, the Fourier transforms and the memory traffic: ``python -m benchmarks.limit``.

Processor time of one thread, so that other programs matter little. An iteration is the difference between a
reconstruction of twice the iterations and one of `ITERATIONS`, over their number. The transforms are those of all coils
there and back along the undersampled axis, of strips of an array that stay in the processor's cache. The memory traffic
is every image (y, x) that must be read or written once, by the speed at which an array as large as the coil maps is
copied.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.harness import machine
from benchmarks.objective import LEVELS, WAVELET, WEIGHTS
from benchmarks.problems import Problem, slices
from benchmarks.table import RESULTS, Grid, stored_results
from fourfold.methods.registry import find_method
from fourfold.methods.sense_problem import SenseProblem
from fourfold.scan import Scan

__all__ = ["overview", "table"]

SIZES = ("medium", "large")
ITERATIONS, REPEATS = 8, 7
CACHE_BYTES = 1 << 19
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "CG-SENSE": ("cg-sense", {}),
    "wavelet, orthonormal": ("wavelet", {"wavelet": WAVELET, "levels": LEVELS, "cycle_spinning": False}),
    "wavelet, cycle-spun": ("wavelet", {"levels": LEVELS}),
    "total variation": ("tv", {}),
}
# Images read and written in an iteration beside those of the coils. The solvers: x, Aᴴy, AᴴA x and their directions.
# Wavelets: there and back along two axes, a third more for all levels, and the shrinkage. Total variation: in each of
# three dual iterations the image, and three fields of two images.
SOLVER_IMAGES = {"cg-sense": 12, "wavelet": 14, "tv": 14}
PENALTY_IMAGES = {
    "CG-SENSE": 0,
    "wavelet, orthonormal": 13,
    "wavelet, cycle-spun": 4 * 3 * LEVELS,
    "total variation": 3 * 7,
}


def main() -> None:
    """Measure, print the table and keep the results."""
    argparse.ArgumentParser(prog="python -m benchmarks.limit", description=__doc__).parse_args()
    torch.set_num_threads(1)
    problems = [problem for problem in slices(SIZES) if "random" in problem.name]
    rows = [row for problem in problems for row in measured(problem)]
    table(rows).show()
    text = json.dumps({"machine": machine() | {"threads": 1}, "rows": rows}, indent=1, ensure_ascii=False)
    (RESULTS / "limit.json").write_text(text + "\n", encoding="utf-8")


@torch.no_grad()
def measured(problem: Problem) -> list[dict[str, Any]]:
    """Return the milliseconds of an iteration and of its parts for every method."""
    scan, _ = problem.load()
    rhs = SenseProblem.of(scan).rhs[0, 0]
    coils = scan.coils * strips(rhs, transform_there_and_back)
    both = transform_image(rhs)
    image = rhs.numel() * rhs.element_size() / copied_per_second(scan.kspace)
    rows = []
    for title, (name, settings) in METHODS.items():
        transforms = coils + (3 * LEVELS + 1) * both * ("cycle" in title)
        traffic = (scan.coils + 2 + SOLVER_IMAGES[name] + PENALTY_IMAGES[title]) * image
        seconds = iteration(scan, name, settings)
        times = {"iteration": seconds, "transforms": transforms, "traffic": traffic}
        rows.append({"problem": problem.name, "method": title} | {key: 1e3 * each for key, each in times.items()})
    return rows


def iteration(scan: Scan, name: str, settings: dict[str, Any]) -> float:
    """Return the seconds of one iteration."""

    def run(count: int) -> Callable[[], Any]:
        method = find_method(name)(
            weight=WEIGHTS[name], tolerance=0, coil_combination="maps", iterations=count, **settings
        )
        return lambda: method(scan)

    return (fastest(run(2 * ITERATIONS)) - fastest(run(ITERATIONS))) / ITERATIONS


def strips(image: torch.Tensor, work: Callable[[torch.Tensor], Any]) -> float:
    """Return the seconds of the work on an image's columns (y as the last axis), in parts that stay in the cache."""
    columns = image.mT.contiguous()
    rows = max(1, min(len(columns), CACHE_BYTES // (columns.shape[1] * columns.element_size())))
    part = columns[:rows].clone()
    return fastest(lambda: work(part)) * len(columns) / rows


def transform_there_and_back(part: torch.Tensor) -> None:
    """Transform along the last axis and back."""
    torch.fft.ifft(torch.fft.fft(part))


def transform_image(image: torch.Tensor) -> float:
    """Return the seconds of a transform of an image along both axes and back."""
    return fastest(lambda: torch.fft.ifft2(torch.fft.fft2(image)))


def copied_per_second(array: torch.Tensor) -> float:
    """Return the bytes that copying an array reads and writes in a second."""
    target = torch.empty_like(array)
    return 2 * array.numel() * array.element_size() / fastest(lambda: target.copy_(array))


def fastest(work: Callable[[], Any]) -> float:
    """Return the processor seconds of the fastest of several runs after a warm-up: what the machine can do."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def overview() -> Grid | None:
    """Return the table of the stored results, None where there are none."""
    stored = stored_results("limit")
    return table(stored["rows"]) if stored else None


def table(rows: list[dict[str, Any]]) -> Grid:
    """Return a line per problem and method."""
    lines = [
        [
            f"{row['method']}, {row['problem']}",
            *(f"{row[key]:.3g}" for key in ("iteration", "transforms", "traffic")),
            f"{row['iteration'] / (row['transforms'] + row['traffic']):.2f}×",
        ]
        for row in rows
    ]
    headings = ["one iteration", "ms", "transforms ms", "memory ms", "over the limit"]
    return Grid("One iteration beside its transforms and its memory traffic", headings, lines)


if __name__ == "__main__":
    main()
