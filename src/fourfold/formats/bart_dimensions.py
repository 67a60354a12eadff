"""What BART's dimensions from 5 on are, and which of them labelled frames fill.

The order is that of BART's ``src/misc/mri.h``: TE, COEFF, COEFF2, ITER, CSHIFT, TIME, TIME2, LEVEL, SLICE, AVG, BATCH.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fourfold.files.bart import SLICE
from fourfold.scan import FrameLabels

__all__ = ["FIRST", "LABELS", "place_frames"]

FIRST = 5
"""The first dimension that is neither in space nor of coils or their maps."""
LABELS = (
    "contrast",
    "coefficient",
    "coefficient2",
    "iteration",
    "shift",
    "time",
    "time2",
    "level",
    "slice",
    "average",
    "batch",
)
"""Labels of the dimensions from `FIRST` on."""
_TIME, _TIME2, _BATCH = 10, 11, 15
_OWN = {name: (FIRST + index,) for index, name in enumerate(LABELS)}
_OTHERS = {
    "phase": (_TIME, _TIME2),
    "repetition": (_TIME2, _TIME),
    "readout": (SLICE,),
    "partition": (SLICE,),
    "set": (_BATCH,),
    "member": (_BATCH,),
}
"""Labels that BART has no dimension for, and those that they may take, the preferred one first."""


def place_frames(labels: FrameLabels, frames: int) -> tuple[dict[int, int], list[int]]:
    """Return the size of each dimension that frames fill, and the frames in the order of a file.

    In a file the lowest dimension changes fastest. Without labels, and where these are no complete grid or two of them
    would need the same dimension, all frames are slices in the order that they have.
    """
    all_slices = {SLICE: frames}, list(range(frames))
    places = _dimensions(labels.varying)
    if not places:
        return all_slices
    columns = [np.unique(labels.numbers[name], return_inverse=True)[1] for _, name in sorted(places.items())]
    sizes = [int(column.max()) + 1 for column in columns]
    steps = np.cumprod([1, *sizes[:-1]])
    positions = sum(column * step for column, step in zip(columns, steps, strict=True))
    order = np.argsort(positions, kind="stable")
    if math.prod(sizes) != frames or (positions[order] != np.arange(frames)).any():
        return all_slices
    return dict(zip(sorted(places), sizes, strict=True)), order.tolist()


def _dimensions(names: Sequence[str]) -> dict[int, str]:
    """Return the label of each dimension that is taken; none where two labels would need the same one."""
    places: dict[int, str] = {}
    for name in sorted(names, key=lambda name: name not in _OWN):
        free = [each for each in (_OWN | _OTHERS)[name] if each not in places]
        if not free:
            return {}
        places[free[0]] = name
    return places
