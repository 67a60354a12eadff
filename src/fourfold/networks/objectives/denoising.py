"""Training of a denoiser on images with added noise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from pydantic import NonNegativeFloat, PositiveFloat, model_validator
from torch import Tensor, nn

from fourfold.errors import InputError
from fourfold.networks.objectives.objective import Objective, TrainingBatch

if TYPE_CHECKING:
    from fourfold.networks.network import Network

__all__ = ["Denoising"]

_VALIDATION_LEVELS = 20
_ERROR = "denoising-error"


class Denoising(Objective):
    """The least mean squared error of denoised references: the denoiser approaches the posterior mean E[x | x + n].

    White complex noise n of a random level σ = √E|n|² is added to each reference, log-uniformly between two levels. The
    loss is the mean of |D(x + n, σ) − x|² / σᵖ. It is minimal for the posterior mean at every level, whatever the
    weight (Karras et al. 2022, NeurIPS, Eqs. 2 and 8). The error of a good denoiser rises about as σᵖ with p = 1.4, so
    that every level counts alike. Scores and the errors in the manifest are of 20 levels in the same range.
    """

    kind: ClassVar[str] = "denoising"
    compares_images: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = True
    own_scores: ClassVar[tuple[str, ...]] = (_ERROR,)

    noise_std: tuple[PositiveFloat, PositiveFloat] = (0.002, 1.0)
    """Smallest and largest standard deviation √E|n|² of the added noise, relative to bright tissue."""
    weight_power: NonNegativeFloat = 1.4
    """Power p of the noise level that the squared error is divided by."""

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if self.noise_std[0] > self.noise_std[1]:
            raise InputError(
                f"'noise_std' is {self.noise_std[0]:g} to {self.noise_std[1]:g}; give the smaller level first."
            )
        return self

    def trained_part(self, network: Network, part: int) -> nn.Module:  # noqa: ARG002  # part of the interface
        """Return the denoiser."""
        return _denoiser(network)

    def losses(
        self,
        network: Network,
        part: int,  # noqa: ARG002  # part of the interface
        batch: TrainingBatch,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """Return the weighted squared error of references with noise, of a random level for each."""
        reference = batch.reference()
        smallest, largest = (math.log(end) for end in self.noise_std)
        level = (smallest + (largest - smallest) * torch.rand(len(reference), generator=generator)).exp()
        error = _squared_error(_denoiser(network), reference, level, generator)
        return {"denoising": (error / level.to(error.device) ** self.weight_power).mean()}

    def scores(self, network: Network, part: int, batch: TrainingBatch) -> Mapping[str, Sequence[float]]:  # noqa: ARG002
        """Return the weighted squared error of each example, the mean over all levels."""
        weights = torch.tensor(self._levels()) ** -self.weight_power
        return {_ERROR: (self._errors(network, batch) * weights[:, None]).mean(dim=0).tolist()}

    def measurements(self, network: Network, batches: Iterable[TrainingBatch]) -> dict[str, Any]:
        """Return the noise levels and the mean squared error at each: what a sampler's steps and a diagnosis need."""
        errors = [self._errors(network, batch) for batch in batches]
        if not errors:
            return {}
        means = torch.cat(errors, dim=1).mean(dim=1).tolist()
        return {"noise_std": self._levels(), "mean_squared_error": [float(f"{mean:.4g}") for mean in means]}

    def _levels(self) -> list[float]:
        return [float(f"{level:.4g}") for level in np.geomspace(*self.noise_std, _VALIDATION_LEVELS)]

    @torch.no_grad()
    def _errors(self, network: Network, batch: TrainingBatch) -> Tensor:
        """Return the mean squared error of each level and example, float32 (level, frame), on the CPU."""
        reference, denoiser = batch.reference(), _denoiser(network)
        generator = torch.Generator().manual_seed(0)
        errors = [
            _squared_error(denoiser, reference, torch.full((len(reference),), level), generator)
            for level in self._levels()
        ]
        return torch.stack(errors).float().cpu()


def _squared_error(denoiser: nn.Module, reference: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    """Return the mean of |D(x + n, σ) − x|² over each reference (frame, y, x) with noise n of its level σ (frame,)."""
    noise = torch.randn(reference.shape, dtype=torch.complex64, generator=generator)
    noisy = reference + (level[:, None, None] * noise).to(reference.device)
    error = denoiser(noisy, level.to(reference.device)) - reference
    # Numbers of half precision have no meaningful sum of squares.
    return torch.view_as_real(error).float().square().sum(dim=-1).mean(dim=(1, 2))


def _denoiser(network: Network) -> nn.Module:
    if network.denoiser is None:
        raise InputError(f"The network '{network.name}' has no denoiser to train; choose 'train: all'.")
    return network.denoiser
