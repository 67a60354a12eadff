"""The stages of a training: an objective, and for how many steps it is minimised."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from fourfold.networks.network import Network
from fourfold.networks.objectives.objective import Objective
from fourfold.training.batch_order import steps_per_epoch
from fourfold.training.schedules import AnySchedule
from fourfold.training.settings import StageSettings, TrainingSettings

__all__ = ["Stage", "plan_stages"]


@dataclass(frozen=True)
class Stage:
    """One stage of a training."""

    name: str
    """Number and kind: ``1-end-to-end``, ``2-denoising`` or ``3-subnetwork-2``."""
    objective: Objective
    """What the stage minimises."""
    part: int
    """Number of the part of the network that it trains, from 0."""
    steps: int
    steps_per_epoch: int
    """Of this stage."""
    first_step: int
    first_epoch: int
    """Number of steps and epochs of all stages before this one."""
    learning_rate: float
    schedule: AnySchedule
    """Learning rate, and how it changes over the stage."""

    @property
    def epochs(self) -> int:
        """Number of epochs, the last of which may be incomplete."""
        return math.ceil(self.steps / self.steps_per_epoch)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.schedule.multiplier((step + 0.5) / self.steps, step / self.steps_per_epoch)


def plan_stages(settings: TrainingSettings, network: Network, examples: int) -> list[Stage]:
    """Return the stages of a training with `examples` training examples; InputError where they fill no batch."""
    per_epoch = steps_per_epoch(examples, settings.batch_size)
    stages: list[Stage] = []
    first_step = first_epoch = 0
    for stage_settings, objective, part in _trained_parts(settings, network):
        stage = Stage(
            f"{len(stages) + 1}-{objective.stage_name(part)}",
            objective,
            part,
            stage_settings.steps or cast(int, stage_settings.epochs) * per_epoch,
            per_epoch,
            first_step,
            first_epoch,
            stage_settings.learning_rate or settings.optimiser.learning_rate,
            stage_settings.schedule or settings.schedule,
        )
        stages.append(stage)
        first_step, first_epoch = first_step + stage.steps, first_epoch + stage.epochs
    return stages


def _trained_parts(settings: TrainingSettings, network: Network) -> Iterator[tuple[StageSettings, Objective, int]]:
    """Yield settings, objective and part of the network of each stage."""
    for stage_settings, objective in zip(settings.stages, settings.objectives, strict=True):
        for part in range(objective.parts(network)):
            yield stage_settings, objective, part
