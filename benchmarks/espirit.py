"""Coil maps by ESPIRiT: time, memory, and how near the simulated truth they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.harness import Contender, Task, compare_contenders
from benchmarks.problems import head
from benchmarks.sizes import SIZES, Size
from fourfold.scan import Scan
from fourfold.simulation.simulate import in_object, loop_maps, simulate

LINES = 24

Maps = NDArray[np.complex64]


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Race fourfold, BART and SigPy on a simulated head with 24×24 calibration samples."""
    for size in (SIZES[name] for name in sizes):
        contenders = [
            Contender("fourfold", partial(ours, size)),
            Contender("BART", partial(bart_ecalib, size), requires="bart"),
            Contender("SigPy", partial(sigpy, size), requires="sigpy"),
        ]
        name = f"ESPIRiT maps {size}"
        yield Task(name, partial(compare_contenders, name, contenders, quick=quick, figures=partial(agreement, size)))


def scan_of(size: Size) -> Scan:
    """Return the fully sampled scan; each contender takes its calibration region from it."""
    coils, ny, nx = size
    return simulate(head(ny, nx), coils, snr=50.0, seed=0)


def agreement(size: Size, maps: Maps) -> dict[str, float]:
    """Return the correlation of the maps (coil, y, x) with the true ones in the object: mean and worst per cent."""
    coils, ny, nx = size
    result, true = torch.from_numpy(maps), loop_maps((ny, nx), coils)[0, 0]
    overlap = (result.conj() * true).sum(dim=0).abs()[in_object(head(ny, nx))]
    return {"correlation": float(overlap.mean()), "worst 1 %": float(overlap.quantile(0.01))}


def ours(size: Size) -> Callable[[], Maps]:
    """Prepare fourfold with its default settings."""
    from fourfold.coils.calibration import estimate_maps

    scan = scan_of(size)
    return lambda: estimate_maps(scan)[0, 0].numpy()


def bart_ecalib(size: Size) -> Callable[[], Maps]:
    """Prepare BART with one set of maps and its default settings."""
    kspace = scan_of(size).kspace[0, :, None].numpy()
    return lambda: bart.run("ecalib -m1", kspace)[0].reshape(size)


def sigpy(size: Size) -> Callable[[], Maps]:
    """Prepare SigPy with the thresholds that BART has, in its convention."""
    from sigpy.mri.app import EspiritCalib

    kspace = scan_of(size).kspace[0].numpy()
    settings = {"calib_width": LINES, "thresh": 0.001**0.5, "crop": 0.8, "show_pbar": False}
    return lambda: EspiritCalib(kspace, **settings).run()
