"""A volume undersampled along both phase-encoding axes, each contender as its users would run it.

The readout is fully sampled, so that its transform takes the volume apart into slices that are independent as long
as the regulariser works within a slice. BART takes the volume whole, with total variation within the slices (its
transform flags 6); all others are given slices, the readout's transform being part of their time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.harness import Task
from benchmarks.iterative import METHODS, Builders, Images, compare_contenders
from benchmarks.objective import WEIGHTS
from benchmarks.problems import Problem, volume
from benchmarks.solvers import BART_RHO, BUILDERS, Solve
from fourfold.scan import Scan

__all__ = ["tasks"]

QUICK_READOUT = 4


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield CG-SENSE and total variation; the volume belongs to the medium size."""
    if "medium" not in sizes:
        return
    problem = volume(QUICK_READOUT) if quick else volume()
    builders: Builders = {
        name: (partial(slicewise, build), needs) for name, (build, needs) in BUILDERS.items() if name != "fourfold"
    }
    builders = {"fourfold": (ours, "fourfold")} | builders | {"BART": (bart_whole, "bart")}
    for method in ("cg-sense", "tv"):
        name = f"{METHODS[method]}, {problem.name}"
        yield Task(name, partial(compare_contenders, name, problem, method, builders, quick))


def along_readout(images: NDArray[np.complex64], inverse: bool = False) -> NDArray[np.complex64]:
    """Return the centred, orthonormal transform along the first axis."""
    transform = torch.fft.ifft if inverse else torch.fft.fft
    shifted = torch.fft.ifftshift(torch.from_numpy(images), dim=0)
    return torch.fft.fftshift(transform(shifted, dim=0, norm="ortho"), dim=0).numpy()


def ours(problem: Problem, method: str) -> Callable[[int], Images]:
    """Prepare ours: the volume's slices as the frames of one scan."""
    from fourfold.methods.registry import find_method

    scan, _ = problem.load()
    kspace = along_readout(scan.kspace.numpy())
    settings: dict[str, Any] = {"weight": WEIGHTS[method], "tolerance": 0, "coil_combination": "maps"}

    def solve(iterations: int) -> Images:
        slices = scan.replace(kspace=torch.from_numpy(along_readout(kspace, inverse=True)))
        return find_method(method)(iterations=iterations, **settings)(slices).image.numpy()

    return solve


def slicewise(build: Callable[[Scan, str, float], Solve], problem: Problem, method: str) -> Callable[[int], Images]:
    """Prepare a contender that is given one slice after the other."""
    scan, _ = problem.load()
    kspace = along_readout(scan.kspace.numpy())

    def solve(iterations: int) -> Images:
        slices = scan.replace(kspace=torch.from_numpy(along_readout(kspace, inverse=True)))
        frames = (slices.frame(index) for index in range(slices.frames))
        return np.stack([build(frame, method, WEIGHTS[method])(iterations) for frame in frames])

    return solve


def bart_whole(problem: Problem, method: str) -> Callable[[int], Images]:
    """Prepare BART's pics on the whole volume; its arrays are (coil, kz, ky, readout), last axis fastest."""
    scan, _ = problem.load()
    assert scan.coil_maps is not None
    kspace = along_readout(scan.kspace.numpy()).transpose(1, 3, 2, 0)
    maps = scan.coil_maps[:, 0].numpy().transpose(1, 3, 2, 0)
    weight = WEIGHTS[method]
    flags = f"-l2 -r{weight}" if method == "cg-sense" else f"-RT:6:0:{weight} -u{BART_RHO}"

    def solve(iterations: int) -> Images:
        image = bart.run(f"pics -w1 -i{iterations} {flags}", kspace, maps)[0]
        return np.ascontiguousarray(image.transpose(2, 1, 0))

    return solve
