"""The stages of a training, one after another, and what learns in each."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from fourfold.networks.cascade import Cascade
from fourfold.networks.reconstructor import Reconstructor
from fourfold.networks.varnet import VarNet
from fourfold.training.batch_order import steps_per_epoch
from fourfold.training.schedules import AnySchedule
from fourfold.training.settings import StageSettings, TrainingSettings

__all__ = ["NetworkInput", "Stage", "plan"]

# The least and the most noise that a denoiser learns to take off, unless the settings say otherwise.
_NOISE = (0.002, 0.15)


class NetworkInput(NamedTuple):
    """What a network sees of a batch; see `fourfold.networks.reconstructor.Reconstructor.forward`."""

    kspace: Tensor
    mask: Tensor
    maps: Tensor | None
    calibration: Tensor | None


@dataclass(frozen=True)
class Stage:
    """What is trained in one go.

    Attributes
    ----------
    name
        ``end-to-end``, ``denoiser`` or ``subnetwork-2``, with its place in front.
    subnetwork
        Which sub-network of a cascade learns alone, from 0; None for the whole network.
    noise
        The least and the most noise of the images that a denoiser learns from alone; None for other stages.
    steps, steps_per_epoch
        Of this stage.
    first_step, first_epoch
        How many steps and epochs the stages before took.
    learning_rate, schedule
        Learning rate and its course.
    """

    name: str
    subnetwork: int | None
    noise: tuple[float, float] | None
    steps: int
    steps_per_epoch: int
    first_step: int
    first_epoch: int
    learning_rate: float
    schedule: AnySchedule

    @property
    def epochs(self) -> int:
        """Epochs that the stage begins."""
        return math.ceil(self.steps / self.steps_per_epoch)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.schedule.multiplier((step + 0.5) / self.steps, step / self.steps_per_epoch)

    def learning(self, network: nn.Module) -> list[nn.Parameter]:
        """Return the weights that learn; all others are held."""
        part = network
        if self.noise is not None:
            part = cast(VarNet, network).denoising.denoiser
        elif self.subnetwork is not None:
            part = cast(Cascade, network).subnetworks[self.subnetwork]
        network.requires_grad_(False)
        return list(part.requires_grad_(True).parameters())

    def trained_image(self, network: Reconstructor, seen: NetworkInput) -> Tensor:
        """Return the images (frame, y, x) that the loss compares: of a sub-network before data consistency (Eq. 10)."""
        if self.subnetwork is None:
            image: Tensor = network(*seen)
            return image
        cascade = cast(Cascade, network)
        with torch.no_grad():
            given = cascade.stage_input(self.subnetwork, seen.kspace, seen.mask, seen.maps)
        return cascade.refined(given, self.subnetwork)

    def denoised(self, network: Reconstructor, reference: Tensor, generator: torch.Generator) -> Tensor:
        """Return what the denoiser makes of references (frame, y, x) with as much noise as is drawn for each."""
        assert self.noise is not None
        least, most = (math.log(end) for end in self.noise)
        drawn = torch.rand(len(reference), generator=generator)
        level = (least + (most - least) * drawn).exp()
        noise = torch.randn(reference.shape, dtype=torch.complex64, generator=generator)
        noisy = reference + (level[:, None, None] * noise).to(reference.device)
        image: Tensor = cast(VarNet, network).denoising.denoiser(noisy, level.to(reference.device))
        return image

    def result(self, network: Reconstructor, seen: NetworkInput) -> Tensor:
        """Return the images that validation judges: after the data consistency of what was trained so far."""
        if self.subnetwork is None:
            image: Tensor = network(*seen)
            return image
        return cast(Cascade, network).stage_input(self.subnetwork + 1, seen.kspace, seen.mask, seen.maps)


def plan(settings: TrainingSettings, network: nn.Module, examples: int) -> list[Stage]:
    """Return the stages that settings ask for, with `examples` for training; InputError where they fill no batch."""
    per_epoch = steps_per_epoch(examples, settings.batch_size)
    stages: list[Stage] = []
    first_step = first_epoch = 0
    for asked, part in _parts(settings, network):
        steps = asked.steps or cast(int, asked.epochs) * per_epoch
        noise = (asked.noise_std or _NOISE) if asked.train == "denoiser" else None
        kind = "denoiser" if noise else "end-to-end" if part is None else f"subnetwork-{part + 1}"
        stage = Stage(
            f"{len(stages) + 1}-{kind}",
            part,
            noise,
            steps,
            per_epoch,
            first_step,
            first_epoch,
            asked.learning_rate or settings.optimiser.learning_rate,
            asked.schedule or settings.schedule,
        )
        stages.append(stage)
        first_step, first_epoch = first_step + steps, first_epoch + stage.epochs
    return stages


def _parts(settings: TrainingSettings, network: nn.Module) -> Iterator[tuple[StageSettings, int | None]]:
    for asked in settings.stages:
        if asked.train == "subnetworks":
            for part in range(len(cast(Cascade, network).subnetworks)):
                yield asked, part
        else:
            yield asked, None
