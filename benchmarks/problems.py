"""The iterative methods' problems: k-space of brightness one, coil maps that all contenders share, the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate, pad

from benchmarks.cases import Case
from fourfold.physics.calibration import estimate_maps
from fourfold.physics.scale import intensity_scale
from fourfold.physics.simulate import loop_maps, simulate
from fourfold.samples import sample_image
from fourfold.sampling import poisson_disc, random
from fourfold.scan import Sampling, Scan

__all__ = ["BRAIN", "HEAD_LINES", "HEAD_POISSON", "Problem"]

SIZE, COILS = (320, 320), 12


@dataclass(frozen=True)
class Problem:
    """One undersampled scan that carries its coil maps.

    Attributes
    ----------
    name
        As printed.
    load
        Returns the scan and the true magnitude image (y, x), both in the scan's unit of intensity, so that one
        weight means the same for every contender.
    """

    name: str
    load: Callable[[], tuple[Scan, NDArray[np.float32]]]


def _in_its_unit(scan: Scan, truth: torch.Tensor) -> tuple[Scan, NDArray[np.float32]]:
    scale = intensity_scale(scan)
    return scan.replace(kspace=scan.kspace / scale), (truth / scale).numpy()


def _head(sampling: Callable[[], Sampling]) -> tuple[Scan, NDArray[np.float32]]:
    truth = _head_image()
    full = simulate(truth, COILS, snr=50.0, seed=0)
    return _in_its_unit(full.with_sampling(sampling()).replace(coil_maps=loop_maps(SIZE, COILS)), truth)


def _head_image() -> torch.Tensor:
    """Return the head that ships with the package, brought to 320 rows and padded to 320 columns."""
    image = sample_image()
    columns = round(image.shape[1] * SIZE[0] / image.shape[0])
    larger = interpolate(image[None, None], (SIZE[0], columns), mode="bicubic").clamp_min(0)[0, 0]
    left = (SIZE[1] - columns) // 2
    return pad(larger, (left, SIZE[1] - columns - left))


def _head_lines() -> tuple[Scan, NDArray[np.float32]]:
    return _head(lambda: random(SIZE, 4, centre=0.08, seed=0))


def _head_poisson() -> tuple[Scan, NDArray[np.float32]]:
    return _head(lambda: poisson_disc(SIZE, 4, seed=0))


def _brain() -> tuple[Scan, NDArray[np.float32]]:
    case = Case("brain8_full_T1", "random")
    scan = case.scan()
    return _in_its_unit(scan.replace(coil_maps=estimate_maps(scan)), torch.from_numpy(case.reference()))


HEAD_LINES = Problem("simulated head 12×320×320, 4× random lines", _head_lines)
HEAD_POISSON = Problem("simulated head 12×320×320, 4× Poisson-disc", _head_poisson)
BRAIN = Problem("real brain 8×230×180, 4× random lines", _brain)
