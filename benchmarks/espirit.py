"""Coil maps by ESPIRiT: time, memory, and how near the simulated truth they come."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from benchmarks import bart
from benchmarks.harness import Contender, race
from fourfold.physics.simulate import in_object, loop_maps, simulate
from fourfold.samples import sample_image
from fourfold.scan import Scan

PROBLEMS = ((12, 320, 320), (16, 320, 320), (15, 640, 368))
LINES = 24

Maps = NDArray[np.complex64]


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Race fourfold, BART and SigPy on a simulated head with 24×24 calibration samples."""
    rows = []
    for problem in PROBLEMS:
        coils, ny, nx = problem
        contenders = [
            Contender("fourfold", partial(ours, problem)),
            Contender("BART", partial(bart_ecalib, problem), requires="bart"),
            Contender("SigPy", partial(sigpy, problem), requires="sigpy"),
        ]
        task = f"ESPIRiT maps {coils}×{ny}×{nx}"
        # SigPy takes half a minute for a run of the largest.
        rows += race(task, contenders, quick=quick, repeats=5, figures=partial(agreement, problem))
    return rows


def head(ny: int, nx: int) -> torch.Tensor:
    """Return the head that ships with the package on another grid."""
    return interpolate(sample_image()[None, None], (ny, nx), mode="bicubic").clamp_min(0)[0, 0]


def scan_of(problem: tuple[int, int, int]) -> Scan:
    """Return the fully sampled scan; each contender takes its calibration region from it."""
    coils, ny, nx = problem
    return simulate(head(ny, nx), coils, snr=50.0, seed=0)


def agreement(problem: tuple[int, int, int], maps: Maps) -> dict[str, float]:
    """Return the correlation of the maps (coil, y, x) with the true ones in the object: mean and worst per cent."""
    coils, ny, nx = problem
    found, true = torch.from_numpy(maps), loop_maps((ny, nx), coils)[0, 0]
    overlap = (found.conj() * true).sum(dim=0).abs()[in_object(head(ny, nx))]
    return {"correlation": float(overlap.mean()), "worst 1 %": float(overlap.quantile(0.01))}


def ours(problem: tuple[int, int, int]) -> Callable[[], Maps]:
    """Prepare fourfold with its default settings."""
    from fourfold.physics.calibration import estimate_maps

    scan = scan_of(problem)
    return lambda: estimate_maps(scan)[0, 0].numpy()


def bart_ecalib(problem: tuple[int, int, int]) -> Callable[[], Maps]:
    """Prepare BART with one set of maps and its default settings."""
    kspace = scan_of(problem).kspace[0, :, None].numpy()
    return lambda: bart.run("ecalib -m1", kspace)[0].reshape(problem)


def sigpy(problem: tuple[int, int, int]) -> Callable[[], Maps]:
    """Prepare SigPy with the thresholds that BART has, in its convention."""
    from sigpy.mri.app import EspiritCalib

    kspace = scan_of(problem).kspace[0].numpy()
    settings = {"calib_width": LINES, "thresh": 0.001**0.5, "crop": 0.8, "show_pbar": False}
    return lambda: EspiritCalib(kspace, **settings).run()
