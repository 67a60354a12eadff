"""Positions and directions in the headers of MRD lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["as_triple", "known_or_nan", "unit_vector"]

Array = npt.NDArray[Any]


def known_or_nan(vectors: Array) -> Array:
    """Return vectors in double precision, infinite numbers as NaN, of which products are NaN without a warning."""
    return np.where(np.isfinite(vectors), vectors, np.nan).astype(float)


def unit_vector(vector: Array) -> Array:
    """Return a direction of length 1; zeros where the header gives none."""
    length = float(np.linalg.norm(vector.astype(float)))
    return vector.astype(float) / length if 0 < length < math.inf else np.zeros(3)


def as_triple(vector: Array) -> tuple[float, float, float]:
    """Return three numbers as a tuple."""
    x, y, z = (float(value) for value in vector)
    return x, y, z
