"""Automatic weights beside the best that a search against the reference finds: ``python -m benchmarks.weights``.

Thirty cases: ten images, each with random lines, regular lines and a Poisson-disc pattern. The score is the PSNR
against the root-sum-of-squares of the full data (data range: its maximum). The search walks from the automatic weight
in steps of 1.5, both ways, until two in a row bring nothing better. The cost is processor time, coil maps included, in
parts of one reconstruction with the chosen weight; one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from statistics import mean, median
from typing import Any

import numpy as np
import torch

from benchmarks.cases import DATA
from benchmarks.table import RESULTS, Grid, stored_results
from fourfold.coils.root_sum_of_squares import root_sum_of_squares
from fourfold.methods.model_based import ModelBasedMethod
from fourfold.methods.registry import find_method
from fourfold.methods.sense_problem import SenseProblem
from fourfold.operators.fourier import fft, ifft
from fourfold.sampling import undersample
from fourfold.scan import Scan
from fourfold.simulation.simulate import phantom, simulate

IMAGES = {
    "brain8": "raw_multicoil/brain8_full_T1",
    "head8": "raw_multicoil/head8_T1_256",
    "mprage4": "raw_multicoil/mprage4_T1_256",
    "knee": "single_coil/knee1_raw256",
    "t2": "single_coil/brain1_T2_256x340",
    "heart1": "single_coil/heart_PK01",
    "heart2": "single_coil/heart_PK10",
    "phantom": None,
    "brain8b": "raw_multicoil/brain8_full_T1_slice2",
    "smallfov": "raw_multicoil/brain8_smallfov_T1",
}
PATTERNS: dict[str, dict[str, Any]] = {
    "random": {"kind": "random", "centre": 0.08},
    "regular": {"kind": "regular", "lines": 22},
    "poisson-disc": {"kind": "poisson-disc"},
}
METHODS = ("tv", "wavelet", "tgv", "cg-sense")
STEP, PATIENCE = 1.5, 2
ACCEPTABLE_LOSS = 0.2


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weights", description=__doc__)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--images", nargs="+", choices=IMAGES, default=list(IMAGES))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.methods:
        rows = [row(name, image, pattern) for image in arguments.images for pattern in PATTERNS]
        table(name, rows).show()
        if len(arguments.images) == len(IMAGES):
            text = json.dumps({"method": name, **summary(rows), "rows": rows}, indent=1)
            (RESULTS / f"weights_{name}.json").write_text(text + "\n", encoding="utf-8")


def full_scan(image: str) -> Scan:
    """Return a fully sampled scan of one frame."""
    file = IMAGES[image]
    if file is None:
        return simulate(phantom((256, 256)), coils=8, snr=40, seed=1)
    with np.load(DATA.parent / f"{file}.npz") as archive:
        samples = (
            archive["kspace"]
            if "kspace" in archive
            else fft(torch.from_numpy(archive["image"]).to(torch.complex64)).numpy()
        )
    kspace = torch.from_numpy(samples).to(torch.complex64)
    coils = 1 if file.startswith("single_coil") else kspace.shape[-3]
    return Scan(kspace.reshape(-1, coils, *kspace.shape[-2:])[:1].contiguous())


@torch.no_grad()
def row(name: str, image: str, pattern: str) -> dict[str, Any]:
    """Return the automatic weight, the best one, their scores and the cost for one case."""
    full = full_scan(image)
    reference = root_sum_of_squares(ifft(full.kspace))[0]
    scan = undersample(full, acceleration=4, **PATTERNS[pattern])
    method = find_method(name)()
    assert isinstance(method, ModelBasedMethod)
    actual, cost = timed(lambda: method(scan))
    setting = method.weight_setting
    choice = actual.record.details[setting]
    weight = choice[setting]
    _, single = timed(lambda: find_method(name)(**{setting: weight})(scan))
    problem = SenseProblem.of(scan, method.coil_map_sets, method.coil_map_threshold)

    def score(candidate: float) -> float:
        return psnr(problem.image(method.minimise(problem, candidate).x, method.coil_combination)[0].abs(), reference)

    scores = search(score, weight)
    best = max(scores, key=lambda candidate: scores[candidate])
    result = {
        "case": f"{image} {pattern}",
        "weight": weight,
        "best_weight": best,
        "psnr": psnr(actual.magnitude[0], reference),
        "best_psnr": scores[best],
        "cost": cost / single,
        "iterations": actual.record.iterations,
        "trial_iterations": choice["iterations"],
        "candidates": len(choice["candidates"]),
        "curve": sorted(scores.items()),
    }
    print(
        f"{name:8} {result['case']:20} {weight:.2e} {best:.2e} loss {scores[best] - result['psnr']:5.2f} dB, "
        f"cost {result['cost']:.1f}",
        flush=True,
    )
    return result


def timed(run: Callable[[], Any]) -> tuple[Any, float]:
    """Return a result and the processor seconds that it took."""
    start = time.process_time()
    return run(), time.process_time() - start


def search(score: Callable[[float], float], start: float) -> dict[float, float]:
    """Return the scores on a ladder of weights around `start`, far enough to see the best."""
    scores = {start: score(start)}
    for factor in (STEP, 1 / STEP):
        weight, best, idle = start, scores[start], 0
        while idle < PATIENCE:
            weight *= factor
            scores[weight] = score(weight)
            idle = 0 if scores[weight] > best else idle + 1
            best = max(best, scores[weight])
    return scores


def psnr(image: torch.Tensor, reference: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    return 10 * math.log10(float(reference.max()) ** 2 / float((image - reference).square().mean()))


def summary(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the share of cases within 0.2 dB of the best weight, the mean and largest loss, and the median cost."""
    losses = [each["best_psnr"] - each["psnr"] for each in rows]
    return {
        "within": mean(loss <= ACCEPTABLE_LOSS for loss in losses),
        "mean_loss": mean(losses),
        "largest_loss": max(losses),
        "median_cost": median(each["cost"] for each in rows),
    }


def overview() -> Grid | None:
    """Return a line per method that was compared, None where none was."""
    lines = []
    for name in METHODS:
        stored = stored_results(f"weights_{name}")
        if stored is None:
            continue
        cost = max(each["cost"] for each in stored["rows"])
        scores = [f"{stored[key]:.2f}" for key in ("mean_loss", "largest_loss")]
        costs = [f"{stored['median_cost']:.1f}", f"{cost:.1f}"]
        lines.append([name, str(len(stored["rows"])), f"{stored['within']:.0%}", *scores, *costs])
    headings = ["method", "cases", "within 0.2 dB", "mean loss dB", "largest loss dB", "median cost", "largest cost"]
    return (
        Grid("Automatic weights beside the best of a search against the reference", headings, lines) if lines else None
    )


def table(name: str, rows: list[dict[str, Any]]) -> Grid:
    """Return a line per case and one for all."""
    lines = [
        [
            each["case"],
            f"{each['weight']:.4f}",
            f"{each['best_weight']:.4f}",
            f"{each['psnr']:.2f}",
            f"{each['best_psnr']:.2f}",
            f"{each['best_psnr'] - each['psnr']:.2f}",
            f"{each['cost']:.1f}",
        ]
        for each in rows
    ]
    means = summary(rows)
    lines.append(
        [
            f"{means['within']:.0%} within 0.2 dB",
            *[""] * 4,
            f"{means['mean_loss']:.2f}",
            f"{means['median_cost']:.1f}",
        ]
    )
    return Grid(name, ["case", "weight", "best", "PSNR dB", "best dB", "loss dB", "cost"], lines)


if __name__ == "__main__":
    main()
