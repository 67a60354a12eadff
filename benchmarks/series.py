"""Methods for dynamic series at 8× beside total variation frame by frame: image quality, time and memory.

Magnitude series of real hearts, with 8 simulated coils, smooth phase and noise (SNR 30), lines interleaved over time
with 4 at the centre of every frame. The methods for series get the undersampled data and their default settings; total
variation frame by frame gets the coil maps of the time average and the best of several weights, found with the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.cases import DATA
from benchmarks.harness import Contender, Task, compare_contenders
from fourfold.coils.calibration import estimate_maps
from fourfold.kspace.time_average import time_average
from fourfold.methods.registry import find_method
from fourfold.sampling import undersample
from fourfold.scan import Scan, crop_centre
from fourfold.simulation.simulate import simulate

__all__ = ["SERIES", "tasks"]

SERIES = {
    "four-chamber heart": "heart_4ch_30x144x144",
    "short-axis cine 1": "cine_sax_01_30x256x256",
    "short-axis cine 3": "cine_sax_03_30x256x256",
}
SIZE = (144, 144)
ACCELERATION, LINES = 8, 4
METHODS = ("kt-tv", "low-rank-sparse", "locally-low-rank", "zero-filled")
FRAMEWISE_WEIGHTS = (0.0014, 0.0028, 0.0056, 0.0112, 0.0224)


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield one task per series where the data is at hand, with the medium size."""
    if "medium" not in sizes or not DATA.is_dir():
        return
    for title, file in list(SERIES.items())[: 1 if quick else None]:
        contenders = [Contender(name, partial(whole, file, name)) for name in METHODS]
        contenders += [
            Contender(f"tv, frame by frame, {weight:g}", partial(framewise, file, weight))
            for weight in FRAMEWISE_WEIGHTS[: 1 if quick else None]
        ]
        name = f"{title}, 30×8×{SIZE[0]}×{SIZE[1]}, {ACCELERATION}× interleaved lines"
        quality = partial(score, file)
        yield Task(name, partial(compare_contenders, name, contenders, quick=quick, repeats=0, figures=quality))


@cache
def truth(file: str) -> Tensor:
    """Return the series (frame, y, x), cropped to the heart."""
    with np.load(DATA.parent / "dynamic" / f"{file}.npz") as result:
        return crop_centre(torch.from_numpy(result["image"].astype(np.float32)), SIZE).contiguous()


def acquired(file: str) -> Scan:
    """Return the undersampled acquisition."""
    full = simulate(truth(file), coils=8, snr=30, seed=1)
    return undersample(full, "kt-interleaved", ACCELERATION, lines=LINES)


def whole(file: str, name: str) -> Callable[[], Tensor]:
    """Prepare a method with its default settings."""
    scan, method = acquired(file), find_method(name)()
    return lambda: method(scan).magnitude


def framewise(file: str, weight: float) -> Callable[[], Tensor]:
    """Prepare total variation frame by frame."""
    scan, method = acquired(file), find_method("tv")(weight=weight)

    def work() -> Tensor:
        maps = estimate_maps(time_average(scan), threshold=0.0)
        return method(scan.replace(coil_maps=maps)).magnitude

    return work


def score(file: str, image: Tensor) -> dict[str, Any]:
    """Return the PSNR over the whole series against the one that was simulated from."""
    reference = truth(file)
    error = float((image - reference).square().mean())
    return {"PSNR dB": 10 * math.log10(float(reference.max()) ** 2 / error)}
