"""How well images explain measured samples."""

from __future__ import annotations

import torch
from torch import Tensor

from fourfold.operators.sense_encoding import Encoding
from fourfold.optimize.least_squares import LeastSquares

__all__ = ["SampleLoss"]


class SampleLoss:
    """½ Σ |A x − y|² over the samples in a mask, or Huber's loss of |A x − y|, for the images of each member.

    Squared errors need one AᴴA for the value and the gradient, along the undersampled axes alone, and no derivative of
    a Fourier transform; Huber's loss transforms to k-space and back.

    Parameters
    ----------
    masks
        bool, (member, ky, kx): the samples that count for each member.
    kspace
        complex64, (frame, coil, ky, kx), in a unit in which the image is about one.
    maps
        complex64, (frame or 1, set, coil, y, x).
    huber
        Errors above this, relative to the root mean square of the samples, count by their modulus instead of its
        square; None squares all.
    """

    def __init__(self, masks: Tensor, kspace: Tensor, maps: Tensor, huber: float | None = None) -> None:
        self.members, self.sets = masks.shape[0], maps.shape[1]
        frames = kspace.shape[0]
        # A member's frames follow one another.
        masks = masks.repeat_interleave(frames, dim=0)
        maps = maps if maps.shape[0] == 1 else maps.repeat(self.members, 1, 1, 1, 1)
        self.encoding = Encoding(masks, maps)
        measured = torch.where(masks[:, None], kspace.repeat(self.members, 1, 1, 1), 0)
        energy = self._total(torch.view_as_real(measured).square())
        self.data_term = LeastSquares(self.encoding.normal, self.encoding.adjoint(measured), energy, self._inner)
        self.huber, self.measured = huber, measured if huber is not None else None
        self._counts = self._total(masks) * kspace.shape[1]

    @torch.no_grad()
    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss (member,) of images (member, image, y, x) and its gradient, d loss = Re⟨gradient, dx⟩."""
        images = x.reshape(-1, self.sets, *x.shape[-2:])
        if self.measured is None:
            loss, gradient = self.data_term.value_and_gradient(images)
            return loss, gradient.view(x.shape)
        error = self.encoding.forward(images).sub_(self.measured)
        loss = self._bound_(error)
        return loss, self.encoding.adjoint(error).view(x.shape)

    @torch.no_grad()
    def relative_error(self, x: Tensor) -> Tensor:
        """Return ‖A x − y‖² / ‖y‖² for each member, (member,)."""
        images = x.reshape(-1, self.sets, *x.shape[-2:])
        return self.data_term.relative_error(images)

    @property
    def energy(self) -> Tensor:
        """‖y‖² of each member, (member,)."""
        return self.data_term.energy

    def _bound_(self, error: Tensor) -> Tensor:
        """Return Huber's loss (member,) of errors (frame, coil, ky, kx), which become its derivative."""
        assert self.huber is not None
        limits = self.huber * (self.energy / self._counts).sqrt()
        limits = limits.repeat_interleave(error.shape[0] // self.members)[:, None, None, None]
        size = error.abs()
        within = torch.minimum(size, limits)
        error.mul_(within / size.clamp_min(torch.finfo(size.dtype).tiny))
        return self._total(within * (size - 0.5 * within))

    def _inner(self, x: Tensor, y: Tensor) -> Tensor:
        return self._total(torch.view_as_real(x) * torch.view_as_real(y))

    def _total(self, values: Tensor) -> Tensor:
        """Return the sum over each member's frames, (member,)."""
        return values.reshape(self.members, -1).sum(dim=1)
