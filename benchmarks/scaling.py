"""How the cost of total variation grows with pixels, coils and frames: a fixed number of iterations, ours and BART."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import bart
from benchmarks.harness import Contender, Rows, Task, compare_contenders
from benchmarks.objective import WEIGHTS
from benchmarks.problems import head, lines, simulated
from benchmarks.solvers import BART_RHO
from fourfold.scan import Scan

__all__ = ["GROWTH", "tasks"]

ITERATIONS = 30
BART_FRAME_AXIS = 10


@dataclass(frozen=True)
class Extent:
    """How large a problem is."""

    pixels: int = 256
    coils: int = 8
    frames: int = 1


GROWTH = {
    "pixels": [Extent(pixels=pixels) for pixels in (128, 192, 256, 384, 512)],
    "coils": [Extent(coils=coils) for coils in (4, 8, 16, 32)],
    "frames": [Extent(pixels=128, frames=frames) for frames in (1, 2, 4, 8, 16)],
}


def tasks(sizes: Sequence[str], quick: bool = False) -> Iterator[Task]:
    """Yield one task per axis and extent, with the medium size; of each axis the first extent alone when `quick`."""
    if "medium" not in sizes:
        return
    for axis, extents in GROWTH.items():
        for extent in extents[: 1 if quick else None]:
            shape = f"{extent.frames}×{extent.coils}×{extent.pixels}×{extent.pixels}"
            name = f"growth with {axis}: {shape}, {ITERATIONS} iterations of total variation"
            yield Task(name, partial(grow, name, axis, extent, quick))


def grow(name: str, axis: str, extent: Extent, quick: bool) -> Rows:
    """Return one row per contender."""
    contenders = [
        Contender("fourfold", partial(ours, extent)),
        Contender("BART", partial(bart_pics, extent), requires="bart"),
    ]
    size = getattr(extent, axis) ** 2 if axis == "pixels" else getattr(extent, axis)
    return [{"axis": axis, "size": size} | row for row in compare_contenders(name, contenders, quick=quick, repeats=3)]


def scan_of(extent: Extent) -> Scan:
    """Return the undersampled head with its true maps, the same image in every frame."""
    shape = (extent.pixels, extent.pixels)
    scan, _ = simulated(head(*shape).expand(extent.frames, *shape), extent.coils, lines)
    assert scan.coil_maps is not None
    return scan.replace(coil_maps=scan.coil_maps[:1])


def ours(extent: Extent) -> Callable[[], torch.Tensor]:
    """Prepare fourfold: frame by frame, as `Method` does."""
    from fourfold.methods.registry import find_method

    scan = scan_of(extent)
    settings: dict[str, Any] = {"weight": WEIGHTS["tv"], "tolerance": 0, "coil_combination": "maps"}
    method = find_method("tv")(iterations=ITERATIONS, **settings)
    return lambda: method(scan).image


def bart_pics(extent: Extent) -> Callable[[], NDArray[np.complex64]]:
    """Prepare BART with all frames in one call, along its time axis."""
    scan = scan_of(extent)
    assert scan.coil_maps is not None
    kspace, maps = scan.kspace.numpy(), scan.coil_maps[0, 0, :, None].numpy()
    # (frame, … axes of size one …, coil, 1, ky, kx), last axis fastest; the coil is BART's axis 3.
    kspace = kspace.reshape(extent.frames, *[1] * (BART_FRAME_AXIS - 4), extent.coils, 1, *scan.shape)
    command = f"pics -w1 -i{ITERATIONS} -RT:3:0:{WEIGHTS['tv']} -u{BART_RHO}"
    return lambda: bart.run(command, kspace, maps)[0]
