"""The size of a scan's calibration region, computed from its sampling without torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from fourfold.scan import AnyScan, centre_slice
from fourfold.scan.kspace_checks import AnyArray, host

__all__ = ["FEWEST", "MOST", "axis_without_neighbours", "calibration_size", "dense_centre"]

FEWEST, MOST = 6, 24
"""Default of the fewest calibration lines that methods need, and of the most that they use (BART's default)."""


def calibration_size(scan: AnyScan[Any], most: int = MOST) -> int:
    """Return the number of calibration lines along the axis with fewer, of separate calibration data or of the centre.

    With a trajectory and without separate data it is the width of the densely sampled centre, at most `most`.
    """
    if scan.calibration_kspace is not None:
        return min(scan.calibration_kspace.shape[-2:])
    return min(scan.sampling.acs_shape) if scan.trajectory is None else dense_centre(scan, most)


def dense_centre(scan: AnyScan[Any], most: int) -> int:
    """Return the width, at most `most`, of the largest centred square of cells that hold a sample in every frame."""
    assert scan.trajectory is not None
    cells = np.all(scan.trajectory.cells(scan.mask), axis=0)
    rows, columns = scan.shape
    widths = range(min(most, rows, columns), 0, -1)
    return next((w for w in widths if bool(cells[centre_slice(rows, w), centre_slice(columns, w)].all())), 0)


def axis_without_neighbours(mask: AnyArray) -> str | None:
    """Return the axis along which a pattern (ky, kx) has no two adjacent samples; None if both axes have some."""
    pattern = host(mask)
    for name, lines in (("ky", pattern), ("kx", pattern.T)):
        if not (lines[1:] & lines[:-1]).any():
            return name
    return None
