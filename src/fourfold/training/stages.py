"""The stages of a training, and what each of them minimises."""

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

__all__ = ["NetworkInput", "Stage", "plan_stages"]

# Default range of the noise that a denoiser is trained on.
_NOISE_STD = (0.002, 0.15)


class NetworkInput(NamedTuple):
    """The input of a network for a batch; see `fourfold.networks.reconstructor.Reconstructor.forward`."""

    kspace: Tensor
    mask: Tensor
    maps: Tensor | None
    calibration: Tensor | None


@dataclass(frozen=True)
class Stage:
    """One stage of a training.

    Attributes
    ----------
    name
        Number and kind: ``1-end-to-end``, ``2-denoiser`` or ``3-subnetwork-2``.
    subnetwork
        Index of the cascade's sub-network that is trained alone; None for the whole network.
    noise_std
        Smallest and largest standard deviation of the noise that a denoiser is trained on; None for other stages.
    steps, steps_per_epoch
        Of this stage.
    first_step, first_epoch
        Number of steps and epochs of all stages before this one.
    learning_rate, schedule
        Learning rate, and how it changes over the stage.
    """

    name: str
    subnetwork: int | None
    noise_std: tuple[float, float] | None
    steps: int
    steps_per_epoch: int
    first_step: int
    first_epoch: int
    learning_rate: float
    schedule: AnySchedule

    @property
    def epochs(self) -> int:
        """Number of epochs, the last of which may be incomplete."""
        return math.ceil(self.steps / self.steps_per_epoch)

    def learning_rate_at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return self.learning_rate * self.schedule.multiplier((step + 0.5) / self.steps, step / self.steps_per_epoch)

    def trainable_weights(self, network: nn.Module) -> list[nn.Parameter]:
        """Return the weights that this stage trains, and freeze all others."""
        part = network
        if self.noise_std is not None:
            part = cast(VarNet, network).denoising.denoiser
        elif self.subnetwork is not None:
            part = cast(Cascade, network).subnetworks[self.subnetwork]
        network.requires_grad_(False)
        return list(part.requires_grad_(True).parameters())

    def trained_image(self, network: Reconstructor, inputs: NetworkInput) -> Tensor:
        """Return the images (frame, y, x) of the loss; those of a sub-network are before data consistency (Eq. 10)."""
        if self.subnetwork is None:
            image: Tensor = network(*inputs)
            return image
        cascade = cast(Cascade, network)
        with torch.no_grad():
            stage_input = cascade.stage_input(self.subnetwork, inputs.kspace, inputs.mask, inputs.maps)
        return cascade.refined(stage_input, self.subnetwork)

    def denoised(self, network: Reconstructor, reference: Tensor, generator: torch.Generator) -> Tensor:
        """Return denoised references (frame, y, x), to which noise of a random level was added, one for each frame."""
        assert self.noise_std is not None
        smallest, largest = (math.log(end) for end in self.noise_std)
        uniform = torch.rand(len(reference), generator=generator)
        level = (smallest + (largest - smallest) * uniform).exp()
        noise = torch.randn(reference.shape, dtype=torch.complex64, generator=generator)
        noisy = reference + (level[:, None, None] * noise).to(reference.device)
        image: Tensor = cast(VarNet, network).denoising.denoiser(noisy, level.to(reference.device))
        return image

    def validation_image(self, network: Reconstructor, inputs: NetworkInput) -> Tensor:
        """Return the images of validation (frame, y, x), after the data consistency of the last trained sub-network."""
        if self.subnetwork is None:
            image: Tensor = network(*inputs)
            return image
        return cast(Cascade, network).stage_input(self.subnetwork + 1, inputs.kspace, inputs.mask, inputs.maps)


def plan_stages(settings: TrainingSettings, network: nn.Module, examples: int) -> list[Stage]:
    """Return the stages of a training with `examples` training examples; InputError where they fill no batch."""
    per_epoch = steps_per_epoch(examples, settings.batch_size)
    stages: list[Stage] = []
    first_step = first_epoch = 0
    for stage_settings, part in _trained_parts(settings, network):
        steps = stage_settings.steps or cast(int, stage_settings.epochs) * per_epoch
        noise_std = (stage_settings.noise_std or _NOISE_STD) if stage_settings.train == "denoiser" else None
        kind = "denoiser" if noise_std else "end-to-end" if part is None else f"subnetwork-{part + 1}"
        stage = Stage(
            f"{len(stages) + 1}-{kind}",
            part,
            noise_std,
            steps,
            per_epoch,
            first_step,
            first_epoch,
            stage_settings.learning_rate or settings.optimiser.learning_rate,
            stage_settings.schedule or settings.schedule,
        )
        stages.append(stage)
        first_step, first_epoch = first_step + steps, first_epoch + stage.epochs
    return stages


def _trained_parts(settings: TrainingSettings, network: nn.Module) -> Iterator[tuple[StageSettings, int | None]]:
    """Yield the settings and the sub-network of each stage, one stage for each sub-network of a cascade."""
    for stage_settings in settings.stages:
        if stage_settings.train == "subnetworks":
            for part in range(len(cast(Cascade, network).subnetworks)):
                yield stage_settings, part
        else:
            yield stage_settings, None
