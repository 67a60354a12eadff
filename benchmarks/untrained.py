"""Time to the same image as the published fit of the same network: ``python -m benchmarks.untrained``.

The published fit is a plain loop: one network, contiguous layout, float32, Adam at 0.008 on squared errors of all
samples, differentiated through the Fourier transform, without early stopping. Ours is
`fourfold.methods.untrained.fitting.fit`, with the settings of the method ``convdecoder``. Both see the same samples
and coil maps; PSNR is that after data consistency against the root-sum-of-squares of the full data, which neither of
them sees; that of an ensemble is of the mean of all members' images after equally many iterations, and its time that
of all of them, one after the other.

With ``--quality convdecoder tv`` it prints the scores of these methods instead, with ``--memory`` the peak memory of
one member's fit at 15×640×368.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from benchmarks.cases import CASES, Case
from benchmarks.harness import in_fresh_process, machine, peak_memory
from benchmarks.problems import slices
from benchmarks.table import RESULTS
from fourfold.methods.registry import find_method
from fourfold.methods.sense_problem import SenseProblem
from fourfold.methods.untrained.conv_decoder import ConvDecoder
from fourfold.methods.untrained.fitting.compilation import can_compile
from fourfold.methods.untrained.fitting.early_stopping import FitCheck
from fourfold.methods.untrained.fitting.fit import Schedule, fit
from fourfold.methods.untrained.fitting.sample_loss import SampleLoss
from fourfold.methods.untrained.untrained_method import UntrainedMethod
from fourfold.metrics import find_metric
from fourfold.networks.untrained.conv_decoder import ConvDecoder as Network
from fourfold.operators.fourier import fft
from fourfold.optimize.minimise import SMOOTHING
from fourfold.optimize.nonlinear_cg import Smoothed
from fourfold.regularisers.total_variation import TotalVariationPenalty

__all__ = ["compare", "ensemble", "fit_of", "ours", "published"]

Images = list[tuple[float, Tensor]]
Curve = list[tuple[float, float]]

_CHECK_INTERVAL = 10


def published(problem: SenseProblem, network: Network, iterations: int, rate: float = 0.008) -> Images:
    """Return (seconds, magnitude image) of every tenth iteration of the published loop; looking is not timed."""
    measured = problem.scan.kspace / problem.scale
    mask, maps = problem.scan.mask[:, None], problem.encoding.coil_maps
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    images: Images = []
    elapsed = 0.0
    for iteration in range(1, iterations + 1):
        start = time.perf_counter()
        image = torch.complex(*network().chunk(2, dim=1))
        predicted = fft((maps * image[:, :, None]).sum(dim=1))
        loss = 0.5 * torch.view_as_real((predicted - measured) * mask).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        elapsed += time.perf_counter() - start
        if iteration % _CHECK_INTERVAL == 0:
            images.append((elapsed, problem.image(image.detach(), "rss").abs()[0]))
    return images


def ours(problem: SenseProblem, network: Network, iterations: int, weight: float) -> Images:
    """Return (seconds, magnitude image) of every tenth iteration of our fit, compiling included, looking not."""
    kspace = problem.scan.kspace / problem.scale
    variation = Smoothed(TotalVariationPenalty(problem.support).analysis(), SMOOTHING)
    method = ConvDecoder()
    images: Images = []
    checking_time = 0.0

    def watch(_: FitCheck, image: Tensor, seconds: float) -> None:
        nonlocal checking_time
        start = time.perf_counter()
        images.append((seconds - checking_time, problem.image(image, "rss").abs()[0]))
        checking_time += time.perf_counter() - start

    fit(
        network,
        SampleLoss(problem.scan.mask, kspace, problem.encoding.coil_maps),
        None,
        Schedule(
            iterations,
            learning_rate=method.learning_rate,
            image_averaging=method.image_averaging,
            precision=method.precision,
            compile=can_compile(),
        ),
        lambda x: variation.gradient(x[None])[0].mul_(weight),
        callback=watch,
    )
    return images


def ensemble(fits: Sequence[Images], reference: Tensor) -> Curve:
    """Return (seconds of all members, PSNR of their mean) at each look."""
    peak = float(reference.max()) ** 2
    curve: Curve = []
    for members in zip(*fits, strict=True):
        mean = torch.stack([image for _, image in members]).mean(dim=0)
        curve.append(
            (sum(seconds for seconds, _ in members), 10 * math.log10(peak / float((mean - reference).square().mean())))
        )
    return curve


def compare(slow: Curve, fast: Curve) -> list[dict[str, float | None]]:
    """Return the times to the best image of the slow curve, and to images half and one decibel worse."""
    best = max(score for _, score in slow)
    rows: list[dict[str, float | None]] = []
    for level in (best - 1, best - 0.5, best):
        slow_time = next(seconds for seconds, score in slow if score >= level)
        fast_time = next((seconds for seconds, score in fast if score >= level), None)
        ratio = slow_time / fast_time if fast_time else None
        rows.append({"psnr": level, "published_s": slow_time, "ours_s": fast_time, "ratio": ratio})
    return rows


def fit_of(method: UntrainedMethod) -> Callable[[], object]:
    """Return the fit of `method` to the head at 15×640×368, for a fresh process; coil maps are estimated in it."""
    scan, _ = slices(["large"])[0].load()
    scan = scan.replace(coil_maps=None)
    return lambda: method(scan)


def print_memory() -> None:
    """Print the peak memory of one member's fit with coil maps and without, above imports and inputs.

    A few iterations reach it, and the last step with total variation takes much less.
    """
    few = {"members": 1, "iterations": 3, "refit_iterations": 1, "weight": 0.003, "proximity_weight": None}
    for method in [
        ConvDecoder(compile="never", **few),
        ConvDecoder(compile="always", **few),
        ConvDecoder(coil_map_method="none", compile="never", **few),
        ConvDecoder(coil_map_method="none", compile="always", **few),
    ]:
        result = in_fresh_process(peak_memory, partial(fit_of, method))
        words = f"{result['memory_mib']:.0f} MiB" if "memory_mib" in result else result["status"]
        print(f"{method.name}, calibration {method.coil_map_method}, compiled {method.compile}: {words}", flush=True)


def print_quality(case: Case, methods: Sequence[str]) -> None:
    """Print the scores of methods with their default settings; of ensembles also before and without the last step."""
    metrics = [find_metric(name) for name in ("psnr", "fastmri-ssim", "ms-ssim", "vif")]
    reference = torch.from_numpy(case.reference())[None]
    for name in methods:
        result = find_method(name)()(case.scan())
        images = {"": result.magnitude}
        if result.members is not None:
            images |= {", members averaged": result.members.abs().mean(dim=0)}
            images |= {f", member {index + 1}": member.abs() for index, member in enumerate(result.members)}
        if result.before_data_consistency is not None and result.record.details.get("members"):
            images[", before data consistency"] = result.before_data_consistency.abs()
        for words, image in images.items():
            scores = ", ".join(f"{each.name} {each.evaluate(image, reference)[0]:.4f}" for each in metrics)
            print(f"{case.name}: {name}{words}: {scores}", flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.untrained", description=__doc__)
    cases = {case.name: case for case in (*CASES, Case("brain16_lowres64", "regular"))}
    parser.add_argument("--case", default=CASES[0].name, choices=cases)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--published", type=int, default=200, help="iterations of each member in the published loop")
    parser.add_argument("--iterations", type=int, default=100, help="of each member in ours")
    parser.add_argument("--weight", type=float, default=0.003, help="of total variation, for ours")
    parser.add_argument("--quality", nargs="+", metavar="METHOD", help="scores of these methods on the case instead")
    parser.add_argument("--memory", action="store_true", help="peak memory of one member's fit at 15×640×368")
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory()
        return
    case = cases[arguments.case]
    if arguments.quality:
        print_quality(case, arguments.quality)
        return
    problem = SenseProblem.of(case.scan(), "auto", "auto")
    reference = torch.from_numpy(case.reference())
    networks = [ConvDecoder().network([seed], 2, case.scan().shape) for seed in range(arguments.members)]
    fast = [ours(problem, copy.deepcopy(each), arguments.iterations, arguments.weight) for each in networks]
    slow = [published(problem, each, arguments.published) for each in networks]
    path = RESULTS / f"untrained-{case.name}-{arguments.members}.json"
    result: dict[str, object] = {"machine": machine(), "case": case.name}
    for members in sorted({1, arguments.members}):
        curves = [ensemble(fits[:members], reference) for fits in (slow, fast)]
        rows = compare(*curves)
        result[f"members {members}"] = {"levels": rows, "published": curves[0], "ours": curves[1]}
        for row in rows:
            print(
                f"members {members}: " + ", ".join(f"{name} {value and round(value, 2)}" for name, value in row.items())
            )
    text = json.dumps(result, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
