"""The parts of a trust: what each says of one frame or series, and under which assumption."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from fourfold.confidence.coverage import LEVEL, kspace_coverage
from fourfold.confidence.held_back import HeldBack, decibels, hold_back
from fourfold.confidence.null_component import null_component
from fourfold.confidence.stein import divergence, stein_risk
from fourfold.confidence.transforms import draw_transform
from fourfold.confidence.trial import Trial
from fourfold.confidence.units import Units
from fourfold.errors import InputError

__all__ = ["HELD_BACK", "PARTS", "Measured", "PartKind", "Subject"]

HELD_BACK = "held-back error"
"""The part that compares the method with simpler ones."""

# Step of the probe for the divergence, in standard deviations of the noise; at least this part of the samples.
_STEP, _LEAST_STEP = 0.3, 1e-3
_DRAWS = 2
# Two draws make a coarse map: squares are averaged over so many pixels.
_AVERAGED = 5
# At least this part of the image's energy, so that a negative estimate has a number of decibels.
_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class Measured:
    """A part of one frame or series: the value is `amount` over `whole`, in the part's unit."""

    amount: float
    whole: float
    assumption: str
    map: Tensor | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Subject:
    """What the parts work on: a method on one frame or series, and what held-back samples say of it."""

    trial: Trial

    @cached_property
    def held_back(self) -> HeldBack:
        """The held-back score, computed when it is first asked for; raises InputError where there is none."""
        return hold_back(self.trial, Units.of(self.trial.scan))


@dataclass(frozen=True)
class PartKind:
    """A kind of part: how it is measured and in which unit."""

    name: str
    unit: Literal["dB", "% rms", "%"]
    measure: Callable[[Subject], Measured]

    def value(self, amount: float, whole: float) -> float:
        """Return the value of an amount of a whole."""
        if whole <= 0:
            return math.nan
        if self.unit == "dB":
            return decibels(amount / whole)
        return 100 * (math.sqrt(amount / whole) if self.unit == "% rms" else amount / whole)


def _held_back_error(subject: Subject) -> Measured:
    held = subject.held_back
    if held.units.exchangeable:
        says = (
            f"Error of the {held.units.noun} that were not acquired, in dB of the image's energy, without noise: these "
            "are taken to err as held-back ones do, which holds where chance decided which were acquired."
        )
    else:
        says = (
            f"Error of the {held.units.noun} that were not acquired, in dB of the image's energy, without noise, "
            f"extrapolated from {_source(held.units)}: it ranks methods and does not tell the error of the image."
        )
    noise = "" if held.noise is not None else " The noise could not be estimated and is still in it."
    details = {
        "with_noise_db": decibels(held.error / held.energy),
        "zero_filled_db": decibels(held.zeros / held.energy),
        "spread_db": held.spread,
        "held_back": held.held,
        "unit": held.units.noun,
        "exchangeable": held.units.exchangeable,
    }
    return Measured(held.noise_free, held.energy, says + noise, details=details)


def _source(units: Units) -> str:
    """Return in words what is held back of a regular pattern."""
    if units.in_centre is not None:
        return "lines of the calibration centre that were left out as this regular pattern leaves them out outside"
    return f"held-back {units.noun}, whose gaps are wider than those of this regular pattern"


def _measured_error(subject: Subject) -> Measured:
    trial = subject.trial
    scan, variance = trial.scan, trial.noise_variance
    mask = scan.mask[:, None]
    samples = scan.coils * int(scan.mask.sum()) * scan.frames // len(scan.mask)
    energy = float(scan.kspace.abs().square().sum())
    if trial.puts_zeros:
        residual, trace = 0.0, float(samples)
    else:

        def predicted(kspace: Tensor) -> Tensor:
            made = trial.reconstruct(scan.replace(kspace=kspace * mask), "with a probe of noise")
            return _coils(trial, trial.own_image(made)) * mask

        value = _coils(trial, trial.image) * mask
        residual = float((value - scan.kspace).abs().square().sum())
        step = max(_STEP * math.sqrt(variance), _LEAST_STEP * math.sqrt(energy / samples))
        trace = divergence(predicted, scan.kspace, value, step, torch.Generator().manual_seed(trial.seed))
    risk = stein_risk(residual, trace, samples, variance)
    says = (
        "Error of the method's own image at the measured samples, in dB of their energy (Stein's estimate); the noise "
        "is taken for white, of the variance estimated from the scan."
    )
    details = {"risk_over_noise": risk / (samples * variance), "residual_over_noise": residual / (samples * variance)}
    return Measured(max(risk, _SMALLEST * energy), energy, says, details=details)


