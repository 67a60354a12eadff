"""What training compares a network's images with: a fully sampled reference, or samples that were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from fourfold.datasets import Batch, Example, collate
from fourfold.errors import InputError
from fourfold.losses.weighted_sum import WeightedSum
from fourfold.metrics import score
from fourfold.networks.objectives.objective import NetworkInput
from fourfold.networks.reconstructor import require_maps
from fourfold.operators.fourier import fft
from fourfold.sampling.hold_out import hold_out
from fourfold.training.settings import SelfSupervisedSettings, TrainingSettings

__all__ = ["ReferenceSupervision", "SelfSupervision", "SupervisedBatch", "Supervision", "reference_of", "supervision"]

HELD_OUT = "held-out-error"
"""Name of the validation score of self-supervised training."""


class Supervision(Protocol):
    """Makes network inputs, losses and validation scores from examples."""

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the validation scores; the first one decides which weights are best."""

    def batch(self, examples: Sequence[tuple[int, Example]]) -> Any:
        """Return one batch of (epoch, example); called where the data is loaded."""

    def network_input(self, batch: Any, estimates_maps: bool) -> NetworkInput:
        """Return the network's input for a batch, without coil maps where the network estimates them."""

    def losses(self, images: Tensor, batch: Any) -> dict[str, Tensor]:
        """Return the terms of the loss, scalars by name, of images (frame, y, x)."""

    def score_images(self, images: Tensor, batch: Any) -> dict[str, list[float]]:
        """Return the validation scores of each image, by name."""

    def names(self, batch: Any) -> tuple[str, ...]:
        """Return the names of a batch's examples."""


@dataclass(frozen=True)
class SupervisedBatch:
    """A batch and its supervision: the `fourfold.networks.objectives.objective.TrainingBatch` of an objective."""

    batch: Any
    supervision: Supervision

    def network_input(self, estimates_maps: bool) -> NetworkInput:
        """Return the network's input, without coil maps where the network estimates them."""
        return self.supervision.network_input(self.batch, estimates_maps)

    def reference(self) -> Tensor:
        """Return the fully sampled images (frame, y, x); raises InputError where there are none."""
        return reference_of(self.batch)

    def losses(self, images: Tensor) -> dict[str, Tensor]:
        """Return the terms of the loss, scalars by name, of images (frame, y, x)."""
        with _full_precision(images):
            return self.supervision.losses(images, self.batch)

    def scores(self, images: Tensor) -> dict[str, list[float]]:
        """Return the validation scores of each image, by name."""
        with _full_precision(images):
            return self.supervision.score_images(images, self.batch)


def _full_precision(images: Tensor) -> torch.autocast:
    """Return the context of losses and scores, which no precision of the network changes."""
    return torch.autocast(images.device.type, enabled=False)


@dataclass(frozen=True)
class ReferenceSupervision:
    """Losses and metrics against the fully sampled image.

    Attributes
    ----------
    loss
        The sum of losses that is minimised; None where the objective has its own.
    metrics
        Metrics of the magnitude images. Every image is a volume of its own.
    magnitude
        Compare magnitudes. References without phase are always compared so.
    """

    loss: WeightedSum | None
    metrics: tuple[str, ...]
    magnitude: bool

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the metrics."""
        return self.metrics

    def batch(self, examples: Sequence[tuple[int, Example]]) -> Batch:
        """Return the examples, stacked."""
        return collate([example for _, example in examples])

    def network_input(self, batch: Batch, estimates_maps: bool) -> NetworkInput:
        """Return all acquired samples."""
        return NetworkInput(batch.kspace, batch.mask, None if estimates_maps else batch.maps, batch.calibration)

    def losses(self, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return each loss times its weight."""
        assert self.loss is not None
        reference = reference_of(batch)
        if self.magnitude or not reference.is_complex():
            return self.loss.parts(images.abs(), reference.abs())
        return self.loss.parts(images, reference)

    def score_images(self, images: Tensor, batch: Batch) -> dict[str, list[float]]:
        """Return the metrics of each image."""
        pairs = list(zip(images.abs().float(), reference_of(batch).abs(), strict=True))
        return {
            metric: [score(image[None], reference[None], metric) for image, reference in pairs]
            for metric in self.metrics
        }

    def names(self, batch: Batch) -> tuple[str, ...]:
        """Return the names of the examples."""
        return batch.names


def reference_of(batch: Batch) -> Tensor:
    """Return the fully sampled images (frame, y, x) of a batch; raises InputError where it has none."""
    if batch.reference is None:
        raise InputError(
            f"'{batch.names[0]}' has no fully sampled reference; set 'supervision: self' to train without."
        )
    return batch.reference


