"""Base class of losses: frozen, typed settings objects that are called on images and references."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from fourfold.errors import InputError

__all__ = ["Loss", "magnitude", "peaks"]


class Loss(BaseModel, ABC):
    """Base class of losses: a subclass declares `kind` and settings and implements `measure`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    kind: str
    """Name in settings."""
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Factor in a sum of losses."""

    @property
    def smallest(self) -> int:
        """Fewest pixels along either axis."""
        return 1

    @abstractmethod
    def measure(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the loss, a scalar, of images and references of the same shape (frame, y, x)."""

    def __call__(self, image: Tensor, reference: Tensor) -> Tensor:
        """Return the loss, without `weight`, averaged over frames.

        Parameters
        ----------
        image, reference
            (frame, y, x), real or complex. Losses of magnitudes take the modulus.

        Returns
        -------
        Tensor
            A real scalar, differentiable in `image`.

        Raises
        ------
        InputError
            When the shapes differ or the images are too small.
        """
        if image.shape != reference.shape or image.ndim != 3:
            raise InputError(
                f"The loss '{self.kind}' got images of shape {tuple(image.shape)} and references of shape "
                f"{tuple(reference.shape)}; both must be (frame, y, x) of one size."
            )
        if min(image.shape[-2:]) < self.smallest:
            raise InputError(
                f"The loss '{self.kind}' got images of {image.shape[-2]}×{image.shape[-1]} pixels; it needs at least "
                f"{self.smallest}×{self.smallest}."
            )
        return self.measure(image, reference)


def magnitude(images: Tensor) -> Tensor:
    """Return the modulus of complex images; real images are unchanged. At least single precision."""
    images = images.abs() if images.is_complex() else images
    return images.to(torch.promote_types(images.dtype, torch.float32))


def peaks(reference: Tensor) -> Tensor:
    """Return the maximum of each reference (frame, y, x), as (frame, 1, 1); 1 for a reference of zeros."""
    peak = reference.amax(dim=(-2, -1), keepdim=True)
    return torch.where(peak > 0, peak, 1)