def _coils(trial: Trial, image: Tensor) -> Tensor:
    """Return the k-space (frame, coil, ky, kx) that an image (frame, y, x) predicts."""
    return torch.stack([trial.prediction.kspace(each, frame) for frame, each in enumerate(image)])


def _bootstrap_std(subject: Subject) -> Measured:
    trial = subject.trial
    scan, image = trial.scan, trial.image
    generator = torch.Generator().manual_seed(trial.seed)
    mask, noise_std = scan.mask[:, None], math.sqrt(trial.noise_variance)
    squares = torch.zeros_like(image.real)
    for number in range(_DRAWS):
        transform = draw_transform(number, generator)
        moved = transform.apply(image)
        noise = torch.randn(scan.kspace.shape, dtype=torch.complex64, generator=generator).to(image.device)
        simulated = scan.replace(kspace=(_coils(trial, moved) + noise_std * noise) * mask)
        made = trial.reconstruct(simulated, f"the image moved and measured again, {number + 1} of {_DRAWS}")
        again = made.image if made.before_data_consistency is None else made.before_data_consistency
        squares += (transform.undo(again).abs() - transform.undo(moved).abs()).square() / _DRAWS
    spread = avg_pool2d(squares, _AVERAGED, 1, _AVERAGED // 2, count_include_pad=False).sqrt()
    says = (
        "Root mean square change of the magnitude when the image is flipped, turned by up to 8°, measured and "
        "reconstructed again (equivariant bootstrap); the image is taken for true, so that a too smooth one changes "
        "too little."
    )
    return Measured(float(squares.sum()), float(image.abs().square().sum()), says, spread, {"draws": _DRAWS})


def _members_std(subject: Subject) -> Measured:
    base = subject.trial.base
    if base.std is None:
        raise InputError(f"The method '{base.record.method}' makes one image and no members.")
    says = "Standard deviation of the magnitude over the method's members; an error that all share is not in it."
    return Measured(float(base.std.square().sum()), float(base.magnitude.square().sum()), says, base.std)


def _null_component(subject: Subject) -> Measured:
    trial = subject.trial
    noise = trial.noise_variance
    unseen = null_component(trial.image, trial.scan.mask, trial.prediction.maps, noise)
    says = (
        "Part of the image that no measured sample determines beyond its noise, given the coil maps; the method put it "
        "there, which can be right or wrong."
    )
    whole = float(trial.image.abs().square().sum())
    return Measured(float(unseen.abs().square().sum()), whole, says, unseen.abs())


def _coverage(subject: Subject) -> Measured:
    held = subject.held_back
    if held.members is None:
        raise InputError(f"The method '{subject.trial.method.name}' makes one image and no members.")
    trial = subject.trial
    members = torch.stack([trial.prediction.aligned(member) for member in held.members])
    coverage = kspace_coverage(members, held.units.samples(held.first_fold), trial)
    says = (
        f"Held-back samples within the members' {100 * LEVEL:.0f} % intervals, noise included; samples are taken for "
        "normally distributed, and the temperature is the factor of the members' spread that would cover as many."
    )
    details = {"temperature": coverage.temperature, "level": LEVEL}
    return Measured(coverage.covered, coverage.samples, says, details=details)


PARTS = (
    PartKind(HELD_BACK, "dB", _held_back_error),
    PartKind("measured error", "dB", _measured_error),
    PartKind("bootstrap std", "% rms", _bootstrap_std),
    PartKind("members' std", "% rms", _members_std),
    PartKind("null component", "% rms", _null_component),
    PartKind("coverage", "%", _coverage),
)
"""All parts, in the order in which they are shown."""