@dataclass(frozen=True, eq=False)
class SplitBatch:
    """A batch, and which of its acquired samples are held out from the network: bool (frame, ky, kx)."""

    whole: Batch
    held_out: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SplitBatch:
        """Return the batch with every tensor on `device`."""
        return SplitBatch(self.whole.to(device, non_blocking), self.held_out.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> SplitBatch:
        """Return the batch in page-locked memory."""
        return SplitBatch(self.whole.pin_memory(), self.held_out.pin_memory())


@dataclass(frozen=True)
class SelfSupervision:
    """Loss on held-out acquired samples (SSDU, Yaman et al. 2020, MRM 84:3172). No reference is used.

    The acquired samples of each example are split anew in each epoch. With the held-out samples y and those of the
    network's image, ŷ, computed with the coil maps, the loss is ‖y − ŷ‖₂/‖y‖₂ + ‖y − ŷ‖₁/‖y‖₁, averaged over examples.

    Attributes
    ----------
    settings
        How the samples are split.
    seed
        Seed of the splits.
    """

    settings: SelfSupervisedSettings
    seed: int

    @property
    def scores(self) -> tuple[str, ...]:
        """Name of the error of held-out samples, ‖y − ŷ‖₂/‖y‖₂."""
        return (HELD_OUT,)

    def batch(self, examples: Sequence[tuple[int, Example]]) -> SplitBatch:
        """Return the examples, stacked, with the split of their epoch."""
        held_out = [self._held_out(example, epoch) for epoch, example in examples]
        return SplitBatch(collate([replace(example, reference=None) for _, example in examples]), torch.stack(held_out))

    def _held_out(self, example: Example, epoch: int) -> Tensor:
        """Return which samples are held out, bool (ky, kx): a function of seed, epoch and index."""
        generator = torch.Generator().manual_seed((self.seed << 32) ^ (epoch << 20) ^ example.index)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        settings = self.settings
        return hold_out(
            example.mask[None],
            settings.held_out_fraction,
            seed=seed,
            whole_lines=settings.whole_lines,
            centre=settings.centre_size,
        )[0]

    def network_input(self, batch: SplitBatch, estimates_maps: bool) -> NetworkInput:
        """Return the samples that were not held out."""
        whole, held_out = batch.whole, batch.held_out
        maps = None if estimates_maps else whole.maps
        kspace = torch.where(held_out[:, None], 0, whole.kspace)
        return NetworkInput(kspace, whole.mask & ~held_out, maps, whole.calibration)

    def losses(self, images: Tensor, batch: SplitBatch) -> dict[str, Tensor]:
        """Return both terms of the loss."""
        error, measured = self._error_and_measured(images, batch)
        return {f"held-out-l{order}": _relative_norm(error, measured, order).mean() for order in (1, 2)}

    def score_images(self, images: Tensor, batch: SplitBatch) -> dict[str, list[float]]:
        """Return the error of each example's held-out samples."""
        error, measured = self._error_and_measured(images, batch)
        return {HELD_OUT: _relative_norm(error, measured, 2).tolist()}

    def names(self, batch: SplitBatch) -> tuple[str, ...]:
        """Return the names of the examples."""
        return batch.whole.names

    def _error_and_measured(self, images: Tensor, batch: SplitBatch) -> tuple[Tensor, Tensor]:
        """Return ŷ − y and y, complex64 (frame, coil, ky, kx), zero except on the held-out samples."""
        whole = batch.whole
        estimate = fft(require_maps(whole.kspace, whole.maps) * images[:, None])
        held_out = batch.held_out[:, None]
        return torch.where(held_out, estimate - whole.kspace, 0), torch.where(held_out, whole.kspace, 0)


def _relative_norm(error: Tensor, measured: Tensor, order: int) -> Tensor:
    """Return ‖error‖/‖measured‖ of each frame, with the norm of the given order."""
    # Most of k-space is zero, where the modulus has no gradient; torch uses 0 there.
    norms = [torch.linalg.vector_norm(each.abs().flatten(1), order, dim=1) for each in (error, measured)]
    return norms[0] / norms[1].clamp_min(torch.finfo(norms[1].dtype).tiny)


def supervision(settings: TrainingSettings) -> Supervision:
    """Return the supervision that the settings describe."""
    if isinstance(settings.supervision, SelfSupervisedSettings):
        return SelfSupervision(settings.supervision, settings.seed)
    loss = WeightedSum(settings.losses) if settings.losses else None
    return ReferenceSupervision(loss, settings.metrics, settings.compare == "magnitude")
