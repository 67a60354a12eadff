"""Whether the measured data contradict what is said of them."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.confidence.units import Units
from fourfold.errors import InputError
from fourfold.scan import Scan

__all__ = ["contradictions"]

# A line with less than this part of the energy that others at its distance have was hardly acquired.
_EMPTY = 1e-4
_NEIGHBOURS = 5
_CHANCE = 0.02


def contradictions(scan: Scan) -> tuple[str, ...]:
    """Return sentences on what contradicts the sampling mask of a scan; none where nothing does."""
    try:
        units = Units.of(scan)
    except InputError:
        # A trajectory, or a pattern with hardly a sample outside the centre.
        return ()
    found = []
    outside = int(((scan.kspace != 0).any(dim=1) & ~scan.mask).sum())
    if outside:
        found.append(
            f"The data contradict the mask: {outside} samples that it calls missing are not zero; check that the mask "
            "belongs to this scan and is not shifted or transposed."
        )
    empty = _empty(scan, units)
    if empty:
        total = int(units.acquired.sum())
        found.append(
            f"The data contradict the mask: {empty} of {total} {units.noun} that it calls acquired are empty; check "
            "that the mask belongs to this scan and is not shifted or transposed."
        )
    return tuple(found)


def _empty(scan: Scan, units: Units) -> int:
    """Return how many acquired lines have far less energy than others at their distance, or how many samples are zero.

    A few samples can be zero by chance, where a receiver counts in whole numbers.
    """
    if units.axis is None:
        zero = int((units.sums(scan.kspace.abs().square().sum(dim=1))[units.acquired] == 0).sum())
        return zero if zero > _CHANCE * int(units.acquired.sum()) else 0
    energy = units.sums(scan.kspace.abs().square().sum(dim=1))[units.acquired]
    ordered = energy[units.distance[units.acquired].argsort()]
    return int((ordered < _EMPTY * _local_maximum(ordered)).sum())


def _local_maximum(values: Tensor) -> Tensor:
    """Return the largest of the values (unit,) in the neighbourhood of each."""
    return torch.nn.functional.max_pool1d(values[None], 2 * _NEIGHBOURS + 1, 1, _NEIGHBOURS)[0]
