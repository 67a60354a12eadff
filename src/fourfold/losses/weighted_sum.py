"""Weighted sums of losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from fourfold.errors import InputError, explain_settings, nearest, short_repr
from fourfold.losses.loss import Loss
from fourfold.losses.perceptual import Perceptual
from fourfold.losses.pixelwise import L1, L2, Hybrid, Psnr
from fourfold.losses.structural_similarity import Dssim, MsSsim, Ssim

__all__ = ["LOSSES", "AnyLoss", "WeightedSum", "weighted_sum"]

LOSSES: dict[str, type[Loss]] = {
    loss.model_fields["kind"].default: loss for loss in (L1, L2, Hybrid, Psnr, Dssim, Ssim, MsSsim, Perceptual)
}
"""All losses by name."""

AnyLoss = Annotated[L1 | L2 | Hybrid | Psnr | Dssim | Ssim | MsSsim | Perceptual, Field(discriminator="kind")]
"""Type of a loss in settings, discriminated by its ``kind``."""


class WeightedSum:
    """Σ weight · loss.

    Parameters
    ----------
    losses
        At least one.
    """

    def __init__(self, losses: Sequence[Loss]) -> None:
        if not losses:
            raise InputError(f"There is no loss; give at least one of {', '.join(LOSSES)}.")
        self.losses = tuple(losses)

    def parts(self, image: Tensor, reference: Tensor) -> dict[str, Tensor]:
        """Return each loss times its weight, a scalar, by kind; losses of one kind are summed."""
        values: dict[str, Tensor] = {}
        for loss in self.losses:
            value = loss.weight * loss(image, reference)
            values[loss.kind] = values[loss.kind] + value if loss.kind in values else value
        return values

    def __call__(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the sum, a real scalar; see `fourfold.losses.loss.Loss` for images and references (frame, y, x)."""
        return torch.stack(list(self.parts(image, reference).values())).sum()


def weighted_sum(settings: Iterable[str | Mapping[str, Any]]) -> WeightedSum:
    """Return the sum of losses that settings describe.

    Parameters
    ----------
    settings
        Names, or mappings of ``kind``, ``weight`` and a loss's own settings, such as
        ``["l1", {"kind": "ssim", "weight": 0.5, "window": 11}]``.

    Raises
    ------
    InputError
        For a loss or setting that does not exist, a value that does not suit, or no loss at all.
    """
    return WeightedSum([_loss({"kind": each} if isinstance(each, str) else each) for each in settings])


def _loss(settings: Mapping[str, Any]) -> Loss:
    kind = settings.get("kind")
    if kind not in LOSSES:
        hint = nearest(str(kind), LOSSES)
        raise InputError(f"There is no loss {short_repr(kind)}; there are {', '.join(LOSSES)}.{hint}")
    try:
        return LOSSES[kind].model_validate(dict(settings))
    except ValidationError as error:
        raise InputError(explain_settings(error, "loss", kind, LOSSES[kind].model_fields)) from None
