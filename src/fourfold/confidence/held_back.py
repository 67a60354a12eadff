"""The held-back score: samples that the method did not get, predicted by its image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fourfold.confidence.estimate import ErrorEstimate
from fourfold.confidence.trial import Trial
from fourfold.confidence.units import Units
from fourfold.errors import InputError

__all__ = ["FOLDS", "HeldBack", "decibels", "hold_back"]

FOLDS = 3
"""Reconstructions without a part of the lines or samples outside the centre, another one each."""
# A part is a fifth of the lines, or a tenth of the samples, which are many.
_LINE_PERIOD, _SAMPLE_PERIOD = 5, 10
# Where the error is below this part of the noise of the missing samples, the difference of both is chance.
_FLOOR = 0.05


def decibels(ratio: float) -> float:
    """Return a ratio of energies in dB; −∞ for zero."""
    return 10 * math.log10(ratio) if ratio > 0 else -math.inf


@dataclass(frozen=True, eq=False)
class HeldBack:
    """What held-back samples say of one frame, or series.

    Attributes
    ----------
    error
        Error energy that the missing samples are expected to have, in the unit of k-space, against noisy samples.
    resampled
        The same for draws of the held-back lines or samples, float64 (draw,); draws of several methods are alike.
    zeros
        The same for zeros, that is the expected energy of the missing samples.
    noise
        The noise in `error`; None where it cannot be estimated.
    energy
        Energy of the whole image: of acquired and missing samples.
    held
        Number of lines or samples that were held back.
    units
        Of the pattern.
    members, first_fold
        Of a method with members: those of the image without the first fold, complex64 (member, frame, y, x), and this
        fold, bool (unit,).
    """

    error: float
    resampled: Tensor
    zeros: float
    zeros_resampled: Tensor
    noise: float | None
    energy: float
    held: int
    units: Units
    members: Tensor | None
    first_fold: Tensor

    @property
    def noise_free(self) -> float:
        """The error energy against samples without noise; without an estimate of the noise, that against noisy ones."""
        return self.error if self.noise is None else max(self.error - self.noise, _FLOOR * self.noise)

    @property
    def decibels(self) -> float:
        """The error of the missing samples in dB of the image's energy, noise subtracted."""
        return decibels(self.noise_free / self.energy)

    @property
    def spread(self) -> float:
        """The standard deviation of `decibels` over draws of the held-back lines or samples, in dB."""
        noise = self.noise or 0.0
        errors = (self.resampled - noise).clamp_min(max(_FLOOR * noise, 1e-12 * self.energy))
        return float((10 * errors.log10()).std())


def hold_back(trial: Trial, units: Units, folds: int = FOLDS) -> HeldBack:
    """Reconstruct without part of the samples outside the centre, and compare the images with these.

    Parameters
    ----------
    trial
        The method on one frame or a series.
    units
        Of the scan's pattern.
    folds
        How many parts are held back, one at a time: 1 to 5 fifths of the lines, or tenths of the samples.
    """
    energy = units.sums(trial.scan.kspace.abs().square().sum(dim=1))
    parts = units.folds(folds, _LINE_PERIOD if units.axis is not None else _SAMPLE_PERIOD, trial.seed)
    held, errors, members = _errors(trial, units, energy, parts)
    spacing = torch.ones_like(units.distance)
    for part in parts:
        spacing[part] = units.spacing(units.acquired & ~part)[part]
    estimate = ErrorEstimate(units, energy, held, spacing, units.spacing(units.acquired), trial.seed)
    return HeldBack(
        estimate.of(errors),
        estimate.resampled(errors),
        estimate.of(energy),
        estimate.resampled(energy),
        _noise(trial, units),
        float(trial.scan.kspace.abs().square().sum()) + estimate.energy,
        int(held.sum()),
        units,
        members,
        parts[0],
    )


def _errors(trial: Trial, units: Units, energy: Tensor, folds: list[Tensor]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return which units were held back, the error energy of each (unit,), and the members of the first image."""
    errors, held = torch.zeros_like(energy), torch.zeros_like(units.acquired)
    members = None
    for fold in folds:
        if trial.puts_zeros:
            errors[fold] = energy[fold]
        else:
            made = trial.reconstruct(trial.without(units.samples(fold)), f"without {int(fold.sum())} {units.noun}")
            errors[fold] = units.sums(trial.squared_error(trial.own_image(made)))[fold]
            members = made.members if members is None else members
        held |= fold
    return held, errors, members


def _noise(trial: Trial, units: Units) -> float | None:
    """Return the expected energy of the noise of all missing samples; None where the noise cannot be estimated."""
    scan = trial.scan
    missing = int(units.samples(~units.acquired).sum()) * scan.frames // len(scan.mask)
    try:
        return trial.noise_variance * scan.coils * missing
    except InputError:
        return None
