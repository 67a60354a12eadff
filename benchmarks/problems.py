"""The iterative methods' problems: k-space of brightness one, coil maps that all contenders share, the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate, pad

from benchmarks.sizes import SIZES, Size
from fourfold.methods.sense_problem import SenseProblem
from fourfold.sampling import poisson_disc, random
from fourfold.scan import Sampling, Scan
from fourfold.simulation.sample import sample_image
from fourfold.simulation.simulate import loop_maps, simulate

__all__ = ["Problem", "head", "lines", "simulated", "slices", "volume"]

VOLUME = Size(8, 96, 80)
READOUT = 64
MARGIN = 0.94
"""Part of the field of view that the head fills: air at the border, where libraries continue images differently."""


@dataclass(frozen=True)
class Problem:
    """Undersampled data with the coil maps that all use."""

    name: str
    """As printed."""
    load: Callable[[], tuple[Scan, NDArray[np.float32]]]
    """Returns the scan and the true magnitude images (frame, y, x), both in the scan's unit of intensity, so that one
    weight means the same for every contender. The frames of a volume are the positions along its readout."""


def slices(sizes: Sequence[str]) -> list[Problem]:
    """Return the problems of one slice, random lines at every size and a Poisson-disc mask at the medium one."""
    chosen = [Problem(f"{SIZES[name]}, 4× random lines", partial(_slice, SIZES[name], lines)) for name in sizes]
    if "medium" in sizes:
        chosen.append(Problem(f"{SIZES['medium']}, 4× Poisson-disc", partial(_slice, SIZES["medium"], _poisson)))
    return chosen


def volume(readout: int = READOUT) -> Problem:
    """Return a volume undersampled along both phase-encoding axes."""
    return Problem(
        f"volume {VOLUME.coils}×{readout}×{VOLUME.ny}×{VOLUME.nx}, 4× Poisson-disc", partial(_volume, readout)
    )


def head(ny: int, nx: int, part: float = MARGIN) -> torch.Tensor:
    """Return the head that ships with the package, (ny, nx), as large as `part` of the grid holds, in its centre."""
    image = sample_image()
    zoom = part * min(ny / image.shape[0], nx / image.shape[1])
    inner = round(zoom * image.shape[0]), round(zoom * image.shape[1])
    larger = interpolate(image[None, None], inner, mode="bicubic", antialias=True).clamp_min(0)[0, 0]
    top, left = (ny - inner[0]) // 2, (nx - inner[1]) // 2
    return pad(larger, (left, nx - inner[1] - left, top, ny - inner[0] - top))


def lines(shape: tuple[int, int]) -> Sampling:
    """Return 4× random lines with 8 % of them in the centre."""
    return random(shape, 4, centre=0.08, seed=0)


def _poisson(shape: tuple[int, int]) -> Sampling:
    return poisson_disc(shape, 4, seed=0)


def _slice(size: Size, sampling: Callable[[tuple[int, int]], Sampling]) -> tuple[Scan, NDArray[np.float32]]:
    return simulated(head(size.ny, size.nx)[None], size.coils, sampling)


def _volume(readout: int) -> tuple[Scan, NDArray[np.float32]]:
    # An ellipsoid of heads: the cross-sections shrink towards both ends of the readout.
    heights = np.linspace(-0.9, 0.9, readout)
    sections = [head(VOLUME.ny, VOLUME.nx, MARGIN * float(np.sqrt(1 - height**2))) for height in heights]
    return simulated(torch.stack(sections), VOLUME.coils, _poisson)


def simulated(
    truth: torch.Tensor, coils: int, sampling: Callable[[tuple[int, int]], Sampling]
) -> tuple[Scan, NDArray[np.float32]]:
    """Return the scan of `truth` (frame, y, x), each frame in its own unit and with maps of its phase, and the truth.

    fourfold finds unit and phase for itself; given here, they are one and none for it, and the same for everybody.
    """
    shape = (truth.shape[-2], truth.shape[-1])
    scan = simulate(truth, coils, snr=50.0, seed=0).with_sampling(sampling(shape))
    scan = scan.replace(coil_maps=loop_maps(shape, coils))
    result = [SenseProblem.of(scan.frame(index)) for index in range(scan.frames)]
    scales = torch.tensor([problem.scale for problem in result])[:, None, None]
    maps = torch.cat([problem.encoding.coil_maps for problem in result])
    return scan.replace(kspace=scan.kspace / scales[..., None], coil_maps=maps), (truth / scales).numpy()
