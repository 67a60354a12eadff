"""The error of missing lines or samples, extrapolated from that of those that were held back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.confidence.profile import EnergyProfile
from fourfold.confidence.units import Units

__all__ = ["ErrorEstimate"]

RESAMPLINGS = 200
"""Draws of the bootstrap over lines or samples."""
_SMALLEST_DISTANCE = 1e-3
# Single samples are many: they are averaged in up to six shells of up to six spacings, so many in each at least.
_MOST_CELLS, _PER_CELL = 6, 8
_SMALLEST_RELATIVE, _LARGEST_RELATIVE = 1e-5, 1.0
# An empty line counts as one with this part of the expected energy.
_LEAST_ENERGY = 0.01
_TINY = torch.finfo(torch.float64).tiny


@dataclass(frozen=True)
class _Law:
    """How the relative error grows: as powers of the distance from the centre and of the spacing, within a spread.

    What the held-back lines or samples say is weighed against that by their scatter, the standard deviation of the
    logarithm of a single one.
    """

    powers: tuple[float, float]
    spreads: tuple[float, float]
    scatter: float


# Measured on four scans with lines and seven with samples, by twelve methods.
_LINES = _Law((0.9, 0.45), (0.4, 0.3), 0.4)
_SAMPLES = _Law((0.7, 0.5), (0.5, 0.7), 1.5)


class ErrorEstimate:
    """Estimates the error energy of all missing units from that of held-back ones.

    The error is taken relative to the energy of each unit, which falls by orders of magnitude from the centre outwards.
    It grows with the distance from the centre and with the spacing of the units around (`Units.spacing`), since
    held-back units lie in wider gaps than missing ones: a product of two powers is fitted to the held-back units. Lines
    of the centre of a regular pattern are too few and too near for that; missing lines then err in the same proportion.

    Parameters
    ----------
    units
        Of the pattern.
    energy
        float64, (unit,): the measured energy of every unit, of all coils.
    held
        bool, (unit,): the units that were held back.
    spacing_of_held, spacing_of_missing
        float64, (unit,): the spacing around every unit in the pattern without its fold, and in the whole one.
    seed
        Seed of the bootstrap.
    """

    def __init__(
        self,
        units: Units,
        energy: Tensor,
        held: Tensor,
        spacing_of_held: Tensor,
        spacing_of_missing: Tensor,
        seed: int,
    ) -> None:
        self._held = held
        self._law = _SAMPLES if units.axis is None else _LINES
        self._proportional = units.in_centre is not None
        distance, missing = units.distance.clamp_min(_SMALLEST_DISTANCE), ~units.acquired
        profile = EnergyProfile(distance[units.acquired], energy[units.acquired])
        self._expected = profile(distance[missing])
        self._held_energy = energy[held].maximum(_LEAST_ENERGY * profile(distance[held])).clamp_min(_TINY)
        basis = _basis(distance[held], spacing_of_held[held])
        self._cells = _cells(basis, units.axis is None)
        self._cell_basis = self._cells.T @ basis / self._cells.sum(dim=0)[:, None]
        self._missing_basis = _basis(distance[missing], spacing_of_missing[missing])
        self.energy = float(self._expected.sum())
        """The expected energy of all missing units, their noise included."""
        number = int(held.sum())
        drawn = torch.randint(number, (RESAMPLINGS, number), generator=torch.Generator().manual_seed(seed))
        weights = torch.zeros(RESAMPLINGS, number, dtype=torch.float64)
        self._weights = weights.scatter_add_(1, drawn, torch.ones_like(weights)).to(energy.device)

    def of(self, errors: Tensor) -> float:
        """Return the expected error energy of the missing units, given that of every held-back one, float64 (unit,)."""
        return float(self._totals(errors[self._held], torch.ones_like(self._weights[:1]))[0])

    def resampled(self, errors: Tensor) -> Tensor:
        """Return the same for draws of the held-back units with replacement, float64 (draw,), alike for all methods."""
        return self._totals(errors[self._held], self._weights)

    def _totals(self, errors: Tensor, weights: Tensor) -> Tensor:
        """Return the estimate (draw,) for errors (held unit,) that count by the weights (draw, held unit)."""
        if self._proportional:
            return (weights @ errors) / (weights @ self._held_energy) * self.energy
        counts = weights @ self._cells
        error, energy = ((weights * each) @ self._cells for each in (errors, self._held_energy))
        relative = (error / energy.clamp_min(_TINY)).clamp_min(_SMALLEST_RELATIVE).log()
        powers = self._powers(relative, counts)
        fitted = powers @ self._cell_basis.T
        left_over = ((relative - fitted).square() * counts).sum(dim=1) / counts.sum(dim=1)
        # Of two estimates of the mean, that of logarithms is steady and that of energies is unbiased.
        by_energy = error.sum(dim=1) / (energy * fitted.exp()).sum(dim=1)
        level = (left_over / 2 + by_energy.clamp_min(_TINY).log()) / 2
        totals = [
            (self._missing_basis @ power + shift).exp().clamp_max(_LARGEST_RELATIVE) @ self._expected
            for power, shift in zip(powers, level, strict=True)
        ]
        return torch.stack(totals)

    def _powers(self, relative: Tensor, counts: Tensor) -> Tensor:
        """Return level and powers (draw, 3) of the relative errors (draw, cell), by regularised least squares."""
        law = self._law
        prior = relative.new_tensor([0.0, *law.powers])
        precision = relative.new_tensor([1e-6, *((law.scatter / spread) ** 2 for spread in law.spreads)])
        weighted = counts[:, :, None] * self._cell_basis
        gram = weighted.mT @ self._cell_basis + precision.diag()
        return torch.linalg.solve(gram, (weighted.mT @ relative[:, :, None])[..., 0] + precision * prior)


def _basis(distance: Tensor, spacing: Tensor) -> Tensor:
    return torch.stack([torch.ones_like(distance), distance.log(), spacing.log()], dim=1)


def _cells(basis: Tensor, averaged: bool) -> Tensor:
    """Return which cell each held-back unit belongs to, float64 (unit, cell): lines are cells of their own."""
    number = len(basis)
    if not averaged:
        return torch.eye(number, dtype=torch.float64, device=basis.device)
    side = max(1, min(_MOST_CELLS, int((number / _PER_CELL) ** 0.5)))
    cell = torch.empty(number, dtype=torch.int64, device=basis.device)
    shells = basis[:, 1].argsort(stable=True).tensor_split(side)
    for place, shell in enumerate(shells):
        for inner, part in enumerate(shell[basis[shell, 2].argsort(stable=True)].tensor_split(side)):
            cell[part] = place * side + inner
    return torch.nn.functional.one_hot(cell, side * side).double()
