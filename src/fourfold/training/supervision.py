"""What a network's images are judged by: a fully sampled reference, or samples that the network did not see."""

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
from fourfold.networks.reconstructor import require_maps
from fourfold.operators.fourier import fft
from fourfold.sampling.hold_back import hold_back
from fourfold.training.settings import FromSplit, TrainingSettings
from fourfold.training.stages import NetworkInput

__all__ = ["ByReference", "BySplit", "Supervision", "reference_of", "supervision"]

HELD_BACK = "held-back-error"


class Supervision(Protocol):
    """How examples become a network's input and its judge."""

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the validation's scores; the first tells which weights are best."""

    def batch(self, examples: Sequence[tuple[int, Example]]) -> Any:
        """Return one batch of examples, each with its epoch; runs where the data is loaded."""

    def seen(self, batch: Any, estimates_maps: bool) -> NetworkInput:
        """Return what the network sees of a batch; no maps where it estimates them itself."""

    def parts(self, images: Tensor, batch: Any) -> dict[str, Tensor]:
        """Return the parts of the loss, scalars by name, of images (frame, y, x)."""

    def judge(self, images: Tensor, batch: Any) -> dict[str, list[float]]:
        """Return the scores of each image, by name."""

    def names(self, batch: Any) -> tuple[str, ...]:
        """Return the names of a batch's examples."""


@dataclass(frozen=True)
class ByReference:
    """Losses and metrics against the fully sampled image.

    Attributes
    ----------
    losses
        Their sum is minimised.
    metrics
        Scores of the modulus; every image is a volume of its own.
    magnitude
        Compare moduli, as is done anyway where only the modulus of the reference is known.
    """

    losses: WeightedSum
    metrics: tuple[str, ...]
    magnitude: bool

    @property
    def scores(self) -> tuple[str, ...]:
        """The metrics."""
        return self.metrics

    def batch(self, examples: Sequence[tuple[int, Example]]) -> Batch:
        """Return the examples, stacked."""
        return collate([example for _, example in examples])

    def seen(self, batch: Batch, estimates_maps: bool) -> NetworkInput:
        """Return all acquired samples."""
        return NetworkInput(batch.kspace, batch.mask, None if estimates_maps else batch.maps, batch.calibration)

    def parts(self, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Return each loss, weighted."""
        reference = reference_of(batch)
        if self.magnitude or not reference.is_complex():
            return self.losses.parts(images.abs(), reference.abs())
        return self.losses.parts(images, reference)

    def judge(self, images: Tensor, batch: Batch) -> dict[str, list[float]]:
        """Return the metrics' scores of each image."""
        pairs = list(zip(images.abs().float(), reference_of(batch).abs(), strict=True))
        return {
            metric: [score(image[None], reference[None], metric) for image, reference in pairs]
            for metric in self.metrics
        }

    def names(self, batch: Batch) -> tuple[str, ...]:
        """Return the names of the examples."""
        return batch.names


def reference_of(batch: Batch) -> Tensor:
    """Return the fully sampled images of a batch, (frame, y, x); InputError where it has none."""
    if batch.reference is None:
        raise InputError(
            f"'{batch.names[0]}' has no fully sampled reference; set 'supervision: self' to train without."
        )
    return batch.reference


@dataclass(frozen=True, eq=False)
class SplitBatch:
    """A batch, and which of its acquired samples the network does not see: bool (frame, ky, kx)."""

    whole: Batch
    held: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> SplitBatch:
        """Return the batch with every tensor on `device`."""
        return SplitBatch(self.whole.to(device, non_blocking), self.held.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> SplitBatch:
        """Return the batch in page-locked memory."""
        return SplitBatch(self.whole.pin_memory(), self.held.pin_memory())


@dataclass(frozen=True)
class BySplit:
    """The loss on acquired samples that were held back (SSDU, Yaman et al. 2020, MRM 84:3172). No reference is used.

    The acquired samples of each example are split anew in each epoch. With y the held-back samples and ŷ those of the
    network's image seen through the coils, the loss is ‖y − ŷ‖₂/‖y‖₂ + ‖y − ŷ‖₁/‖y‖₁, averaged over examples.

    Attributes
    ----------
    split
        How the samples are split.
    seed
        Of the splits.
    """

    split: FromSplit
    seed: int

    @property
    def scores(self) -> tuple[str, ...]:
        """The error of held-back samples, ‖y − ŷ‖₂/‖y‖₂."""
        return (HELD_BACK,)

    def batch(self, examples: Sequence[tuple[int, Example]]) -> SplitBatch:
        """Return the examples, stacked, with the split of their epoch."""
        held = [self._held(example, epoch) for epoch, example in examples]
        return SplitBatch(collate([replace(example, reference=None) for _, example in examples]), torch.stack(held))

    def _held(self, example: Example, epoch: int) -> Tensor:
        """Return which samples (ky, kx) are held back: drawn by seed, epoch and index alone."""
        drawn = torch.Generator().manual_seed((self.seed << 32) ^ (epoch << 20) ^ example.index)
        seed = int(torch.randint(2**31, (1,), generator=drawn))
        settings = self.split
        return hold_back(
            example.mask[None],
            settings.held_out_fraction,
            seed=seed,
            whole_lines=settings.whole_lines,
            centre=settings.centre_size,
        )[0]

    def seen(self, batch: SplitBatch, estimates_maps: bool) -> NetworkInput:
        """Return the samples that were not held back."""
        whole, held = batch.whole, batch.held
        maps = None if estimates_maps else whole.maps
        return NetworkInput(torch.where(held[:, None], 0, whole.kspace), whole.mask & ~held, maps, whole.calibration)

    def parts(self, images: Tensor, batch: SplitBatch) -> dict[str, Tensor]:
        """Return both terms of the loss."""
        error, measured = self._compared(images, batch)
        return {f"held-back-l{order}": _relative(error, measured, order).mean() for order in (1, 2)}

    def judge(self, images: Tensor, batch: SplitBatch) -> dict[str, list[float]]:
        """Return the error of each example's held-back samples."""
        error, measured = self._compared(images, batch)
        return {HELD_BACK: _relative(error, measured, 2).tolist()}

    def names(self, batch: SplitBatch) -> tuple[str, ...]:
        """Return the names of the examples."""
        return batch.whole.names

    def _compared(self, images: Tensor, batch: SplitBatch) -> tuple[Tensor, Tensor]:
        """Return ŷ − y and y (frame, coil, ky, kx), zero but for the held-back samples."""
        whole = batch.whole
        estimate = fft(require_maps(whole.kspace, whole.maps) * images[:, None])
        held = batch.held[:, None]
        return torch.where(held, estimate - whole.kspace, 0), torch.where(held, whole.kspace, 0)


def _relative(error: Tensor, measured: Tensor, order: int) -> Tensor:
    """Return ‖error‖/‖measured‖ of each frame, in the norm of an order."""
    # The modulus has no gradient at 0, where most of k-space is; torch gives 0 for it.
    norms = [torch.linalg.vector_norm(each.abs().flatten(1), order, dim=1) for each in (error, measured)]
    return norms[0] / norms[1].clamp_min(torch.finfo(norms[1].dtype).tiny)


def supervision(settings: TrainingSettings) -> Supervision:
    """Return what settings ask for."""
    if isinstance(settings.supervision, FromSplit):
        return BySplit(settings.supervision, settings.seed)
    return ByReference(WeightedSum(settings.losses), settings.metrics, settings.compare == "magnitude")
