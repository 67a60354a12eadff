"""Lines of a raw file that were acquired more than once: how often, and how much they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from fourfold.errors import InputError, nearest
from fourfold.formats.lines.table import Indices

__all__ = [
    "LARGEST_DIFFERENCE",
    "NOTED_DIFFERENCE",
    "Repeats",
    "cell_numbers",
    "check_choice",
    "describe",
    "difference",
    "ranks",
]

Array = npt.NDArray[Any]
Repeats = Literal["average", "frames"]

LARGEST_DIFFERENCE = 0.5
"""Averages differ by motion and drift, a tenth or two of their signal; echoes with other phases by all of it."""
NOTED_DIFFERENCE = 0.1
# Readout samples at either end, as a share, that hold little more than noise.
ENDS = 8


def check_choice(choice: str | None) -> None:
    """Refuse what is no choice for lines that were acquired more than once."""
    known = get_args(Repeats)
    if choice is not None and choice not in known:
        raise InputError(f"repeats is '{choice}'; it must be {' or '.join(known)}.{nearest(str(choice), known)}")


def ranks(cells: Array, averages: Array) -> Indices:
    """Return how many lines of its cell come before each line, by the average counter, then in the file's order.

    Parameters
    ----------
    cells
        int, (line, counter): lines with the same counters are of one cell.
    averages
        int, (line,): their average counters.
    """
    cell = cell_numbers(cells)
    order = np.lexsort((averages, cell))
    first = np.searchsorted(cell[order], cell[order])
    rank = np.empty(len(cell), np.intp)
    rank[order] = np.arange(len(cell)) - first
    return rank


def cell_numbers(rows: Array) -> Indices:
    """Return the same number for the same row of whole numbers, from 0 on in the rows' order.

    This is much faster than sorting whole rows.
    """
    codes = np.zeros(len(rows), np.intp)
    for column in rows.T:
        if np.ptp(column):
            codes = np.unique(codes * (np.ptp(column) + 1) + column - column.min(), return_inverse=True)[1]
    return codes


def describe(cells: Array, averages: Array, choice: Repeats | None) -> tuple[str, ...]:
    """Return a sentence on how often lines were acquired, none where each was acquired once; see `ranks`."""
    cell = cell_numbers(cells)
    times = np.bincount(cell)
    least, most = int(times.min()), int(times.max())
    if most == 1:
        return ()
    number = f"Every line was acquired {most}" if least == most else f"Lines were acquired {least} to {most}"
    alike = int(np.bincount(cell_numbers(np.column_stack([cell, averages]))).max())
    kinds = []
    if most > alike:
        kinds.append(f"{len(np.unique(averages))} averages")
    if alike > 1:
        kinds.append(f"{alike} under the same counters")
    end = "each repeat is a frame of its own" if choice == "frames" else "the repeats were averaged"
    return (f"{number} times ({', '.join(kinds)}); {end}.",)


def difference(places: Sequence[Array]) -> float:
    """Return how much repeated lines differ, as a share of their signal, beyond noise and a phase of each line.

    Parameters
    ----------
    places
        Repeats of each place, complex (repeat, coil, sample), two or more, all of one length.

    Returns
    -------
    float
        Root mean square difference of the first repeat to that which is least like it: 0 for noise alone, about 1.4
        for lines that have nothing in common. The ends of the readout say how strong the noise is, so that a
        difference that is as strong there as at the centre counts as noise.
    """
    samples = places[0].shape[-1]
    end = max(1, samples // ENDS)
    shares = [0.0]
    for rank in range(1, max(len(place) for place in places)):
        pairs = [(place[0], place[rank]) for place in places if len(place) > rank]
        residual = np.zeros(samples)
        energy = 0.0
        for one, other in pairs:
            phase = np.exp(-1j * np.angle(np.vdot(one, other)))
            residual += (np.abs(one - phase * other) ** 2).sum(axis=0)
            energy += float((np.abs(one) ** 2 + np.abs(other) ** 2).sum()) / 2
        counted = end * len(pairs) * len(pairs[0][0])
        noise = samples * min(residual[:end].mean(), residual[-end:].mean()) * (1 + 3 / np.sqrt(counted))
        signal = max(energy - noise / 2, noise / 2)
        shares.append(float(np.sqrt(max(0.0, residual.sum() - noise) / signal)) if signal > 0 else 0.0)
    return max(shares)
