"""The energy of k-space against the distance from its centre."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["EnergyProfile", "shell_edges"]

# Units in a shell of k-space, at least, and the most shells.
_PER_SHELL, _MOST_SHELLS = 8, 8
_GROUPS = 40
_EMPTY = 1e-9


class EnergyProfile:
    """The expected energy of a line or sample at a distance from the centre, from those that were acquired.

    It is a power of the distance, fitted to all, and scaled to the sum in each of up to eight shells; between the
    shells the factor is interpolated.

    Parameters
    ----------
    distance, energy
        float64, (unit,), above zero.
    """

    def __init__(self, distance: Tensor, energy: Tensor) -> None:
        tiny = float(energy.max()) * _EMPTY + torch.finfo(energy.dtype).tiny
        places, means = _grouped(distance, energy)
        # Empty lines, which a wrong mask calls acquired, have no logarithm.
        places, means = places[means > tiny], means[means > tiny]
        basis = torch.stack([torch.ones_like(places), places.log()], dim=1)
        self._power = torch.linalg.lstsq(basis, means.log()[:, None]).solution[:, 0]
        edges = shell_edges(distance, _PER_SHELL, _MOST_SHELLS)
        shell = torch.bucketize(distance, edges)
        zeros = torch.zeros(len(edges) + 1, dtype=torch.float64, device=energy.device)
        measured, fitted, count, place = (
            zeros.index_add(0, shell, each)
            for each in (energy, self._trend(distance), torch.ones_like(energy), distance.log())
        )
        self._places = place / count.clamp_min(1)
        self._factors = (measured / fitted).clamp_min(tiny).log()

    def __call__(self, distance: Tensor) -> Tensor:
        """Return the expected energy at the distances, float64 (unit,)."""
        return self._trend(distance) * _interpolated(distance.log(), self._places, self._factors).exp()

    def _trend(self, distance: Tensor) -> Tensor:
        return (self._power[0] + self._power[1] * distance.log()).exp()


def shell_edges(distance: Tensor, fewest: int, most: int) -> Tensor:
    """Return the inner edges of up to `most` shells that hold equally many of the distances, `fewest` at least."""
    number = max(1, min(most, len(distance) // fewest))
    at = torch.linspace(0, 1, number + 1, dtype=torch.float64, device=distance.device)[1:-1]
    # `torch.quantile` refuses large inputs.
    ordered = distance.sort().values
    return ordered[(at * (len(ordered) - 1)).round().long()]


def _grouped(distance: Tensor, energy: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean distance and mean energy of groups of neighbours in distance."""
    parts = distance.argsort().tensor_split(min(_GROUPS, len(distance)))
    places, means = (torch.stack([each[part].mean() for part in parts]) for each in (distance, energy))
    return places, means


def _interpolated(x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Return the values at x (point,), linear between the places (shell,), constant beyond them."""
    if len(places) == 1:
        return values.expand_as(x)
    above = torch.bucketize(x, places).clamp(1, len(places) - 1)
    left, right = places[above - 1], places[above]
    part = ((x - left) / (right - left).clamp_min(1e-9)).clamp(0, 1)
    return values[above - 1] + part * (values[above] - values[above - 1])
