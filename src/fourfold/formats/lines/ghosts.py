"""EPI's ghost: the difference between lines that were read forwards and backwards, corrected by navigators.

Delayed gradients and eddy currents give the profiles (the Fourier transforms along the readout) of both kinds of lines
phases that differ by a constant and a linear part. Navigators, lines without phase encoding, show this difference. It
is fitted by autocorrelation: Ahn and Cho, "A new phase correction method in NMR imaging based on autocorrelation and
histogram analysis", IEEE Trans Med Imaging 6:32 (1987), https://doi.org/10.1109/TMI.1987.4307795.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from fourfold.formats.numpy_fourier import to_image, to_kspace

__all__ = ["correct_ghost", "ghost_phase"]

Array = npt.NDArray[Any]


def ghost_phase(navigators: Iterable[tuple[Array, Array]]) -> Array | None:
    """Return by how much the phase of reversed lines leads that of forward ones, in radians (x,).

    Parameters
    ----------
    navigators
        (reverse, readouts) of several lines: bool (line,), and complex (line, coil, x) on the encoded grid.

    Returns
    -------
    ndarray or None
        None where navigators of one direction are missing.
    """
    sums: dict[bool, Array] = {}
    counts = {False: 0, True: 0}
    for reverse, readouts in navigators:
        for direction in (False, True):
            chosen = reverse == direction
            if chosen.any():
                sums[direction] = sums.get(direction, 0) + readouts[chosen].sum(axis=0)
                counts[direction] += int(chosen.sum())
    if not all(counts.values()):
        return None
    forward, backward = (to_image(sums[direction] / counts[direction]) for direction in (False, True))
    difference = (backward * forward.conj()).sum(axis=0)
    slope = float(np.angle((difference[1:] * difference[:-1].conj()).sum()))
    x = np.arange(len(difference)) - len(difference) // 2
    constant = float(np.angle((difference * np.exp(-1j * slope * x)).sum()))
    phase: Array = constant + slope * x
    return phase


def correct_ghost(readouts: Array, reverse: Array, phase: Array) -> Array:
    """Return readouts (line, coil, x) with half of `phase` taken off reversed lines and half added to forward ones."""
    signs = np.where(reverse, -0.5, 0.5)
    factors = np.exp(1j * signs[:, None, None] * phase).astype(np.complex64)
    return to_kspace(to_image(readouts) * factors)
