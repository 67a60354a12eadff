"""How the learning rate goes over a stage: a function of the step alone, so that nothing needs to be kept."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from fourfold.training.base import Settings, by_kind

__all__ = ["AnySchedule", "Constant", "Cosine", "OneCycle", "Steps"]

Share = Annotated[float, Field(ge=0, le=1)]


class _Schedule(Settings, ABC):
    @abstractmethod
    def multiplier(self, share: float, epoch: float) -> float:
        """Return what the learning rate is multiplied by.

        Parameters
        ----------
        share
            How much of the stage is done, from 0 to 1.
        epoch
            Epochs done in this stage, with a fraction.
        """


class _WarmedUp(_Schedule):
    warmup_fraction: Share = 0.0
    """Share of the stage over which the rate rises from 0, linearly."""

    def multiplier(self, share: float, epoch: float) -> float:
        """Return the factor: rising during the warm-up, then the schedule's own."""
        if share < self.warmup_fraction:
            return share / self.warmup_fraction
        return self._after(share, epoch)

    @abstractmethod
    def _after(self, share: float, epoch: float) -> float: ...


class Constant(_WarmedUp):
    """The same rate throughout."""

    kind: Literal["constant"] = "constant"
    """Name in settings."""

    def _after(self, share: float, epoch: float) -> float:  # noqa: ARG002
        return 1.0


class Steps(_WarmedUp):
    """A lower rate after every so many epochs."""

    kind: Literal["step"]
    """Name in settings."""
    epochs: PositiveInt
    """Epochs between changes."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Factor of each change."""

    def _after(self, share: float, epoch: float) -> float:  # noqa: ARG002
        return self.factor ** math.floor(epoch / self.epochs)


class Cosine(_WarmedUp):
    """Half a cosine from the full rate to the last one (Loshchilov & Hutter 2017, without restarts)."""

    kind: Literal["cosine"]
    """Name in settings."""
    final_fraction: Share = 0.0
    """Rate at the end, as a share of the full one."""

    def _after(self, share: float, epoch: float) -> float:  # noqa: ARG002
        return _half_cosine(
            1.0, self.final_fraction, (share - self.warmup_fraction) / max(1 - self.warmup_fraction, 1e-12)
        )


class OneCycle(_Schedule):
    """Up and down once, along half cosines (Smith & Topin 2019)."""

    kind: Literal["one-cycle"]
    """Name in settings."""
    rise_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the stage until the full rate."""
    initial_fraction: Share = 0.04
    """Rate at the start, as a share of the full one."""
    final_fraction: Share = 4e-6
    """Rate at the end, as a share of the full one."""

    def multiplier(self, share: float, epoch: float) -> float:  # noqa: ARG002
        """Return the factor."""
        if share < self.rise_fraction:
            return _half_cosine(self.initial_fraction, 1.0, share / self.rise_fraction)
        return _half_cosine(1.0, self.final_fraction, (share - self.rise_fraction) / (1 - self.rise_fraction))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


AnySchedule = Annotated[Constant | Steps | Cosine | OneCycle, Field(discriminator="kind"), BeforeValidator(by_kind)]
"""Type of a schedule among settings: its name, or a mapping with its ``kind``."""
