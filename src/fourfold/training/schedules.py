"""Learning-rate schedules: functions of the step alone, so that checkpoints need not store them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from fourfold.training.base import Settings, by_kind

__all__ = ["AnySchedule", "Constant", "Cosine", "OneCycle", "Steps"]

Fraction = Annotated[float, Field(ge=0, le=1)]
InnerFraction = Annotated[float, Field(gt=0, lt=1)]


class _Schedule(Settings, ABC):
    @abstractmethod
    def multiplier(self, fraction: float, epoch: float) -> float:
        """Return the factor of the learning rate.

        Parameters
        ----------
        fraction
            Completed fraction of the stage, 0 to 1.
        epoch
            Completed epochs of the stage, fractional.
        """


class _WarmedUp(_Schedule):
    warmup_fraction: Fraction = 0.0
    """Fraction of the stage in which the learning rate rises linearly from 0."""

    def multiplier(self, fraction: float, epoch: float) -> float:
        """Return the factor: linear during the warm-up, then that of the schedule."""
        if fraction < self.warmup_fraction:
            return fraction / self.warmup_fraction
        return self._after_warmup(fraction, epoch)

    @abstractmethod
    def _after_warmup(self, fraction: float, epoch: float) -> float: ...


class Constant(_WarmedUp):
    """A constant learning rate."""

    kind: Literal["constant"] = "constant"
    """Name in settings."""

    def _after_warmup(self, fraction: float, epoch: float) -> float:  # noqa: ARG002
        return 1.0


class Steps(_WarmedUp):
    """Multiplies the learning rate by a factor at regular intervals."""

    kind: Literal["step"]
    """Name in settings."""
    epochs: PositiveInt
    """Epochs between two changes."""
    factor: InnerFraction = 0.1
    """Factor of each change."""

    def _after_warmup(self, fraction: float, epoch: float) -> float:  # noqa: ARG002
        return self.factor ** math.floor(epoch / self.epochs)


class Cosine(_WarmedUp):
    """Half a cosine from the full to the final learning rate (Loshchilov & Hutter 2017, without restarts)."""

    kind: Literal["cosine"]
    """Name in settings."""
    final_fraction: Fraction = 0.0
    """Final learning rate, as a fraction of the full one."""

    def _after_warmup(self, fraction: float, epoch: float) -> float:  # noqa: ARG002
        after_warmup = (fraction - self.warmup_fraction) / max(1 - self.warmup_fraction, 1e-12)
        return _half_cosine(1.0, self.final_fraction, after_warmup)


class OneCycle(_Schedule):
    """One rise and one fall, both half cosines (Smith & Topin 2019)."""

    kind: Literal["one-cycle"]
    """Name in settings."""
    rise_fraction: InnerFraction = 0.3
    """Fraction of the stage in which the learning rate rises."""
    initial_fraction: Fraction = 0.04
    """Initial learning rate, as a fraction of the full one."""
    final_fraction: Fraction = 4e-6
    """Final learning rate, as a fraction of the full one."""

    def multiplier(self, fraction: float, epoch: float) -> float:  # noqa: ARG002
        """Return the factor of the learning rate."""
        if fraction < self.rise_fraction:
            return _half_cosine(self.initial_fraction, 1.0, fraction / self.rise_fraction)
        return _half_cosine(1.0, self.final_fraction, (fraction - self.rise_fraction) / (1 - self.rise_fraction))


def _half_cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * fraction)) / 2


AnySchedule = Annotated[Constant | Steps | Cosine | OneCycle, Field(discriminator="kind"), BeforeValidator(by_kind)]
"""Type of a schedule in settings: its name, or a mapping with its ``kind``."""
