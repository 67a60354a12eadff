"""Options of sampling patterns beside kind and acceleration."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["SamplingOptions"]


class SamplingOptions(TypedDict, total=False):
    """Options that only some kinds have; what is not given is left at the kind's default."""

    centre: float
    """Fully sampled centre as a fraction of the lines (random, equispaced, gaussian, kt-interleaved)."""
    lines: int
    """Number of calibration lines at the centre (all kinds that leave out lines)."""
    width: float
    """Standard deviation of the density as a fraction of the lines (gaussian)."""
    box: tuple[int, int]
    """Calibration box (ny, nx) at the centre (poisson-disc, regular-2d)."""
    power: float
    """How the distance between samples grows from the centre: 0 not at all, 1 linearly (poisson-disc)."""
    elliptical: bool
    """Leave out the corners of k-space (poisson-disc)."""
