"""Time to the same image as the published fit of the same network: ``python -m benchmarks.untrained``.

The published fit is a plain loop: one network, contiguous layout, float32, Adam at 0.008 on squared errors of all
samples, differentiated through the Fourier transform, without early stopping. Ours is `fourfold.fitting.fit` with the
settings of the method ``convdecoder``. Both see the same samples and coil maps; PSNR is that after data consistency
against the root-sum-of-squares of the full data, which neither of them sees.

With ``--memory`` it measures the peak memory of one member's fit at 15×640×368 instead.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.cases import CASES, Case
from benchmarks.harness import in_fresh_process, peak_memory
from benchmarks.problems import slices
from fourfold.fitting.fit import Checked, Schedule, fit
from fourfold.fitting.samples import SampleLoss
from fourfold.networks.conv_decoder import ConvDecoder as Network
from fourfold.optimize.minimise import SMOOTHING
from fourfold.optimize.nonlinear_cg import Smoothed
from fourfold.optimize.total_variation import TotalVariationPenalty
from fourfold.physics.fourier import fft
from fourfold.physics.sense import SenseProblem
from fourfold.untrained.conv_decoder import ConvDecoder
from fourfold.untrained.untrained_method import UntrainedMethod

__all__ = ["fit_of", "ours", "published"]

Curve = list[tuple[float, int, float]]
Judge = Callable[[Tensor], float]

_EVERY = 10


def published(problem: SenseProblem, network: Network, judge: Judge, seconds: float, rate: float = 0.008) -> Curve:
    """Return (seconds, iteration, PSNR) of the published loop; judging is not timed."""
    measured = problem.scan.kspace / problem.scale
    mask, maps = problem.scan.mask[:, None], problem.encoding.coil_maps
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    curve: Curve = []
    spent, iteration = 0.0, 0
    while spent < seconds:
        start = time.perf_counter()
        image = torch.complex(*network().chunk(2, dim=1))
        predicted = fft((maps * image[:, :, None]).sum(dim=1))
        loss = 0.5 * torch.view_as_real((predicted - measured) * mask).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        spent += time.perf_counter() - start
        iteration += 1
        if iteration % _EVERY == 0:
            curve.append((spent, iteration, judge(image.detach())))
    return curve


def ours(problem: SenseProblem, network: Network, judge: Judge, method: ConvDecoder) -> Curve:
    """Return (seconds, iteration, PSNR) of our fit with all samples; judging is not timed."""
    kspace = problem.scan.kspace / problem.scale
    variation = Smoothed(TotalVariationPenalty(problem.support).analysis(), SMOOTHING)
    weight = method.weight
    assert weight != "auto"
    curve: Curve = []
    judging = 0.0

    def watch(look: Checked, images: Tensor, seconds: float) -> None:
        nonlocal judging
        start = time.perf_counter()
        curve.append((seconds - judging, look.iteration, judge(images)))
        judging += time.perf_counter() - start

    fit(
        network,
        SampleLoss(problem.scan.mask, kspace, problem.encoding.coil_maps),
        None,
        Schedule(method.iterations, rate=method.rate, averaging=method.averaging, precision=method.precision),
        lambda x: variation.gradient(x[None])[0].mul_(weight),
        watch=watch,
    )
    return curve


def judge_for(problem: SenseProblem, case: Case) -> Judge:
    """Return the function that gives the PSNR in dB of an image (frame, set, y, x)."""
    reference = torch.from_numpy(case.reference())
    peak = float(reference.max()) ** 2
    return lambda x: (
        10 * math.log10(peak / float((problem.image(x.detach(), "rss").abs()[0] - reference).square().mean()))
    )


def fit_of(method: UntrainedMethod) -> Callable[[], object]:
    """Return the fit of `method` to the head at 15×640×368, for a fresh process; coil maps are estimated in it."""
    scan, _ = slices(["large"])[0].load()
    scan = scan.replace(coil_maps=None)
    return lambda: method(scan)


def print_memory() -> None:
    """Print the peak memory of one member's fit with coil maps and without, above imports and inputs.

    A few iterations reach it, and the last step with total variation takes much less.
    """
    few = {"members": 1, "iterations": 3, "refit": 1, "weight": 0.003, "pull": None}
    for method in [
        ConvDecoder(compiled="never", **few),
        ConvDecoder(compiled="always", **few),
        ConvDecoder(calibration="none", compiled="never", **few),
        ConvDecoder(calibration="none", compiled="always", **few),
    ]:
        found = in_fresh_process(peak_memory, partial(fit_of, method))
        words = f"{found['memory_mib']:.0f} MiB" if "memory_mib" in found else found["status"]
        print(f"{method.name}, calibration {method.calibration}, compiled {method.compiled}: {words}", flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.untrained", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--case", default=names[0], choices=names)
    parser.add_argument("--seconds", type=float, default=600.0, help="for the published loop")
    parser.add_argument("--iterations", type=int, default=400, help="for ours")
    parser.add_argument("--weight", type=float, default=0.003, help="of total variation, for ours")
    parser.add_argument("--memory", action="store_true", help="peak memory of one member's fit at 15×640×368")
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory()
        return
    case = next(case for case in CASES if case.name == arguments.case)
    problem = SenseProblem.of(case.scan(), "auto", "auto")
    judge = judge_for(problem, case)
    method = ConvDecoder(iterations=arguments.iterations, weight=arguments.weight)
    outputs = 2 * problem.rhs.shape[1]
    fast = ours(problem, method.network([0], outputs, case.scan().shape), judge, method)
    plain = published(problem, method.network([0], outputs, case.scan().shape), judge, arguments.seconds)
    best = max(score for *_, score in plain)
    reached = next(seconds for seconds, _, score in plain if score == best)
    print(f"published: best {best:.2f} dB after {reached:.0f} s; ours: {fast[-1][2]:.2f} dB after {fast[-1][0]:.0f} s")
    for level in [best - 1, best - 0.5, best]:
        slow_time = next(seconds for seconds, _, score in plain if score >= level)
        fast_time = next((seconds for seconds, _, score in fast if score >= level), math.nan)
        print(f"{level:.2f} dB: published {slow_time:.1f} s, ours {fast_time:.1f} s, {slow_time / fast_time:.1f} times")


if __name__ == "__main__":
    main()
